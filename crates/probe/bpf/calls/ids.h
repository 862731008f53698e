// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Who a process is: user and group ids, capabilities, sessions.

FIXED(setuid, SYSCALL_SETUID_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
}

FIXED(setgid, SYSCALL_SETGID_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
}

FIXED(setreuid, SYSCALL_SETREUID_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
    put_u32(r, c->args[1]);
}

FIXED(setregid, SYSCALL_SETREGID_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
    put_u32(r, c->args[1]);
}

FIXED(setresuid, SYSCALL_SETRESUID_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
    put_u32(r, c->args[1]);
    put_u32(r, c->args[2]);
}

FIXED(setresgid, SYSCALL_SETRESGID_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
    put_u32(r, c->args[1]);
    put_u32(r, c->args[2]);
}

FIXED(getuid, SYSCALL_GETUID_X)
{
    put_u32(r, c->ret);
}

FIXED(geteuid, SYSCALL_GETEUID_X)
{
    put_u32(r, c->ret);
}

FIXED(getgid, SYSCALL_GETGID_X)
{
    put_u32(r, c->ret);
}

FIXED(getegid, SYSCALL_GETEGID_X)
{
    put_u32(r, c->ret);
}

// The number that the caller's pointer now points to.
static __always_inline void put_id_at(struct record *r, u64 address)
{
    u32 id = -1;
    bpf_probe_read_user(&id, sizeof(id), (void *)address);
    put_u32(r, id);
}

FIXED(getresuid, SYSCALL_GETRESUID_X)
{
    put_u64(r, c->ret);
    put_id_at(r, c->args[0]);
    put_id_at(r, c->args[1]);
    put_id_at(r, c->args[2]);
}

FIXED(getresgid, SYSCALL_GETRESGID_X)
{
    put_u64(r, c->ret);
    put_id_at(r, c->args[0]);
    put_id_at(r, c->args[1]);
    put_id_at(r, c->args[2]);
}

FIXED(setsid, SYSCALL_SETSID_X)
{
    put_u64(r, c->ret);
}

FIXED(setpgid, SYSCALL_SETPGID_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_int(r, c->args[1]);
}

// What the thread has now, which is what it asked for only if the call succeeded.
FIXED(capset, SYSCALL_CAPSET_X)
{
    u64 cred = POINTER(struct task_struct, current_task(), cred);
    put_u64(r, c->ret);
    put_u64(r, capabilities(ADDRESS(struct cred, cred, cap_inheritable)));
    put_u64(r, capabilities(ADDRESS(struct cred, cred, cap_permitted)));
    put_u64(r, capabilities(ADDRESS(struct cred, cred, cap_effective)));
}
