//! When the next action is due.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Paces one thread.
///
/// Sleeps of a fixed length add up: the time the action takes, and that the kernel wakes us late.
/// Actions are due at fixed times instead, so that half the sleep is twice the rate down to where the
/// actions themselves set the limit. Short waits are spent spinning, because a sleep has a cost and a
/// granularity of tens of microseconds.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    due: Instant,
}

/// What is left of a wait is spun when it is shorter than this.
const SPIN: Duration = Duration::from_micros(60);

/// How long a stopped round may go unnoticed in a long wait.
const EAR: Duration = Duration::from_millis(10);

/// How far behind a thread may be and still catch up. A longer delay, by another program or by a slow
/// action, is not made good: it would come out as a burst that nobody asked for.
const CATCH_UP: Duration = Duration::from_millis(1);

impl Pace {
    /// Every `interval` from now on.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            due: Instant::now() + interval,
        }
    }

    /// Waits until the next action is due, or the round is over. Without an interval it costs nothing.
    #[inline]
    pub(super) fn wait(&mut self, running: &AtomicBool) {
        if !self.interval.is_zero() {
            self.wait_until_due(running);
        }
    }

    fn wait_until_due(&mut self, running: &AtomicBool) {
        let mut now = Instant::now();
        while now < self.due && running.load(Ordering::Relaxed) {
            let left = self.due - now;
            if left > SPIN {
                std::thread::sleep((left - SPIN).min(EAR));
            } else {
                std::hint::spin_loop();
            }
            now = Instant::now();
        }
        self.due = next_due(self.due, now, self.interval);
    }
}

fn next_due(due: Instant, now: Instant, interval: Duration) -> Instant {
    let next = due + interval;
    if now > next + CATCH_UP {
        now + interval
    } else {
        next
    }
}

/// Asks the kernel to wake this thread when it said, not when convenient. Without it sleeps are up to
/// 50 µs too long, which is only a pity.
pub(super) fn wake_precisely() {
    let nanosecond = std::num::NonZeroU64::new(1);
    let _ = rustix::thread::set_current_timer_slack(nanosecond);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_delays_are_caught_up_and_long_ones_forgiven() {
        let due = Instant::now();
        let interval = Duration::from_micros(100);
        let next = |late| next_due(due, due + late, interval) - due;
        assert_eq!(next(Duration::ZERO), interval);
        assert_eq!(next(Duration::from_micros(900)), interval);
        let long = Duration::from_millis(50);
        assert_eq!(next(long), long + interval);
    }

    #[test]
    fn a_round_that_is_over_does_not_wait() {
        let mut pace = Pace::new(Duration::from_secs(3600));
        pace.wait(&AtomicBool::new(false));
    }
}
