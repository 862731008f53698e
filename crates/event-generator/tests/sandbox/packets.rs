//! No packet leaves.
//!
//! The program runs in a network that has a device with a route to everywhere, so that what it sent to
//! any address would go out there; every frame on every device but loopback is counted. All actions are
//! done, in private namespaces and in place.

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

use action::Need;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, socket,
};

use crate::{program, root, skip};

const DEVICES: &[&str] = &[
    "link add left type veth peer name right",
    "address add 192.0.2.1/24 dev left",
    "link set lo up",
    "link set left up",
    "link set right up",
    "route add default via 192.0.2.2",
];

/// Makes a network for this thread and its children; `false`, with the reason, when that fails.
fn network() -> bool {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    // The kernel greets its neighbours over IPv6 by itself.
    let _ = std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    for line in DEVICES {
        match Command::new("ip").args(line.split(' ')).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                skip(&format!(
                    "ip {line}: {}",
                    String::from_utf8_lossy(&output.stderr)
                ));
                return false;
            }
            Err(error) => {
                skip(&format!("ip (package iproute2): {error}"));
                return false;
            }
        }
    }
    true
}

/// Sees every frame of this thread's network.
fn capture() -> OwnedFd {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(
        AddressFamily::Packet,
        SockType::Raw,
        flags,
        SockProtocol::EthAll,
    )
    .unwrap()
}

/// The frames so far that were not on the loopback device.
fn frames(capture: &OwnedFd) -> Vec<Vec<u8>> {
    const LOOPBACK: usize = 1;
    let mut found = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let received = recvfrom::<LinkAddr>(capture.as_raw_fd(), &mut buffer);
        match received {
            Ok((length, Some(from))) if from.ifindex() != LOOPBACK => {
                found.push(buffer[..length].to_vec());
            }
            Ok(_) => {}
            Err(nix::errno::Errno::EAGAIN) => return found,
            Err(errno) => panic!("{errno}"),
        }
    }
}

/// The actions that were not done, by what `run` said, without those that only a cluster can do, and
/// without those that only a container can do if there is none.
fn missing(said: &str, has_containers: bool) -> Vec<&'static str> {
    let done: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("action executed"))
        .filter_map(|line| line.split_once("action=")?.1.split(' ').next())
        .collect();
    action::all()
        .iter()
        .filter(|action| has_containers || !action.needs.contains(&Need::Container))
        .map(|action| action.name)
        .filter(|name| !name.starts_with("k8saudit.") && !done.contains(name))
        .collect()
}

#[test]
fn no_packet_leaves() {
    if !root() {
        return;
    }
    // In a thread of its own, since the network is the thread's.
    std::thread::spawn(|| {
        if !network() {
            return;
        }
        let capture = capture();
        let dir = tempfile::tempdir().unwrap();
        let journals = dir.path().join("journals").display().to_string();
        for flags in [&[][..], &["--in-place", "--journal-directory", &journals]] {
            let arguments = ["run", "--all", "--sleep", "0", "--parallel", "8"];
            let output = program(&[&arguments[..], flags].concat())
                .stderr(Stdio::piped())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{flags:?}: {said}");
            assert_eq!(frames(&capture), Vec::<Vec<u8>>::new(), "{flags:?}");
            // There is no container in place; what only a container makes suspicious is skipped there.
            let has_containers = flags.is_empty();
            assert_eq!(missing(&said, has_containers), [""; 0], "{flags:?}: {said}");
        }
        // That frames are seen at all: a datagram to an address that actions contact.
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.send_to(b"x", "203.0.113.1:9").unwrap();
        assert!(!frames(&capture).is_empty(), "the capture sees nothing");
    })
    .join()
    .unwrap();
}

#[test]
fn no_route_is_no_failure() {
    if !root() {
        return;
    }
    std::thread::spawn(|| {
        // A network without even a loopback device that is up.
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let pattern = "^helper|SystemProcs|UnexpectedUDP|DisallowedSSH";
        let arguments = ["run", pattern, "--all", "--sleep", "0"];
        assert!(program(&arguments).status().unwrap().success());
    })
    .join()
    .unwrap();
}
