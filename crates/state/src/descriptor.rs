//! What a file descriptor stands for.

use std::net::IpAddr;

use crate::thread::SharedBytes;

/// The portable open flag that closes a descriptor at exec.
pub(crate) const O_CLOEXEC: u32 = 1 << 12;

/// One open descriptor.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// The kind, with what belongs to it.
    pub kind: DescriptorKind,
    /// Absolute path, or what stands for it. Empty for internet sockets, whose name is made from
    /// the tuple, except a bound one without a port.
    pub name: SharedBytes,
    /// The path as the program gave it.
    pub name_raw: SharedBytes,
    /// Portable open flags.
    pub open_flags: u32,
    /// Device number; 0 when unknown.
    pub dev: u32,
    /// Inode number; 0 when unknown.
    pub ino: u64,
    /// Whether the file is in the upper layer of an overlay.
    pub upper_layer: bool,
    /// Whether the file is in the lower layer of an overlay.
    pub lower_layer: bool,
    /// Whether the name of a socket has changed since the last event on it.
    pub name_changed: bool,
    /// For sockets: whether a connection was made (`fd.connected`).
    pub connected: bool,
    /// For internet sockets: the transport protocol, known before there are addresses.
    pub l4: L4Proto,
    /// For a pidfd: the process.
    pub pid: i64,
}

impl Descriptor {
    /// A descriptor of which only the kind is known.
    pub fn new(kind: DescriptorKind) -> Self {
        Self {
            kind,
            name: SharedBytes::default(),
            name_raw: SharedBytes::default(),
            open_flags: 0,
            dev: 0,
            ino: 0,
            upper_layer: false,
            lower_layer: false,
            name_changed: false,
            connected: false,
            l4: L4Proto::Unknown,
            pid: 0,
        }
    }

    /// Whether it is closed by an exec.
    pub fn is_cloexec(&self) -> bool {
        self.open_flags & O_CLOEXEC != 0
    }

    /// Sets or clears the mark that makes an exec close it.
    pub fn set_cloexec(&mut self, on: bool) {
        if on {
            self.open_flags |= O_CLOEXEC;
        } else {
            self.open_flags &= !O_CLOEXEC;
        }
    }
}

/// The kind of a descriptor.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum DescriptorKind {
    /// Not known.
    Unknown,
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Internet socket with (so far as known) both ends.
    Inet(SocketTuple),
    /// Internet socket that listens.
    InetServer(Endpoint),
    /// Internet socket that is not bound or connected yet.
    InetUnbound {
        /// IPv6, not IPv4.
        v6: bool,
    },
    /// Unix socket; addresses of the kernel's source and destination sockets.
    Unix {
        /// Source.
        source: u64,
        /// Destination.
        destination: u64,
    },
    /// Pipe or fifo.
    Fifo,
    /// eventfd.
    Event,
    /// signalfd.
    Signal,
    /// epoll.
    EventPoll,
    /// inotify.
    Inotify,
    /// timerfd.
    Timer,
    /// Netlink socket.
    Netlink,
    /// BPF object.
    Bpf,
    /// userfaultfd.
    Userfault,
    /// io_uring.
    IoUring,
    /// memfd.
    Memfd,
    /// pidfd.
    Pidfd,
    /// A kind that is not supported.
    Unsupported,
}

/// Transport protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum L4Proto {
    /// Not known.
    Unknown,
    /// Not applicable.
    None,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// Raw.
    Raw,
}

/// Which end of a connection this side is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketRole {
    /// Not known.
    Unknown,
    /// It connected or sent first.
    Client,
    /// It was bound and accepts.
    Server,
}

/// An address and a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The address; IPv4-mapped IPv6 addresses are stored as IPv4.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
    /// Transport protocol.
    pub l4: L4Proto,
}

/// Both ends: the source is the client once the role is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SocketTuple {
    /// Source (client) address.
    pub source_ip: IpAddr,
    /// Source port.
    pub source_port: u16,
    /// Destination (server) address.
    pub destination_ip: IpAddr,
    /// Destination port.
    pub destination_port: u16,
    /// Transport protocol.
    pub l4: L4Proto,
    /// Which end we are.
    pub role: SocketRole,
}

impl SocketTuple {
    /// The same connection seen from the other side.
    pub(crate) fn swapped(self) -> Self {
        Self {
            source_ip: self.destination_ip,
            source_port: self.destination_port,
            destination_ip: self.source_ip,
            destination_port: self.source_port,
            ..self
        }
    }
}
