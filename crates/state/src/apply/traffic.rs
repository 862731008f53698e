//! Data going through sockets, and what that tells about their ends.
//!
//! A connected stream says nothing new. A datagram carries both ends, which may be others every
//! time, and the first one is a hint at who serves whom.

use event::{EventType as T, EventView, SockTuple};

use super::tuples::inet_tuple;
use crate::{Descriptor, DescriptorKind as Kind, L4Proto, SocketRole, SocketTuple, State};

const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;

/// More descriptors than this do not fit into one message (`SCM_MAX_FD`).
const MAX_PASSED: usize = 253;

/// Where the parameters of an event are.
struct Layout {
    tuple: usize,
    fd: usize,
    receives: bool,
    control: Option<usize>,
}

fn layout(event_type: T) -> Option<Layout> {
    let (tuple, fd, receives, control) = match event_type {
        T::SOCKET_SEND_X | T::SOCKET_SENDTO_X | T::SOCKET_SENDMSG_X => (4, 2, false, None),
        T::SOCKET_SENDMMSG_X => (4, 1, false, None),
        T::SOCKET_RECV_X => (4, 2, true, None),
        T::SOCKET_RECVFROM_X => (2, 3, true, None),
        T::SOCKET_RECVMSG_X => (3, 5, true, Some(4)),
        T::SOCKET_RECVMMSG_X => (4, 1, true, Some(5)),
        _ => return None,
    };
    Some(Layout {
        tuple,
        fd,
        receives,
        control,
    })
}

impl State {
    pub(super) fn transfer(&mut self, event: &EventView<'_>) {
        let Some(layout) = layout(event.event_type()) else {
            return;
        };
        if event.i64(0).is_none_or(|res| res < 0) {
            return;
        }
        let Some(fd) = event.i64(layout.fd).filter(|fd| *fd >= 0) else {
            return;
        };
        if let Some(tuple) = event.param(layout.tuple).and_then(SockTuple::parse) {
            self.learn_ends(event.tid(), fd, &tuple, layout.receives);
        }
        if let Some(control) = layout.control.and_then(|index| event.param(index)) {
            self.receive_descriptors(event.tid(), control, event.ts());
        }
    }

    fn learn_ends(&mut self, tid: i64, fd: i64, tuple: &SockTuple<'_>, receives: bool) {
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        let known = self.files.get(thread.files, fd);
        if let SockTuple::Unix {
            source,
            destination,
            path,
        } = tuple
        {
            let same = |known: &Descriptor| {
                known.kind
                    == Kind::Unix {
                        source: *source,
                        destination: *destination,
                    }
                    && *known.name == **path
            };
            if known.is_none_or(|known| !is_open_ended(known) || same(known)) {
                return;
            }
            let mut descriptor = self.socket_or_new(tid, fd, L4Proto::Unknown);
            let changed = descriptor.connect_unix(*source, *destination, path);
            return self.rename(tid, fd, descriptor, changed);
        }
        // Only a datagram socket can send before anything else was seen of it.
        if known.map_or(receives, |known| !is_open_ended(known)) {
            return;
        }
        let l4 = known.map_or(L4Proto::Udp, Descriptor::transport);
        let Some(mut ends) = inet_tuple(tuple, l4) else {
            return;
        };
        self.interfaces.complete(&mut ends);
        let role = match known.map(|known| known.kind) {
            Some(Kind::Inet(tuple)) if tuple.role != SocketRole::Unknown => tuple.role,
            Some(Kind::InetServer(_)) => SocketRole::Server,
            _ => self.guess_role(tid, &ends, receives),
        };
        ends.role = role;
        // The event gives the sender first, a descriptor the client.
        let sender_is_client = receives == (role == SocketRole::Server);
        if !sender_is_client {
            ends = ends.swapped();
        }
        if known.is_some_and(|known| known.kind == Kind::Inet(ends) && known.connected) {
            return;
        }
        let mut descriptor = self.socket_or_new(tid, fd, l4);
        let changed = descriptor.connect_inet(ends, &self.interfaces);
        self.rename(tid, fd, descriptor, changed);
    }

    /// Who serves whom, from which ports the process is bound to and calls from; failing that, a
    /// server is taken to receive first and a client to send first.
    fn guess_role(&self, tid: i64, ends: &SocketTuple, receives: bool) -> SocketRole {
        let (mut is_bound, mut calls_from) = (false, false);
        if let Some(thread) = self.threads.get(tid) {
            for descriptor in self.files.map(thread.files).values() {
                match descriptor.kind {
                    Kind::InetServer(endpoint) => {
                        is_bound |= endpoint.port == ends.destination_port;
                    }
                    Kind::Inet(tuple) => {
                        is_bound |= tuple.destination_port == ends.destination_port
                            && tuple.role == SocketRole::Server;
                        calls_from |= tuple.source_port == ends.source_port
                            && tuple.role == SocketRole::Client;
                    }
                    _ => {}
                }
            }
        }
        match (is_bound, calls_from) {
            (false, false) => SocketRole::Client,
            (true, false) => SocketRole::Server,
            _ if receives => SocketRole::Server,
            _ => SocketRole::Client,
        }
    }

    /// Descriptors that came in a message: nothing in the event says what they are.
    fn receive_descriptors(&mut self, tid: i64, control: &[u8], ts: u64) {
        if self.lookup.is_none() {
            return;
        }
        let Some(pid) = self.threads.get(tid).map(|thread| thread.pid) else {
            return;
        };
        for fd in passed_descriptors(control) {
            if let Some(descriptor) = self.look_up_descriptor(pid, fd, ts) {
                self.add_descriptor(tid, fd, descriptor);
                self.counters.n_healed_fds += 1;
            }
        }
    }
}

/// Whether messages can change the ends: not those of a stream that has both.
fn is_open_ended(descriptor: &Descriptor) -> bool {
    match descriptor.kind {
        Kind::Inet(tuple) => tuple.l4 != L4Proto::Tcp,
        Kind::Unix { destination, .. } => destination == 0 || descriptor.name.is_empty(),
        Kind::InetServer(_) | Kind::InetUnbound { .. } | Kind::Unknown => true,
        _ => false,
    }
}

/// The numbers in the `SCM_RIGHTS` parts of a message's control data (`struct cmsghdr`: length
/// u64, level i32, type i32; then the data, padded to 8 bytes).
fn passed_descriptors(mut control: &[u8]) -> impl Iterator<Item = i64> {
    const HEADER: usize = 16;
    let mut data: &[u8] = &[];
    std::iter::from_fn(move || {
        loop {
            if let Some((fd, rest)) = data.split_first_chunk::<4>() {
                data = rest;
                return Some(i64::from(i32::from_ne_bytes(*fd)));
            }
            let (len, rest) = control.split_first_chunk::<8>()?;
            let (level, rest) = rest.split_first_chunk::<4>()?;
            let (kind, _) = rest.split_first_chunk::<4>()?;
            let len = usize::try_from(u64::from_ne_bytes(*len))
                .ok()
                .filter(|len| *len >= HEADER)?;
            if (i32::from_ne_bytes(*level), i32::from_ne_bytes(*kind)) == (SOL_SOCKET, SCM_RIGHTS) {
                data = control.get(HEADER..len)?;
            }
            let next = len.checked_next_multiple_of(8)?;
            control = control.get(next..).unwrap_or_default();
        }
    })
    .filter(|fd| *fd >= 0)
    .take(MAX_PASSED)
}
