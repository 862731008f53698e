//! A warm engine does not allocate: from the ring to the verdict, and on to the written alert. A new
//! process has to be remembered; what that takes is counted, and comes back when it ends.

use std::path::Path;

use alert::Format;
use event::render::BufferFormat;
use event::{Encoder, EventType as T};
use output::{FileConfig, Outputs, OutputsConfig};
use rules::{EventSource, Settings, Source, load};
use state::{Limits, State, Thread};

use crate::engine::Engine;

const NOW: u64 = 1_700_000_000_000_000_000;
const PID: i64 = 100;

fn engine() -> Engine {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let files = ["peregrine_rules.yaml", "peregrine_rules_incubating.yaml"];
    let files = files.map(|name| {
        let text = std::fs::read(folder.join(name)).unwrap();
        Source::from_bytes(name, &text)
    });
    let loaded = load(
        files.into(),
        vec![EventSource::syscall()],
        &Settings::default(),
    );
    let outputs = Outputs::start(&OutputsConfig {
        format: Format {
            json: true,
            ..Format::default()
        },
        file: Some(FileConfig {
            path: "/dev/null".into(),
            keep_alive: true,
        }),
        ..OutputsConfig::default()
    });
    let mut state = State::new(Limits::default());
    for (pid, parent, name) in [(1, 0, "systemd"), (60, 1, "bash"), (PID, 60, "cat")] {
        let mut thread = Thread::new(pid, pid);
        thread.ptid = parent;
        thread.comm = name.as_bytes().into();
        thread.exepath = format!("/usr/bin/{name}").into_bytes().into();
        state.seed_thread(thread);
    }
    let (ruleset, outputs) = (loaded.ruleset.unwrap(), outputs.unwrap());
    Engine::new(state, ruleset, outputs, "host", BufferFormat::Printable).unwrap()
}

type Params = fn(&mut Encoder);

fn open(encoder: &mut Encoder, path: &str) {
    encoder.i64(7).i64(-100).str(path);
    encoder.u32(1).u32(0).u32(0).u64(0);
}

/// Events that do not make or end processes.
const EVENTS: &[(T, Params)] = &[
    (T::SYSCALL_OPENAT_2_X, |e| open(e, "/home/anna/notes.txt")),
    (T::SYSCALL_READ_X, |e| {
        e.i64(5).bytes(b"hello").i64(7).u32(5);
    }),
    (T::SYSCALL_WRITE_X, |e| {
        e.i64(5).bytes(b"hello").i64(7).u32(5);
    }),
    (T::SYSCALL_STAT_X, |e| {
        e.i64(0).str("/etc");
    }),
    (T::SYSCALL_CLOSE_X, |e| {
        e.i64(0).i64(7);
    }),
    (T::SOCKET_SOCKET_X, |e| {
        e.i64(7).u32(2).u32(2).u32(0).u32(0);
    }),
    (T::SYSCALL_CLOSE_X, |e| {
        e.i64(0).i64(7);
    }),
    (T::SYSCALL_OPENAT_2_X, |e| open(e, "relative")),
    (T::SYSCALL_FCNTL_X, |e| {
        e.i64(0).i64(7).u8(3).u64(1);
    }),
    (T::SYSCALL_CLOSE_X, |e| {
        e.i64(0).i64(7);
    }),
    (T::SYSCALL_UNLINKAT_2_X, |e| {
        e.i64(0).i64(-100).str("/tmp/x").u32(0);
    }),
    (T::SYSCALL_RENAME_X, |e| {
        e.i64(0).str("/tmp/a").str("/tmp/b");
    }),
    (T::SYSCALL_CHMOD_X, |e| {
        e.i64(0).str("/tmp/a").u32(0o644);
    }),
    (T::SYSCALL_SETUID_X, |e| {
        e.i64(0).u32(0);
    }),
];

const ALERT: &[(T, Params)] = &[
    (T::SYSCALL_OPENAT_2_X, |e| open(e, "/etc/shadow")),
    (T::SYSCALL_CLOSE_X, |e| {
        e.i64(0).i64(7);
    }),
];

fn record(event_type: T, ts: u64, tid: i64, params: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.begin(event_type, ts, tid);
    params(&mut encoder);
    encoder.finish().unwrap().to_vec()
}

fn records(events: &[(T, Params)]) -> Vec<Vec<u8>> {
    let record = |(event_type, params): &(T, Params)| record(*event_type, NOW, PID, params);
    events.iter().map(record).collect()
}

/// The parameters that clones and execs have in common.
fn start(encoder: &mut Encoder, result: i64, tid: i64, parent: i64, name: &str) {
    encoder.i64(result).str(name).bytes(b"--once\0");
    encoder.i64(tid).i64(tid).i64(parent).str("/home/anna");
    encoder.i64(1024).u64(0).u64(100);
    encoder.u32(10_000).u32(1_000).u32(0).str(name);
    encoder.bytes(b"cpu=/user.slice\0memory=/user.slice\0");
}

/// A process that is made, becomes another program, opens a file, and ends.
fn life(child: i64, ts: u64) -> Vec<Vec<u8>> {
    let clone = |tid, result, parent| {
        record(T::SYSCALL_CLONE_20_X, ts, tid, |e| {
            start(e, result, tid, parent, "cat");
            e.u32(0).u32(0).u32(0).i64(tid).i64(tid).u64(0);
        })
    };
    let exec = record(T::SYSCALL_EXECVE_19_X, ts, child, |e| {
        start(e, 0, child, PID, "true");
        e.bytes(b"PATH=/usr/bin\0").u32(0).i64(child).u32(u32::MAX);
        e.u32(0).u64(0).u64(0).u64(0).u64(7).u64(1).u64(1);
        e.u32(0).str("/usr/bin/true").i64(child);
        e.u32(0).str("/usr/bin/true");
    });
    let exit = record(T::PROCEXIT_1_E, ts, child, |e| {
        e.i64(0).i64(0).u8(0).u8(0).i64(1);
    });
    let mut life = vec![clone(PID, child, 60), clone(child, 0, PID), exec];
    life.push(record(T::SYSCALL_OPENAT_2_X, ts, child, |e| {
        open(e, "/lib/libc.so.6");
    }));
    life.push(exit);
    life
}

#[cfg(feature = "live")]
#[test]
fn a_warm_engine_does_not_allocate() {
    const CPUS: usize = 4;
    let mut engine = engine();
    let mut rings = probe::memory::Rings::new(CPUS, 1 << 13).unwrap();
    let records = records(EVENTS);
    let mut run = |rounds: usize| {
        for round in 0..rounds {
            for (number, record) in records.iter().enumerate() {
                // Of one CPU for a while, as a thread is, and across the edge of the ring.
                assert!(rings.write((round + number / 8) % CPUS, record));
            }
            let handled = rings.drain(NOW, |cpu, record| engine.handle(cpu, record));
            assert_eq!(handled, records.len());
        }
    };
    run(200);
    let counted = allocation_counter::measure(|| run(1_000));
    assert_eq!(counted.count_total, 0, "in {} events", 1_000 * EVENTS.len());
    assert_eq!(engine.handled.malformed, 0);
    assert_eq!(engine.handled.matches, 0);
}

#[test]
fn an_alert_costs_no_allocation_but_for_its_batch() {
    let mut engine = engine();
    let records = records(ALERT);
    let mut run = |rounds: usize| {
        for record in std::iter::repeat_n(&records, rounds).flatten() {
            engine.handle(0, record);
        }
    };
    run(5_000);
    let counted = allocation_counter::measure(|| run(5_000));
    let batches = 5_000 / 100;
    assert!(
        counted.count_total < 10 * batches,
        "{} allocations for 5000 alerts",
        counted.count_total
    );
    assert_eq!(engine.handled.matches, 10_000);
}

#[test]
fn the_memory_of_a_process_is_bounded_and_comes_back() {
    const LIVES: usize = 2_000;
    let mut engine = engine();
    let lives: Vec<_> = (0..3 * LIVES)
        .flat_map(|number| life(1_000 + number as i64, NOW + number as u64 * 1_000_000))
        .collect();
    let (first, second) = lives.split_at(lives.len() / 3 * 2);
    for record in first {
        engine.handle(0, record);
    }
    let counted = allocation_counter::measure(|| {
        for record in second {
            engine.handle(0, record);
        }
    });
    assert_eq!(engine.handled.malformed, 0);
    assert_eq!(
        engine.state.counters().n_threads,
        3 + 1,
        "the last one stays for an event"
    );
    // The thread, its places in the lists of its process and of its parent, and a copy of each of the
    // two; its table of descriptors with one in it; the rest are texts that are not those of its
    // parent, or not after the exec.
    let per_life = counted.count_total as f64 / LIVES as f64;
    assert!(per_life <= 17.5, "{per_life} allocations for each process");
    // What stays are the names of the few processes whose events were timed, which are bounded, too.
    assert!(
        counted.count_current.abs() < 64 && counted.bytes_current.abs() < 4096,
        "after as many ends as beginnings: {counted:?}"
    );
}
