//! Which rate to offer next, and when the limit is known.
//!
//! A ramp doubles the rate until something is lost; then the interval between the last clean and
//! the first dirty rate is halved (on a logarithmic scale) until it is narrow enough; then the limit
//! is tried once more. A rate is dirty only if it loses something `attempts` times, because one
//! hiccup of the machine is not a limit of the engine. A limit that does not stand its confirmation
//! is lowered and confirmed again.

use serde::{Deserialize, Serialize};

use crate::round::Phase;

/// How to search.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Plan {
    /// Operations per second of the first round.
    pub start: f64,
    /// No higher rate is offered.
    pub most: f64,
    /// No lower rate is offered.
    pub least: f64,
    /// The limit is known when the first dirty rate is less than this share above the last clean
    /// one; 0.05 for five percent.
    pub precision: f64,
    /// How often a rate must lose something to count as dirty; at least 1.
    pub attempts: u32,
}

/// Load that is done at less than this share of the offered rate has reached its own limit.
const SATURATED: f64 = 0.9;

/// So many limits are tried before the last one is given up for unstable.
const CONFIRMATIONS: u32 = 6;

/// What to do next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Step {
    /// Offer this many operations per second.
    Offer {
        /// What the round is for.
        phase: Phase,
        /// Operations per second.
        rate: f64,
    },
    /// The search is over.
    Done(Outcome),
}

/// How a search ended. Rates are offered operations per second.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Outcome {
    /// The engine holds `rate`, confirmed, and loses at `dirty`.
    Limit {
        /// Highest rate without loss.
        rate: f64,
        /// Lowest rate with loss.
        dirty: f64,
    },
    /// Nothing was lost up to `rate`, which is all that the load can do.
    LoadSaturated {
        /// What the load reached.
        rate: f64,
    },
    /// Nothing was lost up to the highest rate that may be offered.
    NoLimit {
        /// That rate.
        rate: f64,
    },
    /// Something was lost at every rate down to the lowest.
    NothingHeld {
        /// That rate.
        rate: f64,
    },
    /// Limits did not stand their confirmation.
    Unstable {
        /// The last one tried.
        rate: f64,
    },
    /// Time was up; what is known by then.
    TimeUp {
        /// Highest clean rate so far.
        rate: Option<f64>,
        /// Lowest dirty rate so far.
        dirty: Option<f64>,
    },
    /// The user interrupted it.
    Interrupted {
        /// Highest clean rate so far.
        rate: Option<f64>,
    },
}

impl Outcome {
    /// The highest rate that is known to be held.
    pub fn held(self) -> Option<f64> {
        match self {
            Self::Limit { rate, .. } | Self::LoadSaturated { rate } | Self::NoLimit { rate } => {
                Some(rate)
            }
            Self::TimeUp { rate, .. } | Self::Interrupted { rate } => rate,
            Self::NothingHeld { .. } | Self::Unstable { .. } => None,
        }
    }
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Search {
    plan: Plan,
    /// Highest rate that lost nothing.
    clean: Option<f64>,
    /// The most that was done without loss.
    best: f64,
    /// Lowest rate that lost something.
    dirty: Option<f64>,
    /// How often the present rate has lost something.
    tries: u32,
    confirmations: u32,
    next: Step,
}

impl Search {
    /// Begins at the plan's first rate.
    pub fn new(plan: Plan) -> Self {
        let rate = plan.start.clamp(plan.least, plan.most);
        Self {
            plan,
            clean: None,
            best: 0.0,
            dirty: None,
            tries: 0,
            confirmations: 0,
            next: Step::Offer {
                phase: Phase::Ramp,
                rate,
            },
        }
    }

    /// What to do now.
    pub fn next(&self) -> Step {
        self.next
    }

    /// Highest clean and lowest dirty rate so far.
    pub fn known(&self) -> (Option<f64>, Option<f64>) {
        (self.clean, self.dirty)
    }

    /// About how many rounds are left, for a display.
    pub fn rounds_left(&self) -> u32 {
        let Step::Offer { phase, rate } = self.next else {
            return 0;
        };
        let search = |ratio: f64| {
            let steps = (ratio.ln() / (1.0 + self.plan.precision).ln()).log2();
            steps.max(0.0).ceil() as u32
        };
        match phase {
            Phase::Confirm => 1,
            Phase::Search => {
                let (clean, dirty) = (self.clean.unwrap_or(rate), self.dirty.unwrap_or(rate));
                search(dirty / clean) + 1
            }
            // Nobody knows where the limit is; some doublings are a fair guess.
            Phase::Ramp => 4 + search(2.0) + 1,
        }
    }

    /// Takes what came of the rate that was offered: how many operations per second were done, and
    /// whether nothing was lost.
    pub fn record(&mut self, achieved: f64, is_clean: bool) {
        let Step::Offer { phase, rate } = self.next else {
            return;
        };
        if is_clean {
            self.tries = 0;
            self.held(phase, rate, achieved);
        } else {
            self.tries += 1;
            // In the ramp a rate far above the limit loses every time; the search between looks again.
            if phase == Phase::Ramp || self.tries >= self.plan.attempts {
                self.tries = 0;
                self.lost(phase, rate);
            }
        }
    }

    fn held(&mut self, phase: Phase, rate: f64, achieved: f64) {
        if phase == Phase::Confirm {
            let dirty = self.dirty.unwrap_or(rate);
            self.next = Step::Done(Outcome::Limit { rate, dirty });
            return;
        }
        if achieved < SATURATED * rate {
            // What was done is less than what was asked for, so nothing is known of that rate. A load
            // that is asked for more than it can do may do less than before.
            let rate = self.best.max(achieved);
            self.clean = Some(self.clean.unwrap_or(0.0).max(achieved));
            self.next = Step::Done(Outcome::LoadSaturated { rate });
            return;
        }
        self.clean = Some(rate);
        self.best = self.best.max(achieved);
        self.next = match self.dirty {
            Some(dirty) => self.between(rate, dirty),
            None if rate >= self.plan.most => Step::Done(Outcome::NoLimit { rate }),
            None => Step::Offer {
                phase: Phase::Ramp,
                rate: (2.0 * rate).min(self.plan.most),
            },
        };
    }

    fn lost(&mut self, phase: Phase, rate: f64) {
        self.dirty = Some(self.dirty.map_or(rate, |dirty| dirty.min(rate)));
        self.next = match (phase, self.clean) {
            (Phase::Confirm, _) => {
                self.confirmations += 1;
                let lower = rate / (1.0 + self.plan.precision);
                if self.confirmations >= CONFIRMATIONS || lower < self.plan.least {
                    Step::Done(Outcome::Unstable { rate })
                } else {
                    self.clean = Some(lower);
                    Step::Offer {
                        phase: Phase::Confirm,
                        rate: lower,
                    }
                }
            }
            (_, Some(clean)) => self.between(clean, rate),
            (_, None) if rate <= self.plan.least => Step::Done(Outcome::NothingHeld { rate }),
            (_, None) => Step::Offer {
                phase: Phase::Ramp,
                rate: (rate / 2.0).max(self.plan.least),
            },
        };
    }

    fn between(&self, clean: f64, dirty: f64) -> Step {
        if dirty <= clean * (1.0 + self.plan.precision) {
            Step::Offer {
                phase: Phase::Confirm,
                rate: clean,
            }
        } else {
            Step::Offer {
                phase: Phase::Search,
                rate: (clean * dirty).sqrt(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAN: Plan = Plan {
        start: 1000.0,
        most: 1e7,
        least: 1.0,
        precision: 0.05,
        attempts: 2,
    };

    /// Runs a search against an engine and a load of known capacity; how it ended and how many
    /// rounds it took.
    fn run(plan: Plan, engine: f64, load: f64) -> (Outcome, u32) {
        let mut search = Search::new(plan);
        let mut rounds = 0;
        loop {
            match search.next() {
                Step::Done(outcome) => return (outcome, rounds),
                Step::Offer { rate, .. } => {
                    rounds += 1;
                    assert!(rounds < 200, "the search does not end");
                    let achieved = rate.min(load);
                    search.record(achieved, achieved <= engine);
                }
            }
        }
    }

    #[test]
    fn one_hiccup_is_not_a_limit() {
        let mut search = Search::new(PLAN);
        let mut hiccups = 0;
        let outcome = loop {
            match search.next() {
                Step::Done(outcome) => break outcome,
                Step::Offer { rate, phase } => {
                    let hiccup = phase == Phase::Search && hiccups == 0;
                    hiccups += u32::from(hiccup);
                    search.record(rate, rate <= 50_000.0 && !hiccup);
                }
            }
        };
        let Outcome::Limit { rate, .. } = outcome else {
            panic!("{outcome:?}");
        };
        assert!((47_000.0..=50_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_limit_that_does_not_stand_is_lowered() {
        let mut search = Search::new(PLAN);
        let outcome = loop {
            match search.next() {
                Step::Done(outcome) => break outcome,
                Step::Offer { rate, phase } => {
                    // It holds less for long than for a moment.
                    let holds = if phase == Phase::Confirm {
                        45_000.0
                    } else {
                        50_000.0
                    };
                    search.record(rate, rate <= holds);
                }
            }
        };
        assert!(
            matches!(outcome, Outcome::Limit { rate, .. } if (42_000.0..=45_000.0).contains(&rate)),
            "{outcome:?}"
        );
    }

    #[test]
    fn ends() {
        let held_nowhere = run(PLAN, 0.1, 1e9).0;
        assert!(matches!(held_nowhere, Outcome::NothingHeld { .. }));
        let no_limit = run(PLAN, 1e9, 1e9).0;
        assert_eq!(no_limit, Outcome::NoLimit { rate: 1e7 });
        let saturated = run(PLAN, 1e9, 3000.0).0;
        assert_eq!(saturated, Outcome::LoadSaturated { rate: 3000.0 });
    }

    proptest! {
        #[test]
        fn the_limit_is_within_the_precision(
            engine in 10.0..5e6_f64,
            start in 10.0..1e5_f64,
            precision in 0.01..0.3_f64,
        ) {
            let plan = Plan { start, precision, ..PLAN };
            let (outcome, rounds) = run(plan, engine, 1e9);
            let Outcome::Limit { rate, dirty } = outcome else {
                return Err(TestCaseError::fail(format!("{outcome:?}")));
            };
            prop_assert!(rate <= engine && dirty > engine);
            prop_assert!(dirty / rate <= 1.0 + precision + 1e-9);
            prop_assert!(rounds < 70);
        }
    }
}
