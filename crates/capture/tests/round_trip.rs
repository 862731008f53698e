//! What is written reads back as it was.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::net::{SocketAddrV4, SocketAddrV6};

use capture::{
    Account, Block, Compression, Descriptor, DescriptorKind, Event, EventDumpFlags, Group,
    Interface, InterfaceAddress, MachineInfo, NamedKind, Options, Process, Reader, Transport, User,
    Writer,
};
use event::{EventType, EventView, events};
use proptest::collection::vec;
use proptest::prelude::*;

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..max)
}

fn machine() -> impl Strategy<Value = MachineInfo> {
    (any::<(u32, u64, u64, u64, u64)>(), vec(1u8.., 0..127)).prop_map(
        |((num_cpus, memory_size, max_pid, boot_ts, flags), hostname)| MachineInfo {
            num_cpus,
            memory_size,
            max_pid,
            hostname,
            boot_ts,
            flags,
        },
    )
}

fn interface() -> impl Strategy<Value = Interface> {
    let v4 = any::<[[u8; 4]; 3]>().prop_map(|[a, n, b]| InterfaceAddress::V4 {
        address: a.into(),
        netmask: n.into(),
        broadcast: b.into(),
    });
    let v6 = any::<[[u8; 16]; 3]>().prop_map(|[a, n, b]| InterfaceAddress::V6 {
        address: a.into(),
        netmask: n.into(),
        broadcast: b.into(),
    });
    (bytes(20), prop_oneof![v4, v6], any::<Option<u64>>()).prop_map(
        |(name, address, link_speed)| Interface {
            name,
            address,
            link_speed,
        },
    )
}

fn account() -> impl Strategy<Value = Account> {
    let user = (any::<u32>(), any::<u32>(), bytes(40), bytes(40), bytes(255)).prop_map(
        |(uid, gid, name, home, shell)| {
            Account::User(User {
                uid,
                gid,
                name,
                home,
                shell,
            })
        },
    );
    let group =
        (any::<u32>(), bytes(40)).prop_map(|(gid, name)| Account::Group(Group { gid, name }));
    prop_oneof![user, group]
}

fn process() -> impl Strategy<Value = Process> {
    (
        any::<[i64; 8]>(),
        [bytes(16), bytes(90), bytes(90), bytes(90), bytes(90)],
        [bytes(400), bytes(400), bytes(400)],
        any::<[u32; 8]>(),
        any::<[u64; 10]>(),
        any::<[bool; 4]>(),
    )
        .prop_map(|(ids, paths, vectors, words, longs, marks)| {
            let [comm, exe, exepath, cwd, root] = paths;
            let [args, env, cgroups] = vectors;
            Process {
                tid: ids[0],
                pid: ids[1],
                ptid: ids[2],
                sid: ids[3],
                vpgid: ids[4],
                pgid: ids[5],
                vtid: ids[6],
                vpid: ids[7],
                comm,
                exe,
                exepath,
                args,
                env,
                cwd,
                root,
                cgroups,
                fd_limit: longs[0],
                flags: words[0],
                uid: words[1],
                gid: words[2],
                loginuid: words[3],
                vm_size: words[4],
                vm_rss: words[5],
                vm_swap: words[6],
                pf_major: longs[1],
                pf_minor: longs[2],
                pidns_init_start_ts: longs[3],
                tty: words[7],
                exe_writable: marks[0],
                exe_upper_layer: marks[1],
                exe_lower_layer: marks[2],
                exe_from_memfd: marks[3],
                cap_inheritable: longs[4],
                cap_permitted: longs[5],
                cap_effective: longs[6],
                exe_ino: longs[7],
                exe_ctime: longs[8],
                exe_mtime: longs[9],
            }
        })
}

fn descriptor() -> impl Strategy<Value = Descriptor> {
    let transport = || (0u8..6).prop_map(Transport::from_code);
    let v4 = || any::<([u8; 4], u16)>().prop_map(|(ip, port)| SocketAddrV4::new(ip.into(), port));
    let v6 =
        || any::<([u8; 16], u16)>().prop_map(|(ip, port)| SocketAddrV6::new(ip.into(), port, 0, 0));
    let kind = prop_oneof![
        (any::<u32>(), bytes(300), any::<u32>()).prop_map(|(open_flags, name, dev)| {
            DescriptorKind::File {
                open_flags,
                name,
                dev,
            }
        }),
        (v4(), v4(), transport()).prop_map(|(source, destination, transport)| {
            DescriptorKind::Ipv4 {
                source,
                destination,
                transport,
            }
        }),
        (v6(), v6(), transport()).prop_map(|(source, destination, transport)| {
            DescriptorKind::Ipv6 {
                source,
                destination,
                transport,
            }
        }),
        (v4(), transport())
            .prop_map(|(local, transport)| DescriptorKind::Ipv4Server { local, transport }),
        (v6(), transport())
            .prop_map(|(local, transport)| DescriptorKind::Ipv6Server { local, transport }),
        (any::<u64>(), any::<u64>(), bytes(100)).prop_map(|(source, destination, name)| {
            DescriptorKind::Unix {
                source,
                destination,
                name,
            }
        }),
        (
            proptest::sample::select(NamedKind::ALL.to_vec()),
            bytes(100)
        )
            .prop_map(|(kind, name)| DescriptorKind::Named { kind, name }),
    ];
    (any::<i64>(), any::<u64>(), kind).prop_map(|(fd, ino, kind)| Descriptor { fd, ino, kind })
}

/// A record of a current type with parameters of any size.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let live: Vec<EventType> = events()
        .iter()
        .filter(|info| !info.is_unused() && !info.is_old_version())
        .map(|info| info.event_type)
        .collect();
    (
        proptest::sample::select(live),
        any::<(u64, i64)>(),
        vec(bytes(60), 0..32),
    )
        .prop_map(|(ty, (ts, tid), params)| {
            let mut encoder = event::Encoder::new();
            encoder.begin(ty, ts, tid);
            for param in params.iter().take(ty.info().unwrap().params.len()) {
                encoder.bytes(param);
            }
            encoder.finish().unwrap().to_vec()
        })
}

#[derive(Clone, Debug)]
struct Picture {
    machine: MachineInfo,
    interfaces: Vec<Interface>,
    accounts: Vec<Account>,
    processes: Vec<Process>,
    descriptors: Vec<(i64, Vec<Descriptor>)>,
    events: Vec<(u16, u32, Vec<u8>)>,
}

fn picture() -> impl Strategy<Value = Picture> {
    (
        machine(),
        vec(interface(), 0..5),
        vec(account(), 0..5),
        vec(process(), 0..5),
        vec((any::<i64>(), vec(descriptor(), 0..5)), 0..3),
        vec((any::<u16>(), any::<u32>(), record()), 1..6),
    )
        .prop_map(
            |(machine, interfaces, accounts, processes, descriptors, events)| Picture {
                machine,
                interfaces,
                accounts,
                processes,
                descriptors,
                events,
            },
        )
}

fn write(picture: &Picture, compression: Compression) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), compression).unwrap();
    writer.machine(&picture.machine).unwrap();
    writer.interfaces(&picture.interfaces).unwrap();
    writer.accounts(&picture.accounts).unwrap();
    writer.processes(&picture.processes).unwrap();
    for (tid, descriptors) in &picture.descriptors {
        writer.descriptors(*tid, descriptors).unwrap();
    }
    for (cpu, flags, record) in &picture.events {
        writer.event(*cpu, EventDumpFlags(*flags), record).unwrap();
    }
    writer.flush().unwrap();
    let written = writer.written();
    let out = writer.finish().unwrap();
    if compression == Compression::None {
        assert_eq!(written, out.len() as u64);
    }
    out
}

fn large_flag(record: &[u8]) -> u32 {
    if EventView::parse(record).unwrap().info().is_large() {
        EventDumpFlags::LARGE.0
    } else {
        0
    }
}

fn check(picture: &Picture, stream: &[u8], times: usize) {
    let mut reader = Reader::new(stream, Options { convert: false }).unwrap();
    for _ in 0..times {
        let mut expected = vec![
            Block::Start { major: 1, minor: 2 },
            Block::Machine(picture.machine.clone()),
            Block::Interfaces(picture.interfaces.clone()),
            Block::Accounts(picture.accounts.clone()),
            Block::Processes(picture.processes.clone()),
        ];
        for (tid, descriptors) in &picture.descriptors {
            expected.push(Block::Descriptors {
                tid: *tid,
                descriptors: descriptors.clone(),
            });
        }
        for (cpu, flags, record) in &picture.events {
            let flags = EventDumpFlags(flags | large_flag(record));
            expected.push(Block::Event(Event {
                cpu: *cpu,
                flags,
                record,
            }));
        }
        for expected in expected {
            assert_eq!(reader.next_block().unwrap(), Some(expected));
        }
    }
    assert_eq!(reader.next_block().unwrap(), None);
    assert_eq!(reader.next_block().unwrap(), None);
    assert_eq!(reader.events(), (picture.events.len() * times) as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn everything_reads_back(picture in picture()) {
        check(&picture, &write(&picture, Compression::None), 1);
        check(&picture, &write(&picture, Compression::Gzip), 1);
    }

    #[test]
    fn captures_can_be_joined(picture in picture()) {
        let plain = write(&picture, Compression::None);
        check(&picture, &[plain.clone(), plain].concat(), 2);
        let gzip = write(&picture, Compression::Gzip);
        check(&picture, &[gzip.clone(), gzip].concat(), 2);
    }

    #[test]
    fn blocks_of_unknown_type_are_stepped_over(picture in picture(), body in bytes(40)) {
        let mut stream = write(&picture, Compression::None);
        // Behind the section header, and at the end.
        let unknown = block(0x7777, &body);
        stream.splice(28..28, unknown.iter().copied());
        stream.extend_from_slice(&unknown);
        check(&picture, &stream, 1);
    }
}

fn block(code: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&code.to_le_bytes()[..], &length, &body, &length].concat()
}

#[test]
fn strings_are_cut_to_what_readers_take() {
    let process = Process {
        comm: vec![b'c'; 5000],
        args: vec![b'a'; 70_000],
        env: vec![b'e'; 4096],
        ..Process::default()
    };
    let mut writer = Writer::new(Vec::new(), Compression::None).unwrap();
    writer.processes([&process]).unwrap();
    let stream = writer.finish().unwrap();
    let mut reader = Reader::new(&stream[..], Options::default()).unwrap();
    reader.next_block().unwrap();
    let Some(Block::Processes(read)) = reader.next_block().unwrap() else {
        panic!("no processes")
    };
    assert_eq!(read[0].comm.len(), 1024);
    assert_eq!(read[0].args.len(), 4096);
    assert_eq!(read[0].env.len(), 4096);
}

#[test]
fn events_that_no_reader_takes_are_refused() {
    let mut writer = Writer::new(Vec::new(), Compression::None).unwrap();
    assert!(
        writer
            .event(0, EventDumpFlags::default(), b"no record")
            .is_err()
    );
    let mut encoder = event::Encoder::new();
    encoder
        .begin(EventType::SYSCALL_WRITE_X, 1, 1)
        .i64(1)
        .bytes(&[0; 65_535]);
    let record = encoder.finish().unwrap().to_vec();
    let error = writer
        .event(0, EventDumpFlags::default(), &record)
        .unwrap_err();
    assert!(
        error.to_string().contains("too long for a capture"),
        "{error}"
    );
    // A type with wide lengths may be as long as it likes.
    encoder
        .begin(EventType::PLUGINEVENT_E, 1, -1)
        .u32(3)
        .bytes(&[7; 200_000]);
    let record = encoder.finish().unwrap().to_vec();
    writer.event(0, EventDumpFlags::default(), &record).unwrap();
    let stream = writer.finish().unwrap();
    let mut reader = Reader::new(&stream[..], Options::default()).unwrap();
    reader.next_block().unwrap();
    let Some(Block::Event(event)) = reader.next_block().unwrap() else {
        panic!("no event")
    };
    assert_eq!(
        (event.record, event.flags),
        (&record[..], EventDumpFlags::LARGE)
    );
}
