//! Names of numbers: flags, modes, families, signals.

/// Names of numbers that one argument takes.
#[derive(Debug)]
pub struct Names {
    /// What they are called together.
    pub what: &'static str,
    /// Name and number.
    pub list: &'static [(&'static str, i64)],
}

impl Names {
    /// The number of a name.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.list
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, number)| *number)
    }
}

macro_rules! names {
    ($ident:ident, $what:literal, $($name:ident),* $(,)?) => {
        pub(super) static $ident: Names = Names {
            what: $what,
            list: &[$((stringify!($name), libc::$name as i64)),*],
        };
    };
}

macro_rules! numbers {
    ($ident:ident, $what:literal, $($name:literal = $number:expr),* $(,)?) => {
        pub(super) static $ident: Names = Names {
            what: $what,
            list: &[$(($name, $number)),*],
        };
    };
}

names!(
    OPEN,
    "flags of open",
    O_RDONLY,
    O_WRONLY,
    O_RDWR,
    O_APPEND,
    O_ASYNC,
    O_CLOEXEC,
    O_CREAT,
    O_DIRECT,
    O_DIRECTORY,
    O_DSYNC,
    O_EXCL,
    O_LARGEFILE,
    O_NOATIME,
    O_NOCTTY,
    O_NOFOLLOW,
    O_NONBLOCK,
    O_NDELAY,
    O_PATH,
    O_RSYNC,
    O_SYNC,
    O_TMPFILE,
    O_TRUNC,
);
names!(
    AT,
    "flags of a path",
    AT_SYMLINK_FOLLOW,
    AT_SYMLINK_NOFOLLOW,
    AT_EMPTY_PATH,
    AT_REMOVEDIR
);
numbers!(
    RESOLVE,
    "how to resolve a path",
    "RESOLVE_NO_XDEV" = 1,
    "RESOLVE_NO_MAGICLINKS" = 2,
    "RESOLVE_NO_SYMLINKS" = 4,
    "RESOLVE_BENEATH" = 8,
    "RESOLVE_IN_ROOT" = 16,
    "RESOLVE_CACHED" = 32,
);
names!(
    FAMILY,
    "an address family",
    AF_UNSPEC,
    AF_UNIX,
    AF_LOCAL,
    AF_INET,
    AF_INET6,
    AF_NETLINK,
    AF_PACKET,
    AF_ALG,
    AF_BLUETOOTH,
    AF_CAN,
    AF_KEY,
    AF_VSOCK,
    AF_TIPC,
);
names!(
    SOCKET,
    "a socket type",
    SOCK_STREAM,
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_RDM,
    SOCK_SEQPACKET,
    SOCK_DCCP,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
);
names!(
    PROTOCOL,
    "a protocol",
    IPPROTO_IP,
    IPPROTO_ICMP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_IPV6,
    IPPROTO_ICMPV6,
    IPPROTO_RAW,
    IPPROTO_SCTP,
    IPPROTO_UDPLITE,
);
names!(
    MESSAGE,
    "flags of a message",
    MSG_CONFIRM,
    MSG_DONTROUTE,
    MSG_DONTWAIT,
    MSG_EOR,
    MSG_MORE,
    MSG_NOSIGNAL,
    MSG_OOB,
);
names!(DUP, "flags of dup3", O_CLOEXEC);
numbers!(
    MODULE,
    "flags of a module",
    "MODULE_INIT_IGNORE_MODVERSIONS" = 1,
    "MODULE_INIT_IGNORE_VERMAGIC" = 2,
    "MODULE_INIT_COMPRESSED_FILE" = 4,
);
names!(
    SIGNAL, "a signal", SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL,
    SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP,
    SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR,
    SIGSYS,
);
names!(
    RENAME,
    "flags of renameat2",
    RENAME_NOREPLACE,
    RENAME_EXCHANGE,
    RENAME_WHITEOUT
);
names!(
    NAMESPACE,
    "namespaces",
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    CLONE_FILES,
    CLONE_FS,
    CLONE_SYSVSEM,
);
names!(
    MOUNT,
    "flags of mount",
    MS_RDONLY,
    MS_NOSUID,
    MS_NODEV,
    MS_NOEXEC,
    MS_SYNCHRONOUS,
    MS_REMOUNT,
    MS_DIRSYNC,
    MS_NOATIME,
    MS_NODIRATIME,
    MS_BIND,
    MS_MOVE,
    MS_REC,
    MS_SILENT,
    MS_UNBINDABLE,
    MS_PRIVATE,
    MS_SLAVE,
    MS_SHARED,
    MS_RELATIME,
    MS_STRICTATIME,
);
names!(
    PTRACE,
    "a request of ptrace",
    PTRACE_TRACEME,
    PTRACE_PEEKTEXT,
    PTRACE_PEEKDATA,
    PTRACE_PEEKUSER,
    PTRACE_POKETEXT,
    PTRACE_POKEDATA,
    PTRACE_CONT,
    PTRACE_KILL,
    PTRACE_SINGLESTEP,
    PTRACE_ATTACH,
    PTRACE_DETACH,
    PTRACE_SYSCALL,
    PTRACE_SETOPTIONS,
    PTRACE_SEIZE,
    PTRACE_INTERRUPT,
);
names!(
    MEMFD,
    "flags of memfd_create",
    MFD_CLOEXEC,
    MFD_ALLOW_SEALING,
    MFD_HUGETLB
);
