// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Memory of processes.

FIXED(brk, SYSCALL_BRK_4_X)
{
    put_u64(r, c->ret);
    put_memory_sizes(r, current_task());
    put_u64(r, c->args[0]);
}

FIXED(mmap, SYSCALL_MMAP_X)
{
    put_u64(r, c->ret);
    put_memory_sizes(r, current_task());
    put_u64(r, c->args[0]);
    put_u64(r, c->args[1]);
    put_u32(r, prot_flags(c->args[2]));
    put_u32(r, mmap_flags(c->args[3]));
    put_int(r, c->args[4]);
    put_u64(r, c->args[5]);
}

FIXED(munmap, SYSCALL_MUNMAP_X)
{
    put_u64(r, c->ret);
    put_memory_sizes(r, current_task());
    put_u64(r, c->args[0]);
    put_u64(r, c->args[1]);
}

FIXED(mprotect, SYSCALL_MPROTECT_X)
{
    put_u64(r, c->ret);
    put_u64(r, c->args[0]);
    put_u64(r, c->args[1]);
    put_u32(r, prot_flags(c->args[2]));
}

FIXED(mlock, SYSCALL_MLOCK_X)
{
    put_u64(r, c->ret);
    put_u64(r, c->args[0]);
    put_u64(r, c->args[1]);
}

FIXED(mlock2, SYSCALL_MLOCK2_X)
{
    put_u64(r, c->ret);
    put_u64(r, c->args[0]);
    put_u64(r, c->args[1]);
    put_u32(r, c->args[2] & PPM_MLOCK_ONFAULT);
}

FIXED(munlock, SYSCALL_MUNLOCK_X)
{
    put_u64(r, c->ret);
    put_u64(r, c->args[0]);
    put_u64(r, c->args[1]);
}

FIXED(mlockall, SYSCALL_MLOCKALL_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0] & (PPM_MLOCKALL_MCL_CURRENT | PPM_MLOCKALL_MCL_FUTURE |
                             PPM_MLOCKALL_MCL_ONFAULT));
}

FIXED(munlockall, SYSCALL_MUNLOCKALL_X)
{
    put_u64(r, c->ret);
}
