//! The kernel's flags differ between architectures; records carry portable ones.

use crate::ppm::*;

const X86: bool = cfg!(target_arch = "x86_64");

const O_CREAT: u64 = 0o100;
const O_EXCL: u64 = 0o200;
const O_TRUNC: u64 = 0o1000;
const O_APPEND: u64 = 0o2000;
const O_NONBLOCK: u64 = 0o4000;
const O_DSYNC: u64 = 0o10000;
const O_DIRECT: u64 = if X86 { 0o40000 } else { 0o200_000 };
const O_LARGEFILE: u64 = if X86 { 0o100_000 } else { 0o400_000 };
const O_DIRECTORY: u64 = if X86 { 0o200_000 } else { 0o40000 };
const O_CLOEXEC: u64 = 0o2_000_000;
/// O_SYNC without the O_DSYNC that it implies.
const O_SYNC_ONLY: u64 = 0o4_000_000;
/// O_TMPFILE without the O_DIRECTORY that it implies.
const O_TMPFILE_ONLY: u64 = 0o20_000_000;

/// The portable bits of the kernel's, by a table of both.
pub(crate) fn map(flags: u64, table: &[(u64, u64)]) -> u64 {
    table
        .iter()
        .filter(|(kernel, _)| flags & kernel != 0)
        .fold(0, |portable, (_, bits)| portable | bits)
}

pub(crate) fn open_flags(flags: u64) -> u64 {
    let access = match flags & 3 {
        1 => PPM_O_WRONLY,
        2 => PPM_O_RDWR,
        _ => PPM_O_RDONLY,
    };
    access
        | map(
            flags,
            &[
                (O_CREAT, PPM_O_CREAT),
                (O_TMPFILE_ONLY, PPM_O_TMPFILE),
                (O_APPEND, PPM_O_APPEND),
                (O_DSYNC, PPM_O_DSYNC),
                (O_EXCL, PPM_O_EXCL),
                (O_NONBLOCK, PPM_O_NONBLOCK),
                (O_SYNC_ONLY, PPM_O_SYNC),
                (O_TRUNC, PPM_O_TRUNC),
                (O_DIRECT, PPM_O_DIRECT),
                (O_DIRECTORY, PPM_O_DIRECTORY),
                (O_LARGEFILE, PPM_O_LARGEFILE),
                (O_CLOEXEC, PPM_O_CLOEXEC),
            ],
        )
}

/// The mode counts only where a file may be created.
pub(crate) fn open_mode(flags: u64, mode: u64) -> u64 {
    if flags & (O_CREAT | O_TMPFILE_ONLY) != 0 {
        mode & 0o7777
    } else {
        0
    }
}

/// Whether a call with these flags may make a file that has a name.
pub(crate) fn may_create(flags: u64) -> bool {
    flags & O_CREAT != 0 && flags & O_TMPFILE_ONLY == 0
}

/// Whether a call with these flags makes a file or fails.
pub(crate) fn must_create(flags: u64) -> bool {
    may_create(flags) && flags & O_EXCL != 0
}

/// What a call that makes a descriptor (pipe2, dup3, eventfd2, …) may be told.
pub(crate) fn descriptor_flags(flags: u64) -> u64 {
    map(
        flags,
        &[
            (O_NONBLOCK, PPM_O_NONBLOCK),
            (O_CLOEXEC, PPM_O_CLOEXEC),
            (O_DIRECT, PPM_O_DIRECT),
        ],
    )
}

/// The one bit that sockets, pidfds and modules share with descriptors.
pub(crate) fn nonblock(flags: u64, portable: u64) -> u64 {
    map(flags, &[(O_NONBLOCK, portable)])
}

pub(crate) fn cloexec(flags: u64, portable: u64) -> u64 {
    map(flags, &[(O_CLOEXEC, portable)])
}

pub(crate) fn delete_module_flags(flags: u64) -> u64 {
    map(
        flags,
        &[
            (O_NONBLOCK, PPM_DELETE_MODULE_O_NONBLOCK),
            (O_TRUNC, PPM_DELETE_MODULE_O_TRUNC),
        ],
    )
}

pub(crate) fn resolve_flags(flags: u64) -> u64 {
    map(
        flags,
        &[
            (0x01, PPM_RESOLVE_NO_XDEV),
            (0x02, PPM_RESOLVE_NO_MAGICLINKS),
            (0x04, PPM_RESOLVE_NO_SYMLINKS),
            (0x08, PPM_RESOLVE_BENEATH),
            (0x10, PPM_RESOLVE_IN_ROOT),
            (0x20, PPM_RESOLVE_CACHED),
        ],
    )
}

/// The kernel's bit that keeps a child from being traced.
pub(crate) const CLONE_UNTRACED: u64 = 0x80_0000;
/// The kernel's bits that say whose child or thread the new one is.
pub(crate) const CLONE_PARENT: u64 = 0x8000;
pub(crate) const CLONE_THREAD: u64 = 0x1_0000;

pub(crate) fn clone_flags(flags: u64) -> u64 {
    map(
        flags,
        &[
            (0x0000_0100, PPM_CL_CLONE_VM),
            (0x0000_0200, PPM_CL_CLONE_FS),
            (0x0000_0400, PPM_CL_CLONE_FILES),
            (0x0000_0800, PPM_CL_CLONE_SIGHAND),
            (0x0000_2000, PPM_CL_CLONE_PTRACE),
            (0x0000_4000, PPM_CL_CLONE_VFORK),
            (CLONE_PARENT, PPM_CL_CLONE_PARENT),
            (CLONE_THREAD, PPM_CL_CLONE_THREAD),
            (0x0002_0000, PPM_CL_CLONE_NEWNS),
            (0x0004_0000, PPM_CL_CLONE_SYSVSEM),
            (0x0008_0000, PPM_CL_CLONE_SETTLS),
            (0x0010_0000, PPM_CL_CLONE_PARENT_SETTID),
            (0x0020_0000, PPM_CL_CLONE_CHILD_CLEARTID),
            (CLONE_UNTRACED, PPM_CL_CLONE_UNTRACED),
            (0x0100_0000, PPM_CL_CLONE_CHILD_SETTID),
            (0x0200_0000, PPM_CL_CLONE_NEWCGROUP),
            (0x0400_0000, PPM_CL_CLONE_NEWUTS),
            (0x0800_0000, PPM_CL_CLONE_NEWIPC),
            (0x1000_0000, PPM_CL_CLONE_NEWUSER),
            (0x2000_0000, PPM_CL_CLONE_NEWPID),
            (0x4000_0000, PPM_CL_CLONE_NEWNET),
            (0x8000_0000, PPM_CL_CLONE_IO),
        ],
    )
}

pub(crate) fn prot_flags(prot: u64) -> u64 {
    (prot & 0xf)
        | map(
            prot,
            &[
                (0x0100_0000, PPM_PROT_GROWSDOWN),
                (0x0200_0000, PPM_PROT_GROWSUP),
            ],
        )
}

pub(crate) fn mmap_flags(flags: u64) -> u64 {
    (flags & 3)
        | map(flags, if X86 { &[(0x40, PPM_MAP_32BIT)] } else { &[] })
        | map(
            flags,
            &[
                (0x10, PPM_MAP_FIXED),
                (0x20, PPM_MAP_ANONYMOUS),
                (0x0100, PPM_MAP_GROWSDOWN),
                (0x0800, PPM_MAP_DENYWRITE),
                (0x1000, PPM_MAP_EXECUTABLE),
                (0x2000, PPM_MAP_LOCKED),
                (0x4000, PPM_MAP_NORESERVE),
                (0x8000, PPM_MAP_POPULATE),
                (0x1_0000, PPM_MAP_NONBLOCK),
            ],
        )
}

/// Families that the event table does not name are unspecified ones.
pub(crate) fn socket_family(family: u64) -> u64 {
    const AF_IB: u32 = 27;
    const AF_MPLS: u32 = 28;
    const LAST: u32 = 39;
    match family as u32 {
        AF_IB | AF_MPLS => 0,
        family if family > LAST => 0,
        family => u64::from(family),
    }
}

/// Resources keep the kernel's numbers.
pub(crate) fn resource(number: u64) -> u64 {
    if (number as u32) < 16 {
        number & 0xf
    } else {
        PPM_RLIMIT_UNKNOWN
    }
}

pub(crate) fn poll_events(events: u64) -> u64 {
    (events & 7)
        | map(
            events,
            &[
                (0x0008, PPM_POLLERR),
                (0x0010, PPM_POLLHUP),
                (0x0020, PPM_POLLNVAL),
                (0x0040, PPM_POLLRDNORM),
                (0x0080, PPM_POLLRDBAND),
                (0x0100, PPM_POLLWRNORM),
                (0x0200, PPM_POLLWRBAND),
                (0x2000, PPM_POLLRDHUP),
            ],
        )
}

/// The portable number of a command, by a table of both; `unknown` when it has none.
pub(crate) fn translate(number: u64, table: &[(u32, u64)], unknown: u64) -> u64 {
    table
        .iter()
        .find(|(kernel, _)| *kernel == number as u32)
        .map_or(unknown, |(_, portable)| *portable)
}
