// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Threads end.

#define PF_EXITING 4
#define MAX_THREADS_LOOKED_AT 30
#define MAX_ANCESTORS_LOOKED_AT 60

// A thread of the process that is not about to end; 0 if there is none among the first 30.
__noinline u64 living_thread(u64 task)
{
    u64 signal = POINTER(struct task_struct, task, signal);
    u64 head = ADDRESS(struct signal_struct, signal, thread_head);
    u64 node = load_word(head);
    for (int i = 0; i < MAX_THREADS_LOOKED_AT; i++) {
        if (node == head || !node)
            return 0;
        u64 thread = node - bpf_core_field_offset(struct task_struct, thread_node);
        if (!(LOAD(struct task_struct, thread, flags) & PF_EXITING))
            return thread;
        node = load_word(node);
    }
    return 0;
}

// The thread of this ancestor that takes over the children of what it has started; 0 if none does.
__noinline u64 subreaper(u64 ancestor)
{
    u64 signal = POINTER(struct task_struct, ancestor, signal);
    return LOAD_BIT(struct signal_struct, signal, is_child_subreaper) ? living_thread(ancestor) : 0;
}

__noinline u32 level_of(u64 task)
{
    return pid_level(task);
}

// The thread that takes over the children of a thread that ends; 0 when there are none, -1 when it
// is not known.
__noinline int reaper_of(u64 task)
{
    u64 children = ADDRESS(struct task_struct, task, children);
    if (load_word(children) == children)
        return 0;
    u64 thread = living_thread(task);
    if (thread)
        return LOAD(struct task_struct, thread, pid);
    u64 ns = pid_namespace(task);
    u64 init = ns ? POINTER(struct pid_namespace, ns, child_reaper) : 0;
    // With its first process a pid namespace ends, and everything in it.
    if (!init || LOAD(struct task_struct, init, tgid) == LOAD(struct task_struct, task, tgid))
        return -1;
    u64 signal = POINTER(struct task_struct, task, signal);
    if (!LOAD_BIT(struct signal_struct, signal, has_child_subreaper))
        return LOAD(struct task_struct, init, pid);
    u32 level = pid_level(task);
    u64 ancestor = POINTER(struct task_struct, task, real_parent);
    for (int i = 0; i < MAX_ANCESTORS_LOOKED_AT; i++) {
        // The kernel's own first process is its own parent.
        if (!ancestor || ancestor == init || level_of(ancestor) != level ||
            !LOAD(struct task_struct, ancestor, pid))
            return LOAD(struct task_struct, init, pid);
        thread = subreaper(ancestor);
        if (thread)
            return LOAD(struct task_struct, thread, pid);
        ancestor = POINTER(struct task_struct, ancestor, real_parent);
    }
    return -1;
}

// A thread ends.
FIXED_TRACEPOINT(sched_exit, "sched_process_exit", TRACE_EXIT, PROCEXIT_1_E, ctx[0])
{
    s32 status = LOAD(struct task_struct, task, exit_code);
    put_int(r, status);
    put_int(r, status >> 8 & 0xff);
    put_u8(r, status & 0x7f);
    put_u8(r, !!(status & 0x80));
    put_int(r, reaper_of(task));
}
