//! The interface list. An entry is: type u16, length of the name u16, address, netmask and
//! broadcast address, link speed u64 (types 1 and 2 only), name. In version 2 its length (u32,
//! not counting itself) stands in front.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::cursor::{Cursor, Fields};
use crate::error::SectionError;
use crate::model::{Interface, InterfaceAddress};

const V4: u16 = 1;
const V6: u16 = 2;
const V4_WITHOUT_SPEED: u16 = 3;
const V6_WITHOUT_SPEED: u16 = 4;
const MAX_NAME: usize = 1024;

pub(crate) fn read(body: Cursor<'_>, version: u8) -> Result<Vec<Interface>, (usize, SectionError)> {
    super::entries(body, |body| match version {
        1 => read_entry(body),
        _ => read_entry(&mut body.entry(false)?),
    })
}

fn read_entry(entry: &mut Cursor<'_>) -> Result<Interface, SectionError> {
    let ty = entry.u16("interface type")?;
    let name_len = usize::from(entry.u16("length of the interface name")?);
    if name_len > MAX_NAME {
        return Err(SectionError::TooLong {
            field: "interface name",
            len: name_len,
            max: MAX_NAME,
        });
    }
    let address = match ty {
        V4 | V4_WITHOUT_SPEED => InterfaceAddress::V4 {
            address: Ipv4Addr::from(entry.array::<4>("address")?),
            netmask: Ipv4Addr::from(entry.array::<4>("netmask")?),
            broadcast: Ipv4Addr::from(entry.array::<4>("broadcast address")?),
        },
        V6 | V6_WITHOUT_SPEED => InterfaceAddress::V6 {
            address: Ipv6Addr::from(entry.array::<16>("address")?),
            netmask: Ipv6Addr::from(entry.array::<16>("netmask")?),
            broadcast: Ipv6Addr::from(entry.array::<16>("broadcast address")?),
        },
        ty => {
            let value = u32::from(ty);
            return Err(SectionError::Unknown {
                field: "interface type",
                value,
            });
        }
    };
    let link_speed = match ty {
        V4 | V6 => Some(entry.u64("link speed")?),
        _ => None,
    };
    let name = entry.bytes("interface name", name_len)?.to_vec();
    Ok(Interface {
        name,
        address,
        link_speed,
    })
}

pub(crate) fn write(interface: &Interface, out: &mut Fields) {
    let name = &interface.name[..interface.name.len().min(MAX_NAME)];
    out.entry(false, |out| {
        out.u16(match (interface.address, interface.link_speed) {
            (InterfaceAddress::V4 { .. }, Some(_)) => V4,
            (InterfaceAddress::V6 { .. }, Some(_)) => V6,
            (InterfaceAddress::V4 { .. }, None) => V4_WITHOUT_SPEED,
            (InterfaceAddress::V6 { .. }, None) => V6_WITHOUT_SPEED,
        });
        out.u16(name.len() as u16);
        match interface.address {
            InterfaceAddress::V4 {
                address,
                netmask,
                broadcast,
            } => {
                for ip in [address, netmask, broadcast] {
                    out.raw(&ip.octets());
                }
            }
            InterfaceAddress::V6 {
                address,
                netmask,
                broadcast,
            } => {
                for ip in [address, netmask, broadcast] {
                    out.raw(&ip.octets());
                }
            }
        }
        if let Some(speed) = interface.link_speed {
            out.u64(speed);
        }
        out.raw(name);
    });
}
