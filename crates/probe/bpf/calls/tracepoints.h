// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// What happens to a thread without its making a call. Some of these are very frequent; their
// programs are attached only while somebody asks for them.

// A signal reaches a thread.
FIXED_TRACEPOINT(signal_deliver, "signal_deliver", TRACE_SIGNAL, SIGNALDELIVER_E, current_task())
{
    enum { SIGCHLD = 17 };
    u8 signal = ctx[0];
    u64 info = (u64)ctx[1];
    s32 sender = 0;
    // Only what another process or thread caused says who it was.
    if (signal == SIGCHLD || LOAD(struct kernel_siginfo, info, si_code) <= 0)
        sender = LOAD(struct kernel_siginfo, info, _sifields._kill._pid);
    put_int(r, sender);
    put_int(r, LOAD(struct task_struct, task, pid));
    put_u8(r, signal);
}

// A thread gives way to another one.
FIXED_TRACEPOINT(sched_switch, "sched_switch", TRACE_SWITCH, SCHEDSWITCH_6_E, ctx[1])
{
    put_int(r, LOAD(struct task_struct, ctx[2], pid));
    put_u64(r, LOAD(struct task_struct, task, maj_flt));
    put_u64(r, LOAD(struct task_struct, task, min_flt));
    put_memory_sizes(r, task);
}

#if defined(__TARGET_ARCH_x86)

static __always_inline void put_page_fault(struct record *r, u64 *ctx)
{
    struct pt_regs *regs = (void *)ctx[1];
    u64 error = ctx[2];
    put_u64(r, ctx[0]);
    put_u64(r, regs->ip);
    put_u32(r, (error & 1 ? PPM_PF_PROTECTION_VIOLATION : PPM_PF_PAGE_NOT_PRESENT) |
                   (error & 2 ? PPM_PF_WRITE_ACCESS : PPM_PF_READ_ACCESS) |
                   (error & 4 ? PPM_PF_USER_FAULT : PPM_PF_SUPERVISOR_FAULT) |
                   bit(error, 8, PPM_PF_RESERVED_PAGE) |
                   bit(error, 16, PPM_PF_INSTRUCTION_FETCH));
}

// A page is missing, or may not be used that way. Other architectures have no tracepoint for it.
FIXED_TRACEPOINT(page_fault_user, "page_fault_user", TRACE_PAGE_FAULT_USER, PAGE_FAULT_E,
                 current_task())
{
    put_page_fault(r, ctx);
}

FIXED_TRACEPOINT(page_fault_kernel, "page_fault_kernel", TRACE_PAGE_FAULT_KERNEL, PAGE_FAULT_E,
                 current_task())
{
    put_page_fault(r, ctx);
}

#endif
