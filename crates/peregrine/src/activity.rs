//! What keeps the engine busy: rules, system calls, processes.
//!
//! Every event and every evaluation is counted; a few events, [`EVERY`] so many apart, are also
//! timed. That costs less than one part in a hundred of what handling the events does, so it is
//! always on.

use std::sync::LazyLock;
use std::time::Instant;

use event::EventType;
use rules::{Matcher, Ruleset};
use rustc_hash::FxHashMap;
use state::State;

use crate::top::{ProcessRow, RuleRow, SyscallRow};

/// One event of so many is timed. Odd and without small factors: what programs do comes in turns,
/// and each part of a turn must get its share.
pub(crate) const EVERY: u64 = 509;

/// So many processes are remembered at most.
const PROCESSES: usize = 512;

/// Nanoseconds since some moment of this run.
pub(crate) fn clock() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Clone, Copy, Default)]
struct Share {
    timed: u64,
    timed_ns: u64,
}

struct Process {
    name: String,
    share: Share,
}

/// Counts of events, and times of some.
pub(crate) struct Activity {
    /// By type of event.
    events: Vec<u64>,
    shares: Vec<Share>,
    processes: FxHashMap<i64, Process>,
    until_next: u64,
}

impl Activity {
    pub(crate) fn new() -> Self {
        let types = event::events().len();
        Self {
            events: vec![0; types],
            shares: vec![Share::default(); types],
            processes: FxHashMap::default(),
            until_next: EVERY,
        }
    }

    /// Counts an event. Some are to be timed: for those it gives the time at which they began, for
    /// [`end`](Self::end).
    #[inline]
    pub(crate) fn begin(&mut self, event_type: EventType) -> Option<u64> {
        if let Some(count) = self.events.get_mut(usize::from(event_type.0)) {
            *count += 1;
        }
        self.until_next -= 1;
        if self.until_next > 0 {
            return None;
        }
        self.until_next = EVERY;
        Some(clock())
    }

    /// Notes how long an event of a thread took that began at `began`.
    pub(crate) fn end(&mut self, began: u64, event_type: EventType, tid: i64, state: &State) {
        let passed = clock().saturating_sub(began);
        let add = |share: &mut Share| {
            share.timed += 1;
            share.timed_ns += passed;
        };
        if let Some(share) = self.shares.get_mut(usize::from(event_type.0)) {
            add(share);
        }
        let Some(thread) = state.thread(tid) else {
            return;
        };
        let process = self.processes.entry(thread.pid).or_insert_with(|| Process {
            name: String::new(),
            share: Share::default(),
        });
        add(&mut process.share);
        if process.name.as_bytes() != &*thread.comm {
            process.name = String::from_utf8_lossy(&thread.comm).into_owned();
        }
        let mut least = 1;
        while self.processes.len() > PROCESSES {
            self.processes
                .retain(|_, process| process.share.timed > least);
            least *= 2;
        }
    }

    /// System calls and other events by name, the busiest first.
    pub(crate) fn syscalls(&self) -> Vec<SyscallRow> {
        let mut rows: Vec<SyscallRow> = Vec::new();
        for ((info, events), share) in event::events().iter().zip(&self.events).zip(&self.shares) {
            if *events == 0 {
                continue;
            }
            let ns = estimate(share, *events);
            match rows.iter_mut().find(|row| row.syscall == info.name) {
                Some(row) => {
                    row.events += events;
                    row.ns += ns;
                }
                None => rows.push(SyscallRow {
                    syscall: info.name.to_owned(),
                    events: *events,
                    ns,
                }),
            }
        }
        rows.sort_by_key(|row| std::cmp::Reverse((row.ns, row.events)));
        rows
    }

    /// Processes by how much of the engine's time their events take, the busiest first.
    pub(crate) fn processes(&self) -> Vec<ProcessRow> {
        let rows = self.processes.iter().map(|(pid, process)| ProcessRow {
            pid: *pid,
            process: process.name.clone(),
            events: process.share.timed * EVERY,
            ns: process.share.timed_ns * EVERY,
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by(|a, b| (b.ns, a.pid).cmp(&(a.ns, b.pid)));
        rows
    }
}

/// What rules cost, the most expensive first.
pub(crate) fn rules(matcher: &Matcher, ruleset: &Ruleset) -> Vec<RuleRow> {
    let costs = matcher.costs().by_rule(ruleset, 0);
    let rows = ruleset.rules().iter().zip(costs);
    let rows = rows.filter(|(rule, _)| rule.is_enabled());
    let mut rows: Vec<_> = rows
        .map(|(rule, cost)| RuleRow {
            rule: rule.name().to_string(),
            evaluations: cost.evaluations,
            matches: rule.match_count(),
            ns: cost.estimated_ns(),
        })
        .collect();
    rows.sort_by(|a, b| (b.ns, b.evaluations, &a.rule).cmp(&(a.ns, a.evaluations, &b.rule)));
    rows
}

fn estimate(share: &Share, events: u64) -> u64 {
    if share.timed == 0 {
        return 0;
    }
    let all = u128::from(share.timed_ns) * u128::from(events) / u128::from(share.timed);
    u64::try_from(all).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use state::{Limits, Thread};

    #[test]
    fn events_are_counted_and_some_timed() {
        let mut state = State::new(Limits::default());
        for (tid, name) in [(10, "a"), (20, "b")] {
            let mut thread = Thread::new(tid, tid);
            thread.comm = name.as_bytes().into();
            state.seed_thread(thread);
        }
        let mut activity = Activity::new();
        let types = [EventType::SYSCALL_OPENAT_2_X, EventType::SYSCALL_CLOSE_X];
        let mut timed = [0; 2];
        for event in 0..EVERY as usize * 100 {
            let (event_type, tid) = (types[event % 2], [10, 20][event % 2]);
            if let Some(began) = activity.begin(event_type) {
                timed[event % 2] += 1;
                activity.end(began, event_type, tid, &state);
            }
        }
        assert_eq!(timed, [50, 50], "each of a pair gets its share");
        let total: u64 = activity.syscalls().iter().map(|row| row.events).sum();
        assert_eq!(total, EVERY * 100);
        let mut names: Vec<_> = activity
            .processes()
            .into_iter()
            .map(|row| row.process)
            .collect();
        names.sort();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(activity.processes()[0].events, EVERY * 50);
    }

    #[test]
    fn processes_are_remembered_within_bounds() {
        let mut state = State::new(Limits::default());
        let mut activity = Activity::new();
        for pid in 1..5_000 {
            let mut thread = Thread::new(pid, pid);
            thread.comm = b"p".as_slice().into();
            state.seed_thread(thread);
            activity.end(clock(), EventType::SYSCALL_CLOSE_X, pid, &state);
            activity.end(clock(), EventType::SYSCALL_CLOSE_X, 7, &state);
            assert!(activity.processes.len() <= PROCESSES);
        }
        assert!(activity.processes.contains_key(&7), "the busy one stays");
    }
}
