//! The socket behind a descriptor.
//!
//! The surest way is a copy of the descriptor, which can be asked like one's own. Where that is not
//! allowed, the lists of `/proc` know most of it.

use std::os::fd::OwnedFd;

use super::address::{Address, Direction, encode_tuple, encode_unix_tuple};
use super::files::Opened;
use super::{tables, unix};
use crate::record::Caller;
use crate::sys;

/// A socket.
pub(crate) struct Socket {
    inode: u64,
    local: Option<Address>,
    remote: Option<Address>,
    family: u16,
    copy: Option<OwnedFd>,
}

impl Socket {
    /// The socket behind a descriptor; `None` when that is no socket.
    pub(crate) fn of(caller: &Caller<'_>, fd: u64) -> Option<Self> {
        let fd = i64::from(fd as i32);
        let opened = Opened::of(caller, fd);
        if !opened.is_socket() {
            return None;
        }
        let copy = sys::copy_descriptor(caller.tid, caller.tgid, fd as i32);
        if let Some(copy) = copy {
            let address = |of_peer| {
                let mut buffer = [0; 128];
                let len = sys::socket_address(&copy, of_peer, &mut buffer)?;
                Address::parse(&buffer[..len])
            };
            let mut domain = [0; 4];
            sys::socket_option(&copy, libc::SOL_SOCKET, libc::SO_DOMAIN, &mut domain);
            return Some(Self {
                inode: opened.ino,
                local: address(false),
                remote: address(true),
                family: i32::from_ne_bytes(domain) as u16,
                copy: Some(copy),
            });
        }
        let listed = tables::find(caller.tid, opened.ino)?;
        let has_peer = match &listed.remote {
            Address::V4 { port, .. } | Address::V6 { port, .. } => *port != 0,
            Address::Unix { .. } | Address::Other { .. } => false,
        };
        Some(Self {
            inode: opened.ino,
            family: listed.local.family(),
            local: Some(listed.local),
            remote: Some(listed.remote).filter(|_| has_peer),
            copy: None,
        })
    }

    /// What stands for the socket where the probe has the kernel's address of it.
    pub(crate) fn number(&self) -> u64 {
        self.inode
    }

    /// The same for its peer; 0 where it is not known.
    pub(crate) fn peer_number(&self) -> u64 {
        unix::find(self.inode as u32).map_or(0, |found| u64::from(found.peer))
    }

    /// PT_SOCKTUPLE; empty for a socket that has no such thing. One without a peer gets the address
    /// that the caller passed.
    pub(crate) fn tuple(&self, direction: Direction, passed: Option<&Address>) -> Vec<u8> {
        let unspecified = || match self.family {
            2 => Some(Address::V4 {
                ip: [0; 4],
                port: 0,
            }),
            10 => Some(Address::V6 {
                ip: [0; 16],
                port: 0,
            }),
            _ => None,
        };
        if self.family == 1 {
            let named = match direction {
                Direction::Outbound => &self.remote,
                Direction::Inbound => &self.local,
            };
            let of = |address: Option<&Address>| match address {
                Some(Address::Unix { name }) => name.clone(),
                _ => Vec::new(),
            };
            let mut name = of(named.as_ref());
            if name.is_empty() && direction == Direction::Outbound {
                name = of(passed);
            }
            return encode_unix_tuple(self.number(), self.peer_number(), &name, direction);
        }
        let Some(none) = unspecified() else {
            return Vec::new();
        };
        let local = self.local.as_ref().unwrap_or(&none);
        let remote = self
            .remote
            .as_ref()
            .or(passed.filter(|address| address.family() == self.family))
            .unwrap_or(&none);
        encode_tuple(local, remote, direction)
    }

    /// How many connections wait to be accepted, and how many may.
    pub(crate) fn queue(&self) -> (u32, u32) {
        if self.family == 1 {
            // The kernel counts none for these.
            return (
                0,
                unix::find(self.inode as u32).map_or(0, |found| found.backlog),
            );
        }
        /// Of `struct tcp_info`, which says it in two fields that else mean something else.
        const UNACKED: usize = 24;
        const SACKED: usize = 28;
        const LISTEN: u8 = 10;
        let mut info = [0u8; 104];
        let Some(copy) = &self.copy else {
            return (0, 0);
        };
        if sys::socket_option(copy, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info).is_none()
            || info[0] != LISTEN
        {
            return (0, 0);
        }
        let word =
            |at: usize| u32::from_ne_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
        (word(UNACKED), word(SACKED))
    }
}
