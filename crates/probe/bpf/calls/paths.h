// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Calls that work on names of files.

// Result and one name.
#define NAME(syscall, event)                \
    VARIABLE(syscall, event)                \
    {                                       \
        put_u64(r, c->ret);                 \
        put_user_str(r, c->args[0]);        \
    }

// Result, a directory and a name in it.
#define RESULT_AND_NAME_AT()         \
    put_u64(r, c->ret);              \
    put_int(r, c->args[0]);          \
    put_user_str(r, c->args[1]);

// Result and two names.
#define TWO_NAMES(syscall, event)    \
    VARIABLE(syscall, event)         \
    {                                \
        put_u64(r, c->ret);          \
        put_user_str(r, c->args[0]); \
        put_user_str(r, c->args[1]); \
    }

// Result and two names, each with its directory.
#define RESULT_AND_TWO_NAMES_AT()    \
    put_u64(r, c->ret);              \
    put_int(r, c->args[0]);          \
    put_user_str(r, c->args[1]);     \
    put_int(r, c->args[2]);          \
    put_user_str(r, c->args[3]);

#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define AT_NO_AUTOMOUNT 0x800
#define AT_EMPTY_PATH 0x1000

NAME(chdir, SYSCALL_CHDIR_X)
NAME(chroot, SYSCALL_CHROOT_X)
NAME(rmdir, SYSCALL_RMDIR_2_X)
NAME(unlink, SYSCALL_UNLINK_2_X)
NAME(stat, SYSCALL_STAT_X)
NAME(lstat, SYSCALL_LSTAT_X)

TWO_NAMES(link, SYSCALL_LINK_2_X)
TWO_NAMES(rename, SYSCALL_RENAME_X)
TWO_NAMES(symlink, SYSCALL_SYMLINK_X)

VARIABLE(mkdir, SYSCALL_MKDIR_2_X)
{
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_u32(r, c->args[1]);
}

VARIABLE(mkdirat, SYSCALL_MKDIRAT_X)
{
    RESULT_AND_NAME_AT();
    put_u32(r, c->args[2]);
}

VARIABLE(mknod, SYSCALL_MKNOD_X)
{
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_u32(r, c->args[1] & 0177777);
    put_u32(r, c->args[2]);
}

VARIABLE(mknodat, SYSCALL_MKNODAT_X)
{
    RESULT_AND_NAME_AT();
    put_u32(r, c->args[2] & 0177777);
    put_u32(r, c->args[3]);
}

VARIABLE(chmod, SYSCALL_CHMOD_X)
{
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_u32(r, c->args[1] & 07777);
}

FIXED(fchmod, SYSCALL_FCHMOD_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u32(r, c->args[1] & 07777);
}

VARIABLE(fchmodat, SYSCALL_FCHMODAT_X)
{
    RESULT_AND_NAME_AT();
    put_u32(r, c->args[2] & 07777);
}

VARIABLE(chown, SYSCALL_CHOWN_X)
{
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_u32(r, c->args[1]);
    put_u32(r, c->args[2]);
}

VARIABLE(lchown, SYSCALL_LCHOWN_X)
{
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_u32(r, c->args[1]);
    put_u32(r, c->args[2]);
}

FIXED(fchown, SYSCALL_FCHOWN_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_u32(r, c->args[1]);
    put_u32(r, c->args[2]);
}

VARIABLE(fchownat, SYSCALL_FCHOWNAT_X)
{
    RESULT_AND_NAME_AT();
    put_u32(r, c->args[2]);
    put_u32(r, c->args[3]);
    // The table of this parameter has AT_SYMLINK_NOFOLLOW where others have AT_SYMLINK_FOLLOW.
    put_u32(r, bit(c->args[4], AT_SYMLINK_NOFOLLOW, PPM_AT_SYMLINK_FOLLOW) |
                   bit(c->args[4], AT_EMPTY_PATH, PPM_AT_EMPTY_PATH));
}

VARIABLE(unlinkat, SYSCALL_UNLINKAT_2_X)
{
    RESULT_AND_NAME_AT();
    put_u32(r, bit(c->args[2], AT_REMOVEDIR, PPM_AT_REMOVEDIR));
}

VARIABLE(renameat, SYSCALL_RENAMEAT_X)
{
    RESULT_AND_TWO_NAMES_AT();
}

VARIABLE(renameat2, SYSCALL_RENAMEAT2_X)
{
    RESULT_AND_TWO_NAMES_AT();
    put_u32(r, c->args[4] & (PPM_RENAME_NOREPLACE | PPM_RENAME_EXCHANGE | PPM_RENAME_WHITEOUT));
}

VARIABLE(linkat, SYSCALL_LINKAT_2_X)
{
    RESULT_AND_TWO_NAMES_AT();
    put_u32(r, bit(c->args[4], AT_SYMLINK_FOLLOW, PPM_AT_SYMLINK_FOLLOW) |
                   bit(c->args[4], AT_EMPTY_PATH, PPM_AT_EMPTY_PATH));
}

VARIABLE(symlinkat, SYSCALL_SYMLINKAT_X)
{
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_int(r, c->args[1]);
    put_user_str(r, c->args[2]);
}

VARIABLE(access, SYSCALL_ACCESS_X)
{
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_u32(r, c->args[1] & (PPM_R_OK | PPM_W_OK | PPM_X_OK));
}

VARIABLE(newfstatat, SYSCALL_NEWFSTATAT_X)
{
    RESULT_AND_NAME_AT();
    put_u32(r, bit(c->args[3], AT_EMPTY_PATH, PPM_AT_EMPTY_PATH) |
                   bit(c->args[3], AT_NO_AUTOMOUNT, PPM_AT_NO_AUTOMOUNT) |
                   bit(c->args[3], AT_SYMLINK_NOFOLLOW, PPM_AT_SYMLINK_NOFOLLOW));
}

VARIABLE(getcwd, SYSCALL_GETCWD_X)
{
    put_u64(r, c->ret);
    if (c->ret >= 0)
        put_user_str(r, c->args[0]);
    else
        put_empty(r);
}

VARIABLE(mount, SYSCALL_MOUNT_X)
{
    enum { MS_MGC_VAL = 0xc0ed0000, MS_MGC_MSK = 0xffff0000 };
    u32 flags = c->args[3];
    // Old programs put a magic number into the upper half.
    if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
        flags &= ~MS_MGC_MSK;
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_user_str(r, c->args[1]);
    put_user_str(r, c->args[2]);
    put_u32(r, flags);
}

VARIABLE(umount2, SYSCALL_UMOUNT2_X)
{
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_u32(r, c->args[1] &
                   (PPM_MNT_FORCE | PPM_MNT_DETACH | PPM_MNT_EXPIRE | PPM_UMOUNT_NOFOLLOW));
}
