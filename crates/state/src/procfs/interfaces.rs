//! The addresses of the host's network interfaces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use nix::sys::socket::{SockaddrLike, SockaddrStorage};

use crate::Interface;

/// All IPv4 and IPv6 addresses of the network namespace that this program is in.
pub(super) fn read(host_root: &Path) -> Vec<Interface> {
    let Ok(addresses) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in addresses {
        let Some(address) = entry.address.as_ref().and_then(ip) else {
            continue;
        };
        let unspecified: IpAddr = match address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        found.push(Interface {
            link_speed: link_speed(host_root, &entry.interface_name),
            name: Arc::from(entry.interface_name.as_bytes()),
            address,
            netmask: entry.netmask.as_ref().and_then(ip).unwrap_or(unspecified),
            broadcast: entry.broadcast.as_ref().and_then(ip).unwrap_or(unspecified),
        });
    }
    found
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    address.family()?;
    let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

/// In Mbit/s; interfaces that have no speed say -1 or nothing.
fn link_speed(host_root: &Path, name: &str) -> u64 {
    let path = host_root.join("sys/class/net").join(name).join("speed");
    std::fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}
