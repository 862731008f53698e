// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The system as a whole: modules, keys, quotas, semaphores, file system settings.

VARIABLE(init_module, SYSCALL_INIT_MODULE_X)
{
    put_u64(r, c->ret);
    put_data(r, NULL, c->args[0], c->args[1]);
    put_u64(r, c->args[1]);
    put_user_str(r, c->args[2]);
}

VARIABLE(finit_module, SYSCALL_FINIT_MODULE_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_user_str(r, c->args[1]);
    put_u32(r, c->args[2] & (PPM_MODULE_INIT_IGNORE_MODVERSIONS |
                             PPM_MODULE_INIT_IGNORE_VERMAGIC | PPM_MODULE_INIT_COMPRESSED_FILE));
}

VARIABLE(delete_module, SYSCALL_DELETE_MODULE_X)
{
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_u32(r, bit(c->args[1], O_NONBLOCK, PPM_DELETE_MODULE_O_NONBLOCK) |
                   bit(c->args[1], O_TRUNC, PPM_DELETE_MODULE_O_TRUNC));
}

VARIABLE(fsconfig, SYSCALL_FSCONFIG_X)
{
    u32 command = c->args[1];
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u32(r, command);
    put_user_str(r, c->args[2]);
    if (command == PPM_FSCONFIG_SET_BINARY) {
        // Its length is in the last argument.
        put_data(r, NULL, c->args[3], (u32)c->args[4]);
        put_empty(r);
    } else {
        put_empty(r);
        if (command == PPM_FSCONFIG_SET_STRING || command == PPM_FSCONFIG_SET_PATH ||
            command == PPM_FSCONFIG_SET_PATH_EMPTY)
            put_user_str(r, c->args[3]);
        else
            put_empty(r);
    }
    put_u32(r, c->args[4]);
}

static __always_inline void put_key_number(struct record *r, u64 value)
{
    u8 *to = here(r);
    *to = PPM_KEYCTL_IDX_INT64;
    *(u64 *)(to + 1) = value;
    put_done(r, 9);
}

static __always_inline void put_key_string(struct record *r, u64 address)
{
    u8 *to = here(r);
    *to = PPM_KEYCTL_IDX_CHARBUF;
    long len = bpf_probe_read_user_str(to + 1, PATH_MAX, (void *)address);
    put_done(r, len > 0 ? len + 1 : 0);
}

VARIABLE(keyctl, SYSCALL_KEYCTL_X)
{
    u32 operation = c->args[0];
    put_u64(r, c->ret);
    put_u32(r, operation);
    if (operation == PPM_KEYCTL_JOIN_SESSION_KEYRING)
        put_key_string(r, c->args[1]);
    else
        put_key_number(r, c->args[1]);
    // A type and a description of a key.
    if (operation == PPM_KEYCTL_SEARCH || operation == PPM_KEYCTL_RESTRICT_KEYRING) {
        put_key_string(r, c->args[2]);
        put_key_string(r, c->args[3]);
    } else {
        put_key_number(r, c->args[2]);
        put_key_number(r, c->args[3]);
    }
    put_key_number(r, c->args[4]);
}

static __always_inline u16 sem_flags(u16 flags)
{
    return bit(flags, 04000, PPM_IPC_NOWAIT) | bit(flags, 0x1000, PPM_SEM_UNDO);
}

struct sembuf {
    u16 num;
    s16 op;
    u16 flags;
};

static __always_inline void put_sembuf(struct record *r, const struct sembuf *operation)
{
    put_u16(r, operation->num);
    put_u16(r, operation->op);
    put_u16(r, sem_flags(operation->flags));
}

FIXED(semop, SYSCALL_SEMOP_X)
{
    struct sembuf operations[2] = {};
    u32 count = c->args[2];
    if (count >= 1)
        bpf_probe_read_user(&operations[0], sizeof(struct sembuf), (void *)c->args[1]);
    if (count >= 2)
        bpf_probe_read_user(&operations[1], sizeof(struct sembuf),
                            (void *)(c->args[1] + sizeof(struct sembuf)));
    put_u64(r, c->ret);
    put_u32(r, count);
    put_sembuf(r, &operations[0]);
    put_sembuf(r, &operations[1]);
    put_u32(r, c->args[0]);
}

FIXED(semget, SYSCALL_SEMGET_X)
{
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
    put_u32(r, c->args[1]);
    put_u32(r, (c->args[2] & 0777) | bit(c->args[2], 01000, PPM_IPC_CREAT) |
                   bit(c->args[2], 02000, PPM_IPC_EXCL));
}

TABLE u16 semctl_commands[32] = {
    [0] = PPM_IPC_RMID,   [1] = PPM_IPC_SET,  [2] = PPM_IPC_STAT,  [3] = PPM_IPC_INFO,
    [11] = PPM_GETPID,    [12] = PPM_GETVAL,  [13] = PPM_GETALL,   [14] = PPM_GETNCNT,
    [15] = PPM_GETZCNT,   [16] = PPM_SETVAL,  [17] = PPM_SETALL,   [18] = PPM_SEM_STAT,
    [19] = PPM_SEM_INFO,
};

FIXED(semctl, SYSCALL_SEMCTL_X)
{
    enum { IPC_64 = 0x100, SETVAL = 16 };
    u32 command = c->args[2] & ~IPC_64;
    put_u64(r, c->ret);
    put_u32(r, c->args[0]);
    put_u32(r, c->args[1]);
    put_u16(r, command < 32 ? semctl_commands[MASK(command, 31)] : 0);
    put_u32(r, command == SETVAL ? c->args[3] : 0);
}

#define Q_SYNC 0x800001
#define Q_QUOTAON 0x800002
#define Q_QUOTAOFF 0x800003
#define Q_GETFMT 0x800004
#define Q_GETINFO 0x800005
#define Q_SETINFO 0x800006
#define Q_GETQUOTA 0x800007
#define Q_SETQUOTA 0x800008
#define Q_XFIRST 0x5801

TABLE u16 quota_command_generic[16] = {
    [1] = PPM_Q_SYNC,    [2] = PPM_Q_QUOTAON, [3] = PPM_Q_QUOTAOFF,  [4] = PPM_Q_GETFMT,
    [5] = PPM_Q_GETINFO, [6] = PPM_Q_SETINFO, [7] = PPM_Q_GETQUOTA,  [8] = PPM_Q_SETQUOTA,
};

TABLE u16 quota_command_xfs[16] = {
    [1] = PPM_Q_XQUOTAON,  [2] = PPM_Q_XQUOTAOFF, [3] = PPM_Q_XGETQUOTA,
    [4] = PPM_Q_XSETQLIM,  [5] = PPM_Q_XGETQSTAT, [6] = PPM_Q_XQUOTARM,
    [7] = PPM_Q_XQUOTASYNC, [8] = PPM_Q_XGETQSTATV,
};

static __always_inline u16 quota_command(u32 command)
{
    if ((command & ~15) == (Q_SYNC & ~15))
        return quota_command_generic[MASK(command, 15)];
    if ((command & ~15) == (Q_XFIRST & ~15))
        return quota_command_xfs[MASK(command, 15)];
    return 0;
}

static __always_inline u8 quota_format(u32 format)
{
    enum { VFS_OLD = 1, VFS_V0 = 2, VFS_V1 = 4 };
    return format == VFS_OLD  ? PPM_QFMT_VFS_OLD
           : format == VFS_V0 ? PPM_QFMT_VFS_V0
           : format == VFS_V1 ? PPM_QFMT_VFS_V1
                              : PPM_QFMT_NOT_USED;
}

VARIABLE(quotactl, SYSCALL_QUOTACTL_X)
{
    u32 command = (u32)c->args[0] >> 8, type = c->args[0] & 0xff;
    u64 address = c->args[3];
    struct {
        u64 block_hard, block_soft, space, inode_hard, inode_soft, inodes, block_time, inode_time;
        u64 valid;
    } quota = {};
    struct {
        u64 block_grace, inode_grace;
        u32 flags, valid;
    } info = {};
    u32 format = 0;
    // What the caller passes or, on success, what the kernel answered.
    bool answered = c->ret == 0;
    if (command == Q_SETQUOTA || (command == Q_GETQUOTA && answered))
        bpf_probe_read_user(&quota, sizeof(quota), (void *)address);
    if (command == Q_SETINFO || (command == Q_GETINFO && answered))
        bpf_probe_read_user(&info, sizeof(info), (void *)address);
    if (command == Q_GETFMT && answered)
        bpf_probe_read_user(&format, sizeof(format), (void *)address);

    put_u64(r, c->ret);
    put_user_str(r, c->args[1]);
    if (command == Q_QUOTAON)
        put_user_str(r, address);
    else
        put_empty(r);
    put_u64(r, quota.block_hard);
    put_u64(r, quota.block_soft);
    put_u64(r, quota.space);
    put_u64(r, quota.inode_hard);
    put_u64(r, quota.inode_soft);
    put_u64(r, quota.block_time);
    put_u64(r, quota.inode_time);
    put_u64(r, info.block_grace);
    put_u64(r, info.inode_grace);
    put_u8(r, !info.flags         ? PPM_DQF_NONE
              : info.flags & 1    ? PPM_V1_DQF_RSQUASH
                                  : 0);
    put_u8(r, format ? quota_format(format) : PPM_QFMT_NOT_USED);
    put_u16(r, quota_command(command));
    put_u8(r, type == 0 ? PPM_USRQUOTA : type == 1 ? PPM_GRPQUOTA : 0);
    // An id for most commands; a format for the one that turns quotas on.
    put_u32(r, command == Q_QUOTAON ? 0 : c->args[2]);
    put_u8(r, command == Q_QUOTAON ? quota_format(c->args[2]) : PPM_QFMT_NOT_USED);
}
