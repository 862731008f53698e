//! When acts are due. Pure.

use std::time::Duration;

/// When acts are due, counted over all workers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Schedule {
    /// As fast as it goes.
    Unthrottled,
    /// One every so often. Delays of more than a millisecond are forgiven: what was not done then is
    /// not made good. Short waits are spent spinning. This is how a sleep between actions behaves
    /// when the actions themselves take no time.
    Every(Duration),
    /// A pause before each act of each worker (a closed loop). The rate is what is left of it by the
    /// time of the acts, as in a benchmark of 2021.
    Pause(Duration),
    /// So many a second, whatever happens (an open loop). What is late is done as soon as possible and
    /// counts as late, so that a slow act or a busy CPU cannot lower the rate unseen. Waits are slept.
    Rate(f64),
}

/// How far behind a worker of [`Schedule::Every`] may be and still catch up. A longer delay would come
/// out as a burst that nobody asked for.
const CATCH_UP: u64 = 1_000_000;

impl Schedule {
    /// How many acts are due before `time` is over; `None` when the schedule does not say or does not insist.
    pub fn due_within(self, time: Duration) -> Option<u64> {
        match self {
            Self::Rate(rate) if rate > 0.0 => Some((rate * time.as_secs_f64()) as u64),
            _ => None,
        }
    }
}

/// The acts of one worker: of all, every `workers`-th, beginning with its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timetable {
    schedule: Schedule,
    number: u64,
    workers: u64,
    /// Acts so far.
    acts: u64,
    /// When the next is due, in nanoseconds after the beginning.
    due: u64,
}

impl Timetable {
    pub(super) fn new(schedule: Schedule, number: u64, workers: u64) -> Self {
        let mut table = Self {
            schedule,
            number,
            workers,
            acts: 0,
            due: 0,
        };
        table.due = match schedule {
            Schedule::Every(interval) => table.interval(interval),
            _ => table.nth(0),
        };
        table
    }

    /// When the next act is due, in nanoseconds after the beginning; `None`: at once, always.
    pub(super) fn due(&self) -> Option<u64> {
        match self.schedule {
            Schedule::Unthrottled | Schedule::Pause(_) => None,
            Schedule::Every(interval) if interval.is_zero() => None,
            _ => Some(self.due),
        }
    }

    /// Notes that an act begins at `now`.
    pub(super) fn act(&mut self, now: u64) {
        self.acts += 1;
        self.due = match self.schedule {
            Schedule::Every(interval) => {
                let interval = self.interval(interval);
                let next = self.due + interval;
                if now > next + CATCH_UP {
                    now + interval
                } else {
                    next
                }
            }
            _ => self.nth(self.acts),
        };
    }

    /// The time between two acts of this worker, in nanoseconds.
    pub(super) fn between(&self) -> u64 {
        match self.schedule {
            Schedule::Unthrottled | Schedule::Pause(_) => 0,
            Schedule::Every(interval) => self.interval(interval),
            Schedule::Rate(rate) => (self.workers as f64 * 1e9 / rate) as u64,
        }
    }

    /// How long to pause before the next act, whenever that is.
    pub(super) fn pause(&self) -> Option<Duration> {
        match self.schedule {
            Schedule::Pause(pause) if !pause.is_zero() => Some(pause),
            _ => None,
        }
    }

    /// Whether what is left of a short wait is spun rather than slept.
    pub(super) fn spins(&self) -> bool {
        matches!(self.schedule, Schedule::Every(_))
    }

    fn interval(&self, interval: Duration) -> u64 {
        u64::try_from(interval.as_nanos())
            .unwrap_or(u64::MAX / 2)
            .saturating_mul(self.workers)
            .min(u64::MAX / 2)
    }

    /// When the act after `acts` others is due by the rate. From the beginning each time, so that
    /// nothing adds up. A double is exact to the nanosecond for a hundred days.
    fn nth(&self, acts: u64) -> u64 {
        let Schedule::Rate(rate) = self.schedule else {
            return 0;
        };
        let all = acts * self.workers + self.number;
        (all as f64 * 1e9 / rate) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_a_rate_in_turn() {
        let mut dues = Vec::new();
        for number in 0..3 {
            let mut table = Timetable::new(Schedule::Rate(1_000.0), number, 3);
            for _ in 0..3 {
                dues.push(table.due().unwrap());
                // However late.
                table.act(u64::MAX / 4);
            }
        }
        dues.sort_unstable();
        let expected: Vec<u64> = (0..9).map(|act| act * 1_000_000).collect();
        assert_eq!(dues, expected);
    }

    #[test]
    fn a_rate_does_not_drift() {
        // A third of a nanosecond each, if it were added up.
        let mut table = Timetable::new(Schedule::Rate(3.0), 0, 1);
        for _ in 0..3_000_000 {
            table.act(0);
        }
        assert_eq!(table.due(), Some(1_000_000_000_000_000));
        assert_eq!(
            Schedule::Rate(3.0).due_within(Duration::from_secs(1_000_000)),
            Some(3_000_000)
        );
    }

    #[test]
    fn small_delays_are_caught_up_and_long_ones_forgiven_without_a_rate() {
        let interval = 100_000;
        let next = |late| {
            let mut table = Timetable::new(Schedule::Every(Duration::from_nanos(interval)), 0, 1);
            let due = table.due().unwrap();
            assert_eq!(due, interval);
            table.act(due + late);
            table.due().unwrap() - due
        };
        assert_eq!(next(0), interval);
        assert_eq!(next(900_000), interval);
        assert_eq!(next(50_000_000), 50_000_000 + interval);
    }

    #[test]
    fn what_is_not_due_is_due_at_once() {
        for schedule in [Schedule::Unthrottled, Schedule::Every(Duration::ZERO)] {
            let mut table = Timetable::new(schedule, 1, 2);
            table.act(5);
            assert_eq!(table.due(), None);
            assert_eq!(schedule.due_within(Duration::from_secs(1)), None);
        }
        let long = Timetable::new(Schedule::Every(Duration::MAX), 1, 1024);
        assert!(long.due().unwrap() > 1 << 62);
    }
}
