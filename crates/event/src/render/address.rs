//! Socket addresses.

use super::number::push;
use super::push_clean;
use crate::address::{AF_INET, AF_INET6, SockAddr, SockTuple};

/// Appends one end: `ip:port`, or the path of a unix socket.
pub(super) fn push_sockaddr(bytes: &[u8], out: &mut Vec<u8>) {
    match SockAddr::parse(bytes) {
        Some(SockAddr::V4(addr)) => push!(out, "{}:{}", addr.ip(), addr.port()),
        Some(SockAddr::V6(addr)) => push!(out, "{}:{}", addr.ip(), addr.port()),
        Some(SockAddr::Unix(path)) => push_clean(path, out),
        Some(SockAddr::Other(family)) => push!(out, "family {family}"),
        None => push_invalid(bytes, out),
    }
}

/// Appends both ends: `ip:port->ip:port`, or kernel addresses and path of a unix socket.
pub(super) fn push_socktuple(bytes: &[u8], out: &mut Vec<u8>) {
    match SockTuple::parse(bytes).map(SockTuple::to_v4) {
        Some(SockTuple::V4(from, to)) => {
            push!(
                out,
                "{}:{}->{}:{}",
                from.ip(),
                from.port(),
                to.ip(),
                to.port()
            );
        }
        Some(SockTuple::V6(from, to)) => {
            push!(
                out,
                "{}:{}->{}:{}",
                from.ip(),
                from.port(),
                to.ip(),
                to.port()
            );
        }
        Some(SockTuple::Unix {
            source,
            destination,
            path,
        }) => {
            push!(out, "{source:x}->{destination:x} ");
            push_clean(path, out);
        }
        Some(SockTuple::Other(family)) => push!(out, "family {family}"),
        None => push_invalid(bytes, out),
    }
}

fn push_invalid(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(match bytes.first() {
        Some(&AF_INET) => b"INVALID IPv4",
        Some(&AF_INET6) => b"INVALID IPv6",
        _ => b"INVALID unix address",
    });
}
