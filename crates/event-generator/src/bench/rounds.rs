//! When to go on, when to repeat. Pure.

use std::time::Duration;

use super::statistics::ActionCount;
use crate::load::Schedule;
use crate::log::Value;

/// Below this, sleeping makes no difference: the system calls of one action take longer.
const UNTHROTTLED: Duration = Duration::from_nanos(200);

/// How fast actions follow one another.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// With this sleep between two of them.
    Sleep(Duration),
    /// So many a second, come what may.
    Rate(f64),
}

impl Pace {
    /// The schedule of a load at this pace.
    pub fn schedule(self) -> Schedule {
        match self {
            Self::Sleep(Duration::ZERO) => Schedule::Unthrottled,
            Self::Sleep(sleep) => Schedule::Every(sleep),
            Self::Rate(rate) => Schedule::Rate(rate),
        }
    }

    /// Twice as fast.
    fn doubled(self) -> Self {
        match self {
            Self::Sleep(sleep) if sleep / 2 < UNTHROTTLED => Self::Sleep(Duration::ZERO),
            Self::Sleep(sleep) => Self::Sleep(sleep / 2),
            Self::Rate(rate) => Self::Rate(rate * 2.0),
        }
    }

    /// As a field of a log line.
    pub fn field(self) -> (&'static str, Value) {
        match self {
            Self::Sleep(sleep) => ("sleep", sleep.into()),
            Self::Rate(rate) => ("rate", rate.into()),
        }
    }
}

/// Which round it is, and at what pace.
#[derive(Clone, PartialEq, Debug)]
pub struct Rounds {
    number: u64,
    pace: Pace,
    faster: bool,
}

/// What a round means for the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// At the same pace.
    Same,
    /// Twice as fast.
    Faster,
    /// The same round again: more alerts came than actions were done, so alerts of something else,
    /// or of the round before, are among them.
    Dirty,
}

impl Rounds {
    /// Starts with round 1 at a pace; with `faster`, each clean round doubles it.
    pub fn new(pace: Pace, faster: bool) -> Self {
        Self {
            number: 1,
            pace,
            faster,
        }
    }

    /// The number of the round, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The pace of this round.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Ends a round with what was counted, and begins the next.
    pub fn conclude(&mut self, counts: &[ActionCount]) -> Next {
        self.number += 1;
        if counts.iter().any(|count| count.actual > count.expected) {
            return Next::Dirty;
        }
        if !self.faster || self.pace == Pace::Sleep(Duration::ZERO) {
            return Next::Same;
        }
        self.pace = self.pace.doubled();
        Next::Faster
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(u64, u64)]) -> Vec<ActionCount> {
        pairs
            .iter()
            .map(|&(actual, expected)| ActionCount {
                name: "syscall.X",
                actual,
                expected,
            })
            .collect()
    }

    fn sleep(rounds: &Rounds) -> Duration {
        match rounds.pace() {
            Pace::Sleep(sleep) => sleep,
            Pace::Rate(rate) => panic!("{rate}"),
        }
    }

    #[test]
    fn a_rate_doubles() {
        let mut rounds = Rounds::new(Pace::Rate(100.0), true);
        assert_eq!(rounds.conclude(&counts(&[(5, 5)])), Next::Faster);
        assert_eq!(rounds.pace(), Pace::Rate(200.0));
        assert_eq!(rounds.pace().schedule(), Schedule::Rate(200.0));
    }

    #[test]
    fn clean_rounds_halve_as_in_the_article() {
        let mut rounds = Rounds::new(Pace::Sleep(Duration::from_millis(100)), true);
        let mut sleeps = Vec::new();
        for _ in 0..15 {
            sleeps.push(sleep(&rounds));
            assert_eq!(rounds.conclude(&counts(&[(5, 5), (0, 5)])), Next::Faster);
        }
        assert_eq!(sleeps[13], Duration::from_nanos(12_207));
        assert_eq!(sleeps[14], Duration::from_nanos(6_103));
        assert_eq!(rounds.number(), 16);
    }

    #[test]
    fn halving_ends_unthrottled() {
        let mut rounds = Rounds::new(Pace::Sleep(Duration::from_nanos(800)), true);
        let mut sleeps = Vec::new();
        for _ in 0..5 {
            sleeps.push(sleep(&rounds).as_nanos());
            rounds.conclude(&counts(&[(1, 1)]));
        }
        assert_eq!(sleeps, [800, 400, 200, 0, 0]);
        assert_eq!(rounds.conclude(&counts(&[(1, 1)])), Next::Same);
    }

    #[test]
    fn a_dirty_round_is_repeated() {
        let mut rounds = Rounds::new(Pace::Sleep(Duration::from_millis(1)), true);
        assert_eq!(rounds.conclude(&counts(&[(5, 5), (6, 5)])), Next::Dirty);
        assert_eq!(
            (rounds.number(), sleep(&rounds)),
            (2, Duration::from_millis(1))
        );
        assert_eq!(rounds.conclude(&counts(&[(5, 5), (5, 5)])), Next::Faster);
        assert_eq!(sleep(&rounds), Duration::from_micros(500));
    }

    #[test]
    fn without_loop_the_pace_stays() {
        let mut rounds = Rounds::new(Pace::Sleep(Duration::from_millis(1)), false);
        assert_eq!(rounds.conclude(&counts(&[(5, 5)])), Next::Same);
        assert_eq!(
            (rounds.number(), sleep(&rounds)),
            (2, Duration::from_millis(1))
        );
    }
}
