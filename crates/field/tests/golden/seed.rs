//! The head of a capture as state.

use std::net::IpAddr;

use capture::{Account, DescriptorKind as Stored, InterfaceAddress, NamedKind, Transport};
use state::{
    Descriptor, DescriptorKind, Endpoint, Group, Interface, L4Proto, SocketRole, SocketTuple,
    State, Thread, User,
};

pub(crate) fn processes(state: &mut State, processes: &[capture::Process]) {
    // Other threads share what their main thread has.
    let (main, others): (Vec<_>, Vec<_>) = processes
        .iter()
        .partition(|process| process.tid == process.pid);
    for process in main.into_iter().chain(others) {
        state.seed_thread(thread(process));
    }
}

fn thread(process: &capture::Process) -> Thread {
    let mut thread = Thread::new(process.tid, process.pid);
    thread.ptid = process.ptid;
    thread.sid = process.sid;
    thread.pgid = process.pgid;
    thread.vpgid = process.vpgid;
    thread.vtid = process.vtid;
    thread.vpid = process.vpid;
    thread.comm = process.comm.as_slice().into();
    thread.exe = process.exe.as_slice().into();
    thread.exepath = process.exepath.as_slice().into();
    thread.args = process.args.as_slice().into();
    thread.env = process.env.as_slice().into();
    // State keeps working directories with a slash at the end.
    let slash: &[u8] = if matches!(process.cwd.last(), None | Some(b'/')) {
        b""
    } else {
        b"/"
    };
    thread.cwd = [&process.cwd, slash].concat().into();
    thread.root = process.root.as_slice().into();
    thread.cgroups = process.cgroups.as_slice().into();
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

pub(crate) fn descriptors(state: &mut State, tid: i64, stored: &[capture::Descriptor]) {
    for descriptor in stored {
        state.seed_descriptor(tid, descriptor.fd, self::descriptor(descriptor));
    }
}

fn descriptor(stored: &capture::Descriptor) -> Descriptor {
    let tuple = |source: (IpAddr, u16), destination: (IpAddr, u16), transport| {
        DescriptorKind::Inet(SocketTuple {
            source_ip: source.0,
            source_port: source.1,
            destination_ip: destination.0,
            destination_port: destination.1,
            l4: l4(transport),
            role: SocketRole::Unknown,
        })
    };
    let server = |ip, port, transport| {
        DescriptorKind::InetServer(Endpoint {
            ip,
            port,
            l4: l4(transport),
        })
    };
    let (kind, name): (_, &[u8]) = match &stored.kind {
        Stored::File { name, .. } => (DescriptorKind::File, name),
        Stored::Ipv4 {
            source,
            destination,
            transport,
        } => {
            let (source, destination) = (
                (IpAddr::from(*source.ip()), source.port()),
                (IpAddr::from(*destination.ip()), destination.port()),
            );
            (tuple(source, destination, *transport), &[])
        }
        Stored::Ipv6 {
            source,
            destination,
            transport,
        } => {
            let canonical = |ip: &std::net::Ipv6Addr| IpAddr::from(*ip).to_canonical();
            let (source, destination) = (
                (canonical(source.ip()), source.port()),
                (canonical(destination.ip()), destination.port()),
            );
            (tuple(source, destination, *transport), &[])
        }
        Stored::Ipv4Server { local, transport } => (
            server(IpAddr::from(*local.ip()), local.port(), *transport),
            &[],
        ),
        Stored::Ipv6Server { local, transport } => (
            server(IpAddr::from(*local.ip()), local.port(), *transport),
            &[],
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
            name,
        ),
        Stored::Named { kind, name } => (named(*kind), name),
    };
    let mut descriptor = Descriptor::new(kind);
    descriptor.name = name.into();
    descriptor.name_raw = name.into();
    descriptor.ino = stored.ino;
    if let Stored::File {
        open_flags, dev, ..
    } = stored.kind
    {
        (descriptor.open_flags, descriptor.dev) = (open_flags, dev);
    }
    descriptor
}

fn named(kind: NamedKind) -> DescriptorKind {
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

fn l4(transport: Transport) -> L4Proto {
    match transport {
        Transport::Unknown => L4Proto::Unknown,
        Transport::NotApplicable => L4Proto::None,
        Transport::Tcp => L4Proto::Tcp,
        Transport::Udp => L4Proto::Udp,
        Transport::Icmp => L4Proto::Icmp,
        Transport::Raw => L4Proto::Raw,
    }
}

pub(crate) fn accounts(state: &mut State, accounts: &[Account]) {
    for account in accounts {
        match account {
            Account::User(user) => state.seed_user(User {
                uid: user.uid,
                gid: user.gid,
                name: user.name.as_slice().into(),
                home: user.home.as_slice().into(),
                shell: user.shell.as_slice().into(),
            }),
            Account::Group(group) => {
                state.seed_group(Group {
                    gid: group.gid,
                    name: group.name.as_slice().into(),
                });
            }
        }
    }
}

pub(crate) fn interfaces(state: &mut State, interfaces: &[capture::Interface]) {
    for interface in interfaces {
        let (address, netmask, broadcast): (IpAddr, IpAddr, IpAddr) = match interface.address {
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
            name: interface.name.as_slice().into(),
            address,
            netmask,
            broadcast,
            link_speed: interface.link_speed.unwrap_or(0),
        });
    }
}
