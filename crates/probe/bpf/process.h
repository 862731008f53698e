// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// What the events of new threads and of new programs have in common.
#pragma once

#define AREA_MAX 4096

// The strings between two addresses of the caller, at most a page of them, the last one ended.
static __always_inline void put_area(struct record *r, u64 start, u64 end, u32 most)
{
    u32 len = end > start ? at_most(end - start, most) : 0;
    u8 *to = here(r);
    if (!len || bpf_probe_read_user(to, MASK(len, 2 * AREA_MAX - 1), (void *)start)) {
        put_empty(r);
        return;
    }
    to[MASK(len - 1, 2 * AREA_MAX - 1)] = 0;
    put_done(r, len);
}

// The command line of a process: its first word, then the others.
static __always_inline void put_command_line(struct record *r, u64 mm)
{
    u64 start = mm ? LOAD(struct mm_struct, mm, arg_start) : 0;
    u64 end = mm ? LOAD(struct mm_struct, mm, arg_end) : 0;
    long len = start ? bpf_probe_read_user_str(here(r), AREA_MAX, (void *)start) : 0;
    if (len <= 0) {
        put_empty(r);
        put_empty(r);
        return;
    }
    put_done(r, len);
    put_area(r, start + len, end, AREA_MAX - len);
}

// Ids to controllers: ten parameters that all these events share.
static __always_inline void put_process(struct record *r, u64 task, struct scratch *scratch)
{
    u64 parent = POINTER(struct task_struct, task, real_parent);
    u64 signal = POINTER(struct task_struct, task, signal);
    put_int(r, LOAD(struct task_struct, task, pid));
    put_int(r, LOAD(struct task_struct, task, tgid));
    put_int(r, LOAD(struct task_struct, parent, pid));
    put_cwd(r, scratch, task);
    put_u64(r, LOAD(struct signal_struct, signal, rlim[RLIMIT_NOFILE].rlim_cur));
    put_u64(r, LOAD(struct task_struct, task, maj_flt));
    put_u64(r, LOAD(struct task_struct, task, min_flt));
    put_memory_sizes(r, task);
    put_comm(r, task);
    put_cgroups(r, scratch, task);
}
