//! A network with nobody else in it.
//!
//! The puppet moves into a network namespace of its own and gives the loopback device there the
//! addresses it is about to talk to. Connections then have the public addresses that rules look
//! for, and end in the same process: the namespace has no other device, so nothing can leave.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};

use nix::sched::CloneFlags;
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use super::Deed;
use crate::failure::Failure;

/// An address of the block set aside for documentation (TEST-NET-3): public as rules see it, and
/// nobody's.
pub(super) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// Where clouds serve credentials to their machines.
pub(super) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Connects a UDP socket, which sends nothing.
pub(super) fn connect_udp((ip, port): (Ipv4Addr, u16)) -> Result<Deed, Failure> {
    enter(ip)?;
    Ok(Box::new(move || {
        let step = "connect a UDP socket";
        let socket = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(Failure::at(step))?;
        rustix::net::connect(&socket, &SocketAddrV4::new(ip, port)).map_err(Failure::at(step))
    }))
}

/// Connects over TCP to a listener of our own.
pub(super) fn connect_tcp((ip, port): (Ipv4Addr, u16)) -> Result<Deed, Failure> {
    enter(ip)?;
    let address = SocketAddrV4::new(ip, port);
    let listener =
        TcpListener::bind(address).map_err(Failure::at(format!("listen on {address}")))?;
    Ok(Box::new(move || {
        let step = "connect a TCP socket";
        let socket = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(Failure::at(step))?;
        // Closing with a reset, so that ports do not run out while closed connections linger.
        sockopt::set_socket_linger(&socket, Some(std::time::Duration::ZERO))
            .map_err(Failure::at(step))?;
        rustix::net::connect(&socket, &address).map_err(Failure::at(step))?;
        listener.accept().map(drop).map_err(Failure::at(step))
    }))
}

/// Listens on a port of the kernel's choice, and stops.
pub(super) fn listen(ip: Ipv4Addr) -> Result<Deed, Failure> {
    enter(ip)?;
    Ok(Box::new(move || {
        TcpListener::bind((ip, 0))
            .map(drop)
            .map_err(Failure::at("listen"))
    }))
}

/// Moves this process into a network of its own, in which `ip` is us.
fn enter(ip: Ipv4Addr) -> Result<(), Failure> {
    nix::sched::unshare(CloneFlags::CLONE_NEWNET)
        .or_else(|_| nix::sched::unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET))
        .map_err(|errno| Failure::skipped(format!("no private network can be made: {errno}")))?;
    // Of the netlink protocols, routing is number 0, the default.
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(Failure::at("open a netlink socket"))?;
    ask_kernel(&socket, &loopback_up()).map_err(Failure::at("bring the loopback device up"))?;
    ask_kernel(&socket, &loopback_address(ip))
        .map_err(Failure::at(format!("give the loopback device {ip}")))?;
    // The proof that the address is ours before anything is sent to it.
    UdpSocket::bind((ip, 0))
        .map(drop)
        .map_err(Failure::at(format!("bind to {ip}")))
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
