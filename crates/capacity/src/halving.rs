//! The rounds of the 2021 article: the pause between actions halves until the kernel side drops.
//!
//! By hand the loop goes on when there is no pause left; nothing changes any more then, so here it
//! ends after the third such round, or after three rounds in which a shorter pause brought no higher
//! rate: the load is the limit.

use std::time::Duration;

use crate::search::Outcome;

/// The pause of the first round.
const FIRST: Duration = Duration::from_millis(100);
/// A rate that grows by less than this factor when the pause halves does not grow.
const GROWN: f64 = 1.1;
/// So many rounds without growth show that the load is the limit.
const FLAT: u32 = 3;

/// Rounds under way.
#[derive(Clone, PartialEq, Debug)]
pub struct Halving {
    pause: Duration,
    held: Option<f64>,
    flat: u32,
}

/// What to do next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Next {
    /// Another round.
    Round,
    /// Nothing more.
    Done(Outcome),
}

impl Default for Halving {
    fn default() -> Self {
        Self::new()
    }
}

impl Halving {
    /// Before the first round.
    pub fn new() -> Self {
        Self {
            pause: FIRST,
            held: None,
            flat: 0,
        }
    }

    /// The pause of the next round.
    pub fn pause(&self) -> Duration {
        self.pause
    }

    /// The rate of the last clean round.
    pub fn held(&self) -> Option<f64> {
        self.held
    }

    /// At most so many rounds are left.
    pub fn rounds_left(&self) -> u32 {
        128 - self.pause.as_nanos().leading_zeros() + FLAT
    }

    /// Takes what came of a round.
    pub fn record(&mut self, achieved: f64, is_clean: bool) -> Next {
        if !is_clean {
            return Next::Done(match self.held {
                Some(rate) => Outcome::Limit {
                    rate,
                    dirty: achieved,
                },
                None => Outcome::NothingHeld { rate: achieved },
            });
        }
        let grows = self.held.is_none_or(|held| achieved >= GROWN * held);
        self.flat = if grows { 0 } else { self.flat + 1 };
        self.held = Some(achieved);
        if self.flat >= FLAT {
            return Next::Done(Outcome::LoadSaturated { rate: achieved });
        }
        self.pause /= 2;
        Next::Round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs rounds of a loop whose actions take `action` by themselves, against an engine.
    fn run(action: f64, engine: f64) -> (Outcome, u32) {
        let mut halving = Halving::new();
        for round in 1..100 {
            let rate = 1.0 / (halving.pause().as_secs_f64() + action);
            assert!(halving.rounds_left() > 0);
            if let Next::Done(outcome) = halving.record(rate, rate <= engine) {
                return (outcome, round);
            }
        }
        panic!("the rounds do not end");
    }

    #[test]
    fn the_round_before_the_first_drop_counts() {
        let (Outcome::Limit { rate, dirty }, _) = run(1e-6, 8000.0) else {
            panic!()
        };
        assert!(rate <= 8000.0 && dirty > 8000.0 && dirty < 2.1 * rate);
    }

    #[test]
    fn a_slow_action_saturates_the_load() {
        let (outcome, rounds) = run(900e-6, 1e9);
        assert!(matches!(outcome, Outcome::LoadSaturated { rate } if rate < 1112.0));
        assert!(rounds < 16, "{rounds}");
    }

    #[test]
    fn an_engine_that_holds_nothing_says_so() {
        assert!(matches!(run(1e-6, 1.0).0, Outcome::NothingHeld { .. }));
    }
}
