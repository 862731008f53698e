//! System calls that are suspicious in themselves.

use std::fs::File;
use std::os::fd::AsFd;

use nix::sched::CloneFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType};
use rustix::process::{WaitOptions, waitpid};

use crate::context::Context;
use crate::failure::Failure;
use crate::prepared::Prepared;
use crate::stand_in::Puppet;

/// Asks to enter a namespace through a descriptor that is none. The refusal is expected: what is
/// suspicious is the attempt, and a success would change this process for good.
pub(crate) fn set_namespace(_: &Context) -> Result<Prepared, Failure> {
    let none = File::open("/dev/null").map_err(Failure::at("open /dev/null"))?;
    Ok(Prepared::new(
        move || match rustix::thread::move_into_link_name_space(none.as_fd(), None) {
            Err(Errno::INVAL | Errno::PERM) => Ok(()),
            Err(errno) => Err(Failure::at("setns")(errno)),
            Ok(()) => Err(Failure::at("setns")(std::io::Error::other(
                "entered a namespace through /dev/null",
            ))),
        },
    ))
}

/// Unshares nothing, which is always allowed.
pub(crate) fn unshare(_: &Context) -> Result<Prepared, Failure> {
    Ok(Prepared::new(|| {
        nix::sched::unshare(CloneFlags::empty()).map_err(Failure::at("unshare"))
    }))
}

/// Opens a socket that would see every packet, and closes it unread.
pub(crate) fn packet_socket(_: &Context) -> Result<Prepared, Failure> {
    /// `ETH_P_ALL` in network byte order.
    const EVERYTHING: u32 = (3u16.to_be()) as u32;
    let protocol = rustix::net::RawProtocol::new(EVERYTHING).map(Protocol::from_raw);
    Ok(Prepared::new(move || {
        rustix::net::socket_with(
            AddressFamily::PACKET,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol,
        )
        .map(drop)
        .map_err(Failure::at("socket(AF_PACKET)"))
    }))
}

/// Attaches to an idle process of ours as a debugger would, and lets go.
pub(crate) fn attach(context: &Context) -> Result<Prepared, Failure> {
    let puppet = Puppet::start(context, "event-generator", "idle")?;
    let pid = puppet.pid();
    let traced = nix::unistd::Pid::from_raw(pid.as_raw_nonzero().get());
    Ok(Prepared::new(move || {
        let _kept = &puppet;
        nix::sys::ptrace::attach(traced).map_err(Failure::at("ptrace(PTRACE_ATTACH)"))?;
        // Only a process that has stopped can be let go.
        waitpid(Some(pid), WaitOptions::empty()).map_err(Failure::at("wait for the stop"))?;
        nix::sys::ptrace::detach(traced, None).map_err(Failure::at("ptrace(PTRACE_DETACH)"))
    }))
}

/// Asks for an empty file to be loaded as a module. There is nothing in it to load, so the kernel
/// refuses; what is suspicious is the attempt.
pub(crate) fn load_module(_: &Context) -> Result<Prepared, Failure> {
    let step = "finit_module";
    let empty = rustix::fs::memfd_create("event-generator", rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(Failure::at("memfd_create"))?;
    Ok(Prepared::new(move || {
        match rustix::system::finit_module(&empty, c"", 0) {
            // Whatever the reason: no modules in this kernel, none from us, none in there.
            Err(_) => Ok(()),
            Ok(()) => Err(Failure::at(step)(std::io::Error::other(
                "an empty file was loaded as a module",
            ))),
        }
    }))
}
