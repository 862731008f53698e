//! Alerts heard, per action.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

use super::{Alert, Hearer};

/// Counts alerts by the action whose rule they name.
///
/// Written by the thread that hears, read by the one that ends rounds. The threads that do actions
/// never touch it.
///
/// An alert counts for the present round when its event happened in it. One whose event is older is
/// *belated*: it belongs to the round before. One that says which process it is about, and that is
/// not ours, is *foreign*. Alerts that say neither when nor who count when they come.
#[derive(Debug)]
pub struct Tally {
    index: HashMap<String, usize>,
    counts: Box<[Count]>,
    others: AtomicU64,
    foreign: AtomicU64,
    /// When the round began, in nanoseconds since the epoch.
    since: AtomicU64,
    /// Our number, if engines call us by it.
    pid: Option<u32>,
    latency: Mutex<Histogram<u64>>,
}

#[derive(Debug, Default)]
struct Count {
    heard: AtomicU64,
    belated: AtomicU64,
}

/// By so much an engine's clock may be behind ours, or its rounding.
const CLOCK_MARGIN: Duration = Duration::from_millis(1);

impl Tally {
    /// A count for each of these actions, by name.
    pub fn new<'a>(actions: impl IntoIterator<Item = &'a str>) -> Self {
        let index: HashMap<String, usize> = actions
            .into_iter()
            .enumerate()
            .map(|(at, name)| (action::normalized(action::short_name(name)), at))
            .collect();
        Self {
            counts: index.iter().map(|_| Count::default()).collect(),
            index,
            others: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
            since: AtomicU64::new(0),
            pid: own_pid(),
            latency: Mutex::new(latencies()),
        }
    }

    /// How many alerts of an action's rule were heard of this round.
    pub fn heard(&self, at: usize) -> u64 {
        self.counts[at].heard.load(Ordering::Relaxed)
    }

    /// How many alerts of an action's rule were heard in this round whose events are older.
    pub fn belated(&self, at: usize) -> u64 {
        self.counts[at].belated.load(Ordering::Relaxed)
    }

    /// How many alerts of the actions' rules were about other processes.
    pub fn foreign(&self) -> u64 {
        self.foreign.load(Ordering::Relaxed)
    }

    /// How many alerts were heard in this round, of whatever rule and whomever.
    pub fn heard_in_all(&self) -> u64 {
        let counted: u64 = self
            .counts
            .iter()
            .flat_map(|count| [&count.heard, &count.belated])
            .chain([&self.others, &self.foreign])
            .map(|count| count.load(Ordering::Relaxed))
            .sum();
        counted
    }

    /// Begins a round: counts start again from zero, and what happened before now does not count.
    pub fn begin(&self) {
        let now = now().saturating_sub(nanoseconds(CLOCK_MARGIN));
        self.since.store(now, Ordering::Relaxed);
        for count in &self.counts {
            count.heard.store(0, Ordering::Relaxed);
            count.belated.store(0, Ordering::Relaxed);
        }
        self.others.store(0, Ordering::Relaxed);
        self.foreign.store(0, Ordering::Relaxed);
        self.latencies().reset();
    }

    /// For the alerts of this round that say when their event happened: the nanoseconds from then, by
    /// the engine's clock, until the alert was here and decoded, by ours.
    pub fn latency(&self) -> Histogram<u64> {
        self.latencies().clone()
    }

    fn latencies(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of the action whose rule has this name.
    fn place(&self, rule: &str) -> Option<usize> {
        // On the stack: this runs once for every alert.
        let mut buffer = [0_u8; 128];
        let mut length = 0;
        for byte in rule.bytes().filter(u8::is_ascii_alphanumeric) {
            // Longer than the name of any action: none.
            *buffer.get_mut(length)? = byte.to_ascii_lowercase();
            length += 1;
        }
        let name = std::str::from_utf8(&buffer[..length]).ok()?;
        self.index.get(name).copied()
    }
}

impl Hearer for Tally {
    fn alert(&self, alert: &Alert<'_>) {
        let Some(at) = self.place(alert.rule) else {
            self.others.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let is_ours = self.pid.and_then(|pid| alert.process.is_of(pid));
        if is_ours == Some(false) {
            self.foreign.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let count = &self.counts[at];
        if let Some(time) = alert.time {
            if time < self.since.load(Ordering::Relaxed) {
                count.belated.fetch_add(1, Ordering::Relaxed);
                return;
            }
            self.latencies()
                .saturating_record(now().saturating_sub(time));
        }
        count.heard.fetch_add(1, Ordering::Relaxed);
    }
}

/// From a microsecond to ten minutes in nanoseconds, to two digits.
fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 600_000_000_000, 2).expect("these bounds are valid")
}

/// Nanoseconds since the epoch.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, nanoseconds)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Our number as engines see it. In a namespace of processes other than the machine's they see another
/// one, which cannot be known from inside.
fn own_pid() -> Option<u32> {
    /// Fixed in the kernel.
    const MACHINE: &str = "pid:[4026531836]";
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    (namespace == Path::new(MACHINE)).then(std::process::id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Process;

    const NAMES: [&str; 2] = [
        "syscall.ReadSensitiveFileUntrusted",
        "syscall.WriteBelowEtc",
    ];

    fn of(rule: &str) -> Alert<'_> {
        Alert {
            rule,
            source: "syscall",
            ..Alert::default()
        }
    }

    #[test]
    fn rules_are_matched_by_normalized_name() {
        let tally = Tally::new(NAMES);
        for rule in [
            "Read sensitive file untrusted",
            "READ-SENSITIVE (file) untrusted!",
            "Write below etc",
            "Write below etc or elsewhere",
            "",
            &"x".repeat(1000),
            "Ünïcödé",
        ] {
            tally.alert(&of(rule));
        }
        assert_eq!((tally.heard(0), tally.heard(1)), (2, 1));
        assert_eq!(tally.heard_in_all(), 7);
        tally.begin();
        assert_eq!((tally.heard(0), tally.heard_in_all()), (0, 0));
    }

    #[test]
    fn every_action_fits() {
        for action in action::all() {
            let tally = Tally::new([action.name]);
            tally.alert(&of(action.rule.unwrap_or(action::short_name(action.name))));
            assert_eq!(tally.heard(0), 1, "{action:?}");
        }
    }

    #[test]
    fn an_alert_counts_for_the_round_in_which_its_event_happened() {
        let tally = Tally::new(NAMES);
        let before = now() - nanoseconds(Duration::from_secs(1));
        tally.begin();
        let at = |time| Alert {
            time: Some(time),
            ..of("Write below etc")
        };
        tally.alert(&at(before));
        tally.alert(&at(now()));
        tally.alert(&of("Write below etc"));
        assert_eq!((tally.heard(1), tally.belated(1)), (2, 1));
        assert_eq!(tally.latency().len(), 1, "of those with a time alone");
        tally.begin();
        assert_eq!((tally.belated(1), tally.latency().len()), (0, 0));
    }

    #[test]
    fn other_processes_do_not_count() {
        let mut tally = Tally::new(NAMES);
        tally.pid = Some(17);
        let by = |pid| {
            let mut process = Process::default();
            process.note("proc.pid", pid);
            Alert {
                process,
                ..of("Write below etc")
            }
        };
        tally.alert(&by(17));
        tally.alert(&by(18));
        tally.alert(&of("Write below etc"));
        assert_eq!((tally.heard(1), tally.foreign()), (2, 1));
        // Where we cannot know our number, all count.
        tally.pid = None;
        tally.alert(&by(18));
        assert_eq!((tally.heard(1), tally.foreign()), (3, 1));
    }
}
