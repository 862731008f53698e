//! Descriptors that are not sockets, and working directories.

mod support;

use event::EventType as T;
use state::{DescriptorKind as Kind, Limits, ThreadFlags};
use support::{CWD, Machine};

const CLOEXEC: u32 = 1 << 12;
const DIRECTORY: u32 = 1 << 10;
const NATIVE_CLOEXEC: u32 = 0o2_000_000;

#[test]
fn names_are_absolute() {
    let mut machine = Machine::with_shell();
    machine.openat(10, 3, CWD, "/etc", 1 | DIRECTORY);
    for (dirfd, name, expected) in [
        (CWD, "a/../b", "/home/b"),
        (CWD, "/x//y/.", "/x/y"),
        (3, "passwd", "/etc/passwd"),
        (3, "../tmp", "/tmp"),
        (3, "/abs", "/abs"),
        (77, "relative", "relative"),
    ] {
        let subject = machine.openat(10, 5, dirfd, name, 1);
        assert_eq!(subject.fd, Some(5));
        assert_eq!(machine.name(10, 5), Some(expected));
        let descriptor = machine.fd(10, 5).unwrap();
        assert_eq!(&*descriptor.name_raw, name.as_bytes());
        assert_eq!(
            (descriptor.dev, descriptor.ino, descriptor.kind),
            (0x801, 99, Kind::File)
        );
    }
    assert_eq!(machine.kind(10, 3), Some(Kind::Directory));

    let mut path = Vec::new();
    let thread = machine.thread(10);
    assert!(machine.state.resolve_path(thread, 3, b"shadow", &mut path));
    assert_eq!(path, b"/etc/shadow");
    assert!(!machine.state.resolve_path(thread, 78, b"shadow", &mut path));
    assert_eq!(path, b"shadow");
}

#[test]
fn the_whole_open_family() {
    const UPPER: u32 = 1 << 15;
    const LOWER: u32 = 1 << 16;
    let mut machine = Machine::with_shell();
    machine.apply(T::SYSCALL_OPEN_X, 10, |e| {
        e.i64(3)
            .str("a")
            .u32(2 | CLOEXEC | UPPER)
            .u32(0o644)
            .u32(1)
            .u64(2);
    });
    machine.apply(T::SYSCALL_CREAT_X, 10, |e| {
        e.i64(4).str("b").u32(0o644).u32(3).u64(4).u16(2);
    });
    machine.apply(T::SYSCALL_OPENAT2_X, 10, |e| {
        e.i64(5)
            .i64(CWD)
            .str("c")
            .u32(1 | LOWER)
            .u32(0)
            .u32(0)
            .u32(5)
            .u64(6);
    });
    machine.apply(T::SYSCALL_OPEN_BY_HANDLE_AT_X, 10, |e| {
        e.i64(6).i64(3).u32(1 | DIRECTORY).str("/d").u32(7).u64(8);
    });
    let expected = [
        (3, "/home/a", 2 | CLOEXEC, true, false, 1, 2),
        (4, "/home/b", 2 | 4 | 256, false, true, 3, 4),
        (5, "/home/c", 1, false, true, 5, 6),
        (6, "/d", 1 | DIRECTORY, false, false, 7, 8),
    ];
    for (fd, name, flags, upper, lower, dev, ino) in expected {
        let file = machine.fd(10, fd).unwrap();
        assert_eq!((&*file.name, file.open_flags), (name.as_bytes(), flags));
        assert_eq!((file.upper_layer, file.lower_layer), (upper, lower));
        assert_eq!((file.dev, file.ino), (dev, ino));
    }

    let failed = machine.openat(10, -2, CWD, "missing", 1);
    assert_eq!(failed.fd, Some(-1));
    assert_eq!(machine.fds(10), [3, 4, 5, 6]);
    machine.apply(T::SYSCALL_OPEN_X, 10, |e| {
        e.i64(9);
    });
    assert_eq!(machine.name(10, 9), Some("/home/<NA>"), "a short event");
}

#[test]
fn the_enter_event_is_believed() {
    let mut machine = Machine::with_shell();
    machine.apply(T::SYSCALL_OPENAT_2_E, 10, |e| {
        e.i64(CWD).str("real").u32(2).u32(0);
    });
    machine.openat(10, 3, CWD, "fake", 1 | 1 << 14);
    let file = machine.fd(10, 3).unwrap();
    assert_eq!(
        (&*file.name, file.open_flags),
        (b"/home/real".as_slice(), 2 | 1 << 14)
    );
    machine.openat(10, 4, CWD, "next", 1);
    assert_eq!(machine.name(10, 4), Some("/home/next"), "it counts once");

    machine.apply(T::SYSCALL_OPEN_E, 10, |e| {
        e.str("open").u32(2).u32(0);
    });
    machine.openat(10, 5, CWD, "other", 1);
    assert_eq!(
        machine.name(10, 5),
        Some("/home/other"),
        "it belongs to another call"
    );
    machine.apply(T::SYSCALL_CREAT_E, 10, |e| {
        e.str("x".repeat(5000)).u32(0);
    });
    let counters = machine.state.counters();
    assert_eq!((counters.n_stored_evts, counters.n_retrieved_evts), (2, 1));
    assert_eq!(
        (counters.n_store_evts_drops, counters.n_retrieve_evts_drops),
        (1, 1)
    );
}

#[test]
fn a_close_takes_effect_at_the_next_event() {
    for res in [0, -5] {
        let mut machine = Machine::with_shell();
        machine.openat(10, 3, CWD, "x", 1);
        let subject = machine.apply(T::SYSCALL_CLOSE_X, 10, |e| {
            e.i64(res).i64(3);
        });
        assert_eq!(subject.fd, Some(3));
        assert_eq!(machine.name(10, 3), Some("/home/x"));
        machine.tick();
        assert_eq!(machine.fds(10), [] as [i64; 0]);
        assert_eq!(machine.state.counters().n_removed_fds, 1);
    }
}

#[test]
fn close_range_closes_marks_and_unshares() {
    let with_five = || {
        let mut machine = Machine::with_shell();
        for fd in 0..5 {
            machine.openat(10, fd, CWD, "x", 1);
        }
        machine
    };
    let close_range = |machine: &mut Machine, tid, first, last, flags| {
        machine.apply(T::SYSCALL_CLOSE_RANGE_X, tid, |e| {
            e.i64(0).u32(first).u32(last).u32(flags);
        });
        machine.tick();
    };
    let mut machine = with_five();
    close_range(&mut machine, 10, 3, u32::MAX, 0);
    assert_eq!(machine.fds(10), [0, 1, 2]);
    close_range(&mut machine, 10, 1, 1, 0);
    assert_eq!(machine.fds(10), [0, 2]);

    let mut machine = with_five();
    close_range(&mut machine, 10, 3, u32::MAX, 4);
    assert_eq!(machine.fds(10).len(), 5);
    assert!(machine.fd(10, 3).unwrap().is_cloexec() && !machine.fd(10, 2).unwrap().is_cloexec());

    let mut machine = with_five();
    let ids = support::Ids::process(10, 1);
    machine.clone(T::SYSCALL_CLONE_20_X, 20, ids, ThreadFlags::CLONE_FILES);
    close_range(&mut machine, 20, 3, u32::MAX, 2);
    assert_eq!((machine.fds(10).len(), machine.fds(20).len()), (5, 3));
}

#[test]
fn copies_of_descriptors() {
    const F_DUPFD: u8 = 1;
    const F_SETFD: u8 = 3;
    const F_DUPFD_CLOEXEC: u8 = 26;
    let mut machine = Machine::with_shell();
    machine.openat(10, 3, CWD, "x", 1 | CLOEXEC);
    let subject = machine.apply(T::SYSCALL_DUP_1_X, 10, |e| {
        e.i64(4).i64(3);
    });
    assert_eq!(subject.fd, Some(4));
    machine.apply(T::SYSCALL_DUP2_X, 10, |e| {
        e.i64(5).i64(3).i64(5);
    });
    machine.apply(T::SYSCALL_DUP3_X, 10, |e| {
        e.i64(6).i64(3).i64(6).u32(CLOEXEC);
    });
    machine.apply(T::SYSCALL_DUP2_X, 10, |e| {
        e.i64(3).i64(3).i64(3);
    });
    let fcntl = |machine: &mut Machine, res, fd, cmd, arg| {
        machine.apply(T::SYSCALL_FCNTL_X, 10, |e| {
            e.i64(res).i64(fd).u8(cmd).u64(arg);
        })
    };
    assert_eq!(fcntl(&mut machine, 7, 3, F_DUPFD, 7).fd, Some(7));
    assert_eq!(fcntl(&mut machine, 8, 3, F_DUPFD_CLOEXEC, 8).fd, Some(8));
    assert_eq!(fcntl(&mut machine, -9, 3, F_DUPFD, 9).fd, Some(3));
    for (fd, cloexec) in [
        (3, true),
        (4, false),
        (5, false),
        (6, true),
        (7, false),
        (8, true),
    ] {
        assert_eq!(machine.name(10, fd), Some("/home/x"), "{fd}");
        assert_eq!(machine.fd(10, fd).unwrap().is_cloexec(), cloexec, "{fd}");
    }
    fcntl(&mut machine, 0, 3, F_SETFD, 0);
    fcntl(&mut machine, 0, 4, F_SETFD, 1);
    assert!(!machine.fd(10, 3).unwrap().is_cloexec() && machine.fd(10, 4).unwrap().is_cloexec());

    // A copy of something unknown hides what the number stood for.
    machine.apply(T::SYSCALL_DUP2_X, 10, |e| {
        e.i64(3).i64(99).i64(3);
    });
    assert!(machine.fd(10, 3).is_none());
    let failed = machine.apply(T::SYSCALL_DUP_1_X, 10, |e| {
        e.i64(-9).i64(4);
    });
    assert_eq!(failed.fd, Some(4));
}

#[test]
fn pipes_and_what_they_tell_about_a_process() {
    let mut machine = Machine::with_shell();
    let subject = machine.apply(T::SYSCALL_PIPE2_X, 10, |e| {
        e.i64(0).i64(3).i64(4).u64(77).u32(CLOEXEC);
    });
    assert_eq!(subject.fd, Some(4));
    for fd in [3, 4] {
        let pipe = machine.fd(10, fd).unwrap();
        assert_eq!(
            (pipe.kind, pipe.ino, pipe.is_cloexec()),
            (Kind::Fifo, 77, true)
        );
    }
    for (new, flag) in [(0, ThreadFlags::PIPE_DST), (1, ThreadFlags::PIPE_SRC)] {
        assert_eq!(machine.thread(10).flags & flag, 0);
        machine.apply(T::SYSCALL_DUP2_X, 10, |e| {
            e.i64(new).i64(3).i64(new);
        });
        assert_ne!(machine.thread(10).flags & flag, 0);
    }
    let failed = machine.apply(T::SYSCALL_PIPE_X, 10, |e| {
        e.i64(-24).i64(8).i64(9).u64(0);
    });
    assert_eq!((failed.fd, machine.kind(10, 8)), (Some(-1), None));
}

#[test]
fn descriptors_that_are_not_files() {
    type Params = fn(&mut event::Encoder, i64);
    let cases: [(T, Params, Kind, bool); 16] = [
        (
            T::SYSCALL_EVENTFD_X,
            |e, fd| {
                e.i64(fd).u64(0).u32(NATIVE_CLOEXEC);
            },
            Kind::Event,
            true,
        ),
        (
            T::SYSCALL_EVENTFD2_X,
            |e, fd| {
                e.i64(fd).u16(CLOEXEC as u16).u64(0);
            },
            Kind::Event,
            true,
        ),
        (
            T::SYSCALL_SIGNALFD_X,
            |e, fd| {
                e.i64(fd).i64(-1).u32(0).u8(0);
            },
            Kind::Signal,
            false,
        ),
        (
            T::SYSCALL_SIGNALFD4_X,
            |e, fd| {
                e.i64(fd).u16(CLOEXEC as u16);
            },
            Kind::Signal,
            true,
        ),
        (
            T::SYSCALL_TIMERFD_CREATE_X,
            |e, fd| {
                e.i64(fd).u8(0).u8(0);
            },
            Kind::Timer,
            false,
        ),
        (
            T::SYSCALL_INOTIFY_INIT_X,
            |e, fd| {
                e.i64(fd).u8(0);
            },
            Kind::Inotify,
            false,
        ),
        (
            T::SYSCALL_INOTIFY_INIT1_X,
            |e, fd| {
                e.i64(fd).u16(CLOEXEC as u16);
            },
            Kind::Inotify,
            true,
        ),
        (
            T::SYSCALL_EPOLL_CREATE_X,
            |e, fd| {
                e.i64(fd).u32(1);
            },
            Kind::EventPoll,
            false,
        ),
        (
            T::SYSCALL_EPOLL_CREATE1_X,
            |e, fd| {
                e.i64(fd).u32(1);
            },
            Kind::EventPoll,
            true,
        ),
        (
            T::SYSCALL_USERFAULTFD_X,
            |e, fd| {
                e.i64(fd).u32(CLOEXEC);
            },
            Kind::Userfault,
            true,
        ),
        (
            T::SYSCALL_IO_URING_SETUP_X,
            |e, fd| {
                e.i64(fd).u32(8);
            },
            Kind::IoUring,
            true,
        ),
        (
            T::SYSCALL_MEMFD_CREATE_X,
            |e, fd| {
                e.i64(fd).str("mem").u32(1);
            },
            Kind::Memfd,
            true,
        ),
        (
            T::SYSCALL_BPF_2_X,
            |e, fd| {
                e.i64(fd).u32(5);
            },
            Kind::Bpf,
            true,
        ),
        (
            T::SYSCALL_PIDFD_OPEN_X,
            |e, fd| {
                e.i64(fd).i64(1).u32(0);
            },
            Kind::Pidfd,
            true,
        ),
        (
            T::SYSCALL_EVENTFD2_X,
            |e, fd| {
                e.i64(fd);
            },
            Kind::Event,
            false,
        ),
        (
            T::SYSCALL_MEMFD_CREATE_X,
            |e, fd| {
                e.i64(fd);
            },
            Kind::Memfd,
            false,
        ),
    ];
    for (event_type, params, kind, cloexec) in cases {
        let mut machine = Machine::with_shell();
        let subject = machine.apply(event_type, 10, |e| params(e, 3));
        assert_eq!(subject.fd, Some(3), "{event_type:?}");
        let descriptor = machine.fd(10, 3).unwrap();
        assert_eq!(
            (descriptor.kind, descriptor.is_cloexec()),
            (kind, cloexec),
            "{event_type:?}"
        );
        let failed = machine.apply(event_type, 10, |e| params(e, -1));
        assert_eq!((failed.fd, machine.fds(10)), (Some(-1), vec![3]));
    }
    // A bpf command that returns no descriptor.
    let mut machine = Machine::with_shell();
    machine.apply(T::SYSCALL_BPF_2_X, 10, |e| {
        e.i64(0).u32(1);
    });
    assert_eq!(machine.fds(10), [] as [i64; 0]);
}

#[test]
fn a_descriptor_taken_from_another_process() {
    let mut machine = Machine::with_shell();
    machine.openat(1, 8, CWD, "secret", 1);
    machine.apply(T::SYSCALL_PIDFD_OPEN_X, 10, |e| {
        e.i64(3).i64(1).u32(0);
    });
    machine.apply(T::SYSCALL_PIDFD_GETFD_X, 10, |e| {
        e.i64(4).i64(3).i64(8).u32(0);
    });
    assert_eq!(machine.name(10, 4), Some("/home/secret"));
    machine.apply(T::SYSCALL_PIDFD_GETFD_X, 10, |e| {
        e.i64(5).i64(3).i64(9).u32(0);
    });
    assert_eq!(machine.kind(10, 5), Some(Kind::Unknown));
}

#[test]
fn the_table_of_a_process_has_a_limit() {
    let limits = Limits {
        descriptors: 3,
        ..Limits::default()
    };
    let mut machine = Machine::with_limits(limits);
    machine.seed_process(10, 1, "shell");
    for fd in 0..5 {
        machine.openat(10, fd, CWD, "x", 1);
    }
    machine.openat(10, 1, CWD, "replaced", 1);
    assert_eq!(machine.fds(10), [0, 1, 2]);
    assert_eq!(machine.name(10, 1), Some("/home/replaced"));
    assert_eq!(machine.state.counters().n_drops_full_fdtable, 2);
}

#[test]
fn working_and_root_directories() {
    let mut machine = Machine::with_shell();
    machine.openat(10, 3, CWD, "/srv/data", 1 | DIRECTORY);
    let steps: [(T, i64, &str, &str); 7] = [
        (T::SYSCALL_CHDIR_X, 0, "a/b", "/home/a/b/"),
        (T::SYSCALL_CHDIR_X, 0, "../..", "/home/"),
        (T::SYSCALL_CHDIR_X, -2, "/none", "/home/"),
        (T::SYSCALL_CHDIR_X, 0, "/", "/"),
        (T::SYSCALL_CHDIR_X, 0, "..", "/"),
        (T::SYSCALL_GETCWD_X, 5, "/moved", "/moved/"),
        (T::SYSCALL_GETCWD_X, 5, "(unreachable)/x", "/moved/"),
    ];
    for (event_type, res, path, expected) in steps {
        machine.apply(event_type, 10, |e| {
            e.i64(res).str(path);
        });
        assert_eq!(&*machine.thread(10).cwd, expected.as_bytes());
    }
    machine.apply(T::SYSCALL_FCHDIR_X, 10, |e| {
        e.i64(0).i64(3);
    });
    assert_eq!(&*machine.thread(10).cwd, b"/srv/data/");
    for (path, root) in [("jail", "/srv/data/jail"), ("/x", "/srv/data/jail/x")] {
        machine.apply(T::SYSCALL_CHROOT_X, 10, |e| {
            e.i64(0).str(path);
        });
        assert_eq!(&*machine.thread(10).root, root.as_bytes());
    }
}

#[test]
fn what_an_event_is_about() {
    let mut machine = Machine::with_shell();
    machine.openat(10, 3, CWD, "x", 1);
    let read = machine.apply(T::SYSCALL_READ_X, 10, |e| {
        e.i64(0).empty().i64(3).u32(5);
    });
    assert_eq!((read.fd, read.known, read.tid), (Some(3), true, 10));
    let mmap = machine.apply(T::SYSCALL_MMAP_X, 10, |e| {
        e.i64(0)
            .u32(11)
            .u32(12)
            .u32(13)
            .u64(0)
            .u64(0)
            .u32(0)
            .u32(0)
            .i64(-1)
            .u64(0);
    });
    assert_eq!(mmap.fd, Some(-1));
    let thread = machine.thread(10);
    assert_eq!(
        (thread.vm_size, thread.vm_rss, thread.vm_swap),
        (11, 12, 13)
    );
    let short = machine.apply(T::SOCKET_SETSOCKOPT_X, 10, |_| {});
    assert_eq!(short.fd, Some(-1));
    let stat = machine.apply(T::SYSCALL_STAT_X, 10, |e| {
        e.i64(0).str("/");
    });
    assert_eq!(stat.fd, None);

    machine.apply(T::SYSCALL_READ_X, 10, |e| {
        e.i64(0).empty().i64(4).u32(5);
    });
    let counters = machine.state.counters();
    assert_eq!(counters.n_failed_fd_lookups, 1);
    assert!(counters.n_cached_thread_lookups > 3 && counters.n_noncached_fd_lookups > 1);
}
