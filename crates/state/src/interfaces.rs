//! Addresses of the host's network interfaces.

use std::net::IpAddr;

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
}
