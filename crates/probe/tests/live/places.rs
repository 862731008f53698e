//! What the filter knows of threads: where they are and what they are called.

use std::ffi::CString;

use event::{EventType, EventView, Syscall};
use probe::filter::{Slot, Tables};
use probe::{Known, Options, Place, Probe, Reader};

use crate::fairness::{Group, codes, join};
use crate::harness::{at, call};
use crate::with_probe;

/// Passes for what is in a container, whatever its name, and what has this name on the host.
fn tables(named: &[u8]) -> Tables {
    Tables {
        slots: vec![Slot {
            syscall: Syscall::by_name("chroot").expect("it exists").code,
            state: 0,
            tests: Vec::new(),
            processes: vec![(1, 1)],
            paths: [None, None],
            peer: None,
            masks: vec![1; 256],
        }],
        names: vec![(named.to_vec(), [1, 1])],
        others: [0, 1],
        unnoted: Vec::new(),
    }
}

/// Hierarchies whose groups events tell of.
const TOLD: [&str; 2] = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"];

struct Watch {
    probe: Probe,
    reader: Reader,
    records: Vec<Vec<u8>>,
}

impl Watch {
    fn new(buffer_bytes: usize) -> Self {
        let mut probe = Probe::load(&Options {
            buffer_bytes,
            ..Options::default()
        })
        .unwrap_or_else(|err| panic!("{err}"));
        let reader = probe.reader().expect("it is the first");
        probe
            .set_filter(Some(&tables(b"somebody-else")))
            .expect("the filter changes");
        probe
            .set_syscalls(codes(&[
                "chroot", "clone", "clone3", "fork", "vfork", "execve",
            ]))
            .expect("the selection changes");
        Self {
            probe,
            reader,
            records: Vec::new(),
        }
    }

    fn drain(&mut self) {
        while self.reader.has_data() {
            let records = &mut self.records;
            self.reader.drain(|_, record| records.push(record.to_vec()));
        }
    }

    /// How many records there are of what a process does now.
    fn seen(&mut self, puppet: &Puppet) -> usize {
        self.drain();
        self.records.clear();
        for _ in 0..3 {
            puppet.tell(ACT);
        }
        self.drain();
        let of_puppet = self.records.iter().filter(|record| {
            let event = EventView::parse(record).expect("a valid record");
            event.tid() == puppet.pid && event.event_type() == EventType::SYSCALL_CHROOT_X
        });
        of_puppet.count()
    }

    /// How many calls the filter has left out.
    fn filtered(&self) -> u64 {
        let counters = self.probe.counters().expect("they can be read");
        counters.total().filtered
    }

    /// The control groups that a process told of when it was made, if it could.
    fn told(&mut self, puppet: &Puppet) -> Option<Vec<u8>> {
        self.drain();
        self.records.iter().find_map(|record| {
            let event = EventView::parse(record).expect("a valid record");
            (event.tid() == puppet.pid && event.event_type() == EventType::SYSCALL_CLONE_20_X)
                .then(|| event.param(14).expect("it has so many").to_vec())
        })
    }
}

const ACT: u8 = b'a';
const MOVE: u8 = b'm';
const END: u8 = b'e';

/// A process that does what it is told, with nothing but system calls.
struct Puppet {
    pid: i64,
    /// The child to wait for: itself, or its parent.
    child: i64,
    orders: i32,
    answers: i32,
}

impl Puppet {
    /// Where the test is, or made where it has `moved` to.
    fn new(procs: &CString, moved: bool) -> Self {
        let pipe = || {
            let mut ends = [0i32; 2];
            assert_eq!(call(libc::SYS_pipe2, [ends.as_mut_ptr() as usize, 0]), 0);
            ends
        };
        let (orders, answers) = (pipe(), pipe());
        let pid = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0]);
        if pid == 0 {
            // A clone of a clone tells of the group that the first one has moved to.
            if moved {
                join(procs);
                let grandchild = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0]);
                if grandchild != 0 {
                    let bytes = grandchild.to_ne_bytes();
                    call(libc::SYS_write, [answers[1] as usize, at(&bytes), 8]);
                    call(libc::SYS_wait4, [grandchild as usize, 0, 0, 0]);
                    call(libc::SYS_exit_group, [0]);
                }
            }
            call(libc::SYS_close, [orders[1] as usize]);
            obey(orders[0], answers[1], procs);
        }
        call(libc::SYS_close, [orders[0] as usize]);
        let mut puppet = Self {
            pid,
            child: pid,
            orders: orders[1],
            answers: answers[0],
        };
        if moved {
            let mut bytes = [0u8; 8];
            call(
                libc::SYS_read,
                [puppet.answers as usize, bytes.as_mut_ptr() as usize, 8],
            );
            puppet.pid = i64::from_ne_bytes(bytes);
        }
        // So that it has come back from the call that made it.
        puppet.tell(b' ');
        call(libc::SYS_close, [answers[1] as usize]);
        puppet
    }

    fn tell(&self, order: u8) {
        let mut byte = [order];
        assert_eq!(
            call(libc::SYS_write, [self.orders as usize, at(&byte), 1]),
            1
        );
        assert_eq!(
            call(
                libc::SYS_read,
                [self.answers as usize, byte.as_mut_ptr() as usize, 1]
            ),
            1
        );
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        let byte = [END];
        call(libc::SYS_write, [self.orders as usize, at(&byte), 1]);
        call(libc::SYS_wait4, [self.child as usize, 0, 0, 0]);
        call(libc::SYS_close, [self.orders as usize]);
        call(libc::SYS_close, [self.answers as usize]);
    }
}

fn obey(orders: i32, answers: i32, procs: &CString) -> ! {
    let mut order = [0u8];
    loop {
        if call(
            libc::SYS_read,
            [orders as usize, order.as_mut_ptr() as usize, 1],
        ) != 1
            || order == [END]
        {
            call(libc::SYS_exit_group, [0]);
        }
        match order[0] {
            ACT => _ = call(libc::SYS_chroot, [0]),
            MOVE => join(procs),
            _ => {}
        }
        call(libc::SYS_write, [answers as usize, at(&order), 1]);
    }
}

#[test]
fn what_events_tell_of_places_counts() {
    with_probe(|| {
        let Some(group) = Group::in_one_of(&TOLD, "places") else {
            eprintln!("skipped: no control group can be made here");
            return;
        };
        let procs = group.procs();
        let mut watch = Watch::new(1 << 20);
        watch.probe.attach().expect("it attaches");
        let here = Puppet::new(&procs, false);
        let there = Puppet::new(&procs, true);
        let (of_here, of_there) = (watch.told(&here), watch.told(&there));
        let (of_here, of_there) = (of_here.expect("it came"), of_there.expect("it came"));
        assert_eq!(watch.seen(&here), 3, "nobody has said where it is");
        let say = |watch: &mut Watch, groups: &[u8], place| {
            watch.probe.place(groups, || place).expect("it is taken");
        };
        say(&mut watch, &of_here, Place::Host);
        assert_eq!(watch.seen(&here), 0, "it is on the host");
        assert_ne!(of_here, of_there, "events tell of the group");
        assert_eq!(watch.seen(&there), 3, "nobody has said where it is");
        say(&mut watch, &of_there, Place::Container);
        assert_eq!(watch.seen(&there), 3, "it is in a container");
        assert_eq!(watch.seen(&here), 0, "and the other one still on the host");
        let tables = tables(b"another");
        watch
            .probe
            .set_filter(Some(&tables))
            .expect("the filter changes");
        assert_eq!(watch.seen(&here), 0, "it still is on the host");
        here.tell(MOVE);
        assert_eq!(watch.seen(&here), 3, "it was moved, and may be anywhere");
    });
}

#[test]
fn threads_of_before_are_known_by_what_is_said_of_them() {
    with_probe(|| {
        let Some(group) = Group::in_one_of(&TOLD, "before") else {
            eprintln!("skipped: no control group can be made here");
            return;
        };
        let procs = group.procs();
        let puppets: Vec<Puppet> = (0..4).map(|_| Puppet::new(&procs, false)).collect();
        let [host, container, renamed, unsaid] = &puppets[..] else {
            panic!("there are four");
        };
        let mut watch = Watch::new(1 << 20);
        watch.probe.attach().expect("it attaches");
        // Whoever has told of itself is not asked again.
        let new = Puppet::new(&procs, false);
        for puppet in puppets.iter().chain([&new]) {
            assert_eq!(watch.seen(puppet), 3, "nothing is known");
        }
        let comm = std::fs::read(format!("/proc/{}/comm", host.pid)).expect("it lives");
        let name = comm.strip_suffix(b"\n").expect("a line");
        let known = |puppet: &Puppet, name, place| Known {
            tid: puppet.pid as u32,
            name,
            place,
        };
        let said = [
            known(host, name, Place::Host),
            known(container, name, Place::Container),
            known(renamed, &b"other"[..], Place::Host),
            known(&new, name, Place::Host),
        ];
        watch.probe.know(said).expect("the kernel takes it");
        for (puppet, expected, what) in [
            (host, 0, "it is on the host"),
            (container, 3, "it is in a container"),
            (renamed, 3, "it is called otherwise"),
            (unsaid, 3, "nothing was said"),
            (&new, 3, "its own event counts"),
        ] {
            assert_eq!(watch.seen(puppet), expected, "{what}");
        }
        watch
            .probe
            .set_filter(Some(&tables(name)))
            .expect("the filter changes");
        assert_eq!(watch.seen(host), 3, "its name passes");
        watch
            .probe
            .set_filter(Some(&tables(b"no-name")))
            .expect("the filter changes");
        assert_eq!(watch.seen(host), 0, "its name does not pass");
        host.tell(MOVE);
        assert_eq!(watch.seen(host), 3, "it was moved, and may be anywhere");
    });
}

#[test]
fn what_was_not_told_does_not_count() {
    with_probe(|| {
        let Some(group) = Group::in_one_of(&TOLD, "lost") else {
            eprintln!("skipped: no control group can be made here");
            return;
        };
        let procs = group.procs();
        let mut watch = Watch::new(2 * 4096);
        watch.probe.attach().expect("it attaches");
        let first = Puppet::new(&procs, false);
        let groups = watch.told(&first).expect("it came");
        // One after the other, until the rings of all CPUs are full.
        let mut lost = Vec::new();
        for _ in 0..400 {
            first.tell(ACT);
        }
        for _ in 0..40 {
            lost.push(Puppet::new(&procs, false));
        }
        watch.drain();
        lost.retain(|puppet| watch.told(puppet).is_none());
        assert!(!lost.is_empty(), "nothing was lost");
        let say = watch.probe.place(&groups, || Place::Host);
        say.expect("it is taken");
        // Records can still get lost, so what counts is what the filter has left out: nobody else
        // makes the only call that it decides upon.
        let filtered = |watch: &mut Watch, puppet| {
            let before = watch.filtered();
            watch.seen(puppet);
            watch.filtered() - before
        };
        assert_eq!(filtered(&mut watch, &first), 3, "it is on the host");
        for puppet in &lost {
            assert_eq!(filtered(&mut watch, puppet), 0, "nobody was told of it");
        }
    });
}
