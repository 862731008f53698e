//! The ends of sockets, and the names that descriptors have because of them.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use state::{Descriptor, DescriptorKind, L4Proto, SocketRole, SocketTuple};

use crate::view::View;

/// One end: an address and a port.
pub(crate) type End = (IpAddr, u16);

/// Whether a descriptor is an internet socket.
pub(crate) fn is_inet(kind: DescriptorKind) -> bool {
    use DescriptorKind as D;
    matches!(kind, D::Inet(_) | D::InetServer(_) | D::InetUnbound { .. })
}

/// Both ends of a connection whose direction is known, the client first.
fn connection(kind: DescriptorKind) -> Option<(End, End)> {
    match kind {
        DescriptorKind::Inet(tuple) if tuple.role != SocketRole::Unknown => Some(ends(tuple)),
        _ => None,
    }
}

fn ends(tuple: SocketTuple) -> (End, End) {
    (
        (tuple.source_ip, tuple.source_port),
        (tuple.destination_ip, tuple.destination_port),
    )
}

/// The client's end.
pub(crate) fn client(kind: DescriptorKind) -> Option<End> {
    connection(kind).map(|(client, _)| client)
}

/// The server's end; a socket that listens has no other.
pub(crate) fn server(kind: DescriptorKind) -> Option<End> {
    match kind {
        DescriptorKind::InetServer(endpoint) => Some((endpoint.ip, endpoint.port)),
        _ => connection(kind).map(|(_, server)| server),
    }
}

/// This side's end.
pub(crate) fn local(view: &View<'_>, kind: DescriptorKind) -> Option<End> {
    let (client, server) = connection(kind)?;
    Some(if is_local(view, client.0) {
        client
    } else {
        server
    })
}

/// The other side's end.
pub(crate) fn remote(view: &View<'_>, kind: DescriptorKind) -> Option<End> {
    let (client, server) = connection(kind)?;
    Some(if is_local(view, client.0) {
        server
    } else {
        client
    })
}

/// Both ends whatever the direction, for fields that match either; a listening socket has one.
pub(crate) fn either(kind: DescriptorKind) -> (Option<End>, Option<End>) {
    match kind {
        DescriptorKind::Inet(tuple) => {
            let (source, destination) = ends(tuple);
            (Some(source), Some(destination))
        }
        DescriptorKind::InetServer(endpoint) => (Some((endpoint.ip, endpoint.port)), None),
        _ => (None, None),
    }
}

/// Whether this side is the server: it listens, or the destination is one of our addresses.
pub(crate) fn is_server(view: &View<'_>, kind: DescriptorKind) -> bool {
    match kind {
        DescriptorKind::InetServer(_) => true,
        DescriptorKind::Inet(tuple) => is_local(view, tuple.destination_ip),
        DescriptorKind::InetUnbound { v6: true } => is_local(view, Ipv6Addr::UNSPECIFIED.into()),
        DescriptorKind::InetUnbound { v6: false } => is_local(view, Ipv4Addr::UNSPECIFIED.into()),
        _ => false,
    }
}

/// Whether an address is ours. An IPv6 host picks new addresses within its network all the time,
/// so that the whole /64 of each of its addresses counts as its own.
fn is_local(view: &View<'_>, address: IpAddr) -> bool {
    let interfaces = view.state.interfaces();
    if interfaces.is_local(address) {
        return true;
    }
    let IpAddr::V6(address) = address else {
        return false;
    };
    let network = |address: Ipv6Addr| address.to_bits() >> 64;
    interfaces.iter().any(|interface| match interface.address {
        IpAddr::V6(own) => network(own) == network(address),
        IpAddr::V4(_) => false,
    })
}

/// `fd.l4proto`.
pub(crate) fn l4_name(kind: DescriptorKind) -> &'static str {
    let l4 = match kind {
        DescriptorKind::Inet(tuple) if tuple.role != SocketRole::Unknown => tuple.l4,
        DescriptorKind::InetServer(endpoint) => endpoint.l4,
        _ => L4Proto::None,
    };
    match l4 {
        L4Proto::Tcp => "tcp",
        L4Proto::Udp => "udp",
        L4Proto::Icmp => "icmp",
        L4Proto::Raw => "raw",
        L4Proto::Unknown | L4Proto::None => "<NA>",
    }
}

/// Whether [`write_name`] makes the name of a descriptor; otherwise it is `descriptor.name`.
pub(crate) fn has_made_name(descriptor: &Descriptor) -> bool {
    use DescriptorKind as D;
    match descriptor.kind {
        D::Inet(_) | D::InetServer(_) => true,
        D::Unix { destination, .. } => destination != 0,
        _ => false,
    }
}

/// Appends the name of a descriptor: `client:port->server:port`, `address:port` of a socket that
/// listens, `source->destination path` of a unix socket, else the path.
pub(crate) fn write_name(descriptor: &Descriptor, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = match descriptor.kind {
        DescriptorKind::Inet(tuple) => write!(
            out,
            "{}:{}->{}:{}",
            tuple.source_ip, tuple.source_port, tuple.destination_ip, tuple.destination_port
        ),
        DescriptorKind::InetServer(endpoint) => write!(out, "{}:{}", endpoint.ip, endpoint.port),
        DescriptorKind::Unix {
            source,
            destination,
        } if destination != 0 => {
            let blank = if descriptor.name.is_empty() { "" } else { " " };
            write!(out, "{source:x}->{destination:x}{blank}")
                .and_then(|()| out.write_all(&descriptor.name))
        }
        _ => out.write_all(&descriptor.name),
    };
}
