//! Sockets: whether they are followed or told of, and whether the kernel asks where connections
//! lead, alerts say the same.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use end_to_end::{Folder, fork, live, reap, wait_for};

use super::{WITHOUT, alerts, assert_same, engine, of_rule, rule, said};

const SHOWN: &str = "type=%evt.type res=%evt.res num=%fd.num kind=%fd.type name=%fd.name l4=%fd.l4proto \
                     sip=%fd.sip sport=%fd.sport cip=%fd.cip cport=%fd.cport lip=%fd.lip lport=%fd.lport \
                     rip=%fd.rip rport=%fd.rport server=%fd.is_server connected=%fd.connected \
                     args=%evt.args";

/// Where the acts connect to: what rules list, and what they do not.
struct Servers {
    streams: [TcpListener; 2],
    datagrams: [UdpSocket; 2],
    /// The same for IPv6, where there is any.
    v6: Option<(TcpListener, UdpSocket)>,
}

impl Servers {
    fn new() -> Self {
        let stream = |at: &str| TcpListener::bind(at);
        let datagram = |at: &str| UdpSocket::bind(at);
        Self {
            streams: [0; 2].map(|_| stream("127.0.0.1:0").unwrap()),
            datagrams: [0; 2].map(|_| datagram("127.0.0.1:0").unwrap()),
            v6: stream("[::1]:0")
                .and_then(|s| Ok((s, datagram("[::1]:0")?)))
                .ok(),
        }
    }

    fn stream(&self, which: usize) -> u16 {
        self.streams[which].local_addr().unwrap().port()
    }

    fn datagram(&self, which: usize) -> u16 {
        self.datagrams[which].local_addr().unwrap().port()
    }
}

/// System calls without anything around them: a child that was forked may do no more.
mod call {
    #![expect(unsafe_code, reason = "the standard library does more than the call")]

    use std::os::fd::RawFd;

    #[derive(Clone, Copy)]
    pub(super) enum To {
        V4(u16),
        V6(u16),
        Abstract(u8),
        Nothing,
    }

    impl To {
        fn with<T>(self, call: impl FnOnce(*const libc::sockaddr, libc::socklen_t) -> T) -> T {
            // SAFETY: addresses are plain numbers, for which zeroes will do.
            let (mut v4, mut v6, mut un): (
                libc::sockaddr_in,
                libc::sockaddr_in6,
                libc::sockaddr_un,
            ) = unsafe { std::mem::zeroed() };
            let (at, size) = match self {
                Self::V4(port) => {
                    v4.sin_family = libc::AF_INET as u16;
                    v4.sin_port = port.to_be();
                    v4.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
                    ((&raw const v4).cast(), size_of_val(&v4))
                }
                Self::V6(port) => {
                    v6.sin6_family = libc::AF_INET6 as u16;
                    v6.sin6_port = port.to_be();
                    v6.sin6_addr.s6_addr[15] = 1;
                    ((&raw const v6).cast(), size_of_val(&v6))
                }
                Self::Abstract(name) => {
                    un.sun_family = libc::AF_UNIX as u16;
                    un.sun_path[1] = name as libc::c_char;
                    // SAFETY: nothing goes in.
                    let pid = unsafe { libc::getpid() }.to_ne_bytes();
                    for (to, from) in un.sun_path[2..].iter_mut().zip(pid) {
                        *to = (b'a' + (from & 15)) as libc::c_char;
                    }
                    ((&raw const un).cast(), 2 + 6)
                }
                Self::Nothing => ((&raw const v4).cast(), size_of_val(&v4)),
            };
            call(at, size as libc::socklen_t)
        }
    }

    pub(super) fn socket(family: i32, kind: i32) -> RawFd {
        // SAFETY: only numbers go in.
        unsafe { libc::socket(family, kind, 0) }
    }

    pub(super) fn connect(fd: RawFd, to: To) -> i32 {
        // SAFETY: the address outlives the call.
        to.with(|at, size| unsafe { libc::connect(fd, at, size) })
    }

    pub(super) fn bind(fd: RawFd, to: To) -> i32 {
        // SAFETY: the address outlives the call.
        to.with(|at, size| unsafe { libc::bind(fd, at, size) })
    }

    pub(super) fn sendto(fd: RawFd, to: Option<To>) {
        let data = b"x".as_ptr().cast();
        // SAFETY: address and data outlive the call.
        unsafe {
            match to {
                Some(to) => to.with(|at, size| libc::sendto(fd, data, 1, 0, at, size)),
                None => libc::send(fd, data, 1, 0),
            };
        }
    }

    pub(super) fn receive(fd: RawFd) {
        let mut byte = 0u8;
        // SAFETY: there is room for one byte.
        unsafe { libc::recv(fd, (&raw mut byte).cast(), 1, 0) };
    }

    pub(super) fn read(fd: RawFd) {
        let mut byte = 0u8;
        // SAFETY: there is room for one byte.
        unsafe { libc::read(fd, (&raw mut byte).cast(), 1) };
    }

    pub(super) fn write(fd: RawFd) {
        // SAFETY: the data outlives the call.
        unsafe { libc::write(fd, b"x".as_ptr().cast(), 1) };
    }

    pub(super) fn accept(fd: RawFd) -> RawFd {
        // SAFETY: no address is asked for.
        unsafe { libc::accept(fd, std::ptr::null_mut(), std::ptr::null_mut()) }
    }

    pub(super) fn listen(fd: RawFd) {
        // SAFETY: only numbers go in.
        unsafe { libc::listen(fd, 4) };
    }

    pub(super) fn dup2(old: RawFd, new: RawFd) {
        // SAFETY: the child has nothing that relies on `new`.
        unsafe { libc::dup2(old, new) };
    }

    pub(super) fn dup(old: RawFd) -> RawFd {
        // SAFETY: only numbers go in.
        unsafe { libc::dup(old) }
    }

    pub(super) fn close(fd: RawFd) {
        // SAFETY: the child has nothing that relies on it.
        unsafe { libc::close(fd) };
    }

    pub(super) fn shutdown(fd: RawFd) {
        // SAFETY: only numbers go in.
        unsafe { libc::shutdown(fd, libc::SHUT_WR) };
    }

    pub(super) fn open_null() -> RawFd {
        // SAFETY: the path ends with NUL.
        unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) }
    }

    pub(super) fn pair() -> [RawFd; 2] {
        let mut pair = [-1; 2];
        // SAFETY: there is room for two.
        unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr()) };
        pair
    }

    pub(super) fn end() -> ! {
        // SAFETY: a forked child ends without running what the parent will.
        unsafe { libc::_exit(0) }
    }
}

use call::To;
use libc::{AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM};

/// What the acts are done to.
#[derive(Clone, Copy)]
struct Targets {
    streams: [(RawFd, u16); 2],
    datagrams: [(RawFd, u16); 2],
    v6: Option<[u16; 2]>,
}

impl Targets {
    fn of(servers: &Servers) -> Self {
        let number = |fd: RawFd, port| (fd, port);
        Self {
            streams: [0, 1].map(|at| number(servers.streams[at].as_raw_fd(), servers.stream(at))),
            datagrams: [0, 1]
                .map(|at| number(servers.datagrams[at].as_raw_fd(), servers.datagram(at))),
            v6: servers.v6.as_ref().map(|(stream, datagram)| {
                [
                    stream.local_addr().unwrap().port(),
                    datagram.local_addr().unwrap().port(),
                ]
            }),
        }
    }
}

/// A stream from here to a listening socket: the client's end and the server's.
fn stream_to((listener, port): (RawFd, u16)) -> [RawFd; 2] {
    let client = call::socket(AF_INET, SOCK_STREAM);
    call::connect(client, To::V4(port));
    [client, call::accept(listener)]
}

fn connected((_, port): (RawFd, u16)) -> RawFd {
    let fd = call::socket(AF_INET, SOCK_DGRAM);
    call::connect(fd, To::V4(port));
    fd
}

/// Everything after the engines watch. `before` are sockets from before that: a stream's client and
/// server, a datagram socket that is connected and one that is not, a pair of unix sockets.
fn act(targets: Targets, before: [RawFd; 6]) {
    let [client, server, datagram, unconnected, one, other] = before;
    for fd in [client, one, datagram] {
        call::sendto(fd, None);
    }
    for fd in [server, other] {
        call::read(fd);
    }
    call::sendto(unconnected, Some(To::V4(targets.datagrams[0].1)));
    call::shutdown(datagram);
    call::dup2(client, 0);
    call::dup2(server, 1);
    call::dup2(datagram, 2);

    // Streams, as client and as server, copied to where a shell would have them.
    for target in targets.streams {
        let [client, server] = stream_to(target);
        for (fd, at) in [(client, 0), (server, 1), (client, 2)] {
            call::dup2(fd, at);
        }
        call::sendto(client, None);
        call::receive(server);
        call::write(1);
        call::read(0);
        // Connected already, and then no more.
        call::connect(client, To::V4(target.1));
        call::connect(client, To::Nothing);
        call::shutdown(server);
        call::close(client);
        call::close(server);
    }

    // Datagrams, connected: nobody follows them. The bound socket hears from two of them.
    for target in targets.datagrams {
        let first = connected(target);
        let second = connected(targets.datagrams[0]);
        call::dup2(first, 0);
        call::sendto(first, None);
        call::sendto(second, None);
        call::write(first);
        call::receive(target.0);
        call::read(target.0);
        call::connect(first, To::V4(targets.datagrams[1].1));
        call::sendto(first, None);
        call::write(first);
        call::connect(first, To::Nothing);
        call::write(first);
        call::sendto(first, Some(To::V4(target.1)));
        call::dup2(first, 0);
        call::close(call::dup(first));
        call::close(first);
        call::close(second);
    }
    // Not connected, bound and not.
    let free = call::socket(AF_INET, SOCK_DGRAM);
    call::sendto(free, Some(To::V4(targets.datagrams[1].1)));
    call::dup2(free, 0);
    call::sendto(free, Some(To::V4(targets.datagrams[0].1)));
    call::dup2(free, 1);
    call::close(free);
    let bound = call::socket(AF_INET, SOCK_DGRAM);
    call::bind(bound, To::V4(0));
    call::dup2(bound, 0);
    call::sendto(bound, Some(To::V4(targets.datagrams[0].1)));
    call::close(bound);

    // Numbers that are used again, by sockets of other kinds and by files.
    let number = connected(targets.datagrams[0]);
    call::dup2(number, 0);
    call::close(number);
    let [again, server] = stream_to(targets.streams[0]);
    call::dup2(again, 1);
    call::sendto(again, None);
    call::read(server);
    call::close(again);
    let third = call::socket(AF_UNIX, SOCK_DGRAM);
    call::dup2(third, 1);
    call::sendto(third, Some(To::Abstract(b'n')));
    call::close(third);
    let fourth = call::socket(AF_INET6, SOCK_DGRAM);
    call::dup2(fourth, 2);
    call::close(fourth);
    let file = call::open_null();
    call::read(file);
    call::connect(file, To::V4(targets.streams[0].1));
    call::close(file);
    let fifth = call::socket(AF_INET, SOCK_STREAM);
    call::dup2(fifth, 2);
    call::connect(fifth, To::V4(1));
    call::close(fifth);
    call::close(server);

    // What does not come about, or not at once.
    for kind in [SOCK_STREAM, SOCK_STREAM | SOCK_NONBLOCK, SOCK_DGRAM] {
        let fd = call::socket(AF_INET, kind);
        call::connect(fd, To::V4(1));
        call::connect(fd, To::V6(1));
        call::dup2(fd, 0);
        call::sendto(fd, None);
        call::close(fd);
    }
    call::connect(-1, To::V4(1));

    if let Some([stream, datagram]) = targets.v6 {
        for (kind, port) in [
            (SOCK_STREAM, stream),
            (SOCK_DGRAM, datagram),
            (SOCK_DGRAM, 9),
        ] {
            let fd = call::socket(AF_INET6, kind);
            call::connect(fd, To::V6(port));
            call::dup2(fd, 0);
            call::sendto(fd, None);
            call::close(fd);
        }
    }

    // Unix sockets.
    let listener = call::socket(AF_UNIX, SOCK_STREAM);
    call::bind(listener, To::Abstract(b's'));
    call::listen(listener);
    let client = call::socket(AF_UNIX, SOCK_STREAM);
    call::connect(client, To::Abstract(b's'));
    let server = call::accept(listener);
    call::sendto(client, None);
    call::receive(server);
    call::dup2(client, 0);
    call::dup2(server, 1);
    let [one, other] = call::pair();
    call::sendto(one, None);
    call::read(other);
    call::connect(one, To::Abstract(b'x'));
}

fn rules(servers: &Servers, pid: i32) -> String {
    let listed = format!("({}, {}, 9)", servers.stream(0), servers.datagram(0));
    let mut text = String::new();
    for (name, condition) in [
        (
            "to a port",
            format!("evt.type = connect and fd.sport in {listed}"),
        ),
        (
            "to another port",
            format!(
                "evt.type = connect and fd.l4proto = udp and fd.sport exists and not fd.sport in {listed}"
            ),
        ),
        (
            "to a network",
            "evt.type = connect and fd.snet in (127.0.0.0/8) and fd.l4proto = tcp".to_owned(),
        ),
        (
            "to another address",
            "evt.type = connect and fd.typechar in (4, 6) and fd.sip != 127.0.0.1".to_owned(),
        ),
        (
            "failed",
            "evt.type = connect and evt.failed = true".to_owned(),
        ),
        (
            "onto standard streams",
            "evt.type in (dup, dup2, dup3) and evt.rawres in (0, 1, 2) \
             and fd.type in (ipv4, ipv6, unix)"
                .to_owned(),
        ),
        (
            "sent",
            format!(
                "evt.type in (sendto, sendmsg, write) and fd.type in (ipv4, ipv6) \
                 and not fd.sport = {}",
                servers.stream(1)
            ),
        ),
        (
            "received",
            "evt.type in (read, recvfrom, recvmsg) and fd.type in (ipv4, ipv6)".to_owned(),
        ),
        (
            "between unix sockets",
            "evt.type in (connect, sendto, recvfrom) and fd.type = unix".to_owned(),
        ),
        (
            "served",
            "evt.type in (accept, accept4, bind, listen) and fd.type in (ipv4, ipv6, unix)"
                .to_owned(),
        ),
        (
            "shut",
            "evt.type = shutdown and fd.typechar in (4, 6)".to_owned(),
        ),
    ] {
        text += &format!(
            "- rule: {name}\n  desc: d\n  condition: {condition} and proc.pid = {pid}\n  \
             output: {SHOWN}\n  priority: WARNING\n"
        );
    }
    text
}

#[test]
fn sockets_are_shown_the_same_with_the_filter_and_without() {
    if !live() {
        return;
    }
    let servers = Servers::new();
    let targets = Targets::of(&servers);
    let (mut is_ready, ready) = std::io::pipe().unwrap();
    let (go, mut says_go) = std::io::pipe().unwrap();
    let (ready_fd, go_fd) = (ready.as_raw_fd(), go.as_raw_fd());
    let child = fork(|| {
        let [client, server] = stream_to(targets.streams[0]);
        let free = call::socket(AF_INET, SOCK_DGRAM);
        let [one, other] = call::pair();
        let before = [
            client,
            server,
            connected(targets.datagrams[0]),
            free,
            one,
            other,
        ];
        call::write(ready_fd);
        call::read(go_fd);
        act(targets, before);
        call::end()
    });
    is_ready.read_exact(&mut [0]).unwrap();

    let folder = Folder::new();
    let marker = folder.write("marker", "");
    let last = rule(
        "Marker",
        &format!(
            "evt.type in (open, openat) and fd.name = {}",
            marker.display()
        ),
    );
    let rules = folder.write("rules.yaml", &(rules(&servers, child) + &last));
    let options = ["-o", "rule_matching=all"];
    let with = engine(&folder, &[&rules], &options);
    let without = engine(
        &folder,
        &[&rules],
        &[&options[..], &["-o", WITHOUT]].concat(),
    );
    says_go.write_all(b"x").unwrap();
    reap(child);
    File::open(&marker).unwrap();
    let counted = |engine: super::Running| {
        wait_for("the last alert", || {
            (of_rule(&engine.stdout(), "Marker") > 0).then_some(())
        });
        let (status, lines, log) = engine.stop();
        assert!(status.success(), "{}", log.join("\n"));
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for alert in alerts(&lines) {
            *counts.entry(said(&alert)).or_default() += 1;
        }
        counts
    };
    let (with, without) = (counted(with), counted(without));
    assert_same(&with, &without);
    assert!(with.len() > 60, "{}", with.len());
}

#[test]
fn connections_that_no_rule_can_match_make_no_record() {
    if !live() {
        return;
    }
    const TURNS: u64 = 5_000;
    let folder = Folder::new();
    let marker = folder.write("marker", "");
    let text = rule(
        "Unexpected",
        "evt.type in (connect, sendto) and fd.l4proto = udp and fd.sport exists and not fd.sport in (9, 53)",
    ) + &rule(
        "Redirected",
        "evt.type in (dup, dup2, dup3) and evt.rawres in (0, 1, 2) and fd.typechar in (4, 6)",
    ) + &rule(
        "Metadata",
        "evt.type = connect and fd.typechar in (4, 6) and fd.sip = '169.254.169.254'",
    ) + &rule(
        "Marker",
        &format!(
            "evt.type in (open, openat) and fd.name = {}",
            marker.display()
        ),
    );
    let rules = folder.write("rules.yaml", &text);
    let engine = engine(&folder, &[&rules], &[]);
    for _ in 0..TURNS {
        let fd = call::socket(AF_INET, SOCK_DGRAM);
        call::connect(fd, To::V4(9));
        call::close(fd);
    }
    // The number is used again, and by a rule's socket.
    let unlisted = connected((-1, 4242));
    call::close(unlisted);
    File::open(&marker).unwrap();
    wait_for("the alert", || {
        (of_rule(&engine.stdout(), "Marker") > 0).then_some(())
    });
    let (_, lines, log) = engine.stop();
    let found = alerts(&lines);
    let unexpected: Vec<_> = found
        .iter()
        .filter(|alert| alert["rule"] == "Unexpected")
        .map(said)
        .filter(|said| said.contains("->127.0.0.1:4242"))
        .collect();
    assert_eq!(unexpected.len(), 1, "{}", lines.join("\n"));
    let line = log.iter().find(|line| line.contains("no rule can match"));
    let line = line.unwrap_or_else(|| panic!("nothing was left out:\n{}", log.join("\n")));
    let count = line
        .split_whitespace()
        .filter_map(|word| word.parse::<u64>().ok())
        .max();
    assert!(count >= Some(2 * TURNS), "{line}");
}
