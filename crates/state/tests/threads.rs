//! Clones, execs and exits.

mod support;

use event::EventType as T;
use state::{Limits, ThreadFlags as F};
use support::{CLONE_THREAD, CWD, Ids, Machine, SECOND};

const CLONES: [T; 4] = [
    T::SYSCALL_CLONE_20_X,
    T::SYSCALL_CLONE3_X,
    T::SYSCALL_FORK_20_X,
    T::SYSCALL_VFORK_20_X,
];

#[test]
fn a_fork_is_entered_by_whichever_side_comes_first() {
    for event_type in CLONES {
        let flags = 0;
        for parent_first in [true, false] {
            let mut machine = Machine::with_shell();
            machine.openat(10, 3, CWD, "file", 1);
            let parent = Ids::process(10, 1);
            let child = Ids::process(20, 10);
            for parent_turn in [parent_first, !parent_first] {
                if parent_turn {
                    machine.clone(event_type, 20, parent, flags);
                } else {
                    machine.clone(event_type, 0, child, flags);
                }
                let first_ts = machine.thread(20).clone_ts;
                let thread = machine.thread(20);
                assert_eq!(
                    (thread.pid, thread.ptid, thread.vpid, thread.vtid),
                    (20, 10, 20, 20)
                );
                assert_eq!(&*thread.comm, b"shell");
                assert_eq!(
                    &*thread.exepath, b"/bin/shell",
                    "not in the event, so inherited"
                );
                assert_eq!(&*thread.cwd, b"/home/", "the parent's, not the event's");
                assert_eq!(thread.clone_ts, first_ts);
                assert_eq!(machine.name(20, 3), Some("/home/file"));
                let parent = machine.state.parent(machine.thread(20)).unwrap();
                assert_eq!(parent.pid, 10);
            }
            assert_eq!(machine.state.counters().n_added_threads, 3);
            assert_eq!(machine.state.children(machine.thread(10)).count(), 1);
        }
    }
}

#[test]
fn the_parent_leaves_it_to_the_child_where_its_event_cannot_tell() {
    let cases: [(u32, i64); 5] = [
        (F::CHILD_IN_PIDNS, 10),
        (F::CLONE_NEWPID, 10),
        (F::CLONE_PARENT, 10),
        (F::CLONE_VFORK, 10),
        (0, 3), // The parent itself is in a namespace: it was told the child's id there.
    ];
    for (flags, vtid) in cases {
        let mut machine = Machine::with_shell();
        let parent = Ids {
            vtid,
            vpid: vtid,
            ..Ids::process(10, 1)
        };
        machine.clone(T::SYSCALL_CLONE_20_X, 20, parent, flags);
        assert!(machine.state.thread(20).is_none(), "{flags:x} {vtid}");
        let child = Ids {
            vtid: 4,
            vpid: 4,
            ..Ids::process(2020, 10)
        };
        machine.clone(T::SYSCALL_CLONE_20_X, 0, child, flags);
        assert_eq!(
            (machine.thread(2020).vpid, machine.thread(2020).ptid),
            (4, 10)
        );
        assert!(machine.thread(2020).is_in_pid_namespace());
    }
}

#[test]
fn a_child_that_has_exited_already_is_not_entered_again() {
    for (pause, comes_back) in [(0, false), (3 * SECOND, true)] {
        let mut machine = Machine::with_shell();
        machine.clone(T::SYSCALL_CLONE_20_X, 0, Ids::process(20, 10), 0);
        machine.exit(20, 0);
        machine.tick();
        assert!(machine.state.thread(20).is_none());
        machine.ts += pause;
        machine.clone(T::SYSCALL_CLONE_20_X, 20, Ids::process(10, 1), 0);
        assert_eq!(machine.state.thread(20).is_some(), comes_back);
    }
}

#[test]
fn nor_is_one_whose_only_event_was_its_exit() {
    let mut machine = Machine::with_shell();
    machine.exit(20, 0);
    machine.clone(T::SYSCALL_CLONE_20_X, 20, Ids::process(10, 1), 0);
    assert!(machine.state.thread(20).is_none());
}

#[test]
fn seeded_threads_find_their_process_in_any_order() {
    for order in [[30, 31, 32], [31, 30, 32], [32, 31, 30]] {
        let mut machine = Machine::with_shell();
        for tid in order {
            let mut thread = state::Thread::new(tid, 30);
            thread.ptid = 10;
            thread.cwd = support::bytes("/home/");
            machine.state.seed_thread(thread);
        }
        machine.openat(31, 3, CWD, "x", 1);
        machine.apply(T::SYSCALL_CHDIR_X, 32, |e| {
            e.i64(0).str("/tmp");
        });
        for tid in order {
            assert_eq!(machine.name(tid, 3), Some("/home/x"), "{order:?} {tid}");
            assert_eq!(&*machine.thread(tid).cwd, b"/tmp/", "{order:?} {tid}");
        }
        assert_eq!(machine.state.thread_count(machine.thread(30)), 3);
        assert_eq!(machine.state.counters().n_fds, 1);
    }
}

#[test]
fn directories_shared_by_processes_are_forgotten_with_them() {
    let mut machine = Machine::with_shell();
    let flags = F::CLONE_FS;
    for round in 0..3000 {
        let (first, second) = (100 + round * 2, 101 + round * 2);
        machine.fork(10, first);
        machine.clone(
            T::SYSCALL_CLONE_20_X,
            second,
            Ids::process(first, 10),
            flags,
        );
        machine.apply(T::SYSCALL_CHDIR_X, first, |e| {
            e.i64(0).str("/tmp");
        });
        assert_eq!(&*machine.thread(second).cwd, b"/tmp/");
        machine.exit(second, 0);
        machine.exit(first, 0);
    }
    assert_eq!(&*machine.thread(10).cwd, b"/home/");
}

#[test]
fn an_old_entry_under_the_childs_id_is_a_missed_exit() {
    for in_child in [true, false] {
        for (age, replaced) in [(SECOND, false), (3 * SECOND, true)] {
            let mut machine = Machine::with_shell();
            machine.fork(10, 20);
            machine.exec(Ids::process(20, 10), "old", 0);
            machine.ts += age;
            if in_child {
                machine.clone(T::SYSCALL_CLONE_20_X, 0, Ids::process(20, 10), 0);
            } else {
                machine.clone(T::SYSCALL_CLONE_20_X, 20, Ids::process(10, 1), 0);
            }
            let expected: &[u8] = if replaced { b"shell" } else { b"old" };
            assert_eq!(&*machine.thread(20).comm, expected, "{in_child} {age}");
        }
    }
}

#[test]
fn threads_share_and_processes_do_not() {
    let mut machine = Machine::with_shell();
    machine.clone(T::SYSCALL_CLONE_20_X, 11, Ids::process(10, 1), CLONE_THREAD);
    machine.fork(10, 20);
    let thread = machine.thread(11);
    assert_eq!(
        (thread.pid, thread.ptid, thread.vpid, thread.vtid),
        (10, 1, 10, 11)
    );
    assert_eq!(machine.state.thread_count(machine.thread(10)), 2);
    assert_eq!(machine.state.other_thread_count(machine.thread(11)), 1);

    machine.openat(11, 3, CWD, "x", 1);
    assert_eq!(machine.name(10, 3), Some("/home/x"));
    assert_eq!(machine.fds(20), [] as [i64; 0]);
    machine.apply(T::SYSCALL_CHDIR_X, 11, |e| {
        e.i64(0).str("sub");
    });
    assert_eq!(&*machine.thread(10).cwd, b"/home/sub/");
    assert_eq!(&*machine.thread(20).cwd, b"/home/");

    // The table goes with its last user.
    machine.exit(11, 0);
    machine.tick();
    assert_eq!(machine.name(10, 3), Some("/home/x"));
    assert_eq!(machine.state.counters().n_fds, 1);
    machine.exit(10, 0);
    machine.tick();
    assert_eq!(machine.state.counters().n_fds, 0);
}

#[test]
fn processes_can_share_files_and_directories_too() {
    let mut machine = Machine::with_shell();
    let flags = F::CLONE_FILES | F::CLONE_FS;
    machine.clone(T::SYSCALL_CLONE_20_X, 20, Ids::process(10, 1), flags);
    machine.openat(20, 3, CWD, "x", 1);
    assert_eq!(machine.fds(10), [3]);
    machine.apply(T::SYSCALL_CHDIR_X, 10, |e| {
        e.i64(0).str("/tmp");
    });
    assert_eq!(&*machine.thread(20).cwd, b"/tmp/");

    // An exec gives the table up, an unshare the directory.
    machine.exec(Ids::process(20, 10), "tool", 0);
    machine.openat(20, 4, CWD, "y", 1);
    assert_eq!((machine.fds(10), machine.fds(20)), (vec![3], vec![3, 4]));
    machine.apply(T::SYSCALL_UNSHARE_X, 20, |e| {
        e.i64(0).u32(F::CLONE_FS);
    });
    machine.apply(T::SYSCALL_CHDIR_X, 20, |e| {
        e.i64(0).str("/");
    });
    assert_eq!(&*machine.thread(10).cwd, b"/tmp/");
}

#[test]
fn a_fork_copies_descriptors_only_when_one_side_changes_them() {
    let mut machine = Machine::with_shell();
    for fd in 0..100 {
        machine.openat(10, fd, CWD, "f", 1);
    }
    machine.fork(10, 20);
    assert_eq!(machine.state.counters().n_fds, 200);
    machine.close(20, 0);
    machine.tick();
    assert_eq!((machine.fds(10).len(), machine.fds(20).len()), (100, 99));
    assert_eq!(machine.state.counters().n_fds, 199);
    machine.openat(10, 0, CWD, "new", 1);
    assert_eq!(machine.name(10, 0), Some("/home/new"));
    assert_eq!(machine.fd(20, 0).map(|_| ()), None);
}

#[test]
fn exec_makes_another_program_of_the_process() {
    let mut machine = Machine::with_shell();
    machine.clone(T::SYSCALL_CLONE_20_X, 11, Ids::process(10, 1), CLONE_THREAD);
    machine.openat(10, 3, CWD, "kept", 1);
    machine.openat(10, 4, CWD, "closed", 1 | 1 << 12);
    machine.exec(Ids::process(10, 1), "tool", -2);
    assert_eq!(
        &*machine.thread(10).comm,
        b"shell",
        "a failed exec changes nothing"
    );
    assert!(machine.state.thread(11).is_some());

    machine.exec(Ids::process(10, 1), "tool", 0);
    let thread = machine.thread(10);
    assert_eq!(
        (&*thread.comm, &*thread.exe),
        (b"tool".as_slice(), b"tool".as_slice())
    );
    assert_eq!(&*thread.exepath, b"/usr/bin/tool");
    assert_eq!(
        (&*thread.args, &*thread.env),
        (b"-x\0-y\0".as_slice(), b"A=1\0".as_slice())
    );
    assert_eq!(
        (thread.tty, thread.vpgid, thread.pgid, thread.loginuid),
        (34816, 10, 10, 500)
    );
    assert_eq!(
        (
            thread.cap_inheritable,
            thread.cap_permitted,
            thread.cap_effective
        ),
        (1, 2, 4)
    );
    assert_eq!(
        (thread.exe_ino, thread.exe_ctime, thread.exe_mtime),
        (4711, 100, 200)
    );
    assert_eq!((thread.uid, thread.gid, thread.fd_limit), (7, 8, 2048));
    assert_eq!(
        (
            thread.vm_size,
            thread.vm_rss,
            thread.pf_major,
            thread.pf_minor
        ),
        (50, 40, 3, 4)
    );
    assert!(thread.exe_writable && thread.exe_from_memfd && !thread.exe_upper_layer);
    assert_eq!(machine.fds(10), [3]);
    assert!(machine.state.thread(11).is_none(), "the other threads end");
    assert_eq!(machine.state.thread_count(machine.thread(10)), 1);
}

#[test]
fn exec_by_another_thread_after_the_main_one_is_dead() {
    let mut machine = Machine::with_shell();
    machine.clone(T::SYSCALL_CLONE_20_X, 11, Ids::process(10, 1), CLONE_THREAD);
    machine.exit(10, 0);
    machine.tick();
    assert_eq!(machine.state.thread_count(machine.thread(10)), 1);
    assert_eq!(machine.state.other_thread_count(machine.thread(10)), 1);
    machine.exec(Ids::process(10, 1), "tool", 0);
    assert_eq!(machine.state.thread_count(machine.thread(10)), 1);
    assert_eq!(machine.state.other_thread_count(machine.thread(10)), 0);
    assert!(machine.state.thread(11).is_none());
}

#[test]
fn exec_without_a_trusted_path_uses_the_filename() {
    for (trusted, filename, expected) in [
        ("/bin/a", "b", "/bin/a"),
        ("", "bin/b", "/home/bin/b"),
        ("", "/c/../d", "/d"),
        ("", "", ""),
    ] {
        let mut machine = Machine::with_shell();
        machine.apply(T::SYSCALL_EXECVE_19_X, 10, |e| {
            e.i64(0).str("x").empty().i64(10).i64(10).i64(1);
            for _ in 6..27 {
                e.empty();
            }
            if trusted.is_empty() {
                e.empty()
            } else {
                e.str(trusted)
            };
            e.empty().empty().str(filename);
        });
        let thread = machine.thread(10);
        assert_eq!(&*thread.exepath, expected.as_bytes());
        assert_eq!(
            (thread.uid, thread.ptid),
            (1000, 1),
            "what is empty stays as it was"
        );
    }
}

#[test]
fn an_unknown_thread_gets_a_placeholder_until_an_exec_explains_it() {
    let mut machine = Machine::new();
    let subject = machine.openat(50, 3, CWD, "/x", 1);
    assert!(subject.known);
    let thread = machine.thread(50);
    assert!(thread.is_placeholder());
    assert_eq!(
        (&*thread.comm, &*thread.exe),
        (b"<NA>".as_slice(), b"<NA>".as_slice())
    );
    assert_eq!(machine.name(50, 3), Some("/x"));
    let thread = machine.thread(50);
    assert_eq!(
        (
            machine.state.descriptor_count(thread),
            machine.state.thread_count(thread)
        ),
        (0, 0)
    );

    machine.exec(Ids::process(50, 1), "tool", 0);
    let thread = machine.thread(50);
    assert_eq!(
        (thread.pid, thread.ptid, &*thread.comm),
        (50, 1, b"tool".as_slice())
    );
    assert_eq!(&*thread.cwd, b"", "where it was before is not known");
    assert_eq!(
        (
            machine.state.descriptor_count(thread),
            machine.state.thread_count(thread)
        ),
        (1, 1)
    );
}

#[test]
fn no_placeholder_for_events_that_explain_themselves_or_have_no_thread() {
    let mut machine = Machine::new();
    machine.exit(60, 0);
    machine.apply(T::SCHEDSWITCH_6_E, 61, |e| {
        e.i64(0);
    });
    machine.apply(T::PROCINFO_E, 62, |e| {
        e.u64(0).u64(0);
    });
    machine.apply(T::SYSCALL_CHDIR_X, 0, |e| {
        e.i64(0).str("/");
    });
    machine.clone(T::SYSCALL_CLONE_20_X, -11, Ids::process(63, 1), 0);
    assert_eq!(machine.state.counters().n_threads, 0);
    machine.clone(T::SYSCALL_CLONE_20_X, 64, Ids::process(63, 1), 0);
    assert_eq!(
        machine.state.counters().n_threads,
        2,
        "the caller is described as well"
    );
    assert_eq!(machine.thread(63).ptid, 1);
}

#[test]
fn an_exit_takes_effect_at_the_next_event() {
    let mut machine = Machine::with_shell();
    machine.openat(10, 3, CWD, "x", 1);
    let subject = machine.exit(10, 0);
    assert!(subject.known);
    assert_eq!(&*machine.thread(10).comm, b"shell");
    assert_eq!(machine.state.thread_count(machine.thread(10)), 0);
    assert_eq!(machine.name(10, 3), Some("/home/x"));
    machine.tick();
    assert!(machine.state.thread(10).is_none());
    let counters = machine.state.counters();
    assert_eq!(
        (
            counters.n_threads,
            counters.n_removed_threads,
            counters.n_fds
        ),
        (1, 1, 0)
    );
}

#[test]
fn children_go_to_whom_the_kernel_says() {
    let mut machine = Machine::with_shell();
    machine.seed_process(5, 1, "subreaper");
    machine.fork(10, 20);
    machine.clone(
        T::SYSCALL_CLONE_20_X,
        0,
        Ids::thread(21, 20, 10),
        CLONE_THREAD,
    );
    machine.exit(10, 5);
    assert_eq!(machine.thread(20).ptid, 10, "not before the next event");
    machine.tick();
    assert_eq!((machine.thread(20).ptid, machine.thread(21).ptid), (5, 5));
    assert_eq!(machine.state.parent(machine.thread(21)).unwrap().pid, 5);
    assert_eq!(machine.state.children(machine.thread(5)).count(), 1);
}

#[test]
fn children_go_to_the_nearest_reaper_when_nobody_says() {
    for (subreaper, expected) in [(true, 10), (false, 1)] {
        let mut machine = Machine::with_shell();
        machine.fork(10, 20);
        machine.fork(20, 30);
        if subreaper {
            machine.apply(T::SYSCALL_PRCTL_X, 10, |e| {
                e.i64(0).u32(36).empty().i64(1);
            });
        }
        machine.exit(20, -1);
        machine.tick();
        assert_eq!(machine.thread(30).ptid, expected);
    }
    let mut machine = Machine::new();
    machine.seed_process(10, 9, "orphan");
    machine.fork(10, 20);
    machine.exit(10, -1);
    machine.tick();
    assert_eq!(machine.thread(20).ptid, 0, "nobody is known");
}

#[test]
fn the_main_thread_stays_for_the_others() {
    let mut machine = Machine::with_shell();
    machine.fork(10, 20);
    machine.clone(
        T::SYSCALL_CLONE_20_X,
        0,
        Ids::thread(21, 20, 10),
        CLONE_THREAD,
    );
    machine.fork(21, 30);
    assert_eq!(
        machine.thread(30).ptid,
        20,
        "children belong to the process"
    );
    machine.exit(20, 0);
    machine.tick();
    assert_eq!(
        machine.state.main_thread(machine.thread(21)).unwrap().tid,
        20
    );
    assert_eq!(machine.state.parent(machine.thread(30)).unwrap().pid, 20);
    machine.exit(21, 1);
    machine.tick();
    assert!(machine.state.thread(20).is_none() && machine.state.thread(21).is_none());
    assert_eq!(machine.thread(30).ptid, 1);
}

#[test]
fn ancestors_end_at_the_top_and_at_loops() {
    let mut machine = Machine::with_shell();
    machine.fork(10, 20);
    machine.fork(20, 30);
    let line = |machine: &Machine, tid: i64| -> Vec<i64> {
        machine
            .state
            .ancestors(machine.thread(tid))
            .map(|thread| thread.pid)
            .collect()
    };
    assert_eq!(line(&machine, 30), [20, 10, 1]);

    for length in 1..20 {
        let mut machine = Machine::new();
        for pid in 1..=length {
            machine.seed_process(100 + pid, 100 + pid % length + 1, "loop");
        }
        machine.seed_process(50, 101, "outside");
        assert!(line(&machine, 101).len() <= 64, "{length}");
        assert!(line(&machine, 50).len() >= length as usize);
    }
}

#[test]
fn a_full_table_refuses_and_counts() {
    let limits = Limits {
        threads: 4,
        ..Limits::default()
    };
    let mut machine = Machine::with_limits(limits);
    machine.seed_process(10, 1, "shell");
    machine.openat(90, 3, CWD, "/x", 1);
    for child in 20..30 {
        machine.fork(10, child);
    }
    let counters = machine.state.counters();
    assert_eq!(counters.n_threads, 4);
    assert!(
        machine.state.thread(90).is_none(),
        "a placeholder makes room"
    );
    assert_eq!(counters.n_drops_full_threadtable, 7);
    machine.exit(20, 0);
    machine.fork(10, 40);
    assert!(machine.state.thread(40).is_some());
}

#[test]
fn the_container_comes_from_the_cgroups() {
    let mut machine = Machine::with_shell();
    let id = "1234567890ab".to_owned() + &"0".repeat(52);
    let cgroups = format!("cpuset=/\0cpu=/docker/{id}\0");
    let ids = Ids {
        vtid: 1,
        vpid: 1,
        ..Ids::process(20, 10)
    };
    machine.clone_as(
        T::SYSCALL_CLONE_20_X,
        0,
        ids,
        F::CHILD_IN_PIDNS,
        "runc",
        &cgroups,
    );
    let (container, _) = machine.state.container(machine.thread(20)).unwrap();
    assert_eq!(container.as_bytes(), b"1234567890ab");
    assert_eq!(machine.state.container(machine.thread(10)), None);
    machine.exec(ids, "tool", 0);
    assert_eq!(
        machine.state.container(machine.thread(20)),
        None,
        "its cgroups have changed"
    );
}
