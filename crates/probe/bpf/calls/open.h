// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// open and its relatives; close.

#if defined(__TARGET_ARCH_x86)
#define O_DIRECT 00040000
#define O_LARGEFILE 00100000
#define O_DIRECTORY 00200000
#else
#define O_DIRECTORY 00040000
#define O_DIRECT 00200000
#define O_LARGEFILE 00400000
#endif
#define O_CREAT 00000100
#define O_EXCL 00000200
#define O_TRUNC 00001000
#define O_APPEND 00002000
#define O_NONBLOCK 00004000
#define O_DSYNC 00010000
#define O_CLOEXEC 02000000
#define O_SYNC_ONLY 04000000     // O_SYNC without the O_DSYNC that it implies
#define O_TMPFILE_ONLY 020000000 // O_TMPFILE without the O_DIRECTORY that it implies

static __always_inline u32 bit(u32 flags, u32 from, u32 to)
{
    return flags & from ? to : 0;
}

// The portable form of open flags.
static __always_inline u32 open_flags(u32 flags)
{
    u32 access = flags & 3;
    return (access == 1 ? PPM_O_WRONLY : access == 2 ? PPM_O_RDWR : PPM_O_RDONLY) |
           bit(flags, O_CREAT, PPM_O_CREAT) | bit(flags, O_TMPFILE_ONLY, PPM_O_TMPFILE) |
           bit(flags, O_APPEND, PPM_O_APPEND) | bit(flags, O_DSYNC, PPM_O_DSYNC) |
           bit(flags, O_EXCL, PPM_O_EXCL) | bit(flags, O_NONBLOCK, PPM_O_NONBLOCK) |
           bit(flags, O_SYNC_ONLY, PPM_O_SYNC) | bit(flags, O_TRUNC, PPM_O_TRUNC) |
           bit(flags, O_DIRECT, PPM_O_DIRECT) | bit(flags, O_DIRECTORY, PPM_O_DIRECTORY) |
           bit(flags, O_LARGEFILE, PPM_O_LARGEFILE) | bit(flags, O_CLOEXEC, PPM_O_CLOEXEC);
}

// The mode counts only where a file may be created.
static __always_inline u32 open_mode(u32 flags, u32 mode)
{
    return flags & (O_CREAT | O_TMPFILE_ONLY) ? mode & 07777 : 0;
}

// What the kernel adds to the flags.
static __always_inline u32 kernel_flags(const struct file_facts *facts)
{
    return bit(facts->mode, FMODE_CREATED, PPM_O_F_CREATED) |
           (facts->layer == LAYER_UPPER   ? PPM_FD_UPPER_LAYER
            : facts->layer == LAYER_LOWER ? PPM_FD_LOWER_LAYER
                                          : 0);
}

static __always_inline void opened(struct file_facts *facts, s64 fd)
{
    u64 file = fd >= 0 ? file_of(current_task(), fd) : 0;
    if (file)
        facts_of(facts, file);
}

VARIABLE(open, SYSCALL_OPEN_X)
{
    u32 flags = c->args[1];
    struct file_facts facts = {};
    opened(&facts, c->ret);
    put_u64(r, c->ret);
    put_user_str(r, c->args[0]);
    put_u32(r, open_flags(flags) | kernel_flags(&facts));
    put_u32(r, open_mode(flags, c->args[2]));
    put_u32(r, facts.dev);
    put_u64(r, facts.ino);
}

VARIABLE(openat, SYSCALL_OPENAT_2_X)
{
    u32 flags = c->args[2];
    struct file_facts facts = {};
    opened(&facts, c->ret);
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
    put_user_str(r, c->args[1]);
    put_u32(r, open_flags(flags) | kernel_flags(&facts));
    put_u32(r, open_mode(flags, c->args[3]));
    put_u32(r, facts.dev);
    put_u64(r, facts.ino);
}

FIXED(close, SYSCALL_CLOSE_X)
{
    put_u64(r, c->ret);
    put_int(r, c->args[0]);
}
