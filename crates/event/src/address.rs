//! Socket addresses as parameters carry them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// The family byte of a unix socket address.
pub const AF_UNIX: u8 = 1;
/// The family byte of an IPv4 address.
pub const AF_INET: u8 = 2;
/// The family byte of an IPv6 address.
pub const AF_INET6: u8 = 10;

/// A parameter of type `Sockaddr`: one end of a connection.
///
/// On the wire: family byte, then address (network order) and port (little-endian), or the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SockAddr<'a> {
    /// Family 2, 7 bytes.
    V4(SocketAddrV4),
    /// Family 10, 19 bytes.
    V6(SocketAddrV6),
    /// Family 1; the path up to its NUL, empty for an unnamed socket.
    Unix(&'a [u8]),
    /// Any other family, of which nothing more is known.
    Other(u8),
}

/// A parameter of type `Socktuple`: both ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SockTuple<'a> {
    /// Family 2, 13 bytes: source and destination.
    V4(SocketAddrV4, SocketAddrV4),
    /// Family 10, 37 bytes: source and destination. Mapped IPv4 addresses are left as they are;
    /// see [`SockTuple::to_v4`].
    V6(SocketAddrV6, SocketAddrV6),
    /// Family 1: kernel addresses of the two sockets, and the path up to its NUL.
    Unix {
        /// The socket that the call is made on.
        source: u64,
        /// Its peer.
        destination: u64,
        /// Where the listening one is bound.
        path: &'a [u8],
    },
    /// Any other family.
    Other(u8),
}

fn v4(bytes: &[u8]) -> Option<(SocketAddrV4, &[u8])> {
    let (ip, rest) = bytes.split_first_chunk::<4>()?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    Some((
        SocketAddrV4::new(Ipv4Addr::from(*ip), u16::from_le_bytes(*port)),
        rest,
    ))
}

fn v6(bytes: &[u8]) -> Option<(SocketAddrV6, &[u8])> {
    let (ip, rest) = bytes.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    Some((
        SocketAddrV6::new(Ipv6Addr::from(*ip), u16::from_le_bytes(*port), 0, 0),
        rest,
    ))
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

impl<'a> SockAddr<'a> {
    /// Reads a parameter; `None` when it is empty or has the wrong length for its family.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first()?;
        match *family {
            AF_UNIX => Some(Self::Unix(until_nul(rest))),
            AF_INET => match v4(rest)? {
                (addr, []) => Some(Self::V4(addr)),
                _ => None,
            },
            AF_INET6 => match v6(rest)? {
                (addr, []) => Some(Self::V6(addr)),
                _ => None,
            },
            family => Some(Self::Other(family)),
        }
    }
}

impl<'a> SockTuple<'a> {
    /// Reads a parameter; `None` when it is empty or has the wrong length for its family.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first()?;
        match *family {
            AF_UNIX => {
                let (source, rest) = rest.split_first_chunk::<8>()?;
                let (destination, path) = rest.split_first_chunk::<8>()?;
                Some(Self::Unix {
                    source: u64::from_le_bytes(*source),
                    destination: u64::from_le_bytes(*destination),
                    path: until_nul(path),
                })
            }
            AF_INET => {
                let (source, rest) = v4(rest)?;
                match v4(rest)? {
                    (destination, []) => Some(Self::V4(source, destination)),
                    _ => None,
                }
            }
            AF_INET6 => {
                let (source, rest) = v6(rest)?;
                match v6(rest)? {
                    (destination, []) => Some(Self::V6(source, destination)),
                    _ => None,
                }
            }
            family => Some(Self::Other(family)),
        }
    }

    /// The tuple with both addresses as IPv4 where both are IPv4 addresses mapped into IPv6.
    #[must_use]
    pub fn to_v4(self) -> Self {
        if let Self::V6(source, destination) = self
            && let (Some(from), Some(to)) = (
                source.ip().to_ipv4_mapped(),
                destination.ip().to_ipv4_mapped(),
            )
        {
            return Self::V4(
                SocketAddrV4::new(from, source.port()),
                SocketAddrV4::new(to, destination.port()),
            );
        }
        self
    }
}
