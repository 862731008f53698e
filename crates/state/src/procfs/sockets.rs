//! The sockets of network namespaces, by inode.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::reader::Dir;
use super::text::{decimal, hex, lines, words};
use crate::{Descriptor, DescriptorKind as Kind, Endpoint, L4Proto, SocketRole, SocketTuple};

/// A table with more text than this is cut.
const MAX_TABLE: usize = 256 << 20;
/// The state of a TCP socket that listens.
const LISTEN: u64 = 0x0a;

type Sockets = FxHashMap<u64, Descriptor>;

/// The sockets of each namespace, read when a process in it is the first to have one.
#[derive(Default, Debug)]
pub(super) struct Namespaces {
    known: Mutex<FxHashMap<u64, Arc<OnceLock<Sockets>>>>,
    /// How long reading took, ns.
    cost: AtomicU64,
}

impl Namespaces {
    /// A socket of a namespace. `dir` is the directory of a process that is in it.
    pub(super) fn socket(&self, namespace: u64, dir: &Dir, inode: u64) -> Descriptor {
        let unknown = || Descriptor::new(Kind::Unknown);
        let Ok(mut known) = self.known.lock() else {
            return unknown();
        };
        let sockets = Arc::clone(known.entry(namespace).or_default());
        drop(known);
        let sockets = sockets.get_or_init(|| {
            let start = Instant::now();
            let sockets = read(dir);
            let cost = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.cost.fetch_add(cost, Ordering::Relaxed);
            sockets
        });
        sockets.get(&inode).cloned().unwrap_or_else(unknown)
    }
}

/// Lists that are used again for a while. A busy host has so many sockets that listing them for
/// every process that is looked up would be all that this program does; a socket that is newer
/// than the list is unknown, until an event on it tells what it is.
#[derive(Default, Debug)]
pub(super) struct Recent {
    namespaces: Arc<Namespaces>,
    since: Option<Instant>,
}

impl Recent {
    /// Lists are kept for a second, and longer if making them took more than a fiftieth of that.
    pub(super) fn get(&mut self) -> Arc<Namespaces> {
        const SHARE: u32 = 50;
        let cost = Duration::from_nanos(self.namespaces.cost.load(Ordering::Relaxed));
        let lifetime = Duration::from_secs(1).max(cost.saturating_mul(SHARE));
        if self.since.is_none_or(|since| since.elapsed() > lifetime) {
            self.namespaces = Arc::default();
            self.since = Some(Instant::now());
        }
        Arc::clone(&self.namespaces)
    }
}

/// Reads all tables that a process sees.
fn read(dir: &Dir) -> Sockets {
    let mut sockets = Sockets::default();
    let mut buffer = Vec::new();
    for (file, l4) in [
        ("net/tcp", L4Proto::Tcp),
        ("net/tcp6", L4Proto::Tcp),
        ("net/udp", L4Proto::Udp),
        ("net/udp6", L4Proto::Udp),
        ("net/icmp", L4Proto::Icmp),
        ("net/icmp6", L4Proto::Icmp),
        ("net/raw", L4Proto::Raw),
        ("net/raw6", L4Proto::Raw),
    ] {
        let table = dir.read_table(file, MAX_TABLE, &mut buffer);
        sockets.extend(lines(table).skip(1).filter_map(|line| inet(line, l4)));
    }
    sockets.extend(
        lines(dir.read_table("net/unix", MAX_TABLE, &mut buffer))
            .skip(1)
            .filter_map(unix),
    );
    let netlink = lines(dir.read_table("net/netlink", MAX_TABLE, &mut buffer)).skip(1);
    sockets.extend(netlink.filter_map(|line| {
        Some((
            decimal(words(line).last()?)?,
            Descriptor::new(Kind::Netlink),
        ))
    }));
    sockets
}

/// `sl local remote st tx:rx tr:when retrnsmt uid timeout inode …`
fn inet(line: &[u8], l4: L4Proto) -> Option<(u64, Descriptor)> {
    let mut fields = words(line).skip(1);
    let (local, local_port) = address(fields.next()?)?;
    let (remote, remote_port) = address(fields.next()?)?;
    let state = hex(fields.next()?)?;
    let inode = decimal(fields.nth(5)?)?;
    let without_peer = remote.is_unspecified() && remote_port == 0;
    let kind = match l4 {
        L4Proto::Tcp if state == LISTEN => Kind::InetServer(Endpoint {
            ip: local,
            port: local_port,
            l4,
        }),
        L4Proto::Udp if without_peer && local_port != 0 => Kind::InetServer(Endpoint {
            ip: local,
            port: local_port,
            l4,
        }),
        _ if without_peer && (local_port == 0 || l4 == L4Proto::Tcp) => Kind::InetUnbound {
            v6: local.is_ipv6(),
        },
        _ => Kind::Inet(SocketTuple {
            source_ip: local,
            source_port: local_port,
            destination_ip: remote,
            destination_port: remote_port,
            l4,
            role: SocketRole::Unknown,
        }),
    };
    let mut descriptor = Descriptor::new(kind);
    descriptor.l4 = l4;
    Some((inode, descriptor))
}

/// `address:port`, both hexadecimal: the address in words of the machine's byte order, the port
/// as a number.
fn address(text: &[u8]) -> Option<(IpAddr, u16)> {
    let colon = text.iter().position(|&byte| byte == b':')?;
    let port = u16::try_from(hex(&text[colon + 1..])?).ok()?;
    let word = |index: usize| -> Option<[u8; 4]> {
        let digits = text[..colon].get(index * 8..index * 8 + 8)?;
        u32::try_from(hex(digits)?).ok().map(u32::to_ne_bytes)
    };
    let ip: IpAddr = match colon {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index)?);
            }
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some((ip, port))
}

/// `Num: RefCount Protocol Flags Type St Inode Path`; the first is the kernel's address.
fn unix(line: &[u8]) -> Option<(u64, Descriptor)> {
    let mut fields = words(line);
    let source = hex(fields.next()?.strip_suffix(b":")?)?;
    let inode = decimal(fields.nth(5)?)?;
    let mut descriptor = Descriptor::new(Kind::Unix {
        source,
        destination: 0,
    });
    descriptor.name = fields.next().map(Arc::from).unwrap_or_default();
    Some((inode, descriptor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_tables() {
        let listening =
            b"0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 77 1";
        let (inode, socket) = inet(listening, L4Proto::Tcp).unwrap();
        let expected = Endpoint {
            ip: Ipv4Addr::LOCALHOST.into(),
            port: 8080,
            l4: L4Proto::Tcp,
        };
        assert_eq!((inode, socket.kind), (77, Kind::InetServer(expected)));

        let connected = b"1: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000200007F:0051 01 0:0 0:0 0 0 0 78";
        let Kind::Inet(tuple) = inet(connected, L4Proto::Tcp).unwrap().1.kind else {
            panic!()
        };
        assert_eq!(tuple.source_ip, Ipv4Addr::LOCALHOST);
        assert_eq!(tuple.destination_ip, Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!((tuple.source_port, tuple.destination_port), (80, 81));

        let bare = b"1: 00000000:0000 00000000:0000 07 0:0 0:0 0 0 0 79";
        assert_eq!(
            inet(bare, L4Proto::Tcp).unwrap().1.kind,
            Kind::InetUnbound { v6: false }
        );
        for cut in 0..connected.len() {
            let _ = inet(&connected[..cut], L4Proto::Udp);
        }

        let line = b"ffff8881: 00000002 00000000 00010000 0001 01 23 /run/x.sock";
        let (inode, socket) = unix(line).unwrap();
        assert_eq!((inode, &*socket.name), (23, b"/run/x.sock".as_slice()));
        assert_eq!(
            socket.kind,
            Kind::Unix {
                source: 0xffff_8881,
                destination: 0
            }
        );
    }
}
