//! What rules cost per event: `cost FILE…` prints nanoseconds for a few events.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::unwrap_used, reason = "a tool for developers")]

use std::sync::Arc;
use std::time::Instant;

use event::{Encoder, EventType, EventView};
use field::{EventContext, Occurrence, Scratch, Surroundings};
use rules::{EventSource, Matcher, Settings, Source, load, report};
use state::{Descriptor, DescriptorKind, Limits, State, Subject, Thread};

const ROUNDS: u32 = 200_000;

fn main() {
    let files = std::env::args()
        .skip(1)
        .map(|path| Source::from_bytes(path.as_str(), &std::fs::read(&path).unwrap()))
        .collect();
    let started = Instant::now();
    let loaded = load(files, vec![EventSource::syscall()], &Settings::default());
    print!("{}", report::human(&loaded, false));
    let ruleset = Arc::new(loaded.ruleset.unwrap());
    println!(
        "{} rules in {} ms",
        ruleset.rules().len(),
        started.elapsed().as_millis()
    );

    let mut state = State::new(Limits::default());
    for (pid, parent, comm) in [
        (1, 0, "systemd"),
        (50, 1, "sshd"),
        (60, 50, "bash"),
        (100, 60, "cat"),
    ] {
        let mut thread = Thread::new(pid, pid);
        thread.ptid = parent;
        thread.comm = comm.as_bytes().into();
        thread.exepath = format!("/usr/bin/{comm}").into_bytes().into();
        state.seed_thread(thread);
    }
    let mut matcher = Matcher::new(Arc::clone(&ruleset), "syscall").unwrap();
    let (surroundings, mut scratch) = (Surroundings::new("box"), Scratch::new());
    for (name, path, flags) in [
        ("read a file", "/home/anna/notes.txt", 1),
        ("write a file", "/home/anna/notes.txt", 2),
        ("read a library", "/usr/lib/libc.so.6", 1),
        ("read shadow", "/etc/shadow", 1),
        ("write a binary", "/usr/bin/x", 2 | 4),
    ] {
        let mut descriptor = Descriptor::new(DescriptorKind::File);
        descriptor.name = path.as_bytes().into();
        descriptor.name_raw = path.as_bytes().into();
        state.seed_descriptor(100, 7, descriptor);
        let mut encoder = Encoder::new();
        encoder.begin(
            EventType::SYSCALL_OPENAT_2_X,
            1_700_000_000_000_000_000,
            100,
        );
        encoder
            .i64(7)
            .i64(-100)
            .str(path)
            .u32(flags)
            .u32(0)
            .u32(0)
            .u64(0);
        let record = encoder.finish().unwrap().to_vec();
        let mut matched = 0;
        let started = Instant::now();
        for number in 1..=u64::from(ROUNDS) {
            let event = EventView::parse(&record).unwrap();
            let now = Occurrence {
                event: &event,
                number,
                cpu: None,
                first_ts: 0,
                previous_ts: 0,
                state: &state,
                subject: Subject {
                    tid: 100,
                    known: true,
                    fd: Some(7),
                },
                surroundings: &surroundings,
            };
            let mut context = EventContext::new(ruleset.sources()[0].fields(), now, &mut scratch);
            matched += matcher.matches(&mut context, event.event_type(), &mut |_, _, _| {});
        }
        let elapsed = started.elapsed() / ROUNDS;
        println!(
            "{name:16} {:5} ns, {} matches",
            elapsed.as_nanos(),
            matched / ROUNDS as usize
        );
    }
}
