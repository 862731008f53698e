//! Which rate to offer next, and when the limit is known.
//!
//! A ramp doubles the rate until something is lost; then the interval between the last clean and
//! the first dirty rate is halved (on a logarithmic scale) until it is narrow enough; then the limit
//! is confirmed by [stairs](Stairs) of longer rounds around it.
//!
//! No single round decides where it could have been a hiccup of the machine:
//!
//! * A round that was disturbed from outside and found something wrong is repeated and not counted.
//! * Between the bounds a rate is dirty only when it lost something [`Plan::attempts`] times. The ramp
//!   takes the first loss for a bound, since far above the limit all rounds lose; but before the search
//!   settles under such a bound, it asks for a second opinion.
//! * What the load itself can do is the median of several rounds.

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
    /// How often a rate must lose something to count as dirty, and a limit be held to count as
    /// confirmed; at least 1.
    pub attempts: u32,
}

/// Load that is done at less than this share of the offered rate has reached its own limit.
const SATURATED: f64 = 0.95;

/// The rate of a load at its own limit is the median of so many rounds.
const LOAD_ROUNDS: usize = 9;

/// With fewer of these, when time is up, nothing is said of the load's limit.
const LEAST_LOAD_ROUNDS: usize = 5;

/// Disturbed rounds of one rate that are not counted. A machine that is never quiet must do.
const DISTURBED: u32 = 3;

/// After so many wrong bounds the ramp is believed at once, so that a search ends.
const LIFTED: u32 = 3;

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

/// What came of a rate that was offered.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Verdict {
    /// Operations per second that were done.
    pub achieved: f64,
    /// Whether nothing was lost.
    pub is_clean: bool,
    /// Whether something else than engine and load took time from the machine.
    pub is_disturbed: bool,
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
        /// What the load reached, the median of its rounds.
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
    /// Lowest rate that lost something.
    dirty: Option<Bound>,
    /// The confirmation under way.
    stairs: Option<Stairs>,
    /// Bounds of the ramp that a second opinion has lifted.
    lifted: u32,
    next: Step,
    /// What is known so far of the rate that is offered.
    trial: Trial,
}

/// A rate that lost something.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Bound {
    rate: f64,
    /// Whether more than one round said so.
    is_sure: bool,
}

/// Rounds of one rate, for one purpose.
#[derive(Clone, Default, Debug)]
struct Trial {
    clean: u32,
    dirty: u32,
    disturbed: u32,
    /// What was done in clean rounds in which the load did not reach the rate.
    saturated: Vec<f64>,
}

impl Search {
    /// Begins at the plan's first rate.
    pub fn new(plan: Plan) -> Self {
        let rate = plan.start.clamp(plan.least, plan.most);
        Self {
            plan,
            clean: None,
            dirty: None,
            stairs: None,
            lifted: 0,
            next: Step::Offer {
                phase: Phase::Ramp,
                rate,
            },
            trial: Trial::default(),
        }
    }

    /// What to do now.
    pub fn next(&self) -> Step {
        self.next
    }

    /// How the search ends when it has to end now.
    pub fn stop(&self) -> Outcome {
        if let Step::Done(outcome) = self.next {
            return outcome;
        }
        if let Some(stairs) = self.stairs.as_ref().filter(|stairs| stairs.is_usable()) {
            return stairs.outcome();
        }
        if self.trial.saturated.len() >= LEAST_LOAD_ROUNDS {
            return Outcome::LoadSaturated {
                rate: median(&self.trial.saturated),
            };
        }
        Outcome::TimeUp {
            rate: self.clean,
            dirty: self.dirty.map(|dirty| dirty.rate),
        }
    }

    /// Takes the highest clean rate for the limit and confirms it, as far as that is possible: a wider
    /// interval that is certain is better than a narrow one that is not.
    pub fn hurry(&mut self) {
        if let (
            Step::Offer {
                phase: Phase::Ramp | Phase::Search,
                ..
            },
            Some(rate),
            Some(_),
        ) = (self.next, self.clean, self.dirty)
        {
            self.confirm(rate);
        }
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
        let confirm = Stairs::LEAST as u32;
        match phase {
            Phase::Confirm => {
                let done = self
                    .stairs
                    .as_ref()
                    .map_or(0, |stairs| stairs.rounds.len() as u32);
                confirm.saturating_sub(done).max(1)
            }
            Phase::Load => LOAD_ROUNDS
                .saturating_sub(self.trial.saturated.len())
                .try_into()
                .unwrap_or(1),
            Phase::Search => {
                let dirty = self.dirty.map_or(rate, |dirty| dirty.rate);
                search(dirty / self.clean.unwrap_or(rate)) + confirm
            }
            // Nobody knows where the limit is; some doublings are a fair guess.
            Phase::Ramp => 4 + search(2.0) + confirm,
        }
    }

    /// Takes what came of the rate that was offered.
    pub fn record(&mut self, verdict: Verdict) {
        let Step::Offer { phase, rate } = self.next else {
            return;
        };
        let is_saturated = verdict.achieved < SATURATED * rate;
        let is_good = verdict.is_clean && !is_saturated;
        if verdict.is_disturbed && !is_good && self.trial.disturbed < DISTURBED {
            self.trial.disturbed += 1;
            return;
        }
        if phase == Phase::Confirm && !(verdict.is_clean && is_saturated) {
            self.climb(verdict);
        } else if !verdict.is_clean {
            self.trial.dirty += 1;
            let wanted = match phase {
                // A rate far above the limit loses every time.
                Phase::Ramp => 1,
                Phase::Search | Phase::Confirm => self.plan.attempts,
                // A load at its own limit takes time from everything; the most of its rounds decide.
                Phase::Load => self.plan.attempts.max(LEAST_LOAD_ROUNDS as u32),
            };
            if self.trial.dirty >= wanted {
                self.lost(phase, rate);
            }
        } else if is_saturated {
            // What was done is less than what was asked for, so nothing is known of that rate.
            self.trial.saturated.push(verdict.achieved);
            let wanted = match phase {
                // These rounds are longer.
                Phase::Confirm => LEAST_LOAD_ROUNDS,
                _ => LOAD_ROUNDS,
            };
            if self.trial.saturated.len() >= wanted {
                self.next = Step::Done(Outcome::LoadSaturated {
                    rate: median(&self.trial.saturated),
                });
            } else if phase != Phase::Confirm {
                self.next = Step::Offer {
                    phase: Phase::Load,
                    rate,
                };
            }
        } else {
            self.trial.clean += 1;
            let wanted = match phase {
                Phase::Load => self.plan.attempts,
                Phase::Ramp | Phase::Search | Phase::Confirm => 1,
            };
            if self.trial.clean >= wanted {
                self.held(rate);
            }
        }
    }

    fn held(&mut self, rate: f64) {
        self.clean = Some(rate);
        match self.dirty.filter(|dirty| dirty.rate > rate) {
            Some(dirty) => self.between(rate, dirty),
            None if rate >= self.plan.most => self.next = Step::Done(Outcome::NoLimit { rate }),
            None => {
                self.lifted += u32::from(self.dirty.take().is_some());
                self.offer(Phase::Ramp, (2.0 * rate).min(self.plan.most));
            }
        }
    }

    fn lost(&mut self, phase: Phase, rate: f64) {
        let bound = Bound {
            rate,
            is_sure: phase != Phase::Ramp || self.plan.attempts == 1 || self.lifted >= LIFTED,
        };
        self.dirty = Some(bound);
        match self.clean {
            Some(clean) if clean < rate => self.between(clean, bound),
            _ if rate <= self.plan.least && !bound.is_sure => self.again(rate),
            _ if rate <= self.plan.least => self.next = Step::Done(Outcome::NothingHeld { rate }),
            _ => self.offer(Phase::Ramp, (rate / 2.0).max(self.plan.least)),
        }
    }

    fn confirm(&mut self, rate: f64) {
        self.stairs = Some(Stairs::new(rate, self.plan));
        self.offer(Phase::Confirm, rate);
    }

    /// Takes a round of the confirmation.
    fn climb(&mut self, verdict: Verdict) {
        let Some(stairs) = &mut self.stairs else {
            return;
        };
        stairs.climb(verdict);
        if stairs.is_over() {
            self.next = Step::Done(stairs.outcome());
        } else {
            let rate = stairs.rate(stairs.at);
            // What a load at its own limit has done on other steps still counts.
            let saturated = std::mem::take(&mut self.trial.saturated);
            self.offer(Phase::Confirm, rate);
            self.trial.saturated = saturated;
        }
    }

    fn between(&mut self, clean: f64, dirty: Bound) {
        if dirty.rate > clean * (1.0 + self.plan.precision) {
            self.offer(Phase::Search, (clean * dirty.rate).sqrt());
        } else if dirty.is_sure {
            self.confirm(clean);
        } else {
            self.again(dirty.rate);
        }
    }

    /// Asks for a second opinion of a rate that one round has found dirty.
    fn again(&mut self, rate: f64) {
        self.offer(Phase::Search, rate);
        self.trial.dirty = 1;
    }

    fn offer(&mut self, phase: Phase, rate: f64) {
        self.trial = Trial::default();
        self.next = Step::Offer { phase, rate };
    }
}

/// Rounds around a limit: after a clean one the next rate is a step higher, after a dirty one a step
/// lower, so that the rates stay where both happen. Verdicts near a limit are a matter of chance, so the
/// limit is where the fewest of them contradict it, whichever came last.
///
/// Steps are as wide as the precision; until the first turn each is twice the one before, so that a limit
/// which the search took for much too high or too low is found all the same.
#[derive(Clone, Debug)]
struct Stairs {
    /// The rate of step 0.
    rate: f64,
    plan: Plan,
    /// The step to try.
    at: i32,
    /// How far it is to the next.
    stride: i32,
    /// Steps that were tried, and whether they were clean.
    rounds: Vec<(i32, bool)>,
    /// What was done in the clean ones: operations per second, by step.
    done: Vec<(i32, f64)>,
}

impl Stairs {
    /// So many rounds, if none contradicts another.
    const LEAST: usize = 4;
    /// So many at most.
    const MOST: usize = 10;

    fn new(rate: f64, plan: Plan) -> Self {
        Self {
            rate,
            plan,
            at: 0,
            stride: 1,
            rounds: Vec::new(),
            done: Vec::new(),
        }
    }

    fn rate(&self, step: i32) -> f64 {
        let rate = self.rate * (1.0 + self.plan.precision).powi(step);
        rate.clamp(self.plan.least, self.plan.most)
    }

    fn climb(&mut self, verdict: Verdict) {
        let is_clean = verdict.is_clean;
        self.rounds.push((self.at, is_clean));
        if is_clean {
            self.done.push((self.at, verdict.achieved));
        }
        let has_turned = self.rounds.iter().any(|&(_, other)| other != is_clean);
        let before = self.rounds.len() > 1;
        self.stride = if has_turned {
            (self.stride / 2).max(1)
        } else if before {
            self.stride * 2
        } else {
            1
        };
        self.at += if is_clean { self.stride } else { -self.stride };
    }

    /// How many rounds contradict that `step` is the highest that is held.
    fn contradictions(&self, step: i32) -> usize {
        let contradicts = |&&(at, is_clean): &&(i32, bool)| (at <= step) != is_clean;
        self.rounds.iter().filter(contradicts).count()
    }

    /// The highest step that is held: one that was tried and held at least as often as not. Of equals,
    /// the lowest.
    fn held(&self) -> Option<i32> {
        let mostly_clean = |step: i32| {
            let of = |clean| {
                let is_it = |round: &&(i32, bool)| **round == (step, clean);
                self.rounds.iter().filter(is_it).count()
            };
            of(true) > 0 && of(true) >= of(false)
        };
        let steps = self.rounds.iter().map(|&(step, _)| step);
        steps
            .filter(|&step| mostly_clean(step))
            .min_by_key(|&step| (self.contradictions(step), step))
    }

    /// The lowest step above `held` that lost something.
    fn dirty_above(&self, held: i32) -> Option<i32> {
        let dirty = self.rounds.iter().filter(|(_, is_clean)| !is_clean);
        dirty
            .map(|&(step, _)| step)
            .filter(|&step| step > held)
            .min()
    }

    fn is_over(&self) -> bool {
        if self.rounds.len() >= Self::MOST {
            return true;
        }
        let twice =
            |round: (i32, bool)| self.rounds.iter().filter(|&&other| other == round).count() >= 2;
        self.held().is_some_and(|held| {
            self.contradictions(held) == 0 && twice((held, true)) && twice((held + 1, false))
        })
    }

    /// Whether there is something to say already.
    fn is_usable(&self) -> bool {
        self.rounds.len() >= Self::LEAST
            && self
                .held()
                .and_then(|held| self.dirty_above(held))
                .is_some()
    }

    /// What the engine has held at a step: a load that falls short of what it was asked for, by less than
    /// would make the round void, has not shown more than it did.
    fn done_at(&self, step: i32) -> f64 {
        let done = self.done.iter().filter(|(at, _)| *at == step);
        let done: Vec<f64> = done.map(|(_, rate)| *rate).collect();
        median(&done).min(self.rate(step))
    }

    fn outcome(&self) -> Outcome {
        match self.held() {
            Some(held) => Outcome::Limit {
                rate: self.done_at(held),
                dirty: self.rate(self.dirty_above(held).unwrap_or(held + 1)),
            },
            None => Outcome::Unstable {
                rate: self.rate(self.rounds.iter().map(|(step, _)| *step).min().unwrap_or(0)),
            },
        }
    }
}

/// The middle one; of an even number, the lower of the two. 0 for none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .get(sorted.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0.0)
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

    /// Runs a search in which `answer` says what came of each round, given its number from 0, phase
    /// and rate; how it ended and how many rounds it took.
    fn run(plan: Plan, mut answer: impl FnMut(u32, Phase, f64) -> Verdict) -> (Outcome, u32) {
        let mut search = Search::new(plan);
        let mut rounds = 0;
        loop {
            match search.next() {
                Step::Done(outcome) => {
                    assert_eq!((search.rounds_left(), search.stop()), (0, outcome));
                    return (outcome, rounds);
                }
                Step::Offer { phase, rate } => {
                    assert!(search.rounds_left() > 0);
                    search.record(answer(rounds, phase, rate));
                    rounds += 1;
                    assert!(rounds < 1000, "the search does not end");
                }
            }
        }
    }

    fn verdict(achieved: f64, is_clean: bool) -> Verdict {
        Verdict {
            achieved,
            is_clean,
            is_disturbed: false,
        }
    }

    /// An engine and a load of known capacity.
    fn known(engine: f64, load: f64) -> impl FnMut(u32, Phase, f64) -> Verdict {
        move |_, _, rate| verdict(rate.min(load), rate.min(load) <= engine)
    }

    #[track_caller]
    fn assert_limit(outcome: Outcome, truth: f64) {
        assert!(
            matches!(outcome, Outcome::Limit { rate, dirty }
                if (truth / 1.05 - 1e-6..=truth).contains(&rate) && dirty > truth),
            "{outcome:?}"
        );
    }

    #[test]
    fn one_round_that_is_wrong_moves_no_limit() {
        let (_, rounds) = run(PLAN, known(50_000.0, 1e9));
        for wrong in 0..rounds + 3 {
            let (outcome, _) = run(PLAN, |number, _, rate| {
                verdict(rate, (rate <= 50_000.0) != (number == wrong))
            });
            assert_limit(outcome, 50_000.0);
        }
    }

    #[test]
    fn what_a_load_falls_short_of_is_not_held() {
        // It loses when more than 50 000 are done, and 96 % are done of what is asked for.
        let (outcome, _) = run(PLAN, |_, _, rate| {
            verdict(0.96 * rate, 0.96 * rate <= 50_000.0)
        });
        assert_limit(outcome, 50_000.0);
    }

    #[test]
    fn disturbed_rounds_count_only_for_what_they_held() {
        // Every other round loses something because the machine was busy elsewhere.
        let (outcome, _) = run(PLAN, |number, _, rate| Verdict {
            is_clean: rate <= 50_000.0 && number % 2 == 0,
            is_disturbed: number % 2 == 1,
            achieved: rate,
        });
        assert_limit(outcome, 50_000.0);
        // A machine that is never quiet is measured as it is.
        let (outcome, rounds) = run(PLAN, |_, _, rate| Verdict {
            is_disturbed: true,
            ..verdict(rate, rate <= 50_000.0)
        });
        assert_limit(outcome, 50_000.0);
        assert!(rounds < 70, "{rounds}");
    }

    #[test]
    fn a_limit_that_does_not_stand_is_lowered() {
        for holds in [45_000.0, 30_000.0] {
            // It holds less for long than for a moment.
            let (outcome, _) = run(PLAN, |_, phase, rate| {
                let truth = if phase == Phase::Confirm {
                    holds
                } else {
                    50_000.0
                };
                verdict(rate, rate <= truth)
            });
            assert!(
                matches!(outcome, Outcome::Limit { rate, .. } if rate <= holds && rate > 0.9 * holds),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn the_limit_of_a_load_is_the_median_of_its_rounds() {
        let rates = [61_000.0_f64, 20_000.0, 59_000.0, 90_000.0, 60_000.0];
        let mut at = 0;
        let (outcome, _) = run(PLAN, |_, _, rate| {
            if rate < 50_000.0 {
                return verdict(rate, true);
            }
            at += 1;
            // Some say that it was lossy, but not most.
            verdict(rates[(at - 1) % 5].min(0.9 * rate), at != 2 && at != 4)
        });
        let Outcome::LoadSaturated { rate } = outcome else {
            panic!("{outcome:?}");
        };
        assert!((57_000.0..61_500.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_load_that_stumbles_once_is_not_at_its_limit() {
        let (outcome, _) = run(PLAN, |number, _, rate| {
            let achieved = if number == 3 { 0.5 * rate } else { rate };
            verdict(achieved, rate <= 50_000.0)
        });
        assert_limit(outcome, 50_000.0);
    }

    #[test]
    fn ends() {
        let held_nowhere = run(PLAN, known(0.1, 1e9)).0;
        assert!(matches!(held_nowhere, Outcome::NothingHeld { .. }));
        let no_limit = run(PLAN, known(1e9, 1e9)).0;
        assert_eq!(no_limit, Outcome::NoLimit { rate: 1e7 });
        let saturated = run(PLAN, known(1e9, 3000.0)).0;
        assert_eq!(saturated, Outcome::LoadSaturated { rate: 3000.0 });
        let unstable = run(PLAN, |_, phase, rate| {
            verdict(rate, phase != Phase::Confirm && rate <= 5000.0)
        });
        assert!(
            matches!(unstable.0, Outcome::Unstable { .. }),
            "{unstable:?}"
        );
    }

    #[test]
    fn in_a_hurry_what_is_known_is_confirmed() {
        let mut search = Search::new(PLAN);
        search.hurry();
        assert_eq!(
            search.stop(),
            Outcome::TimeUp {
                rate: None,
                dirty: None
            }
        );
        let mut truth = known(50_000.0, 1e9);
        while search.dirty.is_none() {
            let Step::Offer { phase, rate } = search.next() else {
                panic!("it is not over");
            };
            search.record(truth(0, phase, rate));
        }
        search.hurry();
        for _ in 0..7 {
            let Step::Offer { phase, rate } = search.next() else {
                break;
            };
            assert_eq!(phase, Phase::Confirm);
            search.record(truth(0, phase, rate));
        }
        let Outcome::Limit { rate, dirty } = search.stop() else {
            panic!("{:?}", search.stop());
        };
        assert!(
            rate > 40_000.0 && rate <= 50_000.0 && dirty > 50_000.0,
            "{rate} {dirty}"
        );
    }

    #[test]
    fn verdicts_of_chance_do_not_move_a_limit_far() {
        // Within ten percent of the limit a round is the cleaner the lower its rate.
        let mut limits: Vec<f64> = (0..200_u64)
            .map(|seed| {
                let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                let (outcome, _) = run(PLAN, |_, _, rate| {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let chance = (random >> 11) as f64 / (1_u64 << 53) as f64;
                    verdict(rate, rate < 50_000.0 * (0.95 + 0.1 * chance))
                });
                outcome.held().unwrap_or(0.0)
            })
            .collect();
        limits.sort_by(f64::total_cmp);
        let (low, high) = (limits[10], limits[189]);
        assert!(low > 45_000.0 && high < 53_000.0, "{low} to {high}");
    }

    proptest! {
        #[test]
        fn the_limit_is_within_the_precision(
            engine in 10.0..5e6_f64,
            start in 10.0..1e5_f64,
            precision in 0.01..0.3_f64,
        ) {
            let plan = Plan { start, precision, ..PLAN };
            let (outcome, rounds) = run(plan, known(engine, 1e9));
            let Outcome::Limit { rate, dirty } = outcome else {
                return Err(TestCaseError::fail(format!("{outcome:?}")));
            };
            prop_assert!(rate <= engine && dirty > engine);
            prop_assert!(dirty / rate <= 1.0 + precision + 1e-9);
            prop_assert!(rounds < 70);
        }

        #[test]
        fn every_search_ends(verdicts in prop::collection::vec((0.0..2.0_f64, any::<bool>(), any::<bool>()), 1..40)) {
            // Whatever the rounds say.
            let (outcome, _) = run(PLAN, |number, _, rate| {
                let (share, is_clean, is_disturbed) = verdicts[number as usize % verdicts.len()];
                Verdict { achieved: rate * share.min(1.0), is_clean, is_disturbed }
            });
            prop_assert!(outcome.held().is_none_or(f64::is_finite));
        }
    }
}
