//! What happens when events are dropped (`syscall_event_drops`).
//!
//! Once a second the counters are compared with those of a second ago. When the share of dropped
//! events is above the threshold, the configured actions are taken, as often as a token bucket
//! allows. A drop that is not reported so is still in every counter.

use alert::TokenBucket;
use config::{DropAction, SyscallDrops};

const SECOND: u64 = 1_000_000_000;

/// What the monitor wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Report {
    /// Events in the last second, dropped ones included.
    pub(crate) events: u64,
    /// Dropped in the last second.
    pub(crate) drops: u64,
    /// What to do.
    pub(crate) actions: Vec<DropAction>,
}

/// Compares counters once a second.
pub(crate) struct DropMonitor {
    config: SyscallDrops,
    bucket: TokenBucket,
    last_check: u64,
    last_events: u64,
    last_drops: u64,
    /// Seconds in which the threshold was exceeded.
    pub(crate) detected: u64,
    /// How often the actions were taken.
    pub(crate) acted: u64,
}

impl DropMonitor {
    pub(crate) fn new(config: SyscallDrops, now: u64) -> Self {
        let bucket = TokenBucket::new(config.rate, config.max_burst, now);
        Self {
            config,
            bucket,
            last_check: now,
            last_events: 0,
            last_drops: 0,
            detected: 0,
            acted: 0,
        }
    }

    /// Whether a second has gone by since the last check.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        now.saturating_sub(self.last_check) >= SECOND
    }

    /// Looks at the counters since the start, and says what is to be done.
    pub(crate) fn check(&mut self, now: u64, events: u64, drops: u64) -> Option<Report> {
        self.last_check = now;
        let new_events = events.saturating_sub(self.last_events);
        let mut new_drops = drops.saturating_sub(self.last_drops);
        (self.last_events, self.last_drops) = (events, drops);
        let threshold = if self.config.simulate_drops {
            new_drops += 1;
            0.0
        } else {
            self.config.threshold
        };
        let share = new_drops as f64 / new_events.max(1) as f64;
        if new_drops == 0 || share <= threshold || self.config.actions.contains(&DropAction::Ignore)
        {
            return None;
        }
        self.detected += 1;
        if self.config.actions.is_empty() || !self.bucket.take(now) {
            return None;
        }
        self.acted += 1;
        Some(Report {
            events: new_events,
            drops: new_drops,
            actions: self.config.actions.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor(threshold: f64, rate: f64, simulate_drops: bool) -> DropMonitor {
        let actions = vec![DropAction::Log, DropAction::Alert];
        DropMonitor::new(
            SyscallDrops {
                threshold,
                actions,
                rate,
                max_burst: 1.0,
                simulate_drops,
            },
            0,
        )
    }

    #[test]
    fn only_above_the_threshold_and_as_often_as_allowed() {
        let mut monitor = monitor(0.1, 0.5, false);
        assert!(!monitor.is_due(SECOND - 1) && monitor.is_due(SECOND));
        assert_eq!(
            monitor.check(SECOND, 100, 10),
            None,
            "10 % is not above 10 %"
        );
        let report = monitor.check(2 * SECOND, 200, 30).unwrap();
        assert_eq!((report.events, report.drops), (100, 20));
        assert_eq!(monitor.check(3 * SECOND, 300, 80), None, "no token yet");
        assert!(
            monitor.check(4 * SECOND, 400, 130).is_some(),
            "two seconds at half a token"
        );
        assert_eq!((monitor.detected, monitor.acted), (3, 2));
    }

    #[test]
    fn simulated_drops_need_no_threshold() {
        let mut monitor = monitor(1.0, 1.0, true);
        assert!(monitor.check(SECOND, 0, 0).is_some());
    }
}
