//! The picture of the machine at the start of a capture: into state, and out of it.
//!
//! `capture` and `state` do not know each other: one holds what a file says, the other what the
//! engine needs. This is the bridge, with one function a direction and kind.

use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::sync::Arc;

use capture::{
    Account, DescriptorKind as Stored, Interface as StoredInterface, InterfaceAddress, NamedKind,
    Process, Transport,
};
use state::{
    Descriptor, DescriptorKind, Endpoint, Group, Interface, L4Proto, SocketRole, SocketTuple,
    State, Thread, User,
};

/// Takes a stored thread into state.
pub fn seed_process(state: &mut State, process: &Process) {
    state.seed_thread(thread(process));
}

/// Takes a stored user or group into state.
pub fn seed_account(state: &mut State, account: &Account) {
    match account {
        Account::User(user) => state.seed_user(User {
            uid: user.uid,
            gid: user.gid,
            name: shared(&user.name),
            home: shared(&user.home),
            shell: shared(&user.shell),
        }),
        Account::Group(group) => {
            state.seed_group(Group {
                gid: group.gid,
                name: shared(&group.name),
            });
        }
    }
}

/// Takes a stored interface into state.
pub fn seed_interface(state: &mut State, stored: &StoredInterface) {
    let (address, netmask, broadcast) = match stored.address {
        InterfaceAddress::V4 {
            address,
            netmask,
            broadcast,
        } => (address.into(), netmask.into(), broadcast.into()),
        InterfaceAddress::V6 {
            address,
            netmask,
            broadcast,
        } => (address.into(), netmask.into(), broadcast.into()),
    };
    state.seed_interface(Interface {
        name: shared(&stored.name),
        address,
        netmask,
        broadcast,
        link_speed: stored.link_speed.unwrap_or(0),
    });
}

/// Takes a stored descriptor of a process into state.
pub fn seed_descriptor(state: &mut State, tid: i64, stored: &capture::Descriptor) {
    state.seed_descriptor(tid, stored.fd, descriptor(stored));
}

fn shared(bytes: &[u8]) -> Arc<[u8]> {
    Arc::from(bytes)
}

/// Captures hold a path without its trailing slash, state with it.
fn with_slash(path: &[u8]) -> Arc<[u8]> {
    if path.is_empty() || path.ends_with(b"/") {
        return shared(path);
    }
    [path, b"/"].concat().into()
}

fn thread(process: &Process) -> Thread {
    let mut thread = Thread::new(process.tid, process.pid);
    thread.ptid = process.ptid;
    thread.sid = process.sid;
    thread.pgid = process.pgid;
    thread.vtid = if process.vtid < 0 {
        process.tid
    } else {
        process.vtid
    };
    thread.vpid = if process.vpid < 0 {
        process.pid
    } else {
        process.vpid
    };
    thread.vpgid = process.vpgid;
    thread.comm = shared(&process.comm);
    thread.exe = shared(&process.exe);
    thread.exepath = shared(&process.exepath);
    thread.args = shared(&process.args);
    thread.env = shared(&process.env);
    thread.cwd = with_slash(&process.cwd);
    thread.root = shared(&process.root);
    thread.cgroups = shared(&process.cgroups);
    thread.fd_limit = process.fd_limit as i64;
    thread.flags = process.flags;
    thread.uid = process.uid;
    thread.gid = process.gid;
    thread.loginuid = process.loginuid;
    thread.cap_inheritable = process.cap_inheritable;
    thread.cap_permitted = process.cap_permitted;
    thread.cap_effective = process.cap_effective;
    thread.exe_ino = process.exe_ino;
    thread.exe_ctime = process.exe_ctime;
    thread.exe_mtime = process.exe_mtime;
    thread.exe_writable = process.exe_writable;
    thread.exe_upper_layer = process.exe_upper_layer;
    thread.exe_lower_layer = process.exe_lower_layer;
    thread.exe_from_memfd = process.exe_from_memfd;
    thread.tty = process.tty;
    thread.vm_size = process.vm_size;
    thread.vm_rss = process.vm_rss;
    thread.vm_swap = process.vm_swap;
    thread.pf_major = process.pf_major;
    thread.pf_minor = process.pf_minor;
    thread.pidns_init_start_ts = process.pidns_init_start_ts;
    thread
}

/// The form of a thread that a capture holds.
pub fn store_thread(thread: &Thread) -> Process {
    Process {
        tid: thread.tid,
        pid: thread.pid,
        ptid: thread.ptid,
        sid: thread.sid,
        vpgid: thread.vpgid,
        pgid: thread.pgid,
        vtid: thread.vtid,
        vpid: thread.vpid,
        comm: thread.comm.to_vec(),
        exe: thread.exe.to_vec(),
        exepath: thread.exepath.to_vec(),
        args: thread.args.to_vec(),
        env: thread.env.to_vec(),
        cwd: thread.cwd.to_vec(),
        root: thread.root.to_vec(),
        cgroups: thread.cgroups.to_vec(),
        fd_limit: u64::try_from(thread.fd_limit).unwrap_or(0),
        flags: thread.flags,
        uid: thread.uid,
        gid: thread.gid,
        loginuid: thread.loginuid,
        vm_size: thread.vm_size,
        vm_rss: thread.vm_rss,
        vm_swap: thread.vm_swap,
        pf_major: thread.pf_major,
        pf_minor: thread.pf_minor,
        pidns_init_start_ts: thread.pidns_init_start_ts,
        tty: thread.tty,
        exe_writable: thread.exe_writable,
        exe_upper_layer: thread.exe_upper_layer,
        exe_lower_layer: thread.exe_lower_layer,
        exe_from_memfd: thread.exe_from_memfd,
        cap_inheritable: thread.cap_inheritable,
        cap_permitted: thread.cap_permitted,
        cap_effective: thread.cap_effective,
        exe_ino: thread.exe_ino,
        exe_ctime: thread.exe_ctime,
        exe_mtime: thread.exe_mtime,
    }
}

fn descriptor(stored: &capture::Descriptor) -> Descriptor {
    let inet = |source_ip, source_port, destination_ip, destination_port, transport| {
        DescriptorKind::Inet(SocketTuple {
            source_ip,
            source_port,
            destination_ip,
            destination_port,
            l4: l4_of(transport),
            role: SocketRole::Unknown,
        })
    };
    let (kind, name) = match &stored.kind {
        Stored::File { name, .. } => (DescriptorKind::File, Some(name)),
        Stored::Ipv4 {
            source,
            destination,
            transport,
        } => (
            inet(
                IpAddr::V4(*source.ip()),
                source.port(),
                IpAddr::V4(*destination.ip()),
                destination.port(),
                *transport,
            ),
            None,
        ),
        Stored::Ipv6 {
            source,
            destination,
            transport,
        } => (
            inet(
                IpAddr::V6(*source.ip()).to_canonical(),
                source.port(),
                IpAddr::V6(*destination.ip()).to_canonical(),
                destination.port(),
                *transport,
            ),
            None,
        ),
        Stored::Ipv4Server { local, transport } => (
            DescriptorKind::InetServer(Endpoint {
                ip: IpAddr::V4(*local.ip()),
                port: local.port(),
                l4: l4_of(*transport),
            }),
            None,
        ),
        Stored::Ipv6Server { local, transport } => (
            DescriptorKind::InetServer(Endpoint {
                ip: IpAddr::V6(*local.ip()),
                port: local.port(),
                l4: l4_of(*transport),
            }),
            None,
        ),
        Stored::Unix {
            source,
            destination,
            name,
        } => (
            DescriptorKind::Unix {
                source: *source,
                destination: *destination,
            },
            Some(name),
        ),
        Stored::Named { kind, name } => (named_kind(*kind), Some(name)),
    };
    let mut descriptor = Descriptor::new(kind);
    descriptor.ino = stored.ino;
    if let Some(name) = name {
        descriptor.name = shared(name);
        descriptor.name_raw = Arc::clone(&descriptor.name);
    }
    match &stored.kind {
        Stored::File {
            open_flags, dev, ..
        } => {
            descriptor.open_flags = *open_flags;
            descriptor.dev = *dev;
        }
        Stored::Ipv4 { transport, .. }
        | Stored::Ipv6 { transport, .. }
        | Stored::Ipv4Server { transport, .. }
        | Stored::Ipv6Server { transport, .. } => {
            descriptor.l4 = l4_of(*transport);
            descriptor.connected = *transport == Transport::Tcp
                && matches!(stored.kind, Stored::Ipv4 { .. } | Stored::Ipv6 { .. });
        }
        _ => {}
    }
    descriptor
}

/// The form of a descriptor that a capture holds; `None` for one of which nothing is known.
pub fn store_descriptor(fd: i64, descriptor: &Descriptor) -> Option<capture::Descriptor> {
    let name = || descriptor.name.to_vec();
    let named = |kind| Stored::Named { kind, name: name() };
    let kind = match descriptor.kind {
        DescriptorKind::Unknown => return None,
        DescriptorKind::File => Stored::File {
            open_flags: descriptor.open_flags,
            name: name(),
            dev: descriptor.dev,
        },
        DescriptorKind::Inet(tuple) => store_tuple(&tuple),
        DescriptorKind::InetServer(Endpoint {
            ip: IpAddr::V4(ip),
            port,
            l4,
        }) => Stored::Ipv4Server {
            local: SocketAddrV4::new(ip, port),
            transport: transport_of(l4),
        },
        DescriptorKind::InetServer(Endpoint {
            ip: IpAddr::V6(ip),
            port,
            l4,
        }) => Stored::Ipv6Server {
            local: SocketAddrV6::new(ip, port, 0, 0),
            transport: transport_of(l4),
        },
        DescriptorKind::InetUnbound { v6: false } => Stored::Ipv4 {
            source: SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0),
            destination: SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0),
            transport: transport_of(descriptor.l4),
        },
        DescriptorKind::InetUnbound { v6: true } => Stored::Ipv6 {
            source: SocketAddrV6::new(std::net::Ipv6Addr::UNSPECIFIED, 0, 0, 0),
            destination: SocketAddrV6::new(std::net::Ipv6Addr::UNSPECIFIED, 0, 0, 0),
            transport: transport_of(descriptor.l4),
        },
        DescriptorKind::Unix {
            source,
            destination,
        } => Stored::Unix {
            source,
            destination,
            name: name(),
        },
        DescriptorKind::Directory => named(NamedKind::Directory),
        DescriptorKind::Fifo => named(NamedKind::Fifo),
        DescriptorKind::Event => named(NamedKind::Event),
        DescriptorKind::Signal => named(NamedKind::Signal),
        DescriptorKind::EventPoll => named(NamedKind::EventPoll),
        DescriptorKind::Inotify => named(NamedKind::Inotify),
        DescriptorKind::Timer => named(NamedKind::Timer),
        DescriptorKind::Netlink => named(NamedKind::Netlink),
        DescriptorKind::Bpf => named(NamedKind::Bpf),
        DescriptorKind::Userfault => named(NamedKind::Userfault),
        DescriptorKind::IoUring => named(NamedKind::IoUring),
        DescriptorKind::Memfd => named(NamedKind::Memfd),
        DescriptorKind::Pidfd => named(NamedKind::Pidfd),
        DescriptorKind::Unsupported => named(NamedKind::Unsupported),
    };
    Some(capture::Descriptor {
        fd,
        ino: descriptor.ino,
        kind,
    })
}

/// A capture holds this end first, whoever is the client: readers find out who is, from the ports
/// that are listened on.
fn store_tuple(tuple: &SocketTuple) -> Stored {
    let transport = transport_of(tuple.l4);
    let source = (tuple.source_ip, tuple.source_port);
    let destination = (tuple.destination_ip, tuple.destination_port);
    let (own, peer) = match tuple.role {
        SocketRole::Server => (destination, source),
        SocketRole::Client | SocketRole::Unknown => (source, destination),
    };
    match (own.0, peer.0) {
        (IpAddr::V4(own_ip), IpAddr::V4(peer_ip)) => Stored::Ipv4 {
            source: SocketAddrV4::new(own_ip, own.1),
            destination: SocketAddrV4::new(peer_ip, peer.1),
            transport,
        },
        (own_ip, peer_ip) => Stored::Ipv6 {
            source: SocketAddrV6::new(to_v6(own_ip), own.1, 0, 0),
            destination: SocketAddrV6::new(to_v6(peer_ip), peer.1, 0, 0),
            transport,
        },
    }
}

fn to_v6(ip: IpAddr) -> std::net::Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// The form of an interface that a capture holds.
pub fn store_interface(interface: &Interface) -> Option<StoredInterface> {
    let address = match (interface.address, interface.netmask, interface.broadcast) {
        (IpAddr::V4(address), IpAddr::V4(netmask), IpAddr::V4(broadcast)) => InterfaceAddress::V4 {
            address,
            netmask,
            broadcast,
        },
        (IpAddr::V6(address), IpAddr::V6(netmask), broadcast) => InterfaceAddress::V6 {
            address,
            netmask,
            broadcast: to_v6(broadcast),
        },
        _ => return None,
    };
    Some(StoredInterface {
        name: interface.name.to_vec(),
        address,
        link_speed: Some(interface.link_speed),
    })
}

/// The form of a user that a capture holds.
pub fn store_user(user: &User) -> Account {
    Account::User(capture::User {
        uid: user.uid,
        gid: user.gid,
        name: user.name.to_vec(),
        home: user.home.to_vec(),
        shell: user.shell.to_vec(),
    })
}

/// The form of a group that a capture holds.
pub fn store_group(group: &Group) -> Account {
    Account::Group(capture::Group {
        gid: group.gid,
        name: group.name.to_vec(),
    })
}

fn l4_of(transport: Transport) -> L4Proto {
    match transport {
        Transport::Unknown => L4Proto::Unknown,
        Transport::NotApplicable => L4Proto::None,
        Transport::Tcp => L4Proto::Tcp,
        Transport::Udp => L4Proto::Udp,
        Transport::Icmp => L4Proto::Icmp,
        Transport::Raw => L4Proto::Raw,
    }
}

fn transport_of(l4: L4Proto) -> Transport {
    match l4 {
        L4Proto::Unknown => Transport::Unknown,
        L4Proto::None => Transport::NotApplicable,
        L4Proto::Tcp => Transport::Tcp,
        L4Proto::Udp => Transport::Udp,
        L4Proto::Icmp => Transport::Icmp,
        L4Proto::Raw => Transport::Raw,
    }
}

fn named_kind(kind: NamedKind) -> DescriptorKind {
    match kind {
        NamedKind::Directory => DescriptorKind::Directory,
        NamedKind::Fifo => DescriptorKind::Fifo,
        NamedKind::Event => DescriptorKind::Event,
        NamedKind::Unsupported => DescriptorKind::Unsupported,
        NamedKind::Signal => DescriptorKind::Signal,
        NamedKind::EventPoll => DescriptorKind::EventPoll,
        NamedKind::Inotify => DescriptorKind::Inotify,
        NamedKind::Timer => DescriptorKind::Timer,
        NamedKind::Netlink => DescriptorKind::Netlink,
        NamedKind::Bpf => DescriptorKind::Bpf,
        NamedKind::Userfault => DescriptorKind::Userfault,
        NamedKind::IoUring => DescriptorKind::IoUring,
        NamedKind::Memfd => DescriptorKind::Memfd,
        NamedKind::Pidfd => DescriptorKind::Pidfd,
    }
}
