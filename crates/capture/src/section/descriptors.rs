//! The descriptors of one process: thread id u64, then entries of descriptor i64, inode u64, type
//! u8 and what the type needs. In version 2 the length of an entry (u32, counting itself) stands in
//! front. Addresses are in network order, ports little-endian.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use crate::cursor::{Cursor, Fields};
use crate::error::SectionError;
use crate::model::{Descriptor, DescriptorKind, NamedKind, Transport};

const FILE: u8 = 1;
const IPV4: u8 = 3;
const IPV6: u8 = 4;
const IPV4_SERVER: u8 = 5;
const IPV6_SERVER: u8 = 6;
const UNIX: u8 = 8;
const FILE_V2: u8 = 16;
const MAX_NAME: usize = 1024;
/// Other writers were not always so strict.
const MAX_READ: usize = 65_535;

type Result<T> = std::result::Result<T, SectionError>;

/// The thread id and its descriptors.
pub(crate) fn read(
    mut body: Cursor<'_>,
    version: u8,
) -> std::result::Result<(i64, Vec<Descriptor>), (usize, SectionError)> {
    let tid = body.i64("thread id").map_err(|err| (0, err))?;
    let descriptors = super::entries(body, |body| match version {
        1 => read_entry(body, false),
        _ => read_entry(&mut body.entry(true)?, true),
    })?;
    Ok((tid, descriptors))
}

/// `bounded` tells whether the cursor ends where the entry does.
fn read_entry(entry: &mut Cursor<'_>, bounded: bool) -> Result<Descriptor> {
    let fd = entry.i64("descriptor")?;
    let ino = entry.u64("inode")?;
    let kind = match entry.u8("descriptor type")? {
        FILE => DescriptorKind::File {
            open_flags: 0,
            name: entry.string("name", MAX_READ)?,
            dev: 0,
        },
        FILE_V2 => {
            let open_flags = entry.u32("open flags")?;
            let name = entry.string("name", MAX_READ)?;
            // Where entries have no length, no writer stored a device.
            let has_dev = bounded && entry.remaining() >= 4;
            let dev = if has_dev { entry.u32("device")? } else { 0 };
            DescriptorKind::File {
                open_flags,
                name,
                dev,
            }
        }
        IPV4 => {
            let source: Ipv4Addr = entry.array::<4>("source address")?.into();
            let destination: Ipv4Addr = entry.array::<4>("destination address")?.into();
            DescriptorKind::Ipv4 {
                source: SocketAddrV4::new(source, entry.u16("source port")?),
                destination: SocketAddrV4::new(destination, entry.u16("destination port")?),
                transport: transport(entry)?,
            }
        }
        IPV6 => {
            let source: Ipv6Addr = entry.array::<16>("source address")?.into();
            let destination: Ipv6Addr = entry.array::<16>("destination address")?.into();
            DescriptorKind::Ipv6 {
                source: SocketAddrV6::new(source, entry.u16("source port")?, 0, 0),
                destination: SocketAddrV6::new(destination, entry.u16("destination port")?, 0, 0),
                transport: transport(entry)?,
            }
        }
        IPV4_SERVER => {
            let ip: Ipv4Addr = entry.array::<4>("address")?.into();
            DescriptorKind::Ipv4Server {
                local: SocketAddrV4::new(ip, entry.u16("port")?),
                transport: transport(entry)?,
            }
        }
        IPV6_SERVER => {
            let ip: Ipv6Addr = entry.array::<16>("address")?.into();
            DescriptorKind::Ipv6Server {
                local: SocketAddrV6::new(ip, entry.u16("port")?, 0, 0),
                transport: transport(entry)?,
            }
        }
        UNIX => DescriptorKind::Unix {
            source: entry.u64("source socket")?,
            destination: entry.u64("destination socket")?,
            name: entry.string("name", MAX_READ)?,
        },
        code => match NamedKind::from_code(code) {
            Some(kind) => DescriptorKind::Named {
                kind,
                name: entry.string("name", MAX_READ)?,
            },
            // Only where the entry says how long it is can an unknown type be stepped over.
            None if bounded => DescriptorKind::Named {
                kind: NamedKind::Unsupported,
                name: format!("unknown-type:[{code}]").into_bytes(),
            },
            None => {
                let value = u32::from(code);
                return Err(SectionError::Unknown {
                    field: "descriptor type",
                    value,
                });
            }
        },
    };
    Ok(Descriptor { fd, ino, kind })
}

fn transport(entry: &mut Cursor<'_>) -> Result<Transport> {
    entry.u8("transport").map(Transport::from_code)
}

pub(crate) fn write(descriptor: &Descriptor, out: &mut Fields) {
    out.entry(true, |out| {
        out.i64(descriptor.fd);
        out.u64(descriptor.ino);
        match &descriptor.kind {
            DescriptorKind::File {
                open_flags,
                name,
                dev,
            } => {
                out.u8(FILE_V2);
                out.u32(*open_flags);
                out.string(name, MAX_NAME);
                out.u32(*dev);
            }
            DescriptorKind::Ipv4 {
                source,
                destination,
                transport,
            } => {
                out.u8(IPV4);
                out.raw(&source.ip().octets());
                out.raw(&destination.ip().octets());
                out.u16(source.port());
                out.u16(destination.port());
                out.u8(*transport as u8);
            }
            DescriptorKind::Ipv6 {
                source,
                destination,
                transport,
            } => {
                out.u8(IPV6);
                out.raw(&source.ip().octets());
                out.raw(&destination.ip().octets());
                out.u16(source.port());
                out.u16(destination.port());
                out.u8(*transport as u8);
            }
            DescriptorKind::Ipv4Server { local, transport } => {
                out.u8(IPV4_SERVER);
                out.raw(&local.ip().octets());
                out.u16(local.port());
                out.u8(*transport as u8);
            }
            DescriptorKind::Ipv6Server { local, transport } => {
                out.u8(IPV6_SERVER);
                out.raw(&local.ip().octets());
                out.u16(local.port());
                out.u8(*transport as u8);
            }
            DescriptorKind::Unix {
                source,
                destination,
                name,
            } => {
                out.u8(UNIX);
                out.u64(*source);
                out.u64(*destination);
                out.string(name, MAX_NAME);
            }
            DescriptorKind::Named { kind, name } => {
                out.u8(*kind as u8);
                out.string(name, MAX_NAME);
            }
        }
    });
}
