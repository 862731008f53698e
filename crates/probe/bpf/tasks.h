// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The threads that are there at the start, with what a dozen files of `/proc` tell of each.
//
// This is loaded by itself, for as long as it takes, with scratch memory of its own: there is one
// reader, which may be moved between CPUs, and events come in between. Nothing is locked, so what a
// process changes just then may come out torn. Its event follows and puts it right.
#pragma once

// A thread is written in the layout of records: a header, the lengths of the parameters, the
// parameters. `src/procfs/tasks.rs` of the crate `state` reads them by these numbers; main threads
// have all, the others what threads do not share.
enum {
    TASK_PARAMS_OF_THREAD = 21,
    TASK_PARAMS = 39,
};

enum {
    TASK_IN_PIDNS = 1,
    TASK_CWD_DELETED = 2,
    TASK_ROOT_DELETED = 4,
    TASK_OLD_CGROUPS = 8,
};

// The kernel hands over 32 KiB at a time, and takes nothing that is longer. What does not fit is
// asked of `/proc`.
#define TASK_MAX 0x7fff

#define PF_KTHREAD 0x200000

// The beginning of the memory between two addresses of another process. Nothing when a part of it
// cannot be read.
static __always_inline void put_area_of(struct record *r, struct task_struct *task, u64 start,
                                        u64 end)
{
    u32 len = end > start ? at_most(end - start, AREA_MAX) : 0;
    if (!len ||
        bpf_copy_from_user_task(here(r), MASK(len, 2 * AREA_MAX - 1), (void *)start, task, 0)) {
        put_empty(r);
        return;
    }
    put_done(r, len);
}

static __always_inline void put_directory(struct record *r, struct scratch *scratch, u64 path)
{
    u32 at = walk_path(path, 0);
    if (at == PATH_SIZE - 1)
        scratch->path[--at] = '/';
    put_done(r, copy_path(r, scratch, at));
}

static __always_inline bool is_unlinked(u64 path)
{
    u64 dentry = POINTER(struct path, path, dentry);
    return !POINTER(struct dentry, dentry, d_hash.pprev) &&
           POINTER(struct dentry, dentry, d_parent) != dentry;
}

#define MAX_CONTROLLERS 16

// Whether one of the controllers is not in the unified hierarchy.
static __always_inline bool has_old_cgroups(u64 set, u64 unified)
{
    u64 root = POINTER(struct cgroup, unified, root);
    u32 count = bpf_core_field_size(struct css_set, subsys) / 8;
    for (u32 i = 0; i < MAX_CONTROLLERS && i < count; i++) {
        u64 state = load_word(ADDRESS(struct css_set, set, subsys) + i * 8);
        u64 group = state ? POINTER(struct cgroup_subsys_state, state, cgroup) : 0;
        if (group && POINTER(struct cgroup, group, root) != root)
            return true;
    }
    return false;
}

static __always_inline void put_thread(struct record *r, u64 task, u32 flags)
{
    u64 cred = POINTER(struct task_struct, task, cred);
    u64 parent = POINTER(struct task_struct, task, real_parent);
    u64 group = process_pid(task, TYPE_PGID);
    u32 level = pid_level(task);
    put_int(r, LOAD(struct task_struct, task, tgid));
    put_int(r, LOAD(struct task_struct, parent, tgid));
    put_int(r, pid_at(thread_pid(task), level));
    put_int(r, pid_at(process_pid(task, TYPE_TGID), level));
    put_int(r, pid_at(group, 0));
    put_int(r, pid_at(group, level));
    put_int(r, pid_at(process_pid(task, TYPE_SID), level));
    put_u32(r, flags | (level ? TASK_IN_PIDNS : 0));
    put_comm(r, task);
    put_u32(r, LOAD(struct cred, cred, euid.val));
    put_u32(r, LOAD(struct cred, cred, egid.val));
    put_u64(r, capabilities(ADDRESS(struct cred, cred, cap_inheritable)));
    put_u64(r, capabilities(ADDRESS(struct cred, cred, cap_permitted)));
    put_u64(r, capabilities(ADDRESS(struct cred, cred, cap_effective)));
    put_u32(r, terminal(task));
    put_memory_sizes(r, task);
    put_u64(r, LOAD(struct task_struct, task, min_flt));
    put_u64(r, LOAD(struct task_struct, task, maj_flt));
    put_u64(r, start_time(task) + control.wall_offset);
}

// What the threads of a process share.
static __always_inline void put_shared(struct record *r, struct scratch *scratch,
                                       struct task_struct *owner, u64 set)
{
    u64 task = (u64)owner;
    u64 mm = POINTER(struct task_struct, task, mm);
    u64 signal = POINTER(struct task_struct, task, signal);
    u64 fs = POINTER(struct task_struct, task, fs);
    u64 cred = POINTER(struct task_struct, task, cred);
    u64 proxy = POINTER(struct task_struct, task, nsproxy);
    u64 net = proxy ? POINTER(struct nsproxy, proxy, net_ns) : 0;
    u64 exe = POINTER(struct mm_struct, mm, exe_file);
    u64 inode = exe ? POINTER(struct file, exe, f_inode) : 0;
    u64 args = LOAD(struct mm_struct, mm, arg_start), args_end = LOAD(struct mm_struct, mm, arg_end);
    u64 env = LOAD(struct mm_struct, mm, env_start), env_end = LOAD(struct mm_struct, mm, env_end);
    put_u64(r, LOAD(struct signal_struct, signal, min_flt));
    put_u64(r, LOAD(struct signal_struct, signal, maj_flt));
    put_u64(r, args_end - args);
    put_area_of(r, owner, args, args_end);
    put_u64(r, env_end - env);
    put_area_of(r, owner, env, env_end);
    put_directory(r, scratch, ADDRESS(struct fs_struct, fs, pwd));
    put_directory(r, scratch, ADDRESS(struct fs_struct, fs, root));
    if (exe)
        put_path(r, scratch, ADDRESS(struct file, exe, f_path));
    else
        put_empty(r);
    put_u64(r, LOAD(struct signal_struct, signal, rlim[RLIMIT_NOFILE].rlim_cur));
    put_u32(r, login_uid(task));
    put_u32(r, inode ? exe_flags(cred, exe, inode) : 0);
    put_u64(r, inode ? LOAD(struct inode, inode, i_ino) : 0);
    put_u64(r, inode ? TIME_OF(inode, ctime) : 0);
    put_u64(r, inode ? TIME_OF(inode, mtime) : 0);
    u32 at = walk_cgroup(POINTER(struct css_set, set, dfl_cgrp));
    put_done(r, copy_path(r, scratch, at));
    put_u64(r, pidns_start(task));
    // Not `put_int`: these numbers use all of their bits.
    put_u64(r, net ? LOAD(struct net, net, ns.inum) : 0);
}

SEC("iter.s/task") int iter_tasks(struct bpf_iter__task *ctx)
{
    struct task_struct *owner = ctx->task;
    struct scratch *scratch = this_scratch();
    if (!owner || !scratch)
        return 0;
    u64 task = (u64)owner;
    u64 fs = POINTER(struct task_struct, task, fs);
    // Those that have exited, and kernel threads.
    if (!fs || !POINTER(struct task_struct, task, mm) ||
        LOAD(struct task_struct, task, flags) & PF_KTHREAD)
        return 0;
    s32 tid = LOAD(struct task_struct, task, pid);
    if (tid != LOAD(struct task_struct, task, tgid)) {
        struct record r = {scratch->record, HEADER_SIZE + 2 * TASK_PARAMS_OF_THREAD, 0};
        put_thread(&r, task, 0);
        if (r.index != TASK_PARAMS_OF_THREAD)
            wrong_number_of_parameters();
        put_header(r.base, 0, tid, r.at, 0, TASK_PARAMS_OF_THREAD);
        bpf_seq_write(ctx->meta->seq, r.base, MASK(r.at, TASK_MAX));
        return 0;
    }
    u64 set = POINTER(struct task_struct, task, cgroups);
    u32 flags = is_unlinked(ADDRESS(struct fs_struct, fs, pwd)) ? TASK_CWD_DELETED : 0;
    if (is_unlinked(ADDRESS(struct fs_struct, fs, root)))
        flags |= TASK_ROOT_DELETED;
    if (has_old_cgroups(set, POINTER(struct css_set, set, dfl_cgrp)))
        flags |= TASK_OLD_CGROUPS;
    struct record r = {scratch->record, HEADER_SIZE + 2 * TASK_PARAMS, 0};
    put_thread(&r, task, flags);
    put_shared(&r, scratch, owner, set);
    if (r.index != TASK_PARAMS)
        wrong_number_of_parameters();
    put_header(r.base, 0, tid, r.at, 0, TASK_PARAMS);
    if (r.at <= TASK_MAX)
        bpf_seq_write(ctx->meta->seq, r.base, MASK(r.at, TASK_MAX));
    return 0;
}
