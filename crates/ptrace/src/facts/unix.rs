//! What the kernel tells of a unix socket by its inode (`sock_diag`), to anybody who asks.

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const UDIAG_SHOW_PEER: u32 = 4;
const UDIAG_SHOW_RQLEN: u32 = 16;
const UNIX_DIAG_PEER: u16 = 2;
const UNIX_DIAG_RQLEN: u16 = 4;
/// Sizes of a message's header, and of what stands before the attributes.
const HEADER: usize = 16;
const ATTRIBUTES_AT: usize = HEADER + 16;

/// A unix socket.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct UnixSocket {
    /// The inode of its peer; 0 for none, and for one that nobody has accepted yet.
    pub(super) peer: u32,
    /// For one that listens, how many may wait.
    pub(super) backlog: u32,
}

/// Looks one up in this process's network namespace.
pub(super) fn find(inode: u32) -> Option<UnixSocket> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )
    .ok()?;
    send(&socket, &request(inode), SendFlags::empty()).ok()?;
    let mut answer = [0u8; 1024];
    // The kernel has answered before `send` returns.
    let (len, _) = recv(&socket, &mut answer[..], RecvFlags::DONTWAIT).ok()?;
    parse(answer.get(..len)?)
}

fn request(inode: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + 24);
    out.extend(((HEADER + 24) as u32).to_ne_bytes());
    out.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    out.extend(NLM_F_REQUEST.to_ne_bytes());
    out.extend([0; 8]); // sequence and sender
    out.extend([1, 0, 0, 0]); // AF_UNIX, no protocol
    out.extend(u32::MAX.to_ne_bytes()); // in any state
    out.extend(inode.to_ne_bytes());
    out.extend((UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN).to_ne_bytes());
    out.extend([0xff; 8]); // whatever its cookie
    out
}

fn parse(answer: &[u8]) -> Option<UnixSocket> {
    let half = |at: usize| Some(u16::from_ne_bytes(*answer.get(at..)?.first_chunk()?));
    let word = |at: usize| Some(u32::from_ne_bytes(*answer.get(at..)?.first_chunk()?));
    if half(4)? != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let mut found = UnixSocket::default();
    let mut at = ATTRIBUTES_AT;
    while let (Some(len), Some(kind)) = (half(at), half(at + 2)) {
        match kind {
            UNIX_DIAG_PEER => found.peer = word(at + 4)?,
            UNIX_DIAG_RQLEN => found.backlog = word(at + 8)?,
            _ => {}
        }
        // Attributes start at multiples of four; one of no length would go on for ever.
        at += usize::from(len.max(4)).next_multiple_of(4);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_ends_of_a_pair_know_each_other() {
        let (one, other) = UnixStream::pair().unwrap();
        let inode = |socket: &UnixStream| {
            let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
            std::fs::metadata(path).unwrap().ino() as u32
        };
        let Some(found) = find(inode(&one)) else {
            println!("skipped: this kernel tells nothing of unix sockets");
            return;
        };
        assert_eq!(found.peer, inode(&other));
        assert_eq!(find(inode(&other)).unwrap().peer, inode(&one));
    }

    #[test]
    fn damaged_answers_give_nothing_or_less() {
        let mut answer = vec![0u8; 80];
        answer[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        for len in 0..answer.len() {
            parse(&answer[..len]);
        }
        answer[4] = 2;
        assert_eq!(parse(&answer), None);
    }
}
