//! Sockets: addresses, roles, names.

mod support;

use std::net::IpAddr;

use event::EventType as T;
use state::{DescriptorKind as Kind, L4Proto, SocketRole as Role, SocketTuple};
use support::{Machine, addr, tuple, unix_tuple};

const INET: u32 = 2;
const INET6: u32 = 10;
const UNIX: u32 = 1;
const STREAM: u32 = 1;
const DGRAM: u32 = 2;

/// A machine with two addresses.
fn machine() -> Machine {
    let mut machine = Machine::with_shell();
    machine.interface("lo", "127.0.0.1", "255.0.0.0");
    machine.interface("eth0", "10.0.0.5", "255.255.255.0");
    machine.interface("lo", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    machine.interface("eth0", "2001:db8::5", "ffff:ffff:ffff:ffff::");
    machine
}

fn socket(machine: &mut Machine, fd: i64, family: u32, ty: u32, protocol: u32) {
    machine.apply(T::SOCKET_SOCKET_X, 10, |e| {
        e.i64(fd).u32(family).u32(ty).u32(protocol).u32(0);
    });
}

fn bind(machine: &mut Machine, fd: i64, address: &str) {
    machine.apply(T::SOCKET_BIND_X, 10, |e| {
        e.i64(0).bytes(&addr(address)).i64(fd);
    });
}

fn sendto(machine: &mut Machine, fd: i64, source: &str, destination: &str) {
    machine.apply(T::SOCKET_SENDTO_X, 10, |e| {
        e.i64(1)
            .bytes(b"x")
            .i64(fd)
            .u32(1)
            .bytes(&tuple(source, destination));
    });
}

fn recvfrom(machine: &mut Machine, fd: i64, source: &str, destination: &str) {
    machine.apply(T::SOCKET_RECVFROM_X, 10, |e| {
        e.i64(1)
            .bytes(b"x")
            .bytes(&tuple(source, destination))
            .i64(fd)
            .u32(1);
    });
}

fn connection(machine: &Machine, fd: i64) -> SocketTuple {
    match machine.kind(10, fd) {
        Some(Kind::Inet(tuple)) => tuple,
        other => panic!("no connection: {other:?}"),
    }
}

/// `source:port>destination:port`, role and protocol.
fn shown(machine: &Machine, fd: i64) -> String {
    let tuple = connection(machine, fd);
    format!(
        "{}:{}>{}:{} {:?} {:?}",
        tuple.source_ip,
        tuple.source_port,
        tuple.destination_ip,
        tuple.destination_port,
        tuple.role,
        tuple.l4
    )
}

#[test]
fn new_sockets() {
    let cases = [
        (
            UNIX,
            STREAM,
            0,
            Kind::Unix {
                source: 0,
                destination: 0,
            },
            L4Proto::Unknown,
        ),
        (
            INET,
            STREAM,
            0,
            Kind::InetUnbound { v6: false },
            L4Proto::Tcp,
        ),
        (
            INET6,
            STREAM,
            6,
            Kind::InetUnbound { v6: true },
            L4Proto::Tcp,
        ),
        (
            INET6,
            DGRAM | 0o4000,
            0,
            Kind::InetUnbound { v6: true },
            L4Proto::Udp,
        ),
        (
            INET,
            DGRAM,
            1,
            Kind::InetUnbound { v6: false },
            L4Proto::Icmp,
        ),
        (INET, 3, 1, Kind::InetUnbound { v6: false }, L4Proto::Raw),
        (16, 3, 0, Kind::Netlink, L4Proto::Unknown),
        (17, 3, 0, Kind::Unsupported, L4Proto::Unknown),
    ];
    for (family, ty, protocol, kind, l4) in cases {
        let mut machine = machine();
        socket(&mut machine, 3, family, ty | 0o2_000_000, protocol);
        let descriptor = machine.fd(10, 3).unwrap();
        assert_eq!(
            (descriptor.kind, descriptor.l4),
            (kind, l4),
            "{family} {ty} {protocol}"
        );
        assert!(descriptor.is_cloexec() && !descriptor.connected);
    }
}

#[test]
fn connect_makes_a_client() {
    for (family, ty, source, destination, res, expected) in [
        (
            INET,
            STREAM,
            "10.0.0.5:999",
            "1.2.3.4:80",
            0,
            "10.0.0.5:999>1.2.3.4:80 Client Tcp",
        ),
        (
            INET,
            STREAM,
            "10.0.0.5:9",
            "1.2.3.4:80",
            -115,
            "10.0.0.5:9>1.2.3.4:80 Client Tcp",
        ),
        (
            INET,
            DGRAM,
            "0.0.0.0:9",
            "1.2.3.4:53",
            0,
            "10.0.0.5:9>1.2.3.4:53 Client Udp",
        ),
        (
            INET6,
            DGRAM,
            "[::]:9",
            "[::1]:53",
            0,
            "::1:9>::1:53 Client Udp",
        ),
        (
            INET6,
            STREAM,
            "[::ffff:10.0.0.5]:9",
            "[::ffff:1.2.3.4]:80",
            0,
            "10.0.0.5:9>1.2.3.4:80 Client Tcp",
        ),
    ] {
        let mut machine = machine();
        socket(&mut machine, 3, family, ty, 0);
        let subject = machine.apply(T::SOCKET_CONNECT_X, 10, |e| {
            e.i64(res)
                .bytes(&tuple(source, destination))
                .i64(3)
                .bytes(&addr(destination));
        });
        assert_eq!(subject.fd, Some(3));
        assert_eq!(shown(&machine, 3), expected);
        let descriptor = machine.fd(10, 3).unwrap();
        assert!(descriptor.connected && descriptor.name_changed);
        machine.tick();
        assert!(
            !machine.fd(10, 3).unwrap().name_changed,
            "only during the event"
        );
    }
}

#[test]
fn a_failed_connect_changes_nothing() {
    let mut machine = machine();
    socket(&mut machine, 3, INET, STREAM, 0);
    machine.apply(T::SOCKET_CONNECT_X, 10, |e| {
        e.i64(-111)
            .bytes(&tuple("10.0.0.5:9", "1.2.3.4:80"))
            .i64(3)
            .empty();
    });
    let descriptor = machine.fd(10, 3).unwrap();
    assert_eq!(
        (descriptor.kind, descriptor.connected),
        (Kind::InetUnbound { v6: false }, false)
    );
}

#[test]
fn connect_without_a_tuple_uses_the_address() {
    let mut machine = machine();
    socket(&mut machine, 3, INET, STREAM, 0);
    machine.apply(T::SOCKET_CONNECT_X, 10, |e| {
        e.i64(0).empty().i64(3).bytes(&addr("1.2.3.4:80"));
    });
    assert_eq!(shown(&machine, 3), "10.0.0.5:0>1.2.3.4:80 Client Tcp");
    machine.apply(T::SOCKET_CONNECT_E, 10, |e| {
        e.i64(3).bytes(&addr("5.6.7.8:81"));
    });
    machine.apply(T::SOCKET_CONNECT_X, 10, |e| {
        e.i64(0).empty().i64(3).bytes(&addr("1.2.3.4:80"));
    });
    assert_eq!(
        shown(&machine, 3),
        "10.0.0.5:0>5.6.7.8:81 Client Tcp",
        "what the kernel read"
    );
    machine.apply(T::SOCKET_CONNECT_X, 10, |e| {
        e.i64(0)
            .bytes(&tuple("10.0.0.5:9", "1.2.3.4:80"))
            .i64(4)
            .empty();
    });
    assert_eq!(
        connection(&machine, 4).l4,
        L4Proto::Unknown,
        "its creation was not seen"
    );
}

#[test]
fn bind_makes_a_server_when_there_is_a_port() {
    let mut machine = machine();
    socket(&mut machine, 3, INET6, STREAM, 6);
    bind(&mut machine, 3, "[2001:db8::5]:0");
    assert_eq!(machine.kind(10, 3), Some(Kind::InetUnbound { v6: true }));
    assert_eq!(machine.name(10, 3), Some("2001:db8::5:0"));
    bind(&mut machine, 3, "[2001:db8::5]:80");
    let Some(Kind::InetServer(endpoint)) = machine.kind(10, 3) else {
        panic!()
    };
    assert_eq!(
        (endpoint.ip, endpoint.port),
        ("2001:db8::5".parse::<IpAddr>().unwrap(), 80)
    );
    assert_eq!((endpoint.l4, machine.name(10, 3)), (L4Proto::Tcp, Some("")));

    socket(&mut machine, 4, UNIX, STREAM, 0);
    machine.apply(T::SOCKET_BIND_X, 10, |e| {
        e.i64(0).bytes(b"\x01/run/x\0").i64(4);
    });
    assert_eq!(machine.name(10, 4), Some("/run/x"));
    socket(&mut machine, 5, INET, STREAM, 0);
    machine.apply(T::SOCKET_BIND_X, 10, |e| {
        e.i64(-98).bytes(&addr("0.0.0.0:80")).i64(5);
    });
    assert_eq!(machine.kind(10, 5), Some(Kind::InetUnbound { v6: false }));
}

#[test]
fn accept_makes_the_servers_end() {
    let mut machine = machine();
    let subject = machine.apply(T::SOCKET_ACCEPT_5_X, 10, |e| {
        e.i64(4)
            .bytes(&tuple("1.2.3.4:999", "10.0.0.5:80"))
            .u8(0)
            .u32(0)
            .u32(1);
    });
    assert_eq!(subject.fd, Some(4));
    assert_eq!(shown(&machine, 4), "1.2.3.4:999>10.0.0.5:80 Server Tcp");
    assert!(machine.fd(10, 4).unwrap().connected);
    machine.apply(T::SOCKET_ACCEPT4_6_X, 10, |e| {
        e.i64(5)
            .bytes(&unix_tuple(1, 2, "/run/x"))
            .u8(0)
            .u32(0)
            .u32(1)
            .u32(0o2_000_000);
    });
    assert_eq!(
        machine.kind(10, 5),
        Some(Kind::Unix {
            source: 1,
            destination: 2
        })
    );
    assert!(machine.fd(10, 5).unwrap().is_cloexec());
    let failed = machine.apply(T::SOCKET_ACCEPT_5_X, 10, |e| {
        e.i64(-11).empty().u8(0).u32(0).u32(0);
    });
    assert_eq!(failed.fd, Some(-1));
}

#[test]
fn socketpairs_and_unix_connections() {
    let mut machine = machine();
    let subject = machine.apply(T::SOCKET_SOCKETPAIR_X, 10, |e| {
        e.i64(0)
            .i64(3)
            .i64(4)
            .u64(0xa)
            .u64(0xb)
            .u32(UNIX)
            .u32(STREAM)
            .u32(0);
    });
    assert_eq!(subject.fd, Some(4));
    assert_eq!(
        machine.kind(10, 3),
        Some(Kind::Unix {
            source: 0xa,
            destination: 0xb
        })
    );
    assert_eq!(
        machine.kind(10, 4),
        Some(Kind::Unix {
            source: 0xb,
            destination: 0xa
        })
    );
    socket(&mut machine, 5, UNIX, STREAM, 0);
    machine.apply(T::SOCKET_CONNECT_X, 10, |e| {
        e.i64(0).bytes(&unix_tuple(1, 2, "/run/y")).i64(5).empty();
    });
    assert_eq!(machine.name(10, 5), Some("/run/y"));
    assert!(machine.fd(10, 5).unwrap().connected);
}

#[test]
fn datagrams_tell_who_serves() {
    // A client sends first, from a port that it did not bind.
    let mut client = machine();
    socket(&mut client, 3, INET, DGRAM, 0);
    sendto(&mut client, 3, "0.0.0.0:5000", "1.2.3.4:53");
    assert_eq!(shown(&client, 3), "10.0.0.5:5000>1.2.3.4:53 Client Udp");
    recvfrom(&mut client, 3, "1.2.3.4:53", "10.0.0.5:5000");
    assert_eq!(shown(&client, 3), "10.0.0.5:5000>1.2.3.4:53 Client Udp");
    assert!(!client.fd(10, 3).unwrap().name_changed);
    sendto(&mut client, 3, "10.0.0.5:5000", "5.6.7.8:53");
    assert_eq!(shown(&client, 3), "10.0.0.5:5000>5.6.7.8:53 Client Udp");
    assert!(client.fd(10, 3).unwrap().name_changed);

    // A server receives on the port that it is bound to, and answers.
    let mut server = machine();
    socket(&mut server, 3, INET, DGRAM, 0);
    bind(&mut server, 3, "0.0.0.0:53");
    recvfrom(&mut server, 3, "1.2.3.4:5000", "10.0.0.5:53");
    assert_eq!(shown(&server, 3), "1.2.3.4:5000>10.0.0.5:53 Server Udp");
    sendto(&mut server, 3, "10.0.0.5:53", "1.2.3.4:5000");
    assert_eq!(shown(&server, 3), "1.2.3.4:5000>10.0.0.5:53 Server Udp");
    recvfrom(&mut server, 3, "9.9.9.9:77", "10.0.0.5:53");
    assert_eq!(shown(&server, 3), "9.9.9.9:77>10.0.0.5:53 Server Udp");

    // Bound to the one port and calling from the other: who moves first decides.
    for (receives, role) in [(true, Role::Server), (false, Role::Client)] {
        let mut machine = machine();
        socket(&mut machine, 3, INET, DGRAM, 0);
        bind(&mut machine, 3, "0.0.0.0:53");
        socket(&mut machine, 4, INET, DGRAM, 0);
        sendto(&mut machine, 4, "10.0.0.5:5000", "1.2.3.4:99");
        socket(&mut machine, 5, INET, DGRAM, 0);
        if receives {
            recvfrom(&mut machine, 5, "1.2.3.4:5000", "10.0.0.5:53");
        } else {
            sendto(&mut machine, 5, "10.0.0.5:5000", "1.2.3.4:53");
        }
        assert_eq!(connection(&machine, 5).role, role);
    }
}

#[test]
fn streams_keep_their_ends() {
    let mut machine = machine();
    machine.apply(T::SOCKET_ACCEPT_5_X, 10, |e| {
        e.i64(4)
            .bytes(&tuple("1.2.3.4:999", "10.0.0.5:80"))
            .u8(0)
            .u32(0)
            .u32(1);
    });
    recvfrom(&mut machine, 4, "7.7.7.7:7", "8.8.8.8:8");
    sendto(&mut machine, 4, "7.7.7.7:7", "8.8.8.8:8");
    assert_eq!(shown(&machine, 4), "1.2.3.4:999>10.0.0.5:80 Server Tcp");
}

#[test]
fn an_unknown_socket_that_sends_is_a_datagram_socket() {
    let events: [(T, usize); 3] = [
        (T::SOCKET_SENDTO_X, 4),
        (T::SOCKET_SENDMSG_X, 4),
        (T::SOCKET_SEND_X, 4),
    ];
    for (event_type, _) in events {
        let mut machine = machine();
        machine.apply(event_type, 10, |e| {
            e.i64(1)
                .bytes(b"x")
                .i64(7)
                .u32(1)
                .bytes(&tuple("0.0.0.0:1", "128.32.41.1:0"));
        });
        assert_eq!(shown(&machine, 7), "10.0.0.5:1>128.32.41.1:0 Client Udp");
        assert!(machine.fd(10, 7).unwrap().connected);
    }
    let mut machine = machine();
    recvfrom(&mut machine, 7, "1.2.3.4:5", "10.0.0.5:6");
    assert_eq!(machine.kind(10, 7), None, "what receives may be anything");
    machine.apply(T::SOCKET_SENDTO_X, 10, |e| {
        e.i64(-111)
            .empty()
            .i64(8)
            .u32(1)
            .bytes(&tuple("0.0.0.0:1", "1.2.3.4:5"));
    });
    assert_eq!(machine.kind(10, 8), None);
}

#[test]
fn every_event_that_carries_data() {
    let ends = tuple("1.2.3.4:5000", "10.0.0.5:53");
    type Params<'a> = &'a dyn Fn(&mut event::Encoder);
    let cases: [(T, Params<'_>); 4] = [
        (T::SOCKET_RECVFROM_X, &|e| {
            e.i64(1).empty().bytes(&ends).i64(3).u32(1);
        }),
        (T::SOCKET_RECVMSG_X, &|e| {
            e.i64(1).u32(1).empty().bytes(&ends).empty().i64(3);
        }),
        (T::SOCKET_RECVMMSG_X, &|e| {
            e.i64(1).i64(3).u32(1).empty().bytes(&ends).empty();
        }),
        (T::SOCKET_RECV_X, &|e| {
            e.i64(1).empty().i64(3).u32(1).bytes(&ends);
        }),
    ];
    for (event_type, params) in cases {
        let mut machine = machine();
        socket(&mut machine, 3, INET, DGRAM, 0);
        bind(&mut machine, 3, "0.0.0.0:53");
        machine.apply(event_type, 10, params);
        assert_eq!(
            shown(&machine, 3),
            "1.2.3.4:5000>10.0.0.5:53 Server Udp",
            "{event_type:?}"
        );
    }
    let mut machine = machine();
    machine.apply(T::SOCKET_SENDMMSG_X, 10, |e| {
        e.i64(1)
            .i64(3)
            .u32(1)
            .empty()
            .bytes(&tuple("10.0.0.5:1", "1.2.3.4:2"));
    });
    assert_eq!(shown(&machine, 3), "10.0.0.5:1>1.2.3.4:2 Client Udp");
}

#[test]
fn seeded_sockets_get_their_roles_from_the_ports_that_are_listened_on() {
    use state::{Descriptor, Endpoint};
    let mut machine = machine();
    let inet = |source: (&str, u16), destination: (&str, u16)| {
        Descriptor::new(Kind::Inet(SocketTuple {
            source_ip: source.0.parse().unwrap(),
            source_port: source.1,
            destination_ip: destination.0.parse().unwrap(),
            destination_port: destination.1,
            l4: L4Proto::Tcp,
            role: Role::Unknown,
        }))
    };
    machine
        .state
        .seed_descriptor(10, 3, inet(("10.0.0.5", 80), ("1.2.3.4", 999)));
    machine
        .state
        .seed_descriptor(10, 4, inet(("10.0.0.5", 998), ("1.2.3.4", 443)));
    let ip = "0.0.0.0".parse().unwrap();
    let listening = Kind::InetServer(Endpoint {
        ip,
        port: 80,
        l4: L4Proto::Tcp,
    });
    machine
        .state
        .seed_descriptor(1, 5, Descriptor::new(listening));
    machine.tick();
    assert_eq!(shown(&machine, 3), "1.2.3.4:999>10.0.0.5:80 Server Tcp");
    assert_eq!(shown(&machine, 4), "10.0.0.5:998>1.2.3.4:443 Client Tcp");
    assert!(machine.fd(10, 3).unwrap().connected);
}

/// The probe tells of an internet socket before a call on it.
fn told(
    machine: &mut Machine,
    fd: i64,
    (ty, protocol): (u16, u16),
    ends: [(&str, u16); 2],
    ino: u64,
) {
    let v6 = ends[0].0.contains(':');
    let event_type = if v6 {
        T::ITER_TASK_FILE_SOCKET_INET6_E
    } else {
        T::ITER_TASK_FILE_SOCKET_INET_E
    };
    machine.apply(event_type, 10, |e| {
        e.u32(fd as u32).u16(ty).u16(protocol);
        for (ip, port) in ends {
            match ip.parse().expect("an address") {
                IpAddr::V4(ip) => e.bytes(&ip.octets()),
                IpAddr::V6(ip) => e.bytes(&ip.octets()),
            };
            e.u16(port);
        }
        e.u64(ino);
    });
}

const UDP: (u16, u16) = (2, 17);
const TCP: (u16, u16) = (1, 6);
const HERE: (&str, u16) = ("10.0.0.5", 4000);
const THERE: (&str, u16) = ("8.8.8.8", 53);
const NOWHERE: (&str, u16) = ("0.0.0.0", 0);

#[test]
fn a_socket_that_was_told_of_is_what_following_would_have_made_it() {
    let mut machine = machine();
    told(&mut machine, 3, UDP, [HERE, THERE], 70);
    assert_eq!(shown(&machine, 3), "10.0.0.5:4000>8.8.8.8:53 Client Udp");
    // Connected to somebody else in the meantime, and then another socket under the number.
    told(&mut machine, 3, UDP, [HERE, ("1.1.1.1", 53)], 70);
    assert_eq!(shown(&machine, 3), "10.0.0.5:4000>1.1.1.1:53 Client Udp");
    told(&mut machine, 3, UDP, [HERE, NOWHERE], 71);
    assert_eq!(machine.kind(10, 3), Some(Kind::InetUnbound { v6: false }));
    told(&mut machine, 3, UDP, [("::1", 9), ("::1", 53)], 72);
    assert_eq!(shown(&machine, 3), "::1:9>::1:53 Client Udp");
    told(&mut machine, 3, TCP, [HERE, THERE], 73);
    assert_eq!(
        shown(&machine, 3),
        "10.0.0.5:4000>8.8.8.8:53 Unknown Tcp",
        "who called cannot be told"
    );
}

#[test]
fn what_was_followed_of_a_socket_survives_being_told() {
    let mut machine = machine();
    // A stream that was accepted: first known by its ends, then by its inode.
    machine.apply(T::SOCKET_ACCEPT4_6_X, 10, |e| {
        e.i64(4)
            .bytes(&tuple("10.0.0.9:5555", "10.0.0.5:22"))
            .u8(0)
            .u32(0)
            .u32(0)
            .u32(0);
    });
    for _ in 0..2 {
        told(
            &mut machine,
            4,
            TCP,
            [("10.0.0.5", 22), ("10.0.0.9", 5555)],
            80,
        );
        assert_eq!(shown(&machine, 4), "10.0.0.9:5555>10.0.0.5:22 Server Tcp");
    }
    told(
        &mut machine,
        4,
        TCP,
        [("10.0.0.5", 22), ("10.0.0.9", 5556)],
        81,
    );
    assert_eq!(
        shown(&machine, 4),
        "10.0.0.5:22>10.0.0.9:5556 Unknown Tcp",
        "another one under the number"
    );
    // A datagram socket that was bound, and whom it spoke to last.
    told(&mut machine, 5, UDP, [("0.0.0.0", 53), NOWHERE], 90);
    bind(&mut machine, 5, "0.0.0.0:53");
    told(&mut machine, 5, UDP, [("0.0.0.0", 53), NOWHERE], 90);
    recvfrom(&mut machine, 5, "10.0.0.9:7", "10.0.0.5:53");
    told(&mut machine, 5, UDP, [("0.0.0.0", 53), NOWHERE], 90);
    assert_eq!(shown(&machine, 5), "10.0.0.9:7>10.0.0.5:53 Server Udp");
    told(&mut machine, 5, UDP, [("0.0.0.0", 53), NOWHERE], 91);
    assert_eq!(machine.kind(10, 5), Some(Kind::InetUnbound { v6: false }));
}

#[test]
fn unix_and_netlink_sockets_that_were_told_of() {
    let mut machine = machine();
    let told = |machine: &mut Machine, own: u64, ino: u64| {
        machine.apply(T::ITER_TASK_FILE_SOCKET_UNIX_E, 10, |e| {
            e.u32(6).u16(1).u16(0).u64(own).str("/run/x").u64(ino);
        });
    };
    machine.apply(T::SOCKET_CONNECT_X, 10, |e| {
        e.i64(0)
            .bytes(&unix_tuple(0xa, 0xb, "/run/x"))
            .i64(6)
            .empty();
    });
    let connected = Some(Kind::Unix {
        source: 0xa,
        destination: 0xb,
    });
    told(&mut machine, 0xa, 1);
    assert_eq!(machine.kind(10, 6), connected);
    told(&mut machine, 0xa, 2);
    let fresh = Some(Kind::Unix {
        source: 0,
        destination: 0,
    });
    assert_eq!(machine.kind(10, 6), fresh);
    machine.apply(T::ITER_TASK_FILE_SOCKET_NETLINK_E, 10, |e| {
        e.u32(6).u16(3).u16(0).u64(3);
    });
    assert_eq!(machine.kind(10, 6), Some(Kind::Netlink));
}
