//! Sockets being made, bound and connected.

use event::{AF_INET, AF_INET6, AF_UNIX, EventType as T, EventView, SockAddr, SockTuple};

use super::Created;
use super::descriptors::NATIVE_CLOEXEC;
use super::tuples::{bound, inet_tuple, l4_of, tuple_to};
use crate::descriptor::O_CLOEXEC;
use crate::{Descriptor, DescriptorKind as Kind, L4Proto, SocketRole, State};

const AF_NETLINK: u64 = 16;
const EINPROGRESS: i64 = 115;

/// A socket that has no address yet, by family.
pub(super) fn fresh(family: u64) -> Kind {
    match u8::try_from(family) {
        Ok(AF_UNIX) => Kind::Unix {
            source: 0,
            destination: 0,
        },
        Ok(AF_INET) => Kind::InetUnbound { v6: false },
        Ok(AF_INET6) => Kind::InetUnbound { v6: true },
        _ if family == AF_NETLINK => Kind::Netlink,
        _ => Kind::Unsupported,
    }
}

impl State {
    pub(super) fn socket(&mut self, event: &EventView<'_>) -> Created {
        let fd = event.i64(0).filter(|fd| *fd >= 0)?;
        let socket_type = event.u64(2).unwrap_or(0);
        let mut descriptor = Descriptor::new(fresh(event.u64(1).unwrap_or(0)));
        if matches!(descriptor.kind, Kind::InetUnbound { .. }) {
            descriptor.l4 = l4_of(socket_type, event.u64(3).unwrap_or(0));
        }
        let flags = event.u32(4).unwrap_or(0);
        descriptor.set_cloexec(socket_type & NATIVE_CLOEXEC != 0 || flags & O_CLOEXEC != 0);
        self.add_descriptor(event.tid(), fd, descriptor);
        Some(fd)
    }

    /// Two ends; the event is about the second.
    pub(super) fn socketpair(&mut self, event: &EventView<'_>) -> Created {
        event.i64(0).filter(|res| *res >= 0)?;
        let (first, second) = (event.i64(1)?, event.i64(2)?);
        let source = event.u64(3).unwrap_or(0);
        let destination = event.u64(4).unwrap_or(0);
        let cloexec = event.u64(6).is_some_and(|ty| ty & NATIVE_CLOEXEC != 0);
        let mut descriptor = Descriptor::new(Kind::Unix {
            source,
            destination,
        });
        descriptor.set_cloexec(cloexec);
        self.add_descriptor(event.tid(), first, descriptor.clone());
        descriptor.kind = Kind::Unix {
            source: destination,
            destination: source,
        };
        self.add_descriptor(event.tid(), second, descriptor);
        Some(second)
    }

    pub(super) fn bind(&mut self, event: &EventView<'_>) {
        if event.i64(0).is_none_or(|res| res < 0) {
            return;
        }
        let (Some(fd), Some(address)) = (event.i64(2), event.param(1).and_then(SockAddr::parse))
        else {
            return;
        };
        let mut descriptor = self.socket_or_new(event.tid(), fd, L4Proto::Unknown);
        let Some((kind, name)) = bound(&address, descriptor.transport()) else {
            return;
        };
        descriptor.kind = kind;
        descriptor.name = name;
        self.replace(event.tid(), fd, descriptor);
    }

    /// A connect that is still in progress counts: what follows on the descriptor belongs to it.
    pub(super) fn connect(&mut self, event: &EventView<'_>) {
        let tid = event.tid();
        let entered = self.with_entered(tid, T::SOCKET_CONNECT_E, |enter| {
            Some((enter.i64(0)?, enter.param(1)?.to_vec()))
        });
        if event
            .i64(0)
            .is_none_or(|res| res < 0 && res != -EINPROGRESS)
        {
            return;
        }
        let Some(fd) = event.i64(2).or(entered.as_ref().map(|(fd, _)| *fd)) else {
            return;
        };
        let mut descriptor = self.socket_or_new(tid, fd, L4Proto::Unknown);
        let l4 = descriptor.transport();
        let tuple = event.param(1).and_then(SockTuple::parse);
        let changed = match &tuple {
            Some(SockTuple::Unix {
                source,
                destination,
                path,
            }) => descriptor.connect_unix(*source, *destination, path),
            tuple => {
                // The tuple comes from the kernel's own socket; the address is what the program
                // asked for, and the one at the entry is what the kernel read.
                let tuple = tuple
                    .as_ref()
                    .and_then(|tuple| inet_tuple(tuple, l4))
                    .or_else(|| {
                        let bytes = entered.as_ref().map(|(_, address)| address.as_slice());
                        tuple_to(&SockAddr::parse(bytes.or(event.param(3))?)?, l4)
                    });
                let Some(mut tuple) = tuple else { return };
                tuple.role = SocketRole::Client;
                descriptor.connect_inet(tuple, &self.interfaces)
            }
        };
        self.rename(tid, fd, descriptor, changed);
    }

    pub(super) fn accept(&mut self, event: &EventView<'_>) -> Created {
        let fd = event.i64(0).filter(|fd| *fd >= 0)?;
        let mut descriptor = Descriptor::new(Kind::Unsupported);
        match event.param(1).and_then(SockTuple::parse) {
            Some(SockTuple::Unix {
                source,
                destination,
                path,
            }) => {
                descriptor.connect_unix(source, destination, path);
            }
            tuple => {
                if let Some(mut tuple) = tuple.and_then(|tuple| inet_tuple(&tuple, L4Proto::Tcp)) {
                    tuple.role = SocketRole::Server;
                    descriptor.connect_inet(tuple, &self.interfaces);
                }
            }
        }
        let flags = event.u64(5).unwrap_or(0);
        descriptor.set_cloexec(flags & NATIVE_CLOEXEC != 0);
        self.add_descriptor(event.tid(), fd, descriptor);
        Some(fd)
    }

    /// What is known of a socket, or a new one when its creation was not seen.
    pub(super) fn socket_or_new(&self, tid: i64, fd: i64, l4: L4Proto) -> Descriptor {
        let known = self
            .threads
            .get(tid)
            .and_then(|thread| self.files.get(thread.files, fd));
        known.cloned().unwrap_or_else(|| Descriptor {
            l4,
            ..Descriptor::new(Kind::Unknown)
        })
    }

    /// Writes back what has changed.
    fn replace(&mut self, tid: i64, fd: i64, descriptor: Descriptor) {
        match self.descriptor_mut(tid, fd) {
            Some(known) => *known = descriptor,
            None => {
                self.add_descriptor(tid, fd, descriptor);
            }
        }
    }

    /// Writes back a socket; a change of its name is seen by this event and no other.
    pub(super) fn rename(&mut self, tid: i64, fd: i64, mut descriptor: Descriptor, changed: bool) {
        descriptor.name_changed = changed;
        self.replace(tid, fd, descriptor);
        if changed && let Some(thread) = self.threads.get(tid) {
            self.renamed = Some((thread.files, fd));
        }
    }
}
