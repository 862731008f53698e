// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Where the calls begin whose arguments are noted down, see `entry.h`.
//
// Each native call has a tracepoint of its own, which costs other calls next to nothing. They do
// not see 32-bit calls, and not every kernel has them. What remains is the tracepoint of all calls,
// attached only when it is needed.

// What a program on the tracepoint of one call is given. A program may not read past the arguments
// that its call has.
struct entered {
    u64 common;
    u64 nr;
    u64 args[6];
};

SEC("tracepoint/syscalls/sys_enter_openat") int enter_openat(const struct entered *ctx)
{
    note_path(NR_OPENAT, ctx->args[1]);
    return 0;
}

SEC("tracepoint/syscalls/sys_enter_openat2") int enter_openat2(const struct entered *ctx)
{
    note_openat2(NR_OPENAT2, ctx->args[1], ctx->args[2]);
    return 0;
}

SEC("tracepoint/syscalls/sys_enter_connect") int enter_connect(const struct entered *ctx)
{
    note_address(NR_CONNECT, ctx->args[1], ctx->args[2]);
    return 0;
}

SEC("tracepoint/syscalls/sys_enter_execve") int enter_execve(const struct entered *ctx)
{
    note_path(NR_EXECVE, ctx->args[0]);
    return 0;
}

#if defined(__TARGET_ARCH_x86)

SEC("tracepoint/syscalls/sys_enter_open") int enter_open(const struct entered *ctx)
{
    note_path(NR_OPEN, ctx->args[0]);
    return 0;
}

SEC("tracepoint/syscalls/sys_enter_creat") int enter_creat(const struct entered *ctx)
{
    note_path(NR_CREAT, ctx->args[0]);
    return 0;
}

#endif

static __always_inline void note_call(const struct call *call)
{
    const u64 *args = call->args;
    switch (call->nr) {
    case NR_OPENAT:
        note_path(NR_OPENAT, args[1]);
        break;
    case NR_OPENAT2:
        note_openat2(NR_OPENAT2, args[1], args[2]);
        break;
    case NR_CONNECT:
        note_address(NR_CONNECT, args[1], args[2]);
        break;
#if defined(__TARGET_ARCH_x86)
    case NR_OPEN:
    case NR_CREAT:
#endif
    case NR_EXECVE:
        note_path(call->nr, args[0]);
        break;
    }
}

// All calls of the machine come by here, so most must be sent on their way at once.
SEC("tp_btf/sys_enter") int sys_enter(u64 *ctx)
{
    struct pt_regs *regs = (void *)ctx[0];
    u64 number = ctx[1];
#if defined(__TARGET_ARCH_x86)
    bool x32 = number > 511 && number & X32_BIT;
    if (x32)
        number &= ~(u64)X32_BIT;
#endif
    if (number > 511)
        return 0;
    u32 nr = MASK(number, 511);
    struct call call = {};
#if defined(__TARGET_ARCH_x86)
    if (!in_set(control.noted, nr) && !in_set(control.noted_ia32, nr))
        return 0;
    u64 task = current_task();
    if (is_compat(task)) {
        if (!in_set(control.noted_ia32, nr) || !from_ia32(&call, regs, nr))
            return 0;
    } else {
        if (!in_set(control.noted, nr) || !(control.enter_all || x32))
            return 0;
        native_args(call.args, regs);
        call.nr = nr;
    }
#else
    if (!control.enter_all || !in_set(control.noted, nr) || is_compat(current_task()))
        return 0;
    native_args(call.args, regs);
    call.nr = nr;
#endif
    note_call(&call);
    return 0;
}
