//! Sockets as `/proc/<tid>/net` lists them: the way where descriptors cannot be copied.

use super::address::Address;

/// A socket of such a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Listed {
    pub(super) local: Address,
    pub(super) remote: Address,
}

/// Finds a socket by its inode in the lists of a thread's network namespace.
pub(super) fn find(tid: i32, inode: u64) -> Option<Listed> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{tid}/net/{name}"));
    ["tcp", "tcp6", "udp", "udp6"]
        .into_iter()
        .find_map(|name| {
            read(name)
                .ok()?
                .lines()
                .find_map(|line| internet(line, inode))
        })
        .or_else(|| {
            read("unix")
                .ok()?
                .lines()
                .find_map(|line| unix(line, inode))
        })
}

/// `sl local remote state queues timer retransmits uid timeout inode …`
fn internet(line: &str, inode: u64) -> Option<Listed> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (local, remote) = (words.next()?, words.next()?);
    let found: u64 = words.nth(6)?.parse().ok()?;
    (found == inode).then_some(())?;
    Some(Listed {
        local: endpoint(local)?,
        remote: endpoint(remote)?,
    })
}

/// Words of the address as this machine reads them, and the port.
fn endpoint(text: &str) -> Option<Address> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let digits = ip.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    if ip.len() == 8 {
        return Some(Address::V4 { ip: word(0)?, port });
    }
    let mut all = [0; 16];
    for index in 0..4 {
        all[index * 4..index * 4 + 4].copy_from_slice(&word(index)?);
    }
    Some(Address::V6 { ip: all, port })
}

/// `number: references protocol flags type state inode [path]`
fn unix(line: &str, inode: u64) -> Option<Listed> {
    let mut words = line.splitn(8, ' ').filter(|word| !word.is_empty());
    let found: u64 = line.split_ascii_whitespace().nth(6)?.parse().ok()?;
    (found == inode).then_some(())?;
    let name = words.nth(7).unwrap_or_default().trim_start();
    let name = name.strip_prefix('@').unwrap_or(name);
    let name = name.strip_prefix(&inode.to_string()).unwrap_or(name);
    Some(Listed {
        local: Address::Unix {
            name: name.trim_start().as_bytes().to_vec(),
        },
        remote: Address::Unix { name: Vec::new() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_found_by_inode() {
        let line = "   0: 0100007F:1F90 0200007F:0050 01 00000000:00000000 00:00000000 00000000 \
                     0        0 4242 1 0000000000000000 100 0 0 10 0";
        let found = internet(line, 4242).unwrap();
        let end = |last, port| Address::V4 {
            ip: [127, 0, 0, last],
            port,
        };
        assert_eq!((found.local, found.remote), (end(1, 8080), end(2, 80)));
        assert_eq!(internet(line, 4243), None);
        assert_eq!(
            endpoint("00000000000000000000000001000000:0016"),
            Some(Address::V6 {
                ip: std::net::Ipv6Addr::LOCALHOST.octets(),
                port: 22
            })
        );
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 777 /run/a socket";
        let Some(Address::Unix { name }) = unix(line, 777).map(|found| found.local) else {
            panic!("it is there");
        };
        assert_eq!(name, b"/run/a socket");
    }
}
