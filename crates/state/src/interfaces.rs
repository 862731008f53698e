//! Addresses of the host's network interfaces.

use std::net::IpAddr;

use crate::descriptor::SocketTuple;
use crate::thread::SharedBytes;

/// One address of an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Name, such as `eth0`.
    pub name: SharedBytes,
    /// The address.
    pub address: IpAddr,
    /// The mask of its network.
    pub netmask: IpAddr,
    /// Broadcast address; unspecified when there is none.
    pub broadcast: IpAddr,
    /// Speed in Mbit/s; 0 when unknown.
    pub link_speed: u64,
}

impl Interface {
    /// Whether an address is in the network of this interface.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, self.netmask, address) {
            (IpAddr::V4(own), IpAddr::V4(mask), IpAddr::V4(other)) => own & mask == other & mask,
            (IpAddr::V6(own), IpAddr::V6(mask), IpAddr::V6(other)) => own & mask == other & mask,
            _ => false,
        }
    }
}

/// All addresses of the host.
#[derive(Clone, Default, Debug)]
pub struct Interfaces {
    list: Vec<Interface>,
}

impl Interfaces {
    /// Adds one address.
    pub fn add(&mut self, interface: Interface) {
        self.list.push(interface);
    }

    /// Puts other addresses in the place of all.
    pub(crate) fn replace(&mut self, list: Vec<Interface>) {
        self.list = list;
    }

    /// Whether an address is one of the host's own (loopback included).
    pub fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback()
            || self
                .list
                .iter()
                .any(|interface| interface.address == address)
    }

    /// All of them, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.list.iter()
    }

    /// Fills in an end that is not specified (a socket that is bound to every address) with the
    /// address that this host would talk to the other end from.
    pub(crate) fn complete(&self, tuple: &mut SocketTuple) {
        let (source, destination) = (tuple.source_ip, tuple.destination_ip);
        if source.is_unspecified() {
            tuple.source_ip = self.facing(destination).unwrap_or(source);
        } else if destination.is_unspecified() {
            tuple.destination_ip = self.facing(source).unwrap_or(destination);
        }
    }

    /// Our address on the way to a peer: the peer's own when it is this host, else the one in its
    /// network, else the first that is not the loopback.
    fn facing(&self, peer: IpAddr) -> Option<IpAddr> {
        let same_family = || {
            self.list
                .iter()
                .filter(|i| i.address.is_ipv4() == peer.is_ipv4())
        };
        same_family()
            .find(|interface| interface.address == peer)
            .or_else(|| same_family().find(|interface| interface.contains(peer)))
            .or_else(|| same_family().find(|interface| !interface.address.is_loopback()))
            .map(|interface| interface.address)
    }
}
