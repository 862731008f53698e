// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Facts about threads and processes.
#pragma once

enum pid_type {
    TYPE_PID,
    TYPE_TGID,
    TYPE_PGID,
    TYPE_SID,
};

// What `struct pid` is called at a level of nested pid namespaces; 0 where it is not visible.
static __always_inline s32 pid_at(u64 pid, u32 level)
{
    if (!pid || LOAD(struct pid, pid, level) < level)
        return 0;
    u64 numbers = ADDRESS(struct pid, pid, numbers);
    return LOAD(struct upid, numbers + level * bpf_core_type_size(struct upid), nr);
}

static __always_inline u64 thread_pid(u64 task)
{
    return POINTER(struct task_struct, task, thread_pid);
}

// How deep in pid namespaces the thread lives.
static __always_inline u32 pid_level(u64 task)
{
    u64 pid = thread_pid(task);
    return pid ? LOAD(struct pid, pid, level) : 0;
}

// The pid namespace that the thread lives in.
static __always_inline u64 pid_namespace(u64 task)
{
    u64 pid = thread_pid(task);
    if (!pid)
        return 0;
    u64 numbers = ADDRESS(struct pid, pid, numbers);
    u32 level = LOAD(struct pid, pid, level);
    return POINTER(struct upid, numbers + level * bpf_core_type_size(struct upid), ns);
}

static __always_inline u64 process_pid(u64 task, enum pid_type type)
{
    u64 signal = POINTER(struct task_struct, task, signal);
    return load_word(ADDRESS(struct signal_struct, signal, pids) + type * 8);
}

// Since 5.5 the kernel calls the time since boot what it is.
static __always_inline u64 start_time(u64 task)
{
    if (bpf_core_field_exists(struct task_struct, start_boottime))
        return LOAD(struct task_struct, task, start_boottime);
    return LOAD(struct task_struct___old, task, real_start_time);
}

// When the first process of the thread's pid namespace began, in nanoseconds since the epoch: for a
// container, when it started.
static __always_inline u64 pidns_start(u64 task)
{
    u64 ns = pid_namespace(task);
    u64 init = ns ? POINTER(struct pid_namespace, ns, child_reaper) : 0;
    return init ? start_time(init) + control.wall_offset : 0;
}

// All capabilities that the event table has a name for; it has the kernel's bits.
static __always_inline u64 capabilities(u64 address)
{
    const u64 known = (PPM_CAP_CHECKPOINT_RESTORE << 1) - 1;
    return load_word(address) & known;
}

static __always_inline u32 login_uid(u64 task)
{
    if (bpf_core_field_exists(struct task_struct, loginuid))
        return LOAD(struct task_struct, task, loginuid.val);
    return -1;
}

// The controlling terminal as a device number.
static __always_inline u32 terminal(u64 task)
{
    u64 signal = POINTER(struct task_struct, task, signal);
    u64 tty = POINTER(struct signal_struct, signal, tty);
    if (!tty)
        return 0;
    u64 driver = POINTER(struct tty_struct, tty, driver);
    u32 major = LOAD(struct tty_driver, driver, major);
    u32 minor = LOAD(struct tty_driver, driver, minor_start) + LOAD(struct tty_struct, tty, index);
    return encode_dev(major << 20 | minor);
}

enum {
    RLIMIT_NOFILE = 7,
    MM_FILEPAGES = 0,
    MM_ANONPAGES = 1,
    MM_SWAPENTS = 2,
    MM_SHMEMPAGES = 3,
};

// One of the counters of pages that a process uses. They are approximate, and may be below zero.
static __always_inline u64 pages(u64 mm, u32 which)
{
    s64 count;
    if (bpf_core_type_exists(struct mm_rss_stat___old)) {
        u64 counts = ADDRESS(struct mm_struct___old, mm, rss_stat);
        count = load_word(counts + which * 8);
    } else {
        u64 counters = ADDRESS(struct mm_struct, mm, rss_stat);
        count = LOAD(struct percpu_counter,
                     counters + which * bpf_core_type_size(struct percpu_counter), count);
    }
    return count < 0 ? 0 : count;
}

// Size, resident part and swapped part in KB; three parameters.
static __always_inline void put_memory_sizes(struct record *r, u64 task)
{
    u64 mm = POINTER(struct task_struct, task, mm);
    u64 size = 0, resident = 0, swapped = 0;
    if (mm) {
        size = LOAD(struct mm_struct, mm, total_vm);
        resident = pages(mm, MM_FILEPAGES) + pages(mm, MM_ANONPAGES) + pages(mm, MM_SHMEMPAGES);
        swapped = pages(mm, MM_SWAPENTS);
    }
    put_u32(r, size << control.page_kb_shift);
    put_u32(r, resident << control.page_kb_shift);
    put_u32(r, swapped << control.page_kb_shift);
}

static __always_inline void put_comm(struct record *r, u64 task)
{
    put_kernel_str(r, ADDRESS(struct task_struct, task, comm));
}
