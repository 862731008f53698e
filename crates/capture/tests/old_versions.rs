//! Blocks as writers of earlier years made them, built by hand.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::net::Ipv4Addr;

use capture::{
    Account, Block, DescriptorKind, Error, Group, InterfaceAddress, NamedKind, Options, Process,
    Reader, Transport, User,
};
use event::{EventType, EventView};

fn block(code: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&code.to_le_bytes()[..], &length, &body, &length].concat()
}

fn header() -> Vec<u8> {
    let mut body = 0x1A2B_3C4Du32.to_le_bytes().to_vec();
    body.extend([1, 0, 0, 0]);
    body.extend([0xFF; 8]);
    block(0x0A0D_0D0A, &body)
}

/// The one block behind a section header.
fn read(code: u32, body: &[u8]) -> Result<Block<'static>, Error> {
    let stream = [header(), block(code, body)].concat();
    let mut reader = Reader::new(&stream[..], Options { convert: false }).unwrap();
    assert!(matches!(
        reader.next_block(),
        Ok(Some(Block::Start { major: 1, minor: 0 }))
    ));
    match reader.next_block()?.unwrap() {
        Block::Event(_) => panic!("an event"),
        Block::Start { .. } => panic!("a start"),
        Block::Machine(x) => Ok(Block::Machine(x)),
        Block::Interfaces(x) => Ok(Block::Interfaces(x)),
        Block::Accounts(x) => Ok(Block::Accounts(x)),
        Block::Processes(x) => Ok(Block::Processes(x)),
        Block::Descriptors { tid, descriptors } => Ok(Block::Descriptors { tid, descriptors }),
    }
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
}

/// An entry of the process list up to where a version ends.
fn process_entry(version: u8) -> Vec<u8> {
    let mut out = Vec::new();
    for id in [10u64, 11, 12] {
        out.extend(id.to_le_bytes());
    }
    if version >= 6 {
        out.extend(13u64.to_le_bytes());
    }
    if version >= 8 {
        out.extend(14u64.to_le_bytes());
    }
    out.extend(string("comm"));
    out.extend(string("exe"));
    if version >= 7 {
        out.extend(string("/bin/exe"));
    }
    out.extend(string("a\0b\0"));
    out.extend(string("/cwd"));
    out.extend(1024u64.to_le_bytes());
    for word in [1u32, 1000, 1001] {
        out.extend(word.to_le_bytes());
    }
    if version >= 2 {
        for word in [100u32, 50, 7] {
            out.extend(word.to_le_bytes());
        }
        for word in [3u64, 4] {
            out.extend(word.to_le_bytes());
        }
    }
    if version >= 3 {
        out.extend(string("E=1\0"));
    }
    if version >= 4 {
        out.extend(20u64.to_le_bytes());
        out.extend(21u64.to_le_bytes());
        out.extend(string("cpu=/\0"));
    }
    if version >= 5 {
        out.extend(string("/root"));
    }
    out
}

fn expected_process(version: u8) -> Process {
    let since = |first: u8, value: i64, before: i64| if version >= first { value } else { before };
    let text = |first: u8, text: &str| {
        if version >= first {
            text.as_bytes().to_vec()
        } else {
            Vec::new()
        }
    };
    Process {
        tid: 10,
        pid: 11,
        ptid: 12,
        sid: since(6, 13, -1),
        vpgid: since(8, 14, -1),
        pgid: -1,
        vtid: since(4, 20, -1),
        vpid: since(4, 21, -1),
        comm: b"comm".to_vec(),
        exe: b"exe".to_vec(),
        exepath: text(7, "/bin/exe"),
        args: b"a\0b\0".to_vec(),
        env: text(3, "E=1\0"),
        cwd: b"/cwd".to_vec(),
        root: text(5, "/root"),
        cgroups: text(4, "cpu=/\0"),
        fd_limit: 1024,
        flags: 1,
        uid: 1000,
        gid: 1001,
        loginuid: u32::MAX,
        vm_size: since(2, 100, 0) as u32,
        vm_rss: since(2, 50, 0) as u32,
        vm_swap: since(2, 7, 0) as u32,
        pf_major: since(2, 3, 0) as u64,
        pf_minor: since(2, 4, 0) as u64,
        ..Process::default()
    }
}

#[test]
fn process_lists_of_every_version() {
    let codes: [&[u32]; 8] = [
        &[0x202, 0x8000_ABCD],
        &[0x207, 0x8013_ABCD],
        &[0x209, 0x8014_ABCD],
        &[0x210],
        &[0x211],
        &[0x212],
        &[0x213],
        &[0x214],
    ];
    for (version, codes) in (1u8..).zip(codes) {
        let body = [process_entry(version), process_entry(version)].concat();
        let expected = expected_process(version);
        for code in codes {
            let expected = vec![expected.clone(), expected.clone()];
            assert_eq!(
                read(*code, &body).unwrap(),
                Block::Processes(expected),
                "{version}"
            );
        }
    }
}

#[test]
fn process_list_9_may_end_anywhere_in_its_tail() {
    let entry = |tail: &[u8]| {
        let body = [process_entry(9), tail.to_vec()].concat();
        [&(body.len() as u32 + 4).to_le_bytes()[..], &body].concat()
    };
    let process = |tail: &[u8]| {
        // A second entry shows that the first was left at its end.
        let body = [entry(tail), entry(&[])].concat();
        let Block::Processes(read) = read(0x215, &body).unwrap() else {
            panic!("no processes")
        };
        assert_eq!(read[1], expected_process(9));
        read[0].clone()
    };
    let mut expected = expected_process(9);
    assert_eq!(process(&[]), expected);

    // Before the start of the pid namespace was stored, 29 bytes at most.
    let mut tail = 1000u32.to_le_bytes().to_vec();
    expected.loginuid = 1000;
    assert_eq!(process(&tail), expected);
    tail.push(1);
    expected.exe_writable = true;
    assert_eq!(process(&tail), expected);
    for (cap, field) in [1u64, 2, 3].into_iter().zip([
        &mut expected.cap_inheritable,
        &mut expected.cap_permitted,
        &mut expected.cap_effective,
    ]) {
        tail.extend(cap.to_le_bytes());
        *field = cap;
    }
    assert_eq!(tail.len(), 29);
    assert_eq!(process(&tail), expected);

    // Since then it and the terminal stand in front.
    let mut newer = 77u64.to_le_bytes().to_vec();
    newer.extend(34_816u32.to_le_bytes());
    newer.extend(&tail);
    (expected.pidns_init_start_ts, expected.tty) = (77, 34_816);
    assert_eq!(process(&newer), expected);
    newer.push(1);
    expected.exe_upper_layer = true;
    for (value, field) in [5u64, 6, 7].into_iter().zip([
        &mut expected.exe_ino,
        &mut expected.exe_ctime,
        &mut expected.exe_mtime,
    ]) {
        newer.extend(value.to_le_bytes());
        *field = value;
    }
    assert_eq!(process(&newer), expected);
    newer.extend([1, 1]);
    (expected.exe_from_memfd, expected.exe_lower_layer) = (true, true);
    newer.extend(99i64.to_le_bytes());
    expected.pgid = 99;
    assert_eq!(process(&newer), expected);
    // What comes behind is for a later reader.
    newer.extend([1, 2, 3, 4, 5]);
    assert_eq!(process(&newer), expected);
}

#[test]
fn first_versions_of_the_other_lists() {
    let mut body = vec![1, 0, 4, 0, 10, 0, 0, 1, 255, 255, 255, 0, 10, 0, 0, 255];
    body.extend(1_000u64.to_le_bytes());
    body.extend(b"eth0");
    body.extend([3, 0, 2, 0, 127, 0, 0, 1, 255, 0, 0, 0, 0, 0, 0, 0]);
    body.extend(b"lo");
    for code in [0x205, 0x8011_ABCD] {
        let Block::Interfaces(read) = read(code, &body).unwrap() else {
            panic!("no interfaces")
        };
        assert_eq!(read.len(), 2);
        assert_eq!(
            (&read[0].name[..], read[0].link_speed),
            (&b"eth0"[..], Some(1_000))
        );
        assert_eq!((&read[1].name[..], read[1].link_speed), (&b"lo"[..], None));
        let InterfaceAddress::V4 {
            address, netmask, ..
        } = read[0].address
        else {
            panic!("IPv6")
        };
        assert_eq!(address, Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(netmask, Ipv4Addr::new(255, 255, 255, 0));
    }

    let mut body = vec![0];
    body.extend([1u32, 2].map(u32::to_le_bytes).concat());
    body.extend([string("bin"), string("/bin"), string("/sh")].concat());
    body.push(1);
    body.extend(3u32.to_le_bytes());
    body.extend(string("sys"));
    let user = User {
        uid: 1,
        gid: 2,
        name: b"bin".into(),
        home: b"/bin".into(),
        shell: b"/sh".into(),
    };
    let accounts = vec![
        Account::User(user),
        Account::Group(Group {
            gid: 3,
            name: b"sys".into(),
        }),
    ];
    for code in [0x206, 0x8012_ABCD] {
        assert_eq!(
            read(code, &body).unwrap(),
            Block::Accounts(accounts.clone())
        );
    }

    let mut body = 42u64.to_le_bytes().to_vec();
    let entry = |fd: u64, ty: u8, rest: &[u8]| {
        [&fd.to_le_bytes()[..], &9u64.to_le_bytes(), &[ty], rest].concat()
    };
    body.extend(entry(0, 1, &string("/dev/null")));
    body.extend(entry(
        1,
        3,
        &[10, 0, 0, 1, 10, 0, 0, 2, 0x39, 0x30, 80, 0, 2],
    ));
    body.extend(entry(2, 7, &string("pipe:[1]")));
    body.extend(entry(
        3,
        16,
        &[&[1, 0, 0, 0][..], &string("/etc/passwd")].concat(),
    ));
    for code in [0x203, 0x8001_ABCD] {
        let Block::Descriptors { tid, descriptors } = read(code, &body).unwrap() else {
            panic!("no descriptors")
        };
        assert_eq!(tid, 42);
        let kinds: Vec<DescriptorKind> = descriptors.into_iter().map(|d| d.kind).collect();
        assert_eq!(
            kinds,
            [
                DescriptorKind::File {
                    open_flags: 0,
                    name: b"/dev/null".into(),
                    dev: 0
                },
                DescriptorKind::Ipv4 {
                    source: "10.0.0.1:12345".parse().unwrap(),
                    destination: "10.0.0.2:80".parse().unwrap(),
                    transport: Transport::Tcp
                },
                DescriptorKind::Named {
                    kind: NamedKind::Fifo,
                    name: b"pipe:[1]".into()
                },
                DescriptorKind::File {
                    open_flags: 1,
                    name: b"/etc/passwd".into(),
                    dev: 0
                },
            ]
        );
    }
}

#[test]
fn unknown_descriptor_types_have_a_name_that_says_so() {
    let mut body = 42u64.to_le_bytes().to_vec();
    let mut entry = [[0u8; 16].to_vec(), vec![200, 1, 2, 3]].concat();
    body.extend((entry.len() as u32 + 4).to_le_bytes());
    body.append(&mut entry);
    let Block::Descriptors { descriptors, .. } = read(0x218, &body).unwrap() else {
        panic!("no descriptors")
    };
    let name = b"unknown-type:[200]".to_vec();
    let kind = DescriptorKind::Named {
        kind: NamedKind::Unsupported,
        name,
    };
    assert_eq!(descriptors[0].kind, kind);
}

/// An event as version 1 stored it: a header of 22 bytes, lengths, parameters.
fn old_event(ty: EventType, params: &[&[u8]], excess: u32) -> Vec<u8> {
    let lengths: Vec<u8> = params
        .iter()
        .flat_map(|p| (p.len() as u16).to_le_bytes())
        .collect();
    let values = params.concat();
    let len = 22 + lengths.len() + values.len();
    let mut out = 5u64.to_le_bytes().to_vec();
    out.extend(6u64.to_le_bytes());
    out.extend((len as u32 + excess).to_le_bytes());
    out.extend(ty.0.to_le_bytes());
    out.extend(lengths);
    out.extend(values);
    out
}

#[test]
fn events_of_version_1_get_their_number_of_parameters_back() {
    let cases: [(EventType, &[&[u8]], u32); 5] = [
        (EventType::SYSCALL_CLOSE_X, &[&[0; 8], &[3; 8]], 0),
        (EventType::SYSCALL_GETDENTS_X, &[], 0),
        (EventType::SYSCALL_WRITE_X, &[&[1; 8], &[], &[2; 8], &[]], 0),
        (EventType::NOTIFICATION_E, &[b"id\0", b"text\0"], 3),
        (
            EventType::INFRASTRUCTURE_EVENT_E,
            &[b"a\0", b"b\0", b"c\0", b"d\0"],
            0,
        ),
    ];
    for (ty, params, excess) in cases {
        for (code, prefix) in [(0x204u32, 2), (0x8010_ABCD, 2), (0x208, 6)] {
            let mut body = vec![0; prefix];
            body[0] = 7;
            body.extend(old_event(ty, params, excess));
            let stream = [header(), block(code, &body)].concat();
            let mut reader = Reader::new(&stream[..], Options { convert: false }).unwrap();
            reader.next_block().unwrap();
            let Some(Block::Event(event)) = reader.next_block().unwrap() else {
                panic!("no event")
            };
            assert_eq!(event.cpu, 7);
            let view = EventView::parse(event.record).unwrap();
            assert_eq!((view.event_type(), view.ts(), view.tid()), (ty, 5, 6));
            assert_eq!(view.params().collect::<Vec<_>>(), params, "{ty:?}");
            assert!(matches!(reader.next_block(), Ok(None)));
        }
    }
}

#[test]
fn events_of_unknown_type_are_stepped_over() {
    let mut body = vec![0, 0];
    body.extend(old_event(EventType(500), &[], 0));
    let known = [
        vec![0, 0],
        old_event(EventType::SYSCALL_CLOSE_X, &[&[0; 8], &[3; 8]], 0),
    ]
    .concat();
    let stream = [header(), block(0x204, &body), block(0x204, &known)].concat();
    let mut reader = Reader::new(&stream[..], Options::default()).unwrap();
    reader.next_block().unwrap();
    assert!(matches!(reader.next_block(), Ok(Some(Block::Event(_)))));
    assert_eq!((reader.skipped(), reader.events()), (1, 1));
}
