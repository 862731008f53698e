//! What a capture knows of the machine besides events.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// The machine that was recorded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MachineInfo {
    /// Processors.
    pub num_cpus: u32,
    /// Memory in bytes.
    pub memory_size: u64,
    /// The highest possible process id.
    pub max_pid: u64,
    /// The host name, at most 127 bytes.
    pub hostname: Vec<u8>,
    /// When the machine was started, ns since the epoch; 0 in captures of old writers.
    pub boot_ts: u64,
    /// Marks of the writer.
    pub flags: u64,
}

/// One thread of the process list. Strings are bytes; vectors have a NUL after each element.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Process {
    /// Thread id.
    pub tid: i64,
    /// Process id.
    pub pid: i64,
    /// The parent's thread id.
    pub ptid: i64,
    /// Session id; -1 before list version 6.
    pub sid: i64,
    /// Process group id in its own pid namespace; -1 before version 8.
    pub vpgid: i64,
    /// Process group id in the initial pid namespace; -1 where the writer did not know it.
    pub pgid: i64,
    /// Thread id in its own pid namespace; -1 before version 4.
    pub vtid: i64,
    /// Process id in its own pid namespace; -1 before version 4.
    pub vpid: i64,
    /// Short name.
    pub comm: Vec<u8>,
    /// `argv[0]`.
    pub exe: Vec<u8>,
    /// The path of the executable; empty before version 7.
    pub exepath: Vec<u8>,
    /// `argv[1..]`.
    pub args: Vec<u8>,
    /// The environment; empty before version 3.
    pub env: Vec<u8>,
    /// The working directory.
    pub cwd: Vec<u8>,
    /// The root directory; empty before version 5.
    pub root: Vec<u8>,
    /// `subsystem=path` pairs; empty before version 4.
    pub cgroups: Vec<u8>,
    /// `RLIMIT_NOFILE`.
    pub fd_limit: u64,
    /// Portable clone flags.
    pub flags: u32,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Login user id; `u32::MAX` when unset or unknown.
    pub loginuid: u32,
    /// Virtual memory in KiB.
    pub vm_size: u32,
    /// Resident memory in KiB.
    pub vm_rss: u32,
    /// Swapped memory in KiB.
    pub vm_swap: u32,
    /// Major page faults.
    pub pf_major: u64,
    /// Minor page faults.
    pub pf_minor: u64,
    /// When the init process of its pid namespace started, ns since the epoch; 0 when unknown.
    pub pidns_init_start_ts: u64,
    /// Device number of the controlling terminal; 0 when none or unknown.
    pub tty: u32,
    /// Whether the process could write to its executable.
    pub exe_writable: bool,
    /// Whether the executable is in the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// Whether the executable is in the lower layer of an overlay.
    pub exe_lower_layer: bool,
    /// Whether the executable is a memfd.
    pub exe_from_memfd: bool,
    /// Capability sets, portable bits.
    pub cap_inheritable: u64,
    /// Capability sets, portable bits.
    pub cap_permitted: u64,
    /// Capability sets, portable bits.
    pub cap_effective: u64,
    /// Inode of the executable; 0 when unknown.
    pub exe_ino: u64,
    /// Change time of the executable, ns since the epoch.
    pub exe_ctime: u64,
    /// Modification time of the executable, ns since the epoch.
    pub exe_mtime: u64,
}

/// One open descriptor of a process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// Its number.
    pub fd: i64,
    /// Inode number; 0 when unknown.
    pub ino: u64,
    /// What it is.
    pub kind: DescriptorKind,
}

/// What a descriptor is, with what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DescriptorKind {
    /// A regular file.
    File {
        /// Portable open flags; 0 in captures of old writers.
        open_flags: u32,
        /// Its path.
        name: Vec<u8>,
        /// Device number; 0 when unknown.
        dev: u32,
    },
    /// An IPv4 socket with both ends.
    Ipv4 {
        /// This end.
        source: SocketAddrV4,
        /// The other end.
        destination: SocketAddrV4,
        /// The transport.
        transport: Transport,
    },
    /// An IPv6 socket with both ends.
    Ipv6 {
        /// This end.
        source: SocketAddrV6,
        /// The other end.
        destination: SocketAddrV6,
        /// The transport.
        transport: Transport,
    },
    /// An IPv4 socket that listens.
    Ipv4Server {
        /// Where.
        local: SocketAddrV4,
        /// The transport.
        transport: Transport,
    },
    /// An IPv6 socket that listens.
    Ipv6Server {
        /// Where.
        local: SocketAddrV6,
        /// The transport.
        transport: Transport,
    },
    /// A unix socket.
    Unix {
        /// Kernel address of the socket.
        source: u64,
        /// Kernel address of its peer.
        destination: u64,
        /// Where it is bound.
        name: Vec<u8>,
    },
    /// Anything of which only a name is stored.
    Named {
        /// What it is.
        kind: NamedKind,
        /// Its name.
        name: Vec<u8>,
    },
}

/// The kinds of descriptors of which only a name is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
#[repr(u8)]
pub enum NamedKind {
    Directory = 2,
    Fifo = 7,
    Event = 9,
    Unsupported = 10,
    Signal = 11,
    EventPoll = 12,
    Inotify = 13,
    Timer = 14,
    Netlink = 15,
    Bpf = 17,
    Userfault = 18,
    IoUring = 19,
    Memfd = 20,
    Pidfd = 21,
}

impl NamedKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Directory,
        Self::Fifo,
        Self::Event,
        Self::Unsupported,
        Self::Signal,
        Self::EventPoll,
        Self::Inotify,
        Self::Timer,
        Self::Netlink,
        Self::Bpf,
        Self::Userfault,
        Self::IoUring,
        Self::Memfd,
        Self::Pidfd,
    ];

    /// By its code in a capture.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// The transport of an internet socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
#[repr(u8)]
pub enum Transport {
    Unknown = 0,
    NotApplicable = 1,
    Tcp = 2,
    Udp = 3,
    Icmp = 4,
    Raw = 5,
}

impl Transport {
    /// By its code in a capture; `Unknown` for a code that nobody has.
    pub fn from_code(code: u8) -> Self {
        match code {
            1 => Self::NotApplicable,
            2 => Self::Tcp,
            3 => Self::Udp,
            4 => Self::Icmp,
            5 => Self::Raw,
            _ => Self::Unknown,
        }
    }
}

/// A network interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name.
    pub name: Vec<u8>,
    /// Its address.
    pub address: InterfaceAddress,
    /// Bits per second; `None` where the writer did not store it.
    pub link_speed: Option<u64>,
}

/// The address of an interface, with what belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum InterfaceAddress {
    V4 {
        address: Ipv4Addr,
        netmask: Ipv4Addr,
        broadcast: Ipv4Addr,
    },
    V6 {
        address: Ipv6Addr,
        netmask: Ipv6Addr,
        broadcast: Ipv6Addr,
    },
}

/// A user or a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Account {
    /// A user.
    User(User),
    /// A group.
    Group(Group),
}

/// A user of the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Login name.
    pub name: Vec<u8>,
    /// Home directory.
    pub home: Vec<u8>,
    /// Login shell.
    pub shell: Vec<u8>,
}

/// A group of users.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Group id.
    pub gid: u32,
    /// Name.
    pub name: Vec<u8>,
}
