//! Facts about the tables that must never change by accident.

use event::*;

#[test]
fn event_table_has_the_rows_of_the_capture_format() {
    let table = events();
    assert_eq!(table.len(), 454);
    for (code, info) in table.iter().enumerate() {
        assert_eq!(usize::from(info.event_type.0), code);
        assert_eq!(
            EventType::from_ident(info.ident),
            Some(info.event_type),
            "{}",
            info.ident
        );
        assert!(info.params.len() <= MAX_PARAMS);
        assert_eq!(info.is_exit(), info.ident.ends_with("_X"), "{}", info.ident);
        assert_eq!(info.is_unused(), info.origin.is_none(), "{}", info.ident);
    }
    assert_eq!(
        table.iter().filter(|info| info.is_old_version()).count(),
        223
    );
    assert_eq!(table.iter().filter(|info| info.is_unused()).count(), 35);
    let live = || {
        table
            .iter()
            .filter(|info| !info.is_unused() && !info.is_old_version())
    };
    assert_eq!(live().filter(|info| info.is_exit()).count(), 164);
    assert_eq!(live().filter(|info| !info.is_exit()).count(), 32);
    let of = |origin| live().filter(|info| info.origin == Some(origin)).count();
    assert_eq!(of(Origin::Syscall), 168);
    assert_eq!(of(Origin::Metaevent), 13);
    assert_eq!(of(Origin::Iter), 10);
    assert_eq!(of(Origin::Tracepoint), 4);
    assert_eq!(of(Origin::Plugin), 1);
}

#[test]
fn halves_of_a_pair_are_named_alike() {
    for pair in events().chunks(2) {
        let stem = |info: &EventInfo| info.ident[..info.ident.len() - 2].to_owned();
        assert_eq!(stem(&pair[0]), stem(&pair[1]));
    }
}

#[test]
fn only_three_types_have_wide_lengths() {
    let large: Vec<u16> = EventSet::matching(EventInfo::is_large)
        .iter()
        .map(|event| event.0)
        .collect();
    assert_eq!(large, [322, 324, 402]);
}

#[test]
fn parameters_refer_to_parameters() {
    for info in events() {
        for param in info.params {
            if let ParamDetail::RelativeTo(dirfd) = param.detail {
                let dirfd = &info.params[dirfd];
                assert_eq!(dirfd.ty, ParamType::Fd, "{}.{}", info.ident, param.name);
            }
        }
    }
}

#[test]
fn wire_sizes() {
    use ParamType as T;
    let sizes = [
        (T::Int8, 1),
        (T::Uint16, 2),
        (T::Uint32, 4),
        (T::Int64, 8),
        (T::Errno, 8),
        (T::Fd, 8),
        (T::Pid, 8),
        (T::Fd32, 4),
        (T::Pid32, 4),
        (T::Bool, 4),
        (T::Mode, 4),
        (T::Sigset, 4),
        (T::Sigtype, 1),
        (T::Syscallid, 2),
        (T::Port, 2),
        (T::Reltime, 8),
        (T::Uid, 4),
        (T::Ipv4addr, 4),
        (T::Ipv6addr, 16),
    ];
    for (ty, size) in sizes {
        assert_eq!(ty.wire_size(), Some(size), "{ty:?}");
    }
    for ty in [
        T::Charbuf,
        T::Bytebuf,
        T::Sockaddr,
        T::Socktuple,
        T::Fdlist,
        T::Fspath,
        T::Dyn,
    ] {
        assert_eq!(ty.wire_size(), None, "{ty:?}");
    }
}

#[test]
fn system_calls_by_number() {
    assert_eq!(Syscall::all().len(), 453);
    for (name, x86_64, aarch64, ia32) in [
        ("read", Some(0), Some(63), Some(3)),
        ("open", Some(2), None, Some(5)),
        ("openat", Some(257), Some(56), Some(295)),
        ("execve", Some(59), Some(221), Some(11)),
        ("clone3", Some(435), Some(435), Some(435)),
        ("connect", Some(42), Some(203), Some(362)),
        ("bpf", Some(321), Some(280), Some(357)),
        ("keyctl", Some(250), Some(219), Some(288)),
    ] {
        let call = Syscall::by_name(name).unwrap();
        assert_eq!((call.x86_64, call.aarch64), (x86_64, aarch64), "{name}");
        let same = |found: Option<&Syscall>| assert_eq!(found.map(|c| c.code), Some(call.code));
        for (number, find) in [
            (x86_64, Syscall::by_x86_64 as fn(u16) -> _),
            (aarch64, Syscall::by_aarch64),
            (ia32, Syscall::by_ia32),
        ] {
            if let Some(number) = number {
                same(find(number));
            }
        }
    }
    for call in Syscall::all() {
        assert_eq!(call.code.info().unwrap().name, call.name);
        if let Some(number) = call.native() {
            assert_eq!(Syscall::by_native(number).unwrap().code, call.code);
        }
    }
    assert!(Syscall::by_x86_64(u16::MAX).is_none());
    assert!(Syscall::by_x86_64(387).is_none());
    assert!(SyscallCode(u16::MAX).info().is_none());
}

#[test]
fn names_cover_old_versions_and_generic_events() {
    assert_eq!(
        EventType::by_name("openat"),
        [
            EventType::SYSCALL_OPENAT_E,
            EventType::SYSCALL_OPENAT_X,
            EventType::SYSCALL_OPENAT_2_E,
            EventType::SYSCALL_OPENAT_2_X
        ]
    );
    assert_eq!(
        EventType::by_name("getpid"),
        [EventType::GENERIC_E, EventType::GENERIC_X]
    );
    assert_eq!(EventType::by_name("execve").len(), 16);
    assert!(EventType::by_name("NA").is_empty());
    assert!(EventType::by_name("no such call").is_empty());
    assert!(event_names().is_sorted());
    // Every system call is a name, even where its events are called otherwise.
    for call in Syscall::all().iter().filter(|call| call.is_generic()) {
        assert!(
            EventType::by_name(call.name).contains(&EventType::GENERIC_X),
            "{}",
            call.name
        );
    }
}

#[test]
fn descriptors_of_events() {
    let find = |ident| EventType::from_ident(ident).unwrap().info().unwrap();
    for (ident, used, created) in [
        ("SYSCALL_OPENAT_2_X", None, Some(0)),
        ("SYSCALL_OPEN_E", None, None),
        ("SYSCALL_READ_X", Some(2), None),
        ("SYSCALL_CLOSE_X", Some(1), None),
        ("SYSCALL_FCNTL_X", Some(1), None),
        ("SYSCALL_DUP3_X", Some(1), Some(0)),
        ("SYSCALL_PIPE_X", None, Some(1)),
        ("SOCKET_SOCKETPAIR_X", None, Some(1)),
        ("SYSCALL_EPOLL_CREATE_X", None, Some(0)),
        ("SYSCALL_COPY_FILE_RANGE_X", Some(3), None),
        ("SYSCALL_SENDFILE_X", Some(2), None),
        ("SYSCALL_SYMLINKAT_X", Some(2), None),
        ("SOCKET_CONNECT_E", Some(0), None),
        ("SOCKET_SENDTO_X", Some(2), None),
        ("SYSCALL_MMAP_X", Some(8), None),
        ("SYSCALL_MKDIR_2_X", None, None),
    ] {
        let info = find(ident);
        assert_eq!((info.used_fd, info.created_fd), (used, created), "{ident}");
    }
    for info in events().iter().filter(|info| !info.is_unused()) {
        for index in [info.used_fd, info.created_fd].into_iter().flatten() {
            assert!(index < info.params.len(), "{}", info.ident);
        }
    }
}

#[test]
fn names_of_numbers() {
    assert_eq!(errno_name(2), Some("ENOENT"));
    assert_eq!(errno_name(115), Some("EINPROGRESS"));
    assert_eq!(errno_name(512), Some("ERESTARTSYS"));
    assert_eq!(errno_name(0), None);
    assert_eq!(errno_name(41), None);
    assert_eq!(errno_name(u64::MAX), None);
    assert_eq!(signal_name(9), Some("SIGKILL"));
    assert_eq!(signal_name(0), None);
    assert_eq!(signal_name(255), None);
}
