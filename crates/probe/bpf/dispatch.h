// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The one program that every system call of the machine runs through.
#pragma once

static __always_inline bool in_set(const u64 *set, u32 nr)
{
    return set[nr >> 6 & 7] >> (nr & 63) & 1;
}

// All CPUs read these settings all the time, so this is written once and not again.
static __always_inline void note_foreign(void)
{
    if (!control.saw_foreign)
        control.saw_foreign = true;
}

#if defined(__TARGET_ARCH_x86)

static __always_inline s64 number_of(const struct pt_regs *regs)
{
    return (s32)regs->orig_ax;
}

static __always_inline void native_args(u64 *args, const struct pt_regs *regs)
{
    args[0] = regs->di;
    args[1] = regs->si;
    args[2] = regs->dx;
    args[3] = regs->r10;
    args[4] = regs->r8;
    args[5] = regs->r9;
}

#define X32_BIT 0x40000000

#else

static __always_inline s64 number_of(const struct pt_regs *regs)
{
    return regs->syscallno;
}

static __always_inline void native_args(u64 *args, const struct pt_regs *regs)
{
    // The register of the first argument holds the result by now.
    args[0] = regs->orig_x0;
    args[1] = regs->regs[1];
    args[2] = regs->regs[2];
    args[3] = regs->regs[3];
    args[4] = regs->regs[4];
    args[5] = regs->regs[5];
}

#endif

#if defined(__TARGET_ARCH_x86)

enum {
    IA32_MMAP = 90,
    IA32_SOCKETCALL = 102,
    IA32_LLSEEK = 140,
    IA32_PREAD64 = 180,
    IA32_PWRITE64 = 181,
    IA32_MMAP2 = 192,
};

// The native numbers of what `socketcall` multiplexes, by its first argument.
TABLE u16 of_socketcall[32] = {
    [1] = NR_SOCKET,      [2] = NR_BIND,        [3] = NR_CONNECT,     [4] = NR_LISTEN,
    [5] = NR_ACCEPT,      [6] = NR_GETSOCKNAME, [7] = NR_GETPEERNAME, [8] = NR_SOCKETPAIR,
    [9] = NR_SENDTO,      [10] = NR_RECVFROM,   [11] = NR_SENDTO,     [12] = NR_RECVFROM,
    [13] = NR_SHUTDOWN,   [14] = NR_SETSOCKOPT, [15] = NR_GETSOCKOPT, [16] = NR_SENDMSG,
    [17] = NR_RECVMSG,    [18] = NR_ACCEPT4,    [19] = NR_RECVMMSG,   [20] = NR_SENDMMSG,
};

// Turns a call of a 32-bit program into the native call that it stands for. False when there is
// none, or when nobody wants it.
static __always_inline bool from_ia32(struct call *call, const struct pt_regs *regs, u32 nr)
{
    u64 *args = call->args;
    args[0] = (u32)regs->bx;
    args[1] = (u32)regs->cx;
    args[2] = (u32)regs->dx;
    args[3] = (u32)regs->si;
    args[4] = (u32)regs->di;
    args[5] = (u32)regs->bp;
    call->compat = true;
    if (nr == IA32_SOCKETCALL || nr == IA32_MMAP) {
        // Both take a pointer to their real arguments.
        u32 inner[6] = {};
        u32 which = args[0];
        u64 from = nr == IA32_MMAP ? args[0] : args[1];
        bpf_probe_read_user(inner, sizeof(inner), (void *)from);
        for (int i = 0; i < 6; i++)
            args[i] = inner[i];
        if (nr == IA32_SOCKETCALL) {
            // `send` and `recv` are their longer siblings without an address.
            if (which == 9 || which == 10)
                args[4] = args[5] = 0;
            call->nr = of_socketcall[which & 31];
            return call->nr && in_set(control.native, call->nr);
        }
    }
    if (nr == IA32_LLSEEK) {
        args[1] = args[1] << 32 | args[2];
        args[2] = args[4];
    } else if (nr == IA32_PREAD64 || nr == IA32_PWRITE64) {
        args[3] |= args[4] << 32;
    } else if (nr == IA32_MMAP2) {
        args[5] <<= 12;
    }
    call->nr = native_of_ia32[nr & 511];
    return call->nr < 512;
}

#endif

SEC("tp_btf/sys_exit") int sys_exit(u64 *ctx)
{
    struct pt_regs *regs = (void *)ctx[0];
    s64 number = number_of(regs);
#if defined(__TARGET_ARCH_x86)
    if ((u64)number > 511) {
        // Also -1, on the way out of a signal handler: no call at all. The x32 ABI shares the
        // numbers of the native one, except for a few calls of its own from 512 on.
        if (number < 0 || !(number & X32_BIT))
            return 0;
        number &= ~(s64)X32_BIT;
        note_foreign();
    }
    u32 nr = number & 511;
    bool wanted = in_set(control.native, nr), wanted_ia32 = in_set(control.ia32, nr);
    if (!(wanted | wanted_ia32))
        return 0;
#else
    if ((u64)number > 511)
        return 0;
    u32 nr = number & 511;
    if (!in_set(control.native, nr))
        return 0;
#endif
    s64 ret = ctx[1];
    if (control.drop_failed && ret < 0)
        return 0;
    u64 task = current_task();
    if (LOAD(struct task_struct, task, tgid) == control.own_tgid)
        return 0;
    struct cpu *cpu = this_cpu();
    if (!cpu)
        return 0;
#if defined(__TARGET_ARCH_x86)
    if (is_compat(task)) {
        if (!wanted_ia32 || !from_ia32(&cpu->call, regs, nr))
            return 0;
        note_foreign();
    } else if (!wanted) {
        return 0;
    } else
#else
    if (is_compat(task)) {
        // 32-bit ARM numbers its calls differently, and nothing maps them yet.
        cpu->counters.events++;
        cpu->counters.foreign_abi++;
        return 0;
    }
#endif
    {
        native_args(cpu->call.args, regs);
        cpu->call.nr = nr;
        cpu->call.compat = false;
    }
    cpu->call.ret = ret;
    bool tell = false;
    if (is_filtered(&cpu->call, &tell)) {
        cpu->counters.filtered++;
        return 0;
    }
    cpu->call.tid = LOAD(struct task_struct, task, pid);
    cpu->counters.events++;
    if (tell)
        bpf_tail_call(ctx, &fillers, TELL_PROGRAM);
    bpf_tail_call(ctx, &fillers, cpu->call.nr);
    cpu->counters.no_filler++;
    return 0;
}

// Run once by user space, in its own context: which process it is for the kernel, whatever pid
// namespace it lives in.
SEC("raw_tp") int whoami(void *ctx)
{
    control.self_tgid = bpf_get_current_pid_tgid() >> 32;
    return 0;
}
