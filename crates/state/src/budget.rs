//! How many look-ups may be made.

use std::time::{Duration, Instant};

const SECOND: u64 = 1_000_000_000;

/// A number of look-ups, and the time that they may take, per second of event time. Asking `/proc`
/// costs some hundred times what an event does, and a flood of unknown processes must not turn
/// every event into a question.
#[derive(Debug)]
pub(crate) struct Budget {
    per_second: u32,
    time_per_second: Duration,
    second: u64,
    used: u32,
    spent: Duration,
}

impl Budget {
    pub(crate) fn new(per_second: u32, time_per_second: Duration) -> Self {
        Self {
            per_second,
            time_per_second,
            second: 0,
            used: 0,
            spent: Duration::ZERO,
        }
    }

    /// Makes a look-up if there is one left in this second.
    pub(crate) fn spend<R>(&mut self, now: u64, look_up: impl FnOnce() -> R) -> Option<R> {
        let second = now / SECOND;
        if second != self.second {
            self.second = second;
            self.used = 0;
            self.spent = Duration::ZERO;
        }
        if self.used >= self.per_second || self.spent >= self.time_per_second {
            return None;
        }
        self.used += 1;
        let start = Instant::now();
        let found = look_up();
        self.spent += start.elapsed();
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_for_a_second() {
        let mut budget = Budget::new(2, Duration::from_millis(20));
        assert_eq!(budget.spend(0, || 1), Some(1));
        assert_eq!(budget.spend(SECOND - 1, || 2), Some(2));
        assert_eq!(budget.spend(SECOND - 1, || 3), None);
        let slow = || std::thread::sleep(Duration::from_millis(25));
        assert_eq!(budget.spend(SECOND, slow), Some(()));
        assert_eq!(budget.spend(SECOND, || ()), None);
        assert_eq!(budget.spend(2 * SECOND, || ()), Some(()));
    }
}
