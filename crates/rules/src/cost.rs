//! What the evaluation of each rule costs.
//!
//! Every evaluation is counted; time is only measured for the events that the caller picks, because
//! to ask for the time costs about as much as to evaluate a rule.

use crate::ruleset::{RuleId, Ruleset};

/// What evaluation has cost a [`Matcher`](crate::Matcher) so far.
#[derive(Clone, Default, Debug)]
pub struct Costs {
    slots: Vec<SlotCost>,
    /// Events whose evaluation was timed.
    timed_events: u64,
    /// Time spent to find out which conditions can hold, in those.
    dispatch_ns: u64,
    clock: Option<fn() -> u64>,
}

#[derive(Clone, Copy, Default, Debug)]
struct SlotCost {
    evaluations: u64,
    timed: u64,
    timed_ns: u64,
}

/// What one rule has cost so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RuleCost {
    /// How often its condition was evaluated: for events that a look-up shared by all rules had not
    /// already shown not to match.
    pub evaluations: u64,
    /// Of those, how many were timed.
    pub timed: u64,
    /// How long the timed ones took, in nanoseconds. What rules share counts for the first that
    /// needs it.
    pub timed_ns: u64,
}

impl RuleCost {
    /// How long all evaluations took, going by those that were timed.
    pub fn estimated_ns(&self) -> u64 {
        if self.timed == 0 {
            return 0;
        }
        let all = u128::from(self.timed_ns) * u128::from(self.evaluations) / u128::from(self.timed);
        u64::try_from(all).unwrap_or(u64::MAX)
    }
}

/// The stopwatch of one event; without a clock for most.
pub(crate) struct Timer(Option<(fn() -> u64, u64)>);

impl Costs {
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots: vec![SlotCost::default(); slots],
            ..Self::default()
        }
    }

    pub(crate) fn time_next(&mut self, clock: fn() -> u64) {
        self.clock = Some(clock);
    }

    /// An event begins.
    pub(crate) fn begin(&mut self) -> Timer {
        Timer(self.clock.take().map(|clock| {
            self.timed_events += 1;
            (clock, clock())
        }))
    }

    pub(crate) fn dispatched(&mut self, timer: &mut Timer) {
        if let Some(passed) = timer.lap() {
            self.dispatch_ns += passed;
        }
    }

    #[inline]
    pub(crate) fn evaluated(&mut self, slot: usize, timer: &mut Timer) {
        let Some(cost) = self.slots.get_mut(slot) else {
            return;
        };
        cost.evaluations += 1;
        if let Some(passed) = timer.lap() {
            cost.timed += 1;
            cost.timed_ns += passed;
        }
    }

    /// How many events were timed, and how long it took altogether to find out which conditions
    /// could hold in them, in nanoseconds.
    pub fn dispatch(&self) -> (u64, u64) {
        (self.timed_events, self.dispatch_ns)
    }

    /// What each rule has cost, by [`RuleId`]. Rules with the same condition share its cost: each
    /// is said to have been evaluated, the first to have taken the time.
    pub fn by_rule(&self, ruleset: &Ruleset, source: usize) -> Vec<RuleCost> {
        let mut costs = vec![RuleCost::default(); ruleset.rules().len()];
        let Some(source) = ruleset.sources().get(source) else {
            return costs;
        };
        for (slot, cost) in source.plans().slots().zip(&self.slots) {
            for (at, (_, RuleId(rule))) in slot.rules.iter().enumerate() {
                if let Some(sum) = costs.get_mut(*rule as usize) {
                    sum.evaluations += cost.evaluations;
                    sum.timed += cost.timed;
                    sum.timed_ns += if at == 0 { cost.timed_ns } else { 0 };
                }
            }
        }
        costs
    }
}

impl Timer {
    #[inline]
    fn lap(&mut self) -> Option<u64> {
        let (clock, since) = self.0.as_mut()?;
        let now = clock();
        Some(now.saturating_sub(std::mem::replace(since, now)))
    }
}
