// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// What processes do to themselves and to each other, other than starting and ending.

FIXED(kill, SYSCALL_KILL_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u8(r, c->args[1]);
}

FIXED(tkill, SYSCALL_TKILL_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u8(r, c->args[1]);
}

FIXED(tgkill, SYSCALL_TGKILL_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_int(r, c->args[1]);
    put_u8(r, c->args[2]);
}

FIXED(setns, SYSCALL_SETNS_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u32(r, clone_flags((u32)c->args[1]));
}

FIXED(unshare, SYSCALL_UNSHARE_X)
{
    put_u64(r, c->ret);
    put_u32(r, clone_flags((u32)c->args[0]));
}

FIXED(seccomp, SYSCALL_SECCOMP_X)
{
    put_u64(r, c->ret);
    put_u64(r, c->args[0]);
    put_u64(r, c->args[1]);
}

FIXED(nanosleep, SYSCALL_NANOSLEEP_X)
{
    put_u64(r, c->ret);
    put_u64(r, read_timespec(c, c->args[0]));
}

// The commands and their modifiers keep the kernel's numbers.
FIXED(futex, SYSCALL_FUTEX_X)
{
    put_u64(r, c->ret);
    put_u64(r, c->args[0]);
    put_u16(r, c->args[1]);
    put_u64(r, (u32)c->args[2]);
}

// Soft and hard limit at `address`; -1 each when there is none.
static __always_inline void put_limits(struct record *r, const struct call *c, u64 address)
{
    s64 limits[2] = {-1, -1};
    if (address && !read_longs(limits, c, address))
        limits[0] = limits[1] = -1;
    put_u64(r, limits[0]);
    put_u64(r, limits[1]);
}

FIXED(setrlimit, SYSCALL_SETRLIMIT_X)
{
    put_u64(r, c->ret);
    put_limits(r, c, c->args[1]);
    put_u8(r, resource(c->args[0]));
}

FIXED(getrlimit, SYSCALL_GETRLIMIT_X)
{
    put_u64(r, c->ret);
    put_limits(r, c, c->ret == 0 ? c->args[1] : 0);
    put_u8(r, resource(c->args[0]));
}

// Limits of 64 bits each, whatever the caller.
static __always_inline void put_wide_limits(struct record *r, u64 address)
{
    s64 limits[2] = {-1, -1};
    if (address && bpf_probe_read_user(limits, sizeof(limits), (void *)address))
        limits[0] = limits[1] = -1;
    put_u64(r, limits[0]);
    put_u64(r, limits[1]);
}

FIXED(prlimit64, SYSCALL_PRLIMIT_X)
{
    put_u64(r, c->ret);
    put_wide_limits(r, c->args[2]);
    put_wide_limits(r, c->ret == 0 ? c->args[3] : 0);
    put_int(r, c->args[0]);
    put_u8(r, resource(c->args[1]));
}

VARIABLE(prctl, SYSCALL_PRCTL_X)
{
    u32 option = c->args[0];
    s64 number = c->args[1];
    put_u64(r, c->ret);
    put_u32(r, option);
    if (option == PPM_PR_SET_NAME || option == PPM_PR_GET_NAME) {
        put_user_str(r, c->args[1]);
        number = 0;
    } else {
        put_empty(r);
        if (option == PPM_PR_GET_CHILD_SUBREAPER) {
            s32 answer = 0;
            bpf_probe_read_user(&answer, sizeof(answer), (void *)c->args[1]);
            number = answer;
        }
    }
    put_u64(r, number);
}

TABLE u8 ptrace_request_low[64] = {
    [0] = PPM_PTRACE_TRACEME,     [1] = PPM_PTRACE_PEEKTEXT,
    [2] = PPM_PTRACE_PEEKDATA,    [3] = PPM_PTRACE_PEEKUSR,
    [4] = PPM_PTRACE_POKETEXT,    [5] = PPM_PTRACE_POKEDATA,
    [6] = PPM_PTRACE_POKEUSR,     [7] = PPM_PTRACE_CONT,
    [8] = PPM_PTRACE_KILL,        [9] = PPM_PTRACE_SINGLESTEP,
    [16] = PPM_PTRACE_ATTACH,     [17] = PPM_PTRACE_DETACH,
    [24] = PPM_PTRACE_SYSCALL,
#if defined(__TARGET_ARCH_x86)
    [12] = PPM_PTRACE_GETREGS,    [13] = PPM_PTRACE_SETREGS,
    [14] = PPM_PTRACE_GETFPREGS,  [15] = PPM_PTRACE_SETFPREGS,
    [18] = PPM_PTRACE_GETFPXREGS, [19] = PPM_PTRACE_SETFPXREGS,
    [21] = PPM_PTRACE_OLDSETOPTIONS,
    [25] = PPM_PTRACE_GET_THREAD_AREA,
    [26] = PPM_PTRACE_SET_THREAD_AREA,
    [30] = PPM_PTRACE_ARCH_PRCTL,
    [33] = PPM_PTRACE_SINGLEBLOCK,
#endif
    [31] = PPM_PTRACE_SYSEMU,     [32] = PPM_PTRACE_SYSEMU_SINGLESTEP,
};

TABLE u8 ptrace_request_from_0x4200[16] = {
    [0x0] = PPM_PTRACE_SETOPTIONS,  [0x1] = PPM_PTRACE_GETEVENTMSG,
    [0x2] = PPM_PTRACE_GETSIGINFO,  [0x3] = PPM_PTRACE_SETSIGINFO,
    [0x4] = PPM_PTRACE_GETREGSET,   [0x5] = PPM_PTRACE_SETREGSET,
    [0x6] = PPM_PTRACE_SEIZE,       [0x7] = PPM_PTRACE_INTERRUPT,
    [0x8] = PPM_PTRACE_LISTEN,      [0x9] = PPM_PTRACE_PEEKSIGINFO,
    [0xa] = PPM_PTRACE_GETSIGMASK,  [0xb] = PPM_PTRACE_SETSIGMASK,
};

// The portable number of a ptrace request.
static __always_inline u16 ptrace_request(u32 request)
{
    if (request < 64)
        return ptrace_request_low[MASK(request, 63)];
    if (request >= 0x4200 && request < 0x4210)
        return ptrace_request_from_0x4200[MASK(request, 15)];
    return PPM_PTRACE_UNKNOWN;
}

static __always_inline void put_variant_u64(struct record *r, u8 variant, u64 value)
{
    u8 *to = here(r);
    *to = variant;
    *(u64 *)(to + 1) = value;
    put_done(r, 9);
}

static __always_inline void put_variant_u8(struct record *r, u8 variant, u8 value)
{
    u8 *to = here(r);
    *to = variant;
    to[1] = value;
    put_done(r, 2);
}

VARIABLE(ptrace, SYSCALL_PTRACE_X)
{
    u16 request = ptrace_request(c->args[0]);
    u64 data = c->args[3];
    put_u64(r, c->ret);
    if (c->ret < 0) {
        put_empty(r);
        put_empty(r);
    } else {
        put_variant_u64(r, PPM_PTRACE_IDX_UINT64, c->args[2]);
        switch (request) {
        case PPM_PTRACE_CONT:
        case PPM_PTRACE_SYSCALL:
        case PPM_PTRACE_SINGLESTEP:
        case PPM_PTRACE_DETACH:
            put_variant_u8(r, PPM_PTRACE_IDX_SIGTYPE, data);
            break;
        case PPM_PTRACE_PEEKTEXT:
        case PPM_PTRACE_PEEKDATA:
        case PPM_PTRACE_PEEKUSR:
            // The kernel wrote what it found to where `data` points.
            put_variant_u64(r, PPM_PTRACE_IDX_UINT64, read_word(c, data));
            break;
        default:
            put_variant_u64(r, PPM_PTRACE_IDX_UINT64, data);
        }
    }
    put_u16(r, request);
    put_int(r, c->args[1]);
}
