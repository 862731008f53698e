//! Users, groups, capabilities, sessions, limits, accounts, look-ups and purges.

mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use event::EventType as T;
use state::{Descriptor, DescriptorKind, Found, Group, Limits, Lookup, Thread, ThreadFlags, User};
use support::{CLONE_THREAD, CWD, Ids, Machine, SECOND, bytes};

#[test]
fn ids_change_on_success_only() {
    const SAME: u32 = u32::MAX;
    let cases: [(T, &[u32], u32, u32); 8] = [
        (T::SYSCALL_SETUID_X, &[5], 5, 1000),
        (T::SYSCALL_SETGID_X, &[6], 1000, 6),
        (T::SYSCALL_SETREUID_X, &[1, 2], 2, 1000),
        (T::SYSCALL_SETREGID_X, &[1, 2], 1000, 2),
        (T::SYSCALL_SETRESUID_X, &[1, 2, 3], 2, 1000),
        (T::SYSCALL_SETRESGID_X, &[1, 2, 3], 1000, 2),
        (T::SYSCALL_SETRESUID_X, &[1, SAME, 3], 1000, 1000),
        (T::SYSCALL_SETUID_X, &[], 1000, 1000),
    ];
    for (event_type, ids, uid, gid) in cases {
        for res in [0, -1] {
            let mut machine = Machine::with_shell();
            machine.apply(event_type, 10, |e| {
                e.i64(res);
                for id in ids {
                    e.u32(*id);
                }
            });
            let expected = if res == 0 { (uid, gid) } else { (1000, 1000) };
            let thread = machine.thread(10);
            assert_eq!((thread.uid, thread.gid), expected, "{event_type:?}");
        }
    }
}

#[test]
fn capabilities_and_user_namespaces() {
    const ALL: u64 = (1 << 41) - 1;
    let mut machine = Machine::with_shell();
    machine.apply(T::SYSCALL_CAPSET_X, 10, |e| {
        e.i64(0).u64(1).u64(6).u64(2);
    });
    let caps = |machine: &Machine| {
        let thread = machine.thread(10);
        (
            thread.cap_inheritable,
            thread.cap_permitted,
            thread.cap_effective,
        )
    };
    assert_eq!(caps(&machine), (1, 6, 2));
    for (event_type, res, flags, expected) in [
        (
            T::SYSCALL_UNSHARE_X,
            -1,
            ThreadFlags::CLONE_NEWUSER,
            (1, 6, 2),
        ),
        (T::SYSCALL_UNSHARE_X, 0, ThreadFlags::CLONE_FS, (1, 6, 2)),
        (
            T::SYSCALL_UNSHARE_X,
            0,
            ThreadFlags::CLONE_NEWUSER,
            (1, ALL, ALL),
        ),
    ] {
        machine.apply(event_type, 10, |e| {
            e.i64(res).u32(flags);
        });
        assert_eq!(caps(&machine), expected);
    }
    let mut machine = Machine::with_shell();
    machine.apply(T::SYSCALL_SETNS_X, 10, |e| {
        e.i64(0).i64(3).u32(ThreadFlags::CLONE_NEWUSER);
    });
    assert_eq!(caps(&machine), (0, ALL, ALL));
}

#[test]
fn a_session_is_taken_from_its_call_and_process_groups_from_execs() {
    let mut machine = Machine::with_shell();
    machine.clone(T::SYSCALL_CLONE_20_X, 11, Ids::process(10, 1), CLONE_THREAD);
    machine.fork(10, 20);
    machine.apply(T::SYSCALL_SETSID_X, 11, |e| {
        e.i64(10);
    });
    assert_eq!(machine.thread(11).sid, 10);
    assert_eq!(machine.thread(10).sid, -1, "the thread's own");
    machine.apply(T::SYSCALL_SETSID_X, 20, |e| {
        e.i64(-1);
    });
    assert_eq!(machine.thread(20).sid, -1);
    machine.apply(T::SYSCALL_SETPGID_X, 20, |e| {
        e.i64(0).i64(0).i64(20);
    });
    let thread = machine.thread(20);
    assert_eq!((thread.vpgid, thread.pgid), (-1, -1));
    machine.exec(Ids::process(20, 10), "tool", 0);
    let thread = machine.thread(20);
    assert_eq!((thread.vpgid, thread.pgid), (20, 20));
}

#[test]
fn limits_of_open_files() {
    const NOFILE: u8 = 7;
    let mut machine = Machine::with_shell();
    let limit = |machine: &Machine| machine.thread(10).fd_limit;
    machine.apply(T::SYSCALL_GETRLIMIT_X, 10, |e| {
        e.i64(0).i64(100).i64(200).u8(3);
    });
    assert_eq!(limit(&machine), -1, "another resource");
    machine.apply(T::SYSCALL_SETRLIMIT_X, 10, |e| {
        e.i64(0).i64(100).i64(200).u8(NOFILE);
    });
    assert_eq!(limit(&machine), 100);
    for (caller, new, old, pid, expected) in [(10, 50, 100, 0, 50), (1, -1, 77, 10, 77)] {
        machine.apply(T::SYSCALL_PRLIMIT_X, caller, |e| {
            e.i64(0)
                .i64(new)
                .i64(new)
                .i64(old)
                .i64(old)
                .i64(pid)
                .u8(NOFILE);
        });
        assert_eq!(limit(&machine), expected);
    }
}

#[test]
fn users_and_groups_come_and_go() {
    let mut machine = Machine::with_shell();
    machine.apply(T::USER_ADDED_E, -1, |e| {
        e.u32(7)
            .u32(8)
            .str("joe")
            .str("/home/joe")
            .str("/bin/sh")
            .str("");
    });
    machine.apply(T::USER_ADDED_E, -1, |e| {
        e.u32(7)
            .u32(9)
            .str("inside")
            .str("/")
            .str("")
            .str("1234567890ab");
    });
    machine.apply(T::GROUP_ADDED_E, -1, |e| {
        e.u32(8).str("staff").str("");
    });
    let user = machine.state.user(7).unwrap();
    assert_eq!(
        (&*user.name, &*user.home),
        (b"joe".as_slice(), b"/home/joe".as_slice())
    );
    assert_eq!(&*machine.state.group(8).unwrap().name, b"staff");
    assert_eq!(machine.state.users().count(), 2);

    let name = |machine: &Machine, tid: i64| {
        machine
            .state
            .user_of(machine.thread(tid), 7)
            .map(|user| user.name.to_vec())
    };
    for (tid, id) in [(20, "1234567890ab"), (21, "ffffffffffff")] {
        let cgroups = format!("cpu=/docker/{id}{}\0", "0".repeat(52));
        machine.clone_as(
            T::SYSCALL_CLONE_20_X,
            0,
            Ids::process(tid, 10),
            0,
            "x",
            &cgroups,
        );
    }
    assert_eq!(name(&machine, 10).unwrap(), b"joe");
    assert_eq!(name(&machine, 20).unwrap(), b"inside");
    assert_eq!(name(&machine, 21), None, "not the host's");

    machine.apply(T::USER_DELETED_E, -1, |e| {
        e.u32(7).u32(8).str("joe").str("").str("").str("");
    });
    machine.apply(T::GROUP_DELETED_E, -1, |e| {
        e.u32(8).str("staff").str("");
    });
    assert!(machine.state.user(7).is_none() && machine.state.group(8).is_none());
}

#[test]
fn memory_and_faults_at_a_switch() {
    let mut machine = Machine::with_shell();
    machine.apply(T::SCHEDSWITCH_6_E, 10, |e| {
        e.i64(0).u64(1).u64(2).u32(3).u32(4).u32(5);
    });
    let thread = machine.thread(10);
    assert_eq!((thread.pf_major, thread.pf_minor), (1, 2));
    assert_eq!((thread.vm_size, thread.vm_rss, thread.vm_swap), (3, 4, 5));
}

/// A machine to ask, made by hand.
#[derive(Default, Clone)]
struct Fake {
    inner: Arc<Mutex<FakeInner>>,
}

#[derive(Default)]
struct FakeInner {
    threads: HashMap<i64, Found>,
    asked: usize,
}

impl Fake {
    fn add(&self, tid: i64, pid: i64, ptid: i64) {
        let thread = |tid| {
            let mut thread = Thread::new(tid, pid);
            thread.ptid = ptid;
            thread.comm = bytes("found");
            thread.cwd = bytes("/found/");
            thread
        };
        let mut descriptor = Descriptor::new(DescriptorKind::File);
        descriptor.name = bytes("/found/file");
        let main = (tid != pid).then(|| thread(pid));
        let found = Found {
            thread: thread(tid),
            main,
            descriptors: vec![(3, descriptor)],
        };
        self.inner
            .lock()
            .expect("no panic")
            .threads
            .insert(tid, found);
    }

    fn asked(&self) -> usize {
        self.inner.lock().expect("no panic").asked
    }
}

impl Lookup for Fake {
    fn thread(&mut self, tid: i64) -> Option<Found> {
        let mut inner = self.inner.lock().expect("no panic");
        inner.asked += 1;
        inner.threads.get(&tid).cloned()
    }

    fn is_alive(&mut self, tid: i64) -> bool {
        self.inner
            .lock()
            .expect("no panic")
            .threads
            .contains_key(&tid)
    }

    fn descriptor(&mut self, _: i64, fd: i64) -> Option<Descriptor> {
        let mut descriptor = Descriptor::new(DescriptorKind::File);
        descriptor.name = bytes(&format!("/passed/{fd}"));
        Some(descriptor)
    }

    fn users(&mut self, _: i64) -> Option<(Vec<User>, Vec<Group>)> {
        let empty = bytes("");
        let user = User {
            uid: 7,
            gid: 7,
            name: bytes("read"),
            home: empty.clone(),
            shell: empty,
        };
        Some((vec![user], vec![]))
    }
}

fn with_lookup(limits: Limits) -> (Machine, Fake) {
    let mut machine = Machine::with_limits(limits);
    let fake = Fake::default();
    machine.state.set_lookup(Box::new(fake.clone()));
    (machine, fake)
}

#[test]
fn a_missing_thread_is_looked_up() {
    let (mut machine, fake) = with_lookup(Limits::default());
    fake.add(51, 50, 1);
    machine.openat(51, 4, CWD, "x", 1);
    assert_eq!(&*machine.thread(51).comm, b"found");
    assert_eq!(
        machine.state.main_thread(machine.thread(51)).unwrap().tid,
        50
    );
    assert_eq!(machine.name(50, 4), Some("/found/x"));
    assert_eq!(machine.name(51, 3), Some("/found/file"));
    machine.openat(52, 4, CWD, "x", 1);
    assert!(machine.thread(52).is_placeholder());
    machine.openat(52, 5, CWD, "x", 1);
    assert_eq!(
        (fake.asked(), machine.state.counters().n_proc_lookups),
        (2, 2)
    );

    // The parent of a child that tells of itself.
    fake.add(60, 60, 50);
    machine.clone(T::SYSCALL_CLONE_20_X, 0, Ids::process(61, 60), 0);
    assert_eq!(machine.state.parent(machine.thread(61)).unwrap().pid, 60);
    assert_eq!(machine.fds(61), [3]);
}

#[test]
fn look_ups_have_a_budget() {
    let (mut machine, fake) = with_lookup(Limits {
        lookups_per_second: 3,
        ..Limits::default()
    });
    for tid in 100..110 {
        machine.openat(tid, 3, CWD, "x", 1);
    }
    let counters = machine.state.counters();
    assert_eq!((fake.asked(), counters.n_proc_lookups_refused), (3, 7));
    machine.ts += SECOND;
    machine.openat(200, 3, CWD, "x", 1);
    assert_eq!(fake.asked(), 4);
}

#[test]
fn descriptors_in_messages_are_looked_up() {
    let (mut machine, fake) = with_lookup(Limits::default());
    fake.add(10, 10, 1);
    let mut control = Vec::new();
    // Credentials, then two descriptors, then garbage.
    for (level, kind, data) in [
        (1i32, 2i32, vec![9i32, 9, 9]),
        (1, 1, vec![7, 8]),
        (41, 1, vec![11]),
    ] {
        let len = 16 + data.len() * 4;
        control.extend((len as u64).to_ne_bytes());
        control.extend(level.to_ne_bytes());
        control.extend(kind.to_ne_bytes());
        data.iter()
            .for_each(|value| control.extend(value.to_ne_bytes()));
        control.resize(control.len().next_multiple_of(8), 0);
    }
    control.extend([0xff; 20]);
    machine.apply(T::SOCKET_RECVMSG_X, 10, |e| {
        e.i64(1).u32(1).empty().empty().bytes(&control).i64(4);
    });
    assert_eq!(machine.fds(10), [3, 7, 8]);
    assert_eq!(machine.name(10, 8), Some("/passed/8"));
}

#[test]
fn users_of_a_container_are_read_when_it_turns_up() {
    let (mut machine, _fake) = with_lookup(Limits::default());
    let cgroups = format!("cpu=/docker/{}\0", "a".repeat(64));
    machine.clone_as(
        T::SYSCALL_CLONE_20_X,
        0,
        Ids::process(20, 10),
        0,
        "x",
        &cgroups,
    );
    assert_eq!(
        &*machine.state.user_of(machine.thread(20), 7).unwrap().name,
        b"read"
    );
    assert!(machine.state.user(7).is_none());
}

#[test]
fn stale_threads_are_purged() {
    let limits = Limits {
        purge_interval: 100 * SECOND,
        thread_timeout: 50 * SECOND,
        ..Limits::default()
    };
    let (mut machine, fake) = with_lookup(limits.clone());
    fake.add(10, 10, 1);
    machine.openat(10, 3, CWD, "x", 1);
    machine.openat(20, 3, CWD, "x", 1);
    machine.seed_process(30, 10, "gone");
    machine.ts += 10 * SECOND;
    machine.tick();
    assert_eq!(
        machine.state.counters().n_threads,
        3,
        "the first search is later"
    );
    machine.ts += 60 * SECOND;
    machine.tick();
    assert!(machine.state.thread(20).is_none(), "a placeholder");
    assert!(machine.state.thread(30).is_none(), "no longer there");
    assert!(machine.state.thread(10).is_some(), "still there");

    // A replay has nobody to ask and keeps what it cannot check.
    let mut machine = Machine::with_limits(limits);
    machine.seed_process(30, 10, "unknown");
    machine.tick();
    machine.ts += 200 * SECOND;
    machine.tick();
    machine.tick();
    assert!(machine.state.thread(30).is_some());
}
