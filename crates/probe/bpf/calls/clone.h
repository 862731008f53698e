// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// New threads and processes.

// The parameters of clone and its relatives after the result.
static __always_inline void put_clone(struct record *r, u64 task, struct scratch *scratch,
                                      u32 flags, bool is_child)
{
    u64 cred = POINTER(struct task_struct, task, cred);
    u64 proxy = POINTER(struct task_struct, task, nsproxy);
    u32 level = pid_level(task);
    // Below the first pid namespace, or on the way there, a child has other ids for itself than
    // those that its parent sees.
    u64 of_children = proxy ? POINTER(struct nsproxy, proxy, pid_ns_for_children) : 0;
    if (level || (of_children && of_children != pid_namespace(task)))
        flags |= PPM_CL_CHILD_IN_PIDNS;
    put_command_line(r, POINTER(struct task_struct, task, mm));
    put_process(r, task, scratch);
    if (is_child)
        remember_thread(r, task);
    put_u32(r, flags);
    put_u32(r, LOAD(struct cred, cred, euid.val));
    put_u32(r, LOAD(struct cred, cred, egid.val));
    put_int(r, pid_at(thread_pid(task), level));
    put_int(r, pid_at(process_pid(task, TYPE_TGID), level));
    put_u64(r, pidns_start(task));
}

// A child comes back through the same call as its parent does, with the result 0.
VARIABLE(clone, SYSCALL_CLONE_20_X)
{
    put_u64(r, c->ret);
    put_clone(r, current_task(), scratch, clone_flags((u32)c->args[0]), !c->ret);
}

VARIABLE(clone3, SYSCALL_CLONE3_X)
{
    u64 flags = 0;
    bpf_probe_read_user(&flags, sizeof(flags), (void *)c->args[0]);
    put_u64(r, c->ret);
    put_clone(r, current_task(), scratch, clone_flags(flags), !c->ret);
}

VARIABLE(fork, SYSCALL_FORK_20_X)
{
    put_u64(r, c->ret);
    put_clone(r, current_task(), scratch, 0, !c->ret);
}

VARIABLE(vfork, SYSCALL_VFORK_20_X)
{
    put_u64(r, c->ret);
    put_clone(r, current_task(), scratch, PPM_CL_CLONE_VFORK | PPM_CL_CLONE_VM,
              !c->ret);
}

// On aarch64 a child does not come back through the call; this is its side of it.
TRACEPOINT(sched_fork, "sched_process_fork", TRACE_FORK, SYSCALL_CLONE_20_X, ctx[1])
{
    u64 parent = ctx[0];
    u32 flags = 0;
    if (LOAD(struct task_struct, task, tgid) == LOAD(struct task_struct, parent, tgid))
        flags |= PPM_CL_CLONE_THREAD;
    if (LOAD(struct task_struct, task, files) == LOAD(struct task_struct, parent, files))
        flags |= PPM_CL_CLONE_FILES;
    if (LOAD(struct task_struct, task, mm) == LOAD(struct task_struct, parent, mm))
        flags |= PPM_CL_CLONE_VM;
    put_u64(r, 0);
    put_clone(r, task, scratch, flags, false);
}
