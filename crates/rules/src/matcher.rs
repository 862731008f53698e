//! Which rules an event matches.

use std::sync::Arc;

use condition::{Context, Evaluator};
use event::{EventInfo, EventType, Origin};

use crate::correlate::StepId;
use crate::ruleset::{Matching, Rule, Ruleset};

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
}

impl Matcher {
    /// A matcher for the rules of a source. `None` when the ruleset does not have the source.
    pub fn new(ruleset: Arc<Ruleset>, source: &str) -> Option<Self> {
        let source = ruleset.source_index(source)?;
        let evaluator = Evaluator::new(Arc::clone(ruleset.sources().get(source)?.pool()));
        Some(Self {
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
        } = self;
        *has_begun = false;
        let Some(rules) = ruleset.sources().get(*source) else {
            return 0;
        };
        let (typed, any_type) = rules.candidates(event_type);
        if typed.is_empty() && any_type.is_empty() {
            return 0;
        }
        evaluator.begin_event();
        *has_begun = true;
        let mut found = 0;
        for candidate in typed.iter().chain(any_type) {
            if !evaluator.matches(candidate.condition, context) {
                continue;
            }
            let Some(rule) = ruleset.rule(candidate.rule) else {
                continue;
            };
            rule.count_match();
            found += 1;
            on_match(rule, context, evaluator);
            if ruleset.matching() == Matching::First {
                break;
            }
        }
        found
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
            self.evaluator.begin_event();
        }
        for step in steps {
            if self.evaluator.matches(step.condition, context) {
                on_step(step.id, context, &mut self.evaluator);
            }
        }
    }
}
