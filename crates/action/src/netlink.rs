//! Giving the loopback device addresses, over netlink.
//!
//! In a network namespace of our own that device owns every address an action contacts: a packet to
//! such an address is delivered where it came from.

use std::io;
use std::net::Ipv4Addr;

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::failure::Failure;

/// Brings the loopback device of this network namespace up and gives it these addresses.
pub(crate) fn own(addresses: &[Ipv4Addr]) -> Result<(), Failure> {
    // Of the netlink protocols, routing is number 0, the default.
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(Failure::at("open a netlink socket"))?;
    ask_kernel(&socket, &loopback_up()).map_err(Failure::at("bring the loopback device up"))?;
    for ip in addresses {
        ask_kernel(&socket, &loopback_address(*ip)).map_err(|error: io::Error| {
            Failure::at(format!("give the loopback device {ip}"))(error)
        })?;
    }
    Ok(())
}

/// The loopback device is the first device of every network namespace.
const LOOPBACK: u32 = 1;

/// `RTM_NEWLINK` that sets `IFF_UP`.
fn loopback_up() -> Vec<u8> {
    const RTM_NEWLINK: u16 = 16;
    const IFF_UP: u32 = 1;
    let mut body = vec![0; 4];
    for word in [LOOPBACK, IFF_UP, IFF_UP] {
        body.extend(word.to_ne_bytes());
    }
    message(RTM_NEWLINK, 0, &body)
}

/// `RTM_NEWADDR` that adds `ip` to the loopback device.
fn loopback_address(ip: Ipv4Addr) -> Vec<u8> {
    const RTM_NEWADDR: u16 = 20;
    const CREATE_EXCLUSIVELY: u16 = 0x400 | 0x200;
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    const AF_INET: u8 = 2;
    const ALL_BITS: u8 = 32;
    let mut body = vec![AF_INET, ALL_BITS, 0, 0];
    body.extend(LOOPBACK.to_ne_bytes());
    for attribute in [IFA_LOCAL, IFA_ADDRESS] {
        body.extend(8u16.to_ne_bytes());
        body.extend(attribute.to_ne_bytes());
        body.extend(ip.octets());
    }
    message(RTM_NEWADDR, CREATE_EXCLUSIVELY, &body)
}

/// A netlink message that asks for an acknowledgement.
fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    const HEADER: u32 = 16;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
    let length = HEADER + u32::try_from(body.len()).expect("bodies are a few words");
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((flags | REQUEST_AND_ACKNOWLEDGE).to_ne_bytes());
    // Sequence number and sender; the kernel copies the first and fills in the second.
    message.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(body);
    message
}

/// Sends one request and reads the acknowledgement, an error message whose code may be 0.
fn ask_kernel(socket: &OwnedFd, message: &[u8]) -> io::Result<()> {
    const CODE: std::ops::Range<usize> = 16..20;
    rustix::net::send(socket, message, SendFlags::empty())?;
    let mut answer = [0; 1024];
    let (length, _) = rustix::net::recv(socket, &mut answer, RecvFlags::empty())?;
    let code = answer[..length]
        .get(CODE)
        .and_then(|bytes| bytes.try_into().ok())
        .map(i32::from_ne_bytes)
        .ok_or_else(|| io::Error::other("the kernel's answer is too short"))?;
    match code {
        0 => Ok(()),
        negative => Err(io::Error::from_raw_os_error(-negative)),
    }
}
