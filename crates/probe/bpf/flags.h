// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The kernel's flags differ between architectures; records carry portable ones.
#pragma once

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
#define O_SYNC_ONLY 04000000      // O_SYNC without the O_DSYNC that it implies
#define O_TMPFILE_ONLY 020000000  // O_TMPFILE without the O_DIRECTORY that it implies

// `to` where any bit of `from` is set.
static __always_inline u32 bit(u64 flags, u64 from, u32 to)
{
    return flags & from ? to : 0;
}

// Functions of their own where there are many flags: for the verifier each is a fork in the way.
__noinline u32 open_flags(u32 flags)
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

// What a call that makes a descriptor (pipe2, dup3, eventfd2, …) may be told.
static __always_inline u32 descriptor_flags(u32 flags)
{
    return bit(flags, O_NONBLOCK, PPM_O_NONBLOCK) | bit(flags, O_CLOEXEC, PPM_O_CLOEXEC) |
           bit(flags, O_DIRECT, PPM_O_DIRECT);
}

__noinline u32 resolve_flags(u64 flags)
{
    return bit(flags, 0x01, PPM_RESOLVE_NO_XDEV) | bit(flags, 0x02, PPM_RESOLVE_NO_MAGICLINKS) |
           bit(flags, 0x04, PPM_RESOLVE_NO_SYMLINKS) | bit(flags, 0x08, PPM_RESOLVE_BENEATH) |
           bit(flags, 0x10, PPM_RESOLVE_IN_ROOT) | bit(flags, 0x20, PPM_RESOLVE_CACHED);
}

__noinline u32 clone_flags(u64 flags)
{
    return bit(flags, 0x00000100, PPM_CL_CLONE_VM) | bit(flags, 0x00000200, PPM_CL_CLONE_FS) |
           bit(flags, 0x00000400, PPM_CL_CLONE_FILES) |
           bit(flags, 0x00000800, PPM_CL_CLONE_SIGHAND) |
           bit(flags, 0x00002000, PPM_CL_CLONE_PTRACE) |
           bit(flags, 0x00004000, PPM_CL_CLONE_VFORK) |
           bit(flags, 0x00008000, PPM_CL_CLONE_PARENT) |
           bit(flags, 0x00010000, PPM_CL_CLONE_THREAD) |
           bit(flags, 0x00020000, PPM_CL_CLONE_NEWNS) |
           bit(flags, 0x00040000, PPM_CL_CLONE_SYSVSEM) |
           bit(flags, 0x00080000, PPM_CL_CLONE_SETTLS) |
           bit(flags, 0x00100000, PPM_CL_CLONE_PARENT_SETTID) |
           bit(flags, 0x00200000, PPM_CL_CLONE_CHILD_CLEARTID) |
           bit(flags, 0x00800000, PPM_CL_CLONE_UNTRACED) |
           bit(flags, 0x01000000, PPM_CL_CLONE_CHILD_SETTID) |
           bit(flags, 0x02000000, PPM_CL_CLONE_NEWCGROUP) |
           bit(flags, 0x04000000, PPM_CL_CLONE_NEWUTS) |
           bit(flags, 0x08000000, PPM_CL_CLONE_NEWIPC) |
           bit(flags, 0x10000000, PPM_CL_CLONE_NEWUSER) |
           bit(flags, 0x20000000, PPM_CL_CLONE_NEWPID) |
           bit(flags, 0x40000000, PPM_CL_CLONE_NEWNET) | bit(flags, 0x80000000, PPM_CL_CLONE_IO);
}

static __always_inline u32 prot_flags(u64 prot)
{
    return (prot & 0xf) | bit(prot, 0x01000000, PPM_PROT_GROWSDOWN) |
           bit(prot, 0x02000000, PPM_PROT_GROWSUP);
}

static __always_inline u32 mmap_flags(u64 flags)
{
    return (flags & 3) | bit(flags, 0x10, PPM_MAP_FIXED) | bit(flags, 0x20, PPM_MAP_ANONYMOUS) |
#if defined(__TARGET_ARCH_x86)
           bit(flags, 0x40, PPM_MAP_32BIT) |
#endif
           bit(flags, 0x0100, PPM_MAP_GROWSDOWN) | bit(flags, 0x0800, PPM_MAP_DENYWRITE) |
           bit(flags, 0x1000, PPM_MAP_EXECUTABLE) | bit(flags, 0x2000, PPM_MAP_LOCKED) |
           bit(flags, 0x4000, PPM_MAP_NORESERVE) | bit(flags, 0x8000, PPM_MAP_POPULATE) |
           bit(flags, 0x10000, PPM_MAP_NONBLOCK);
}

// Families that the event table does not name are unspecified ones.
static __always_inline u32 socket_family(u64 family)
{
    enum { AF_IB = 27, AF_MPLS = 28, LAST = 39 };
    return (u32)family > LAST || (u32)family == AF_IB || (u32)family == AF_MPLS ? 0 : family;
}

// Resources keep the kernel's numbers.
static __always_inline u8 resource(u64 number)
{
    return (u32)number < 16 ? number : PPM_RLIMIT_UNKNOWN;
}
