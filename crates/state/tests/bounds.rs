//! Limits of the tables, and what is looked up after events were lost.

mod support;

use std::sync::{Arc, Mutex};

use event::EventType as T;
use state::{Descriptor, DescriptorKind, Found, Group, Limits, Lookup, Thread, User};
use support::{CWD, Ids, Machine, SECOND, bytes};

/// A machine to ask, and what it was asked for.
#[derive(Clone, Default)]
struct Proc {
    threads: Arc<Mutex<Vec<Thread>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proc {
    fn runs(&self, tid: i64, comm: &str) {
        let mut thread = Thread::new(tid, tid);
        thread.ptid = 1;
        thread.comm = bytes(comm);
        thread.exepath = bytes(&format!("/bin/{comm}"));
        let mut threads = self.threads.lock().expect("no panic");
        threads.retain(|known| known.tid != tid);
        threads.push(thread);
    }

    fn find(&self, tid: i64) -> Option<Thread> {
        let threads = self.threads.lock().expect("no panic");
        threads.iter().find(|thread| thread.tid == tid).cloned()
    }

    fn ask(&self, question: String) {
        self.asked.lock().expect("no panic").push(question);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("no panic"))
    }
}

impl Lookup for Proc {
    fn thread(&mut self, tid: i64) -> Option<Found> {
        self.ask(format!("thread {tid}"));
        let mut descriptor = Descriptor::new(DescriptorKind::File);
        descriptor.name = bytes("/found/9");
        self.find(tid).map(|thread| Found {
            thread,
            main: None,
            descriptors: vec![(9, descriptor)],
        })
    }

    fn is_alive(&mut self, tid: i64) -> bool {
        self.find(tid).is_some()
    }

    fn executable(&mut self, tid: i64) -> Option<Vec<u8>> {
        self.find(tid).map(|thread| thread.exepath.to_vec())
    }

    fn descriptor(&mut self, pid: i64, fd: i64) -> Option<Descriptor> {
        self.ask(format!("fd {pid} {fd}"));
        let mut descriptor = Descriptor::new(DescriptorKind::File);
        descriptor.name = bytes(&format!("/found/{fd}"));
        (fd < 100).then_some(descriptor)
    }

    fn users(&mut self, _: i64) -> Option<(Vec<User>, Vec<Group>)> {
        None
    }
}

fn machine_and_proc(limits: Limits) -> (Machine, Proc) {
    let mut machine = Machine::with_limits(limits);
    machine.seed_process(1, 0, "init");
    machine.seed_process(10, 1, "shell");
    let proc = Proc::default();
    proc.runs(1, "init");
    proc.runs(10, "shell");
    machine.state.set_lookup(Box::new(proc.clone()));
    (machine, proc)
}

fn read(machine: &mut Machine, tid: i64, fd: i64) {
    machine.apply(T::SYSCALL_READ_X, tid, |e| {
        e.i64(1).bytes(b"x").i64(fd).u32(1);
    });
}

#[test]
fn a_full_descriptor_table_keeps_what_is_most_useful() {
    let mut machine = Machine::with_limits(Limits {
        descriptors: 8,
        ..Limits::default()
    });
    machine.seed_process(10, 1, "shell");
    for fd in 0..100 {
        machine.openat(10, fd, CWD, &format!("f{fd}"), 1);
    }
    let fds = machine.fds(10);
    assert_eq!(fds.len(), 8);
    // The standard streams, and those that were opened last.
    assert_eq!(fds, [0, 1, 2, 95, 96, 97, 98, 99]);
    let counters = machine.state.counters();
    assert_eq!((counters.n_evicted_fds, counters.n_fds), (92, 8));
    assert_eq!(counters.n_drops_full_fdtable, 0);
    assert_eq!(counters.n_added_fds - counters.n_removed_fds, 8);

    // Where nothing can go, what comes is refused.
    let mut machine = Machine::with_limits(Limits {
        descriptors: 3,
        ..Limits::default()
    });
    machine.seed_process(10, 1, "shell");
    for fd in 0..5 {
        machine.openat(10, fd, CWD, "f", 1);
    }
    assert_eq!(machine.fds(10), [0, 1, 2]);
    assert_eq!(machine.state.counters().n_drops_full_fdtable, 2);
}

#[test]
fn all_tables_together_have_a_limit_that_forks_do_not_reach() {
    let mut machine = Machine::with_limits(Limits {
        all_descriptors: 40,
        ..Limits::default()
    });
    machine.seed_process(1, 0, "init");
    machine.seed_process(10, 1, "shell");
    for fd in 0..20 {
        machine.openat(10, fd, CWD, "f", 1);
    }
    // Copies cost nothing before they are changed.
    for child in 100..120 {
        machine.fork(10, child);
    }
    assert_eq!(machine.state.counters().n_fds, 420);
    assert_eq!(machine.state.counters().n_evicted_fds, 0);
    machine.openat(100, 20, CWD, "f", 1);
    assert_eq!(machine.fds(100).len(), 21);
    machine.openat(101, 20, CWD, "f", 1);
    machine.openat(101, 21, CWD, "f", 1);
    assert!(machine.state.counters().n_evicted_fds > 0);
    // Their end makes room again.
    for child in 100..120 {
        machine.exit(child, 1);
    }
    machine.tick();
    let before = machine.state.counters();
    for fd in 20..39 {
        machine.openat(10, fd, CWD, "f", 1);
    }
    assert_eq!(machine.fds(10).len(), 39);
    assert_eq!(machine.state.counters().n_evicted_fds, before.n_evicted_fds);
}

#[test]
fn a_full_thread_table_forgets_who_was_quiet_longest() {
    let mut machine = Machine::with_limits(Limits {
        threads: 64,
        ..Limits::default()
    });
    machine.seed_process(1, 0, "init");
    machine.seed_process(10, 1, "shell");
    for child in 100..162 {
        machine.fork(10, child);
        machine.openat(100, 3, CWD, "f", 1);
    }
    assert_eq!(machine.state.counters().n_threads, 64);
    machine.fork(10, 200);
    let counters = machine.state.counters();
    assert_eq!((counters.n_evicted_threads, counters.n_threads), (1, 64));
    assert_eq!(counters.n_drops_full_threadtable, 0);
    // The one that works and the parent of all stay; the oldest that did nothing is gone.
    for tid in [1, 10, 100, 102, 200] {
        assert!(machine.state.thread(tid).is_some(), "{tid}");
    }
    assert!(machine.state.thread(101).is_none());
    // A search for each of a flood would cost more than it is worth.
    machine.fork(10, 201);
    assert_eq!(machine.state.counters().n_drops_full_threadtable, 1);
    machine.ts += 2 * SECOND;
    machine.fork(10, 202);
    assert!(machine.state.thread(202).is_some());
}

#[test]
fn long_strings_and_many_accounts_are_cut_and_counted() {
    let mut machine = Machine::with_limits(Limits {
        string_bytes: 3,
        accounts: 2,
        ..Limits::default()
    });
    machine.seed_process(1, 0, "init");
    machine.seed_process(10, 1, "shell");
    let before = machine.state.counters().n_cut_strings;
    machine.exec(Ids::process(10, 1), "tool", 0);
    let thread = machine.thread(10);
    assert_eq!((&*thread.args, &*thread.env), (&b"-x\0"[..], &b"A=1"[..]));
    // Arguments, environment; the control groups are as they were.
    assert!(machine.state.counters().n_cut_strings >= before + 2);

    for id in 1..=5 {
        machine.apply(T::GROUP_ADDED_E, -1, |e| {
            e.u32(id).str("group").str("");
        });
    }
    // One that is known may change.
    machine.apply(T::GROUP_ADDED_E, -1, |e| {
        e.u32(1).str("renamed").str("");
    });
    assert_eq!(machine.state.groups().count(), 2);
    assert_eq!(machine.state.counters().n_drops_full_accounts, 3);
    assert_eq!(&*machine.state.group(1).expect("kept").name, b"renamed");
}

#[test]
fn enter_events_that_never_end_are_bounded() {
    let mut machine = Machine::with_limits(Limits {
        enter_events: 4,
        ..Limits::default()
    });
    for tid in 10..20 {
        machine.seed_process(tid, 1, "shell");
        machine.apply(T::SYSCALL_OPENAT_2_E, tid, |e| {
            e.i64(CWD).str("real").u32(1).u32(0);
        });
    }
    assert_eq!(machine.state.waiting_enters().count(), 4);
    let counters = machine.state.counters();
    assert_eq!(
        (counters.n_stored_evts, counters.n_store_evts_drops),
        (4, 6)
    );
    // Those that have met their exits make room.
    machine.openat(10, 3, CWD, "shown", 1);
    assert_eq!(machine.name(10, 3), Some("/home/real"));
    assert!(machine.state.waiting_enter(10).is_none());
    machine.apply(T::SYSCALL_OPENAT_2_E, 15, |e| {
        e.i64(CWD).str("real").u32(1).u32(0);
    });
    assert!(machine.state.waiting_enter(15).is_some());
}

#[test]
fn a_descriptor_from_a_gap_is_looked_up() {
    let (mut machine, proc) = machine_and_proc(Limits::default());
    read(&mut machine, 10, 5);
    assert_eq!(machine.fd(10, 5).map(|_| ()), None);
    assert!(proc.asked().is_empty(), "nothing was lost");

    machine.state.note_gap(machine.ts);
    read(&mut machine, 10, 5);
    assert_eq!(machine.name(10, 5), Some("/found/5"));
    read(&mut machine, 10, 5);
    assert_eq!(proc.asked(), ["fd 10 5"]);
    // What is being closed is not there any more, whatever has its number now.
    machine.close(10, 6);
    assert_eq!(machine.fd(10, 6).map(|_| ()), None);
    // A process that was made afterwards has lost nothing.
    machine.fork(10, 11);
    read(&mut machine, 11, 7);
    assert!(proc.asked().is_empty());
    // What cannot be found stays unknown.
    read(&mut machine, 10, 100);
    assert_eq!(machine.fd(10, 100).map(|_| ()), None);
    let counters = machine.state.counters();
    assert_eq!((counters.n_gaps, counters.n_healed_fds), (1, 1));
    assert_eq!(counters.n_proc_fd_lookups, 2);
}

#[test]
fn look_ups_of_descriptors_have_a_budget_of_their_own() {
    let (mut machine, proc) = machine_and_proc(Limits {
        lookups_per_second: 3,
        ..Limits::default()
    });
    machine.state.note_gap(machine.ts);
    for fd in 20..30 {
        read(&mut machine, 10, fd);
    }
    assert_eq!(proc.asked().len(), 3);
    assert_eq!(machine.state.counters().n_proc_lookups_refused, 7);
    // Threads are still asked for.
    proc.runs(30, "other");
    read(&mut machine, 30, 3);
    assert_eq!(&*machine.thread(30).comm, b"other");
}

#[test]
fn a_thread_that_became_another_program_in_a_gap_is_read_again() {
    let (mut machine, proc) = machine_and_proc(Limits::default());
    machine.openat(10, 3, CWD, "old", 1);
    proc.runs(10, "tool");
    read(&mut machine, 10, 3);
    assert_eq!(&*machine.thread(10).comm, b"shell", "nothing was lost");

    machine.state.note_gap(machine.ts);
    read(&mut machine, 10, 9);
    assert_eq!(&*machine.thread(10).comm, b"tool");
    assert_eq!(machine.name(10, 9), Some("/found/9"));
    assert_eq!(machine.fds(10), [9]);
    assert_eq!(proc.asked(), ["thread 10"]);
    // Once a gap, and not those that are what they were.
    read(&mut machine, 10, 9);
    read(&mut machine, 1, 9);
    assert_eq!(proc.asked(), ["fd 1 9"]);
    assert_eq!(machine.state.counters().n_healed_threads, 1);
}

#[test]
fn a_thread_that_could_not_be_found_is_asked_for_again_later() {
    let (mut machine, proc) = machine_and_proc(Limits::default());
    read(&mut machine, 50, 3);
    assert!(machine.thread(50).is_placeholder());
    proc.runs(50, "late");
    for _ in 0..10 {
        read(&mut machine, 50, 3);
    }
    assert_eq!(proc.asked(), ["thread 50"]);
    machine.ts += 2 * SECOND;
    read(&mut machine, 50, 9);
    assert_eq!(&*machine.thread(50).comm, b"late");
    assert_eq!(machine.state.counters().n_healed_threads, 1);
}
