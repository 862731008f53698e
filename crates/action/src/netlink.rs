//! Giving the loopback device addresses, over netlink.
//!
//! In a network namespace of our own that device owns every address an action contacts: a packet to
//! such an address is delivered where it came from.

use std::io;
use std::net::IpAddr;

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// Brings the loopback device of this network namespace up and gives it these addresses.
///
/// # Errors
/// When the kernel refuses, with what it was asked for. An address that the device has already is none.
pub fn own(addresses: &[IpAddr]) -> io::Result<()> {
    // Of the netlink protocols, routing is number 0, the default.
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let about = |what: String| {
        move |error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"))
    };
    ask_kernel(&socket, &loopback_up())
        .map_err(about("bring the loopback device up".to_owned()))?;
    for address in addresses {
        ask_kernel(&socket, &loopback_address(*address))
            .map_err(about(format!("give the loopback device {address}")))?;
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

/// `RTM_NEWADDR` that adds `address` to the loopback device, without the search for duplicates that
/// delays addresses of version 6.
fn loopback_address(address: IpAddr) -> Vec<u8> {
    const RTM_NEWADDR: u16 = 20;
    const CREATE: u16 = 0x400;
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    const IFA_F_NODAD: u8 = 2;
    const AF_INET: u8 = 2;
    const AF_INET6: u8 = 10;
    let (family, bytes) = match address {
        IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
    };
    let bits = (bytes.len() * 8) as u8;
    let mut body = vec![family, bits, IFA_F_NODAD, 0];
    body.extend(LOOPBACK.to_ne_bytes());
    for attribute in [IFA_LOCAL, IFA_ADDRESS] {
        body.extend((bytes.len() as u16 + 4).to_ne_bytes());
        body.extend(attribute.to_ne_bytes());
        body.extend(&bytes);
    }
    message(RTM_NEWADDR, CREATE, &body)
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
        exists if -exists == rustix::io::Errno::EXIST.raw_os_error() => Ok(()),
        negative => Err(io::Error::from_raw_os_error(-negative)),
    }
}
