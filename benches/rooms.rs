//! What each room costs for each event of a capture, for any sets of rules:
//!
//! ```text
//! cargo run --release -p capture --example generate -- /tmp/big.scap 2000000
//! cargo bench -p benches --bench rooms -- /tmp/big.scap falco_rules.yaml falco_rules.yaml,more.yaml
//! ```
//!
//! Rooms are peeled off one after another: the same events, with one room less, and the difference is
//! what the room costs. Each figure is the least of several rounds, in which all take turns, since what
//! disturbs only makes slower. Without arguments it does nothing, so that it can run with the
//! other benches.

#![expect(clippy::print_stdout, reason = "a program for developers")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::{Recording, ruleset, rulesets_of, surrounded};
use capture::{Block, Reader};
use event::EventView;
use field::{EventContext, Scratch, Surroundings};
use rules::{Matcher, Ruleset, is_for_rules};

const ROUNDS: usize = 5;

/// One event of so many is timed by the engine (`EVERY` in `activity.rs`).
const TIMED: u64 = 509;

fn main() {
    // `cargo bench` adds an option of its own.
    let mut args = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"));
    let Some(path) = args.next().map(PathBuf::from) else {
        println!("rooms: give a capture, and files of rules, each set with commas between");
        return;
    };
    let recording = Recording::open(&path).unwrap_or_else(|err| panic!("{err}"));
    let mut sets = vec![("one rule".to_owned(), Arc::new(ruleset(1)))];
    for files in args {
        let paths: Vec<&Path> = files.split(',').map(Path::new).collect();
        let ruleset = rulesets_of(&paths);
        let name = format!("{} rules", ruleset.enabled().count());
        sets.push((name, Arc::new(ruleset)));
    }

    let events = recording.len() as f64;
    let per_event = |time: Duration| time.as_nanos() as f64 / events;
    let mut reading = Duration::MAX;
    let mut view = Duration::MAX;
    let mut state = Duration::MAX;
    let mut evaluated = vec![[Duration::MAX; 3]; sets.len()];
    for _ in 0..ROUNDS {
        reading = reading.min(timed(|| read(&path)));
        view = view.min(timed(|| parse(&recording)));
        state = state.min(timed(|| apply(&recording)));
        for ((_, ruleset), least) in sets.iter().zip(&mut evaluated) {
            for (every, least) in [u64::MAX, TIMED, 1].into_iter().zip(least) {
                *least = (*least).min(timed(|| evaluate(&recording, ruleset, every)));
            }
        }
    }

    println!("| rules | reading | state | evaluation | sum | timing 1 of {TIMED} | timing all |");
    println!("|---|---|---|---|---|---|---|");
    for ((name, _), [plain, some, all]) in sets.iter().zip(&evaluated) {
        let sum = reading + *plain - view;
        let cell = |time: Duration| {
            let part = 100.0 * time.as_secs_f64() / sum.as_secs_f64();
            format!("{:.0} ns, {part:.0} %", per_event(time))
        };
        let added = |with: Duration| {
            format!(
                "{:+.1} %",
                100.0 * (with.as_secs_f64() / plain.as_secs_f64() - 1.0)
            )
        };
        println!(
            "| {name} | {} | {} | {} | {:.0} ns | {} | {} |",
            cell(reading),
            cell(state.saturating_sub(view)),
            cell(plain.saturating_sub(state)),
            per_event(sum),
            added(*some),
            added(*all)
        );
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// File, decompression, conversion of old events, and the look at the record.
fn read(path: &Path) {
    let mut reader = Reader::open(path).unwrap_or_else(|err| panic!("{err}"));
    let mut parameters = 0;
    while let Ok(Some(block)) = reader.next_block() {
        if let Block::Event(event) = block
            && let Ok(view) = EventView::parse(event.record)
        {
            parameters += view.param_count();
        }
    }
    std::hint::black_box(parameters);
}

fn parse(recording: &Recording) {
    let views = recording
        .records()
        .filter_map(|record| EventView::parse(record).ok());
    std::hint::black_box(views.map(|view| view.param_count()).sum::<usize>());
}

fn apply(recording: &Recording) {
    let mut state = recording.state();
    for record in recording.records() {
        if let Ok(event) = EventView::parse(record) {
            std::hint::black_box(state.apply(&event));
        }
    }
}

/// As the engine does it, without what it does with matches; one event of `every` is timed rule by
/// rule.
fn evaluate(recording: &Recording, ruleset: &Arc<Ruleset>, every: u64) {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let clock = || START.elapsed().as_nanos() as u64;

    let mut state = recording.state();
    let mut matcher = Matcher::new(Arc::clone(ruleset), "syscall").expect("there are rules");
    let source = &ruleset.sources()[0];
    let (surroundings, mut scratch) = (Surroundings::new("host"), Scratch::new());
    let mut until_next = every;
    let mut matches = 0;
    for record in recording.records() {
        let Ok(event) = EventView::parse(record) else {
            continue;
        };
        until_next -= 1;
        let began = (until_next == 0).then(|| {
            until_next = every;
            matcher.time_next(clock);
            clock()
        });
        let subject = state.apply(&event);
        if is_for_rules(event.info()) {
            let now = surrounded(&event, &state, subject, &surroundings);
            let mut context = EventContext::new(source.fields(), now, &mut scratch);
            matches += matcher.matches(&mut context, event.event_type(), &mut |_, _, _| {});
        }
        if let Some(began) = began {
            std::hint::black_box(clock() - began);
        }
    }
    std::hint::black_box(matches);
}
