//! Where the arguments of system calls are, by the names of the parameters of their events.

/// What a native argument is, beside a number that goes into the record as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meaning {
    /// A number that the record has as it is, in so many low bits.
    Number(u64),
    /// Bits with these names and native values.
    Flags(&'static [(&'static str, u64)]),
    /// One of these values.
    Choice(&'static [(&'static str, u64)]),
}

const WORD: Meaning = Meaning::Number(0xffff_ffff);

const MODE: Meaning = Meaning::Flags(&[
    ("S_IXOTH", 0o1),
    ("S_IWOTH", 0o2),
    ("S_IROTH", 0o4),
    ("S_IXGRP", 0o10),
    ("S_IWGRP", 0o20),
    ("S_IRGRP", 0o40),
    ("S_IXUSR", 0o100),
    ("S_IWUSR", 0o200),
    ("S_IRUSR", 0o400),
    ("S_ISVTX", 0o1000),
    ("S_ISGID", 0o2000),
    ("S_ISUID", 0o4000),
]);

const NAMESPACES: Meaning = Meaning::Flags(&[
    ("CLONE_NEWNS", 0x0002_0000),
    ("CLONE_NEWCGROUP", 0x0200_0000),
    ("CLONE_NEWUTS", 0x0400_0000),
    ("CLONE_NEWIPC", 0x0800_0000),
    ("CLONE_NEWUSER", 0x1000_0000),
    ("CLONE_NEWPID", 0x2000_0000),
    ("CLONE_NEWNET", 0x4000_0000),
]);

const PTRACE: Meaning = Meaning::Choice(&[
    ("PTRACE_TRACEME", 0),
    ("PTRACE_PEEKTEXT", 1),
    ("PTRACE_PEEKDATA", 2),
    ("PTRACE_PEEKUSR", 3),
    ("PTRACE_POKETEXT", 4),
    ("PTRACE_POKEDATA", 5),
    ("PTRACE_POKEUSR", 6),
    ("PTRACE_CONT", 7),
    ("PTRACE_KILL", 8),
    ("PTRACE_SINGLESTEP", 9),
    ("PTRACE_ATTACH", 16),
    ("PTRACE_DETACH", 17),
    ("PTRACE_SYSCALL", 24),
    ("PTRACE_SEIZE", 0x4206),
]);

const FAMILIES: Meaning = Meaning::Choice(&[
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("AF_NETLINK", 16),
    ("AF_PACKET", 17),
]);

/// One parameter: the call, the parameter, the argument, what it is.
type Row = (&'static str, &'static str, u8, Meaning);

const ARGUMENTS: &[Row] = &[
    ("chmod", "mode", 1, MODE),
    ("fchmod", "mode", 1, MODE),
    ("fchmodat", "mode", 2, MODE),
    ("ptrace", "request", 0, PTRACE),
    ("ptrace", "pid", 1, WORD),
    ("kill", "sig", 1, WORD),
    ("kill", "pid", 0, WORD),
    ("tkill", "sig", 1, WORD),
    ("tgkill", "sig", 2, WORD),
    ("setuid", "uid", 0, WORD),
    ("setgid", "gid", 0, WORD),
    ("setreuid", "ruid", 0, WORD),
    ("setreuid", "euid", 1, WORD),
    ("setregid", "rgid", 0, WORD),
    ("setregid", "egid", 1, WORD),
    ("setresuid", "ruid", 0, WORD),
    ("setresuid", "euid", 1, WORD),
    ("setresuid", "suid", 2, WORD),
    ("setresgid", "rgid", 0, WORD),
    ("setresgid", "egid", 1, WORD),
    ("setresgid", "sgid", 2, WORD),
    ("unshare", "flags", 0, NAMESPACES),
    ("setns", "nstype", 1, NAMESPACES),
    ("socket", "domain", 0, FAMILIES),
];

/// The argument that a parameter was made from, and what it is.
pub(crate) fn argument(call: &str, param: &str) -> Option<(u8, Meaning)> {
    ARGUMENTS
        .iter()
        .find(|(known, name, ..)| *known == call && *name == param)
        .map(|&(_, _, arg, meaning)| (arg, meaning))
}

/// The arguments that are paths, by the names of their parameters.
const PATHS: &[(&str, &[(&str, u8)])] = &[
    ("open", &[("name", 0)]),
    ("openat", &[("name", 1)]),
    ("openat2", &[("name", 1)]),
    ("creat", &[("name", 0)]),
    ("unlink", &[("path", 0)]),
    ("unlinkat", &[("name", 1)]),
    ("rmdir", &[("path", 0)]),
    ("mkdir", &[("path", 0)]),
    ("mkdirat", &[("path", 1)]),
    ("chmod", &[("filename", 0)]),
    ("fchmodat", &[("filename", 1)]),
    ("chown", &[("path", 0)]),
    ("lchown", &[("path", 0)]),
    ("fchownat", &[("pathname", 1)]),
    ("mknod", &[("path", 0)]),
    ("mknodat", &[("path", 1)]),
    ("rename", &[("oldpath", 0), ("newpath", 1)]),
    ("renameat", &[("oldpath", 1), ("newpath", 3)]),
    ("renameat2", &[("oldpath", 1), ("newpath", 3)]),
    ("link", &[("oldpath", 0), ("newpath", 1)]),
    ("linkat", &[("oldpath", 1), ("newpath", 3)]),
    ("symlink", &[("target", 0), ("linkpath", 1)]),
    ("symlinkat", &[("target", 0), ("linkpath", 2)]),
    ("mount", &[("dev", 0), ("dir", 1)]),
    ("umount2", &[("name", 0)]),
    ("chroot", &[("path", 0)]),
];

/// Which of the paths of a call a parameter is (0 or 1).
pub(crate) fn path_of(call: &str, param: &str) -> Option<u8> {
    let (_, paths) = PATHS.iter().find(|(known, _)| *known == call)?;
    let index = paths.iter().position(|(name, _)| *name == param)?;
    u8::try_from(index).ok()
}

/// The argument of a path of a call.
pub(crate) fn path_argument(call: &str, which: u8) -> Option<u8> {
    let (_, paths) = PATHS.iter().find(|(known, _)| *known == call)?;
    paths.get(usize::from(which)).map(|(_, arg)| *arg)
}

/// Where a call that opens a file has its flags and its mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Opening {
    /// `None` for `creat`, which has none.
    pub(crate) flags: Option<u8>,
    pub(crate) mode: u8,
}

/// How a call opens files, if it does. The probe puts what `openat2` finds in its structure into
/// arguments that the call does not have.
pub(crate) fn opening(call: &str) -> Option<Opening> {
    let (flags, mode) = match call {
        "open" => (Some(1), 2),
        "openat" => (Some(2), 3),
        "openat2" => (Some(4), 5),
        "creat" => (None, 1),
        _ => return None,
    };
    Some(Opening { flags, mode })
}

/// The argument that is the descriptor which `fd.*` is about.
pub(crate) fn descriptor(call: &str) -> Option<u8> {
    match call {
        "connect" | "bind" | "listen" | "sendto" | "sendmsg" | "sendmmsg" | "recvfrom"
        | "recvmsg" | "recvmmsg" | "shutdown" | "getsockopt" | "setsockopt" | "read" | "write"
        | "readv" | "writev" | "pread64" | "pwrite64" | "fchmod" | "fchown" | "fsync"
        | "ftruncate" => Some(0),
        // These make a descriptor.
        "dup" | "dup2" | "dup3" | "accept" | "accept4" | "socket" => Some(crate::formula::RESULT),
        _ => None,
    }
}

/// Native open flags of the machine that the probe runs on.
#[cfg(not(target_arch = "aarch64"))]
pub(crate) const O_DIRECTORY: u64 = 0o200_000;
/// Native open flags of the machine that the probe runs on.
#[cfg(target_arch = "aarch64")]
pub(crate) const O_DIRECTORY: u64 = 0o40_000;
pub(crate) const O_CREAT: u64 = 0o100;
pub(crate) const O_TMPFILE_ONLY: u64 = 0o20_000_000;
