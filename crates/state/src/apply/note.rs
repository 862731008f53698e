//! What the probe tells of descriptors that were made before anybody looked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use event::{EventType as T, EventView};

use super::tuples::l4_of;
use crate::{Descriptor, DescriptorKind as Kind, L4Proto, SocketRole, SocketTuple, State};

impl State {
    /// A thread has a file open: 0 descriptor, 1 path, 2 flags, 4 inode.
    pub(super) fn note_file(&mut self, event: &EventView<'_>) {
        let Some(fd) = event.i64(0).filter(|fd| *fd >= 0) else {
            return;
        };
        let ino = event.u64(4).unwrap_or(0);
        let (tid, path) = (event.tid(), event.str(1).unwrap_or_default());
        if let Some(thread) = self.threads.get(tid)
            && let Some(known) = self.descriptor(thread, fd)
            && known.ino == ino
            && ino != 0
        {
            // How the program called it is known as well.
            return;
        }
        let mut descriptor = Descriptor::new(Kind::File);
        descriptor.name = Arc::from(path);
        descriptor.name_raw = Arc::clone(&descriptor.name);
        descriptor.open_flags = event.u32(2).unwrap_or(0);
        descriptor.ino = ino;
        self.add_descriptor(tid, fd, descriptor);
    }

    /// A thread has a socket: 0 descriptor, 1 type, 2 protocol; of internet sockets 3 and 4 this
    /// end, 5 and 6 the other one; of unix sockets 3 the kernel's address, 4 the path. The last is
    /// the inode.
    ///
    /// What events have said of the same socket is kept: who called whom, which port was bound, who
    /// was spoken to last. A socket of which nothing is known becomes what it would be had its making
    /// been seen, and the connection of a datagram socket.
    pub(super) fn note_socket(&mut self, event: &EventView<'_>) {
        let Some(fd) = event.i64(0).filter(|fd| *fd >= 0) else {
            return;
        };
        let told = match event.event_type() {
            T::ITER_TASK_FILE_SOCKET_UNIX_E => self.told_unix(event, fd),
            T::ITER_TASK_FILE_SOCKET_NETLINK_E => self.told(
                event,
                fd,
                3,
                |known| known.kind == Kind::Netlink,
                || Descriptor::new(Kind::Netlink),
            ),
            _ => self.told_inet(event, fd),
        };
        if let Some(descriptor) = told {
            self.add_descriptor(event.tid(), fd, descriptor);
        }
    }

    /// What is known of a socket, when that is about this one (by its inode or, before it was told
    /// of, by `is_same`), else a `fresh` one.
    fn told(
        &self,
        event: &EventView<'_>,
        fd: i64,
        ino_at: usize,
        is_same: impl Fn(&Descriptor) -> bool,
        fresh: impl Fn() -> Descriptor,
    ) -> Option<Descriptor> {
        let ino = event.u64(ino_at)?;
        let thread = self.threads.get(event.tid())?;
        let known = self.files.get(thread.files, fd).filter(|known| {
            let is_socket = !matches!(known.kind, Kind::File | Kind::Directory);
            is_socket && known.ino == ino || known.ino == 0 && is_same(known)
        });
        let mut descriptor = known.cloned().unwrap_or_else(fresh);
        descriptor.ino = ino;
        Some(descriptor)
    }

    fn told_unix(&self, event: &EventView<'_>, fd: i64) -> Option<Descriptor> {
        let own = event.u64(3)?;
        let is_same = |known: &Descriptor| match known.kind {
            Kind::Unix {
                source,
                destination,
            } => source == own || destination == own,
            _ => false,
        };
        self.told(event, fd, 5, is_same, || {
            let mut descriptor = Descriptor::new(Kind::Unix {
                source: 0,
                destination: 0,
            });
            descriptor.name = event.str(4).map(Arc::from).unwrap_or_default();
            descriptor
        })
    }

    fn told_inet(&self, event: &EventView<'_>, fd: i64) -> Option<Descriptor> {
        let (socket_type, protocol) = (event.u64(1)?, event.u64(2)?);
        let (local, remote) = (end(event, 3)?, end(event, 5)?);
        let v6 = event.event_type() == T::ITER_TASK_FILE_SOCKET_INET6_E;
        let l4 = l4_of(socket_type, protocol);
        let is_connected = remote.port() != 0;
        let is_same = |known: &Descriptor| match known.kind {
            Kind::Inet(tuple) if tuple.l4 == l4 => {
                is_between(tuple, local, remote) || !is_connected && is_at(tuple, local.port())
            }
            _ => false,
        };
        let mut descriptor = self.told(event, fd, 7, is_same, || Descriptor {
            l4,
            ..Descriptor::new(Kind::InetUnbound { v6 })
        })?;
        let is_known = match descriptor.kind {
            // Of streams every connection is followed.
            Kind::Inet(_) if l4 == L4Proto::Tcp => true,
            Kind::Inet(tuple) => is_between(tuple, local, remote),
            _ => false,
        };
        if is_connected && !is_known {
            let role = match l4 {
                L4Proto::Tcp => SocketRole::Unknown,
                _ => SocketRole::Client,
            };
            let tuple = SocketTuple {
                source_ip: local.ip(),
                source_port: local.port(),
                destination_ip: remote.ip(),
                destination_port: remote.port(),
                l4,
                role,
            };
            descriptor.connect_inet(tuple, &self.interfaces);
        }
        Some(descriptor)
    }
}

/// An end of an internet socket: the address in the parameter with this index, and the port.
fn end(event: &EventView<'_>, index: usize) -> Option<SocketAddr> {
    let bytes = event.param(index)?;
    let ip = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(bytes), _) => IpAddr::from(Ipv4Addr::from(bytes)),
        (_, Ok(bytes)) => IpAddr::from(Ipv6Addr::from(bytes)).to_canonical(),
        _ => return None,
    };
    let port = u16::try_from(event.u64(index + 1)?).ok()?;
    Some(SocketAddr::new(ip, port))
}

/// Whether a connection is the one from here to there, whoever called.
fn is_between(tuple: SocketTuple, local: SocketAddr, remote: SocketAddr) -> bool {
    let is = |tuple: SocketTuple| {
        (tuple.destination_ip, tuple.destination_port) == (remote.ip(), remote.port())
            && tuple.source_port == local.port()
    };
    is(tuple) || is(tuple.swapped())
}

/// Whether this side of a connection has this port.
fn is_at(tuple: SocketTuple, port: u16) -> bool {
    port != 0
        && match tuple.role {
            SocketRole::Server => tuple.destination_port == port,
            _ => tuple.source_port == port,
        }
}
