//! A network with nobody else in it.
//!
//! The puppet moves into a network namespace of its own and gives the loopback device there the
//! addresses it is about to talk to. Connections then have the public addresses that rules look
//! for, and end in the same process: the namespace has no other device, so nothing can leave.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};

use nix::sched::CloneFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::Deed;
use crate::failure::Failure;

/// An address of the block set aside for documentation (TEST-NET-3): public as rules see it, and
/// nobody's.
pub(crate) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// Where clouds serve credentials to their machines.
pub(crate) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Where kubeadm puts the API server of a cluster, as its pods see it.
pub(crate) const KUBERNETES: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);

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

/// Connects over TCP to a listener of our own and puts the connection in the place of standard error,
/// which nothing is written to.
pub(super) fn redirect((ip, port): (Ipv4Addr, u16)) -> Result<Deed, Failure> {
    enter(ip)?;
    let address = SocketAddrV4::new(ip, port);
    let step = "redirect standard error to a connection";
    let listener =
        TcpListener::bind(address).map_err(Failure::at(format!("listen on {address}")))?;
    let socket = std::net::TcpStream::connect(address).map_err(Failure::at(step))?;
    let (peer, _) = listener.accept().map_err(Failure::at(step))?;
    Ok(Box::new(move || {
        let _kept = &peer;
        rustix::stdio::dup2_stderr(&socket).map_err(Failure::at(step))
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
    // A sandbox owns the addresses already.
    if !crate::sandbox::has_private_network() {
        nix::sched::unshare(CloneFlags::CLONE_NEWNET)
            .or_else(|_| nix::sched::unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET))
            .map_err(|errno| {
                Failure::skipped(format!("no private network can be made: {errno}"))
            })?;
        crate::netlink::own(&[ip.into()]).map_err(Failure::at("make a private network"))?;
    }
    // The proof that the address is ours before anything is sent to it.
    UdpSocket::bind((ip, 0))
        .map(drop)
        .map_err(Failure::at(format!("bind to {ip}")))
}
