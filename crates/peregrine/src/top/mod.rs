//! `peregrine top`: what a running engine is busy with.
//!
//! The engine listens on a unix socket that only root can connect to. Whoever connects gets one
//! [`Report`] as a line of JSON, and the connection ends. Nothing is gathered before somebody asks.

mod client;
mod lines;
mod serve;
mod view;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub(crate) use client::top;
pub(crate) use serve::TopSocket;

/// What an engine has done since its start. Times that were not measured are estimated from those
/// that were.
#[derive(Serialize, Deserialize, Clone, PartialEq, Default, Debug)]
pub(crate) struct Report {
    /// Of the engine.
    pub(crate) version: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Nanoseconds since its start.
    pub(crate) uptime_ns: u64,
    /// Events that were handled.
    pub(crate) events: u64,
    /// Matches of rules.
    pub(crate) matches: u64,
    /// Events that the kernel side lost.
    pub(crate) drops: u64,
    /// Of those, the ones for which a ring was full, by kind of event.
    pub(crate) drops_ring_full: Vec<(String, u64)>,
    /// Of those, the ones for which the ring had room, but not for who had used up its share.
    #[serde(default)]
    pub(crate) over_budget: u64,
    /// Who lost events, the greatest losses first.
    #[serde(default)]
    pub(crate) noisy: Vec<NoisyRow>,
    /// Alerts that an output had no room for.
    pub(crate) alerts_dropped: u64,
    /// The most expensive first.
    pub(crate) rules: Vec<RuleRow>,
    /// The most expensive first.
    pub(crate) syscalls: Vec<SyscallRow>,
    /// The most expensive first.
    pub(crate) processes: Vec<ProcessRow>,
}

/// A process or control group that lost events because a ring was full.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct NoisyRow {
    /// `process` or `cgroup`.
    pub(crate) kind: String,
    /// The process, or the inode number of the folder of the control group.
    pub(crate) id: u64,
    /// Of the process.
    pub(crate) name: String,
    /// How many, as far as the kernel remembers.
    pub(crate) lost: u64,
}

/// A rule.
#[derive(Serialize, Deserialize, Clone, PartialEq, Default, Debug)]
pub(crate) struct RuleRow {
    pub(crate) rule: String,
    /// How often its condition was evaluated.
    pub(crate) evaluations: u64,
    pub(crate) matches: u64,
    /// How long that took, in nanoseconds.
    pub(crate) ns: u64,
}

/// A system call, or another kind of event.
#[derive(Serialize, Deserialize, Clone, PartialEq, Default, Debug)]
pub(crate) struct SyscallRow {
    pub(crate) syscall: String,
    pub(crate) events: u64,
    /// How long handling them took, in nanoseconds.
    pub(crate) ns: u64,
}

/// A process that events are about.
#[derive(Serialize, Deserialize, Clone, PartialEq, Default, Debug)]
pub(crate) struct ProcessRow {
    pub(crate) pid: i64,
    pub(crate) process: String,
    /// How many, estimated.
    pub(crate) events: u64,
    /// How long handling them took, in nanoseconds.
    pub(crate) ns: u64,
}

impl Report {
    /// What was done since an earlier report of the same engine; all of it for another one's.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut change = self.clone();
        if self.pid != earlier.pid || self.uptime_ns < earlier.uptime_ns {
            return change;
        }
        let less = |now: &mut u64, before: u64| *now = now.saturating_sub(before);
        less(&mut change.uptime_ns, earlier.uptime_ns);
        less(&mut change.events, earlier.events);
        less(&mut change.matches, earlier.matches);
        less(&mut change.drops, earlier.drops);
        less(&mut change.alerts_dropped, earlier.alerts_dropped);
        less(&mut change.over_budget, earlier.over_budget);
        let before: HashMap<_, _> = earlier
            .noisy
            .iter()
            .map(|row| ((&row.kind, row.id), row.lost))
            .collect();
        for row in &mut change.noisy {
            let key = (&row.kind, row.id);
            let lost = before.get(&key).copied().unwrap_or(0);
            less(&mut row.lost, lost);
        }
        change.noisy.sort_by_key(|row| std::cmp::Reverse(row.lost));
        let before: HashMap<_, _> = earlier.drops_ring_full.iter().cloned().collect();
        for (kind, count) in &mut change.drops_ring_full {
            less(count, before.get(kind).copied().unwrap_or(0));
        }
        let before: HashMap<_, _> = earlier.rules.iter().map(|row| (&row.rule, row)).collect();
        for row in &mut change.rules {
            if let Some(before) = before.get(&row.rule) {
                less(&mut row.evaluations, before.evaluations);
                less(&mut row.matches, before.matches);
                less(&mut row.ns, before.ns);
            }
        }
        let before: HashMap<_, _> = earlier
            .syscalls
            .iter()
            .map(|row| (&row.syscall, row))
            .collect();
        for row in &mut change.syscalls {
            if let Some(before) = before.get(&row.syscall) {
                less(&mut row.events, before.events);
                less(&mut row.ns, before.ns);
            }
        }
        let before: HashMap<_, _> = earlier.processes.iter().map(|row| (row.pid, row)).collect();
        for row in &mut change.processes {
            if let Some(before) = before.get(&row.pid) {
                less(&mut row.events, before.events);
                less(&mut row.ns, before.ns);
            }
        }
        change
            .rules
            .sort_by_key(|row| std::cmp::Reverse((row.ns, row.evaluations)));
        change
            .syscalls
            .sort_by_key(|row| std::cmp::Reverse((row.ns, row.events)));
        change
            .processes
            .sort_by_key(|row| std::cmp::Reverse((row.ns, row.events)));
        change
    }

    /// A count per second.
    pub(crate) fn rate(&self, count: u64) -> f64 {
        count as f64 / (self.uptime_ns.max(1) as f64 / 1e9)
    }

    /// A time as a share of one CPU, in percent.
    pub(crate) fn percent(&self, ns: u64) -> f64 {
        100.0 * ns as f64 / self.uptime_ns.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(uptime_ns: u64, events: u64, rule_ns: u64, other_ns: u64) -> Report {
        let rule = |rule: &str, ns| RuleRow {
            rule: rule.to_owned(),
            evaluations: ns / 10,
            matches: 1,
            ns,
        };
        Report {
            pid: 7,
            uptime_ns,
            events,
            rules: vec![rule("a", rule_ns), rule("b", other_ns)],
            ..Report::default()
        }
    }

    #[test]
    fn the_change_is_what_counts() {
        let (before, now) = (
            report(1_000_000_000, 100, 900, 10),
            report(3_000_000_000, 500, 950, 310),
        );
        let change = now.since(&before);
        assert_eq!((change.uptime_ns, change.events), (2_000_000_000, 400));
        let rows: Vec<_> = change
            .rules
            .iter()
            .map(|row| (row.rule.as_str(), row.ns))
            .collect();
        assert_eq!(
            rows,
            [("b", 300), ("a", 50)],
            "what costs most now comes first"
        );
        assert!((change.rate(change.events) - 200.0).abs() < 1e-9);
        assert!((change.percent(20_000_000) - 1.0).abs() < 1e-9);
        let restarted = Report {
            pid: 8,
            ..now.clone()
        };
        assert_eq!(restarted.since(&before), restarted);
    }
}
