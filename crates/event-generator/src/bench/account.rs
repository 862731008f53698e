//! Where lost alerts went, by the engine's own counters. Pure.
//!
//! An alert can be lost in two places. Before the rules: the kernel side dropped the event, so no rule
//! saw it. After them: a queue was full, a limit held it back, a client was too slow. When the engine
//! tells how often each rule matched, the two are told apart exactly; otherwise all losses together
//! are set against all counters together.
//!
//! The kernel's drops are of all events of the machine, of which an action makes several and only one
//! raises the alert. They bound what was lost from above: that they are fewer than the lost alerts
//! proves that something is lost in silence, that they are more does not prove the opposite. What no
//! counter covers is `unexplained`, and should be 0.

use serde::Serialize;

use super::statistics::ActionCount;
use crate::log::Value;
use crate::watch::EngineCounters;

/// Lost alerts, and what the engine counted in the same time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Account {
    /// Alerts that did not come.
    pub lost: u64,
    /// Of those, whose rule did not match; `None` when the engine does not count matches by rule.
    pub before_rules: Option<u64>,
    /// Of those, whose rule matched.
    pub after_rules: Option<u64>,
    /// Lost alerts that no counter of the engine covers.
    pub unexplained: u64,
    /// What the engine counted.
    pub counters: EngineCounters,
}

impl Account {
    /// Sets what was lost of these actions beside the counters of the same time.
    pub fn of(counts: &[ActionCount], counters: EngineCounters) -> Self {
        let missing = |more: u64, less: u64| more.saturating_sub(less);
        let lost = counts
            .iter()
            .map(|count| missing(count.expected, count.actual))
            .sum();
        let kernel = counters.kernel_drops.unwrap_or(0);
        let outputs = [
            counters.queue_drops,
            counters.rate_limited,
            counters.client_drops,
        ];
        let outputs: u64 = outputs.into_iter().flatten().sum();
        let matched = |count: &ActionCount| {
            let rule = action::normalized(action::short_name(count.name));
            counters.matches_of.get(&rule).copied().unwrap_or(0)
        };
        let by_place = (!counters.matches_of.is_empty()).then(|| {
            counts.iter().fold((0, 0), |(before, after), count| {
                let matched = matched(count);
                (
                    before + missing(count.expected, matched),
                    after + missing(matched, count.actual),
                )
            })
        });
        let unexplained = match by_place {
            Some((before, after)) => missing(before, kernel) + missing(after, outputs),
            None => missing(lost, kernel + outputs),
        };
        Self {
            lost,
            before_rules: by_place.map(|(before, _)| before),
            after_rules: by_place.map(|(_, after)| after),
            unexplained,
            counters,
        }
    }

    /// The fields of the line called `counters`.
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        let numbers = [
            ("events", self.counters.events),
            ("kernel_drops", self.counters.kernel_drops),
            ("queue_drops", self.counters.queue_drops),
            ("rate_limited", self.counters.rate_limited),
            ("client_drops", self.counters.client_drops),
            ("lost", Some(self.lost)),
            ("lost_before_rules", self.before_rules),
            ("lost_after_rules", self.after_rules),
            ("unexplained", Some(self.unexplained)),
        ];
        numbers
            .into_iter()
            .filter_map(|(name, number)| Some((name, number?.into())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(u64, u64)]) -> Vec<ActionCount> {
        let names = [
            "syscall.ReadSensitiveFileUntrusted",
            "syscall.WriteBelowEtc",
        ];
        pairs
            .iter()
            .zip(names)
            .map(|(&(actual, expected), name)| ActionCount {
                name,
                actual,
                expected,
            })
            .collect()
    }

    /// Actual and expected of two actions, kernel drops, queue drops, and what is unexplained.
    #[test]
    fn counters_cover_losses_or_do_not() {
        for (pairs, kernel, queue, unexplained) in [
            ([(10, 10), (5, 5)], Some(0), Some(0), 0),
            ([(8, 10), (4, 5)], Some(7), Some(0), 0),
            ([(8, 10), (4, 5)], Some(2), Some(0), 1),
            ([(8, 10), (4, 5)], Some(2), Some(1), 0),
            ([(8, 10), (4, 5)], None, None, 3),
            // What one has too much does not make up for the other.
            ([(20, 10), (4, 5)], Some(0), None, 1),
        ] {
            let counters = EngineCounters {
                kernel_drops: kernel,
                queue_drops: queue,
                ..EngineCounters::default()
            };
            let account = Account::of(&counts(&pairs), counters);
            assert_eq!(account.unexplained, unexplained, "{account:?}");
            assert_eq!(account.before_rules, None);
        }
    }

    #[test]
    fn matches_tell_where() {
        let counters = |kernel, queue| EngineCounters {
            kernel_drops: Some(kernel),
            queue_drops: Some(queue),
            matches_of: [
                ("readsensitivefileuntrusted".to_owned(), 90),
                ("writebelowetc".to_owned(), 100),
            ]
            .into(),
            ..EngineCounters::default()
        };
        let pairs = [(85, 100), (98, 100)];
        let account = Account::of(&counts(&pairs), counters(30, 7));
        assert_eq!(
            (account.lost, account.before_rules, account.after_rules),
            (17, Some(10), Some(7))
        );
        assert_eq!(account.unexplained, 0);
        // Many drops of the kernel do not explain what was lost after the rules.
        let account = Account::of(&counts(&pairs), counters(1_000_000, 3));
        assert_eq!(account.unexplained, 4);
        let names: Vec<&str> = account.fields().iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "kernel_drops",
                "queue_drops",
                "lost",
                "lost_before_rules",
                "lost_after_rules",
                "unexplained"
            ]
        );
    }
}
