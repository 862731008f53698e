//! Socket addresses: as programs pass them, and as records carry them.

use crate::flags::socket_family;

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// The longest name of a unix socket; one that fills it has no NUL.
const UNIX_PATH_MAX: usize = 108;

/// An address, as the kernel understands it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Address {
    V4 {
        ip: [u8; 4],
        port: u16,
    },
    V6 {
        ip: [u8; 16],
        port: u16,
    },
    /// A path, or an abstract name without the NUL that it starts with; empty for none.
    Unix {
        name: Vec<u8>,
    },
    Other {
        family: u16,
    },
}

impl Address {
    /// Reads a `struct sockaddr`; what is missing at its end counts as zeroes.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let family = u16::from_ne_bytes(*bytes.first_chunk()?);
        let mut padded = [0; 2 + UNIX_PATH_MAX];
        let len = bytes.len().min(padded.len());
        padded[..len].copy_from_slice(&bytes[..len]);
        let port = u16::from_be_bytes([padded[2], padded[3]]);
        let mut ip = [0; 16];
        Some(match family {
            AF_INET => Self::V4 {
                ip: [padded[4], padded[5], padded[6], padded[7]],
                port,
            },
            AF_INET6 => {
                ip.copy_from_slice(&padded[8..24]);
                Self::V6 { ip, port }
            }
            AF_UNIX => {
                let path = &padded[2..];
                let path = path.strip_prefix(&[0]).unwrap_or(path);
                let end = path.iter().position(|&byte| byte == 0);
                Self::Unix {
                    name: path[..end.unwrap_or(path.len())].to_vec(),
                }
            }
            family => Self::Other { family },
        })
    }

    /// PT_SOCKADDR: family, then address and port, or a path.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![socket_family(u64::from(self.family())) as u8];
        self.endpoint(&mut out);
        if let Self::Unix { name } = self {
            out.extend_from_slice(name);
            out.push(0);
        }
        out
    }

    pub(crate) fn family(&self) -> u16 {
        match self {
            Self::V4 { .. } => AF_INET,
            Self::V6 { .. } => AF_INET6,
            Self::Unix { .. } => AF_UNIX,
            Self::Other { family } => *family,
        }
    }

    /// Address and port, as both kinds of parameters carry them.
    fn endpoint(&self, out: &mut Vec<u8>) {
        let port = match self {
            Self::V4 { ip, port } => {
                out.extend(ip);
                port
            }
            Self::V6 { ip, port } => {
                out.extend(ip);
                port
            }
            Self::Unix { .. } | Self::Other { .. } => return,
        };
        out.extend(port.to_le_bytes());
    }
}

/// Which way data goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// From this socket to its peer.
    Outbound,
    /// From the peer to this socket.
    Inbound,
}

/// PT_SOCKTUPLE of an internet socket: family, source and destination.
pub(crate) fn encode_tuple(local: &Address, remote: &Address, direction: Direction) -> Vec<u8> {
    let mut out = vec![local.family() as u8];
    let (from, to) = match direction {
        Direction::Outbound => (local, remote),
        Direction::Inbound => (remote, local),
    };
    from.endpoint(&mut out);
    to.endpoint(&mut out);
    out
}

/// The same of a unix socket: numbers of both ends, and the name of the one that data goes to.
pub(crate) fn encode_unix_tuple(own: u64, peer: u64, name: &[u8], direction: Direction) -> Vec<u8> {
    let (from, to) = match direction {
        Direction::Outbound => (own, peer),
        Direction::Inbound => (peer, own),
    };
    let mut out = vec![AF_UNIX as u8];
    out.extend(from.to_le_bytes());
    out.extend(to.to_le_bytes());
    out.extend_from_slice(name);
    out.push(0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_carried_like_the_probe_carries_them() {
        let v4 = [2, 0, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let parsed = Address::parse(&v4).unwrap();
        assert_eq!(parsed.encode(), [2, 127, 0, 0, 1, 0x90, 0x1f]);
        let path = b"\x01\0/run/x\0rest";
        assert_eq!(Address::parse(path).unwrap().encode(), b"\x01/run/x\0");
        let hidden = b"\x01\0\0name";
        assert_eq!(Address::parse(hidden).unwrap().encode(), b"\x01name\0");
        assert_eq!(Address::parse(b"\x01\0").unwrap().encode(), [1, 0]);
        let full = [&[1, 0][..], &[b'x'; 108]].concat();
        assert_eq!(Address::parse(&full).unwrap().encode().len(), 110);
        assert_eq!(Address::parse(&[45, 0, 1]).unwrap().encode(), [0]);
        assert_eq!(Address::parse(&[2]), None);
        // Cut short: zeroes follow.
        assert_eq!(
            Address::parse(&[2, 0, 0, 80]).unwrap().encode(),
            [2, 0, 0, 0, 0, 80, 0]
        );
    }

    #[test]
    fn tuples_name_source_before_destination() {
        let end = |last, port| Address::V4 {
            ip: [10, 0, 0, last],
            port,
        };
        let out = encode_tuple(&end(1, 1), &end(2, 2), Direction::Outbound);
        assert_eq!(out, [2, 10, 0, 0, 1, 1, 0, 10, 0, 0, 2, 2, 0]);
        let inbound = encode_tuple(&end(1, 1), &end(2, 2), Direction::Inbound);
        assert_eq!(inbound, [2, 10, 0, 0, 2, 2, 0, 10, 0, 0, 1, 1, 0]);
        let unix = encode_unix_tuple(7, 9, b"/s", Direction::Inbound);
        assert_eq!((unix[1], unix[9], &unix[17..]), (9, 7, &b"/s\0"[..]));
    }
}
