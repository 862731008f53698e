//! `fd.*` and `fdlist.*`.

use event::{Encoder, EventType};
use field::OutputValue;
use state::{Descriptor, DescriptorKind, Endpoint, L4Proto, SocketRole};

use crate::world::{VI, World, file, tcp};

fn close(event: &mut Encoder) {
    event.i64(0).i64(3);
}

fn assert_fd(world: &mut World, fd: i64, expected: &[(&str, Option<&str>)]) {
    world.fd = Some(fd);
    for (field, text) in expected {
        let found = world.text(EventType::SYSCALL_CLOSE_X, close, field);
        assert_eq!(found.as_deref(), *text, "{field}");
    }
}

#[test]
fn files() {
    let mut world = World::new();
    let mut descriptor = file("/home/anna/notes.txt");
    descriptor.name_raw = b"notes.txt".as_slice().into();
    (descriptor.dev, descriptor.ino) = (0x801, 42);
    world.state.seed_descriptor(VI, 3, descriptor);
    assert_fd(
        &mut world,
        3,
        &[
            ("fd.num", Some("3")),
            ("fd.type", Some("file")),
            ("fd.typechar", Some("f")),
            ("fd.name", Some("/home/anna/notes.txt")),
            ("fd.nameraw", Some("notes.txt")),
            ("fd.directory", Some("/home/anna")),
            ("fd.filename", Some("notes.txt")),
            ("fd.uid", Some("4003")),
            ("fd.containername", Some(":/home/anna/notes.txt")),
            ("fd.containerdirectory", Some(":/home/anna")),
            ("fd.dev", Some("801")),
            ("fd.dev.major", Some("8")),
            ("fd.dev.minor", Some("1")),
            ("fd.ino", Some("42")),
            ("fd.l4proto", Some("<NA>")),
            ("fd.sockfamily", None),
            ("fd.cip", None),
            ("fd.is_server", Some("false")),
            ("fd.connected", Some("false")),
            ("fd.is_upper_layer", Some("false")),
        ],
    );
    let dev = world.typed(EventType::SYSCALL_CLOSE_X, close, "fd.dev");
    assert_eq!(dev, OutputValue::String("801".to_owned()));
    world.state.seed_descriptor(VI, 4, file("/etc"));
    assert_fd(
        &mut world,
        4,
        &[("fd.directory", Some("/")), ("fd.filename", Some("etc"))],
    );
}

#[test]
fn connections() {
    let mut world = World::new();
    let client = tcp(
        ("10.0.0.5", 4000),
        ("93.184.216.34", 443),
        SocketRole::Client,
    );
    world.state.seed_descriptor(VI, 5, client);
    assert_fd(
        &mut world,
        5,
        &[
            ("fd.type", Some("ipv4")),
            ("fd.typechar", Some("4")),
            ("fd.name", Some("10.0.0.5:4000->93.184.216.34:443")),
            ("fd.sockfamily", Some("ip")),
            ("fd.l4proto", Some("tcp")),
            ("fd.cip", Some("10.0.0.5")),
            ("fd.sip", Some("93.184.216.34")),
            ("fd.lip", Some("10.0.0.5")),
            ("fd.rip", Some("93.184.216.34")),
            ("fd.cport", Some("4000")),
            ("fd.sport", Some("443")),
            ("fd.lport", Some("4000")),
            ("fd.rport", Some("443")),
            ("fd.sproto", Some("443")),
            ("fd.is_server", Some("false")),
            ("fd.directory", None),
            ("fd.sip.name", None),
        ],
    );
    // The same connection the other way around.
    let server = tcp(
        ("93.184.216.34", 4000),
        ("10.0.0.5", 443),
        SocketRole::Server,
    );
    world.state.seed_descriptor(VI, 6, server);
    assert_fd(
        &mut world,
        6,
        &[
            ("fd.lip", Some("10.0.0.5")),
            ("fd.rport", Some("4000")),
            ("fd.is_server", Some("true")),
            ("evt.category", Some("net")),
        ],
    );
}

#[test]
fn sockets_without_a_direction_have_no_sides() {
    let mut world = World::new();
    let unknown = tcp(("10.0.0.5", 1), ("10.0.0.6", 2), SocketRole::Unknown);
    world.state.seed_descriptor(VI, 5, unknown);
    assert_fd(
        &mut world,
        5,
        &[
            ("fd.name", Some("10.0.0.5:1->10.0.0.6:2")),
            ("fd.cip", None),
            ("fd.sport", None),
            ("fd.lip", None),
            ("fd.l4proto", Some("<NA>")),
        ],
    );
    let server = DescriptorKind::InetServer(Endpoint {
        ip: "::".parse().unwrap(),
        port: 80,
        l4: L4Proto::Tcp,
    });
    world.state.seed_descriptor(VI, 6, Descriptor::new(server));
    assert_fd(
        &mut world,
        6,
        &[
            ("fd.type", Some("ipv6")),
            ("fd.name", Some(":::80")),
            ("fd.sip", Some("::")),
            ("fd.sport", Some("80")),
            ("fd.cport", None),
            ("fd.lport", None),
            ("fd.is_server", Some("true")),
            ("fd.l4proto", Some("tcp")),
        ],
    );
}

#[test]
fn either_side_matches() {
    let mut world = World::new();
    let client = tcp(
        ("10.0.0.5", 4000),
        ("93.184.216.34", 443),
        SocketRole::Client,
    );
    world.state.seed_descriptor(VI, 5, client);
    world.fd = Some(5);
    let mut each = |field| {
        world
            .each(EventType::SYSCALL_CLOSE_X, close, field)
            .unwrap()
    };
    assert_eq!(each("fd.ip"), ["10.0.0.5", "93.184.216.34"]);
    assert_eq!(each("fd.net"), ["10.0.0.5", "93.184.216.34"]);
    assert_eq!(each("fd.port"), ["4000", "443"]);
    assert_eq!(each("fd.proto"), ["4000", "443"]);
    assert_eq!(each("fd.snet"), ["93.184.216.34"]);
    world.fd = Some(3);
    assert_eq!(world.each(EventType::SYSCALL_CLOSE_X, close, "fd.ip"), None);
    world.fd = Some(5);
    assert_eq!(
        world.text(EventType::SYSCALL_CLOSE_X, close, "fd.ip"),
        None,
        "not for outputs"
    );
}

#[test]
fn other_kinds() {
    let mut world = World::new();
    let mut unix = Descriptor::new(DescriptorKind::Unix {
        source: 0xff,
        destination: 0xab,
    });
    unix.name = b"/run/x.sock".as_slice().into();
    world.state.seed_descriptor(VI, 7, unix);
    assert_fd(
        &mut world,
        7,
        &[
            ("fd.name", Some("ff->ab /run/x.sock")),
            ("fd.type", Some("unix")),
            ("fd.sockfamily", Some("unix")),
            ("evt.category", Some("ipc")),
        ],
    );
    for (kind, name, character) in [
        (DescriptorKind::Directory, "directory", "d"),
        (DescriptorKind::Fifo, "pipe", "p"),
        (DescriptorKind::EventPoll, "eventpoll", "l"),
        (DescriptorKind::Userfault, "userfaultfd", "u"),
        (DescriptorKind::Memfd, "memfd", "m"),
        (DescriptorKind::Pidfd, "pidfd", "P"),
        (DescriptorKind::InetUnbound { v6: true }, "ipv6", "6"),
    ] {
        world.state.seed_descriptor(VI, 8, Descriptor::new(kind));
        assert_fd(
            &mut world,
            8,
            &[("fd.type", Some(name)), ("fd.typechar", Some(character))],
        );
    }
}

#[test]
fn a_whole_ipv6_network_is_ours() {
    let mut world = World::new();
    let server = tcp(("2001:db8::9", 1), ("::2", 2), SocketRole::Server);
    world.state.seed_descriptor(VI, 5, server);
    assert_fd(&mut world, 5, &[("fd.is_server", Some("true"))]);
}

#[test]
fn failed_opens_still_have_a_name() {
    let mut world = World::new();
    world.fd = Some(-2);
    let open = |event: &mut Encoder| {
        event
            .i64(-2)
            .i64(-100)
            .str("../x/y")
            .u32(1)
            .u32(0)
            .u32(0)
            .u64(0);
    };
    for (field, expected) in [
        ("fd.num", Some("-1")),
        ("fd.name", Some("/home/x/y")),
        ("fd.nameraw", Some("../x/y")),
        ("fd.directory", Some("/home/x")),
        ("fd.filename", None),
        ("fd.type", None),
        ("fd.typechar", Some("o")),
        ("fd.uid", Some("400-1")),
        ("fd.containername", Some(":/home/x/y")),
        ("fd.containerdirectory", Some(":/home/x")),
        ("evt.arg.fd", Some("ENOENT")),
    ] {
        let text = world.text(EventType::SYSCALL_OPENAT_2_X, open, field);
        assert_eq!(text.as_deref(), expected, "{field}");
    }
}

#[test]
fn of_unknown_descriptors_only_the_number_is_known() {
    assert_fd(
        &mut World::new(),
        99,
        &[
            ("fd.num", Some("99")),
            ("fd.name", Some("")),
            ("fd.directory", Some("/")),
            ("fd.type", None),
            ("fd.typechar", Some("o")),
            ("fd.connected", None),
            ("evt.category", Some("unknown")),
        ],
    );
    // No descriptor is involved at all.
    World::new().assert_texts(&[("fd.num", None), ("fd.name", None), ("fd.typechar", None)]);
}

#[test]
fn types_of_all_descriptors() {
    let mut world = World::new();
    world.state.seed_descriptor(VI, 4, file("/etc/passwd"));
    world
        .state
        .seed_descriptor(VI, 5, Descriptor::new(DescriptorKind::Fifo));
    world
        .state
        .seed_descriptor(VI, 6, Descriptor::new(DescriptorKind::Unknown));
    let mut types = world
        .each(EventType::SYSCALL_CLOSE_X, close, "fd.types")
        .unwrap();
    types.sort();
    assert_eq!(types, ["file", "pipe"]);
    let one = world.text(EventType::SYSCALL_CLOSE_X, close, "fd.types[5]");
    assert_eq!(one.as_deref(), Some("(pipe)"));
    let value = world.typed(EventType::SYSCALL_CLOSE_X, close, "fd.types[4]");
    assert_eq!(
        value,
        OutputValue::List(vec![OutputValue::String("file".to_owned())])
    );
    assert_eq!(
        world.typed(EventType::SYSCALL_CLOSE_X, close, "fd.types[9]"),
        OutputValue::Null
    );
}

#[test]
fn lists_of_descriptors() {
    let mut world = World::new();
    let client = tcp(("10.0.0.5", 4000), ("10.0.0.6", 443), SocketRole::Client);
    world.state.seed_descriptor(VI, 5, client);
    let poll = |event: &mut Encoder| {
        let mut list = 2u16.to_le_bytes().to_vec();
        for fd in [5i64, 3] {
            list.extend_from_slice(&fd.to_le_bytes());
            list.extend_from_slice(&1u16.to_le_bytes());
        }
        event.i64(1).bytes(&list).i64(-1);
    };
    for (field, expected) in [
        ("fdlist.nums", "5,3"),
        (
            "fdlist.names",
            "10.0.0.5:4000->10.0.0.6:443,/home/anna/notes.txt",
        ),
        ("fdlist.cips", "10.0.0.5,<NA>"),
        ("fdlist.sports", "443,<NA>"),
    ] {
        let text = world.text(EventType::SYSCALL_POLL_X, poll, field);
        assert_eq!(text.as_deref(), Some(expected), "{field}");
    }
    world.assert_texts(&[("fdlist.nums", None)]);
}
