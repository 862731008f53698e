//! When to go on, when to repeat. Pure.

use std::time::Duration;

use super::statistics::ActionCount;

/// Below this, sleeping makes no difference: the system calls of one action take longer.
const UNTHROTTLED: Duration = Duration::from_nanos(200);

/// Which round it is, and at what pace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rounds {
    number: u64,
    sleep: Duration,
    halve: bool,
}

/// What a round means for the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// At the same pace.
    Same,
    /// Twice as fast.
    Halved,
    /// The same round again: more alerts came than actions were done, so alerts of something else,
    /// or of the round before, are among them.
    Dirty,
}

impl Rounds {
    /// Starts with round 1 at a pace; with `halve`, each clean round doubles it.
    pub fn new(sleep: Duration, halve: bool) -> Self {
        Self {
            number: 1,
            sleep,
            halve,
        }
    }

    /// The number of the round, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The sleep between two actions in this round.
    pub fn sleep(&self) -> Duration {
        self.sleep
    }

    /// Ends a round with what was counted, and begins the next.
    pub fn conclude(&mut self, counts: &[ActionCount]) -> Next {
        self.number += 1;
        if counts.iter().any(|count| count.actual > count.expected) {
            return Next::Dirty;
        }
        if !self.halve || self.sleep.is_zero() {
            return Next::Same;
        }
        self.sleep /= 2;
        if self.sleep < UNTHROTTLED {
            self.sleep = Duration::ZERO;
        }
        Next::Halved
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

    #[test]
    fn clean_rounds_halve_as_in_the_article() {
        let mut rounds = Rounds::new(Duration::from_millis(100), true);
        let mut sleeps = Vec::new();
        for _ in 0..15 {
            sleeps.push(rounds.sleep());
            assert_eq!(rounds.conclude(&counts(&[(5, 5), (0, 5)])), Next::Halved);
        }
        assert_eq!(sleeps[13], Duration::from_nanos(12_207));
        assert_eq!(sleeps[14], Duration::from_nanos(6_103));
        assert_eq!(rounds.number(), 16);
    }

    #[test]
    fn halving_ends_unthrottled() {
        let mut rounds = Rounds::new(Duration::from_nanos(800), true);
        let mut sleeps = Vec::new();
        for _ in 0..5 {
            sleeps.push(rounds.sleep().as_nanos());
            rounds.conclude(&counts(&[(1, 1)]));
        }
        assert_eq!(sleeps, [800, 400, 200, 0, 0]);
        assert_eq!(rounds.conclude(&counts(&[(1, 1)])), Next::Same);
    }

    #[test]
    fn a_dirty_round_is_repeated() {
        let mut rounds = Rounds::new(Duration::from_millis(1), true);
        assert_eq!(rounds.conclude(&counts(&[(5, 5), (6, 5)])), Next::Dirty);
        assert_eq!(
            (rounds.number(), rounds.sleep()),
            (2, Duration::from_millis(1))
        );
        assert_eq!(rounds.conclude(&counts(&[(5, 5), (5, 5)])), Next::Halved);
        assert_eq!(rounds.sleep(), Duration::from_micros(500));
    }

    #[test]
    fn without_loop_the_pace_stays() {
        let mut rounds = Rounds::new(Duration::from_millis(1), false);
        assert_eq!(rounds.conclude(&counts(&[(5, 5)])), Next::Same);
        assert_eq!(
            (rounds.number(), rounds.sleep()),
            (2, Duration::from_millis(1))
        );
    }
}
