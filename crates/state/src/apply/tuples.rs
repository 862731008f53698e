//! Addresses of events as addresses of descriptors.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use event::{SockAddr, SockTuple};

use crate::{
    Descriptor, DescriptorKind as Kind, Endpoint, Interfaces, L4Proto, SharedBytes, SocketRole,
    SocketTuple,
};

/// An IPv4 address that is mapped into IPv6 is an IPv4 address.
fn unmapped(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// Both ends as an event gives them, the source first.
pub(super) fn inet_tuple(tuple: &SockTuple<'_>, l4: L4Proto) -> Option<SocketTuple> {
    let (source, destination): (SocketAddr, SocketAddr) = match tuple {
        SockTuple::V4(source, destination) => ((*source).into(), (*destination).into()),
        SockTuple::V6(source, destination) => ((*source).into(), (*destination).into()),
        SockTuple::Unix { .. } | SockTuple::Other(_) => return None,
    };
    Some(SocketTuple {
        source_ip: unmapped(source.ip()),
        source_port: source.port(),
        destination_ip: unmapped(destination.ip()),
        destination_port: destination.port(),
        l4,
        role: SocketRole::Unknown,
    })
}

/// The tuple of a connection of which only the peer is known.
pub(super) fn tuple_to(peer: &SockAddr<'_>, l4: L4Proto) -> Option<SocketTuple> {
    let peer: SocketAddr = match peer {
        SockAddr::V4(addr) => (*addr).into(),
        SockAddr::V6(addr) => (*addr).into(),
        SockAddr::Unix(_) | SockAddr::Other(_) => return None,
    };
    let destination_ip = unmapped(peer.ip());
    let source_ip = match destination_ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let destination_port = peer.port();
    let role = SocketRole::Unknown;
    Some(SocketTuple {
        source_ip,
        source_port: 0,
        destination_ip,
        destination_port,
        l4,
        role,
    })
}

/// What a socket is after a successful bind: a server when it has a port, else still without a
/// peer, but with a name.
pub(super) fn bound(address: &SockAddr<'_>, l4: L4Proto) -> Option<(Kind, SharedBytes)> {
    let address: SocketAddr = match address {
        SockAddr::V4(address) => (*address).into(),
        SockAddr::V6(address) => (*address).into(),
        SockAddr::Unix(path) => {
            return Some((
                Kind::Unix {
                    source: 0,
                    destination: 0,
                },
                Arc::from(*path),
            ));
        }
        SockAddr::Other(_) => return None,
    };
    let (ip, port) = (unmapped(address.ip()), address.port());
    if port > 0 {
        return Some((
            Kind::InetServer(Endpoint { ip, port, l4 }),
            SharedBytes::default(),
        ));
    }
    let mut name = Vec::new();
    // Writing to memory cannot fail.
    let _ = write!(name, "{ip}:{port}");
    Some((Kind::InetUnbound { v6: ip.is_ipv6() }, Arc::from(name)))
}

/// The transport protocol of a new internet socket.
pub(super) fn l4_of(socket_type: u64, protocol: u64) -> L4Proto {
    const SOCK_STREAM: u64 = 1;
    const SOCK_DGRAM: u64 = 2;
    const SOCK_RAW: u64 = 3;
    match (protocol, socket_type & 0xf) {
        (_, SOCK_RAW) => L4Proto::Raw,
        (6, _) | (0, SOCK_STREAM) => L4Proto::Tcp,
        (17, _) | (0, SOCK_DGRAM) => L4Proto::Udp,
        (1 | 58, _) => L4Proto::Icmp,
        (255, _) => L4Proto::Raw,
        _ => L4Proto::Unknown,
    }
}

impl Descriptor {
    /// The transport protocol, wherever it is written down.
    pub(super) fn transport(&self) -> L4Proto {
        match self.kind {
            Kind::Inet(tuple) => tuple.l4,
            Kind::InetServer(endpoint) => endpoint.l4,
            _ => self.l4,
        }
    }

    /// Makes a socket a connection, completing what is not specified. Says whether that changed
    /// anything.
    pub(super) fn connect_inet(&mut self, mut tuple: SocketTuple, interfaces: &Interfaces) -> bool {
        interfaces.complete(&mut tuple);
        let changed = self.kind != Kind::Inet(tuple);
        self.kind = Kind::Inet(tuple);
        self.l4 = tuple.l4;
        self.connected = true;
        if !self.name.is_empty() {
            self.name = SharedBytes::default();
        }
        changed
    }

    /// Makes a socket a connection between unix sockets. Says whether that changed anything.
    pub(super) fn connect_unix(&mut self, source: u64, destination: u64, path: &[u8]) -> bool {
        let changed = self.kind
            != Kind::Unix {
                source,
                destination,
            }
            || *self.name != *path;
        self.kind = Kind::Unix {
            source,
            destination,
        };
        crate::thread::share(&mut self.name, path);
        self.connected = true;
        changed
    }
}
