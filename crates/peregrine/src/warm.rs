//! A warm engine does not allocate: from the record to the verdict, and on to the written alert.

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

/// Events that do not make or end processes: those have to remember more than before.
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

fn records(events: &[(T, Params)]) -> Vec<Vec<u8>> {
    let record = |(event_type, params): &(T, Params)| {
        let mut encoder = Encoder::new();
        encoder.begin(*event_type, NOW, PID);
        params(&mut encoder);
        encoder.finish().unwrap().to_vec()
    };
    events.iter().map(record).collect()
}

#[test]
fn a_warm_engine_does_not_allocate() {
    let mut engine = engine();
    let records = records(EVENTS);
    let mut run = |rounds: usize| {
        for record in std::iter::repeat_n(&records, rounds).flatten() {
            engine.handle(0, record);
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
