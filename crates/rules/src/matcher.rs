//! Which rules an event matches.

use std::sync::Arc;

use condition::{Context, Evaluator};
use event::{EventInfo, EventType, Origin};

use crate::correlate::StepId;
use crate::cost::Costs;
use crate::ruleset::{Matching, Rule, RuleId, Ruleset};

/// Whether rules see an event. They do not see what a system call was entered with: that is only
/// kept for its exit.
pub fn is_for_rules(info: &EventInfo) -> bool {
    if matches!(
        info.event_type,
        EventType::CONTAINER_E | EventType::CONTAINER_JSON_E | EventType::CONTAINER_JSON_2_E
    ) {
        // What a runtime said of a container is state, and Falco keeps it from rules.
        return false;
    }
    match info.origin {
        Some(Origin::Syscall) => info.event_type.is_exit(),
        Some(Origin::Iter) | None => false,
        Some(Origin::Tracepoint | Origin::Plugin | Origin::Metaevent) => true,
    }
}

/// Evaluates the rules of one source, one event after another. What checks found out about an
/// event is shared by all its rules; nothing is allocated per event once it is warm.
pub struct Matcher {
    ruleset: Arc<Ruleset>,
    source: usize,
    evaluator: Evaluator,
    /// Whether the evaluator knows of the event that `matches` was called for last.
    has_begun: bool,
    /// Space for the bits of the conditions that can hold.
    live: Vec<u64>,
    /// Space for the matches of one event: places in the order of evaluation, and rules.
    found: Vec<(u32, RuleId)>,
    costs: Costs,
}

impl Matcher {
    /// A matcher for the rules of a source. `None` when the ruleset does not have the source.
    pub fn new(ruleset: Arc<Ruleset>, source: &str) -> Option<Self> {
        let source = ruleset.source_index(source)?;
        let rules = ruleset.sources().get(source)?;
        let evaluator = Evaluator::new(Arc::clone(rules.pool()));
        Some(Self {
            live: vec![0; rules.plans().words()],
            found: Vec::new(),
            costs: Costs::new(rules.plans().slot_count()),
            ruleset,
            source,
            evaluator,
            has_begun: false,
        })
    }

    /// The rules.
    pub fn ruleset(&self) -> &Arc<Ruleset> {
        &self.ruleset
    }

    /// What evaluation has cost so far.
    pub fn costs(&self) -> &Costs {
        &self.costs
    }

    /// Measures how long the evaluation of the next event takes, rule by rule, with this clock (in
    /// nanoseconds from any start).
    pub fn time_next(&mut self, clock: fn() -> u64) {
        self.costs.time_next(clock);
    }

    /// Finds the rules that an event matches, counts the matches, and calls `on_match` with each
    /// rule, with what is needed to render its output. Returns how many there were; under
    /// [`Matching::First`], that is at most one.
    pub fn matches<C: Context + ?Sized>(
        &mut self,
        context: &mut C,
        event_type: EventType,
        on_match: &mut dyn FnMut(&Rule, &mut C, &mut Evaluator),
    ) -> usize {
        let Self {
            ruleset,
            source,
            evaluator,
            has_begun,
            live,
            found,
            costs,
        } = self;
        *has_begun = false;
        let rules = ruleset.sources().get(*source);
        let Some(plan) = rules.and_then(|rules| rules.plans().get(event_type)) else {
            return 0;
        };
        let Some(live) = live.get_mut(..plan.dispatch.words()) else {
            return 0;
        };
        evaluator.begin_event_of(context);
        *has_begun = true;
        found.clear();
        let mut timer = costs.begin();
        evaluator.live(&plan.dispatch, context, live);
        costs.dispatched(&mut timer);
        'slots: for (word, bits) in live.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let number = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let Some(slot) = plan.slots.get(number) else {
                    break;
                };
                let holds = evaluator.matches(slot.condition, context);
                costs.evaluated(plan.first_slot + number, &mut timer);
                if !holds {
                    continue;
                }
                if ruleset.matching() == Matching::First {
                    found.extend(slot.rules.first());
                    break 'slots;
                }
                found.extend_from_slice(&slot.rules);
            }
        }
        if found.len() > 1 {
            found.sort_unstable();
        }
        let mut count = 0;
        for (_, rule) in &*found {
            if let Some(rule) = ruleset.rule(*rule) {
                rule.count_match();
                count += 1;
                on_match(rule, context, evaluator);
            }
        }
        count
    }

    /// Finds the steps of `correlate` items that an event matches, whatever rules it matched, and
    /// calls `on_step` with each, those of one item from the last to the first. To be called after
    /// [`matches`](Self::matches) for the same event, whose findings are used again.
    pub fn steps<C: Context + ?Sized>(
        &mut self,
        context: &mut C,
        event_type: EventType,
        on_step: &mut dyn FnMut(StepId, &mut C, &mut Evaluator),
    ) {
        let Some(rules) = self.ruleset.sources().get(self.source) else {
            return;
        };
        let steps = rules.steps(event_type);
        if steps.is_empty() {
            return;
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            self.evaluator.begin_event_of(context);
        }
        for step in steps {
            if self.evaluator.matches(step.condition, context) {
                on_step(step.id, context, &mut self.evaluator);
            }
        }
    }
}
