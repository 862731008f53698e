//! A network in which nothing is real: the loopback device has the addresses that a test talks to.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use suite::{Argument, ResourceKind, StepKind, Test};

/// The addresses of a test that are not this machine's loopback anyway.
pub(super) fn addresses(test: &Test) -> Vec<IpAddr> {
    let of_resources = test
        .resources
        .iter()
        .filter_map(|resource| match &resource.kind {
            ResourceKind::ClientServer { address, .. } => address.as_deref(),
            _ => None,
        });
    let of_steps = test.steps.iter().flat_map(|step| match &step.kind {
        StepKind::Http(request) => vec![request.address.as_str()],
        StepKind::Call { arguments, .. } => arguments
            .iter()
            .filter_map(|(_, argument)| match argument {
                Argument::Address(address) => Some(address.as_str()),
                _ => None,
            })
            .collect(),
    });
    let mut addresses: Vec<IpAddr> = of_resources
        .chain(of_steps)
        .filter_map(|address| address.parse::<SocketAddr>().ok())
        .map(|address| address.ip())
        .filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Brings the loopback device of a new network namespace up, and gives it addresses.
pub(super) fn set_up(addresses: &[IpAddr]) -> io::Result<()> {
    // Of the netlink protocols, routing is number 0, the default.
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?;
    ask(&socket, &up())?;
    for address in addresses {
        ask(&socket, &new_address(*address))
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    }
    Ok(())
}

/// The loopback device is the first of every network namespace.
const LOOPBACK: u32 = 1;

/// `RTM_NEWLINK` that sets `IFF_UP`.
fn up() -> Vec<u8> {
    const RTM_NEWLINK: u16 = 16;
    const IFF_UP: u32 = 1;
    let mut body = vec![0; 4];
    for word in [LOOPBACK, IFF_UP, IFF_UP] {
        body.extend(word.to_ne_bytes());
    }
    message(RTM_NEWLINK, 0, &body)
}

/// `RTM_NEWADDR`, without the search for duplicates that delays IPv6 addresses.
fn new_address(address: IpAddr) -> Vec<u8> {
    const RTM_NEWADDR: u16 = 20;
    const CREATE: u16 = 0x400;
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    const IFA_F_NODAD: u8 = 2;
    let (family, bytes) = match address {
        IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    let bits = (bytes.len() * 8) as u8;
    let mut body = vec![family as u8, bits, IFA_F_NODAD, 0];
    body.extend(LOOPBACK.to_ne_bytes());
    for attribute in [IFA_LOCAL, IFA_ADDRESS] {
        body.extend((bytes.len() as u16 + 4).to_ne_bytes());
        body.extend(attribute.to_ne_bytes());
        body.extend(&bytes);
    }
    message(RTM_NEWADDR, CREATE, &body)
}

/// A message that asks for an acknowledgement.
fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    const HEADER: usize = 16;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
    let mut message = Vec::new();
    message.extend(((HEADER + body.len()) as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((flags | REQUEST_AND_ACKNOWLEDGE).to_ne_bytes());
    // Sequence number and sender; the kernel copies the one and fills in the other.
    message.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(body);
    message
}

/// Sends a request and reads the acknowledgement, an error message whose code may be 0.
fn ask(socket: &OwnedFd, message: &[u8]) -> io::Result<()> {
    rustix::net::send(socket, message, SendFlags::empty())?;
    let mut answer = [0; 1024];
    let (length, _) = rustix::net::recv(socket, &mut answer, RecvFlags::empty())?;
    let code = answer
        .get(16..20)
        .filter(|_| length >= 20)
        .and_then(|bytes| bytes.try_into().ok())
        .map(i32::from_ne_bytes)
        .ok_or_else(|| io::Error::other("the kernel's answer is too short"))?;
    match code {
        0 => Ok(()),
        // One that is there already, because two parts of a test name it.
        negative if -negative == libc::EEXIST => Ok(()),
        negative => Err(io::Error::from_raw_os_error(-negative)),
    }
}
