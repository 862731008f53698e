//! From compiled items to what is evaluated.

use std::sync::Arc;

use condition::CondId;
use event::EventType;

use super::{Correlation, Step, StepId};
use crate::collect::DEFAULT_SOURCE;
use crate::compile::CompiledCorrelation;
use crate::load::Settings;
use crate::ruleset::{RuleId, rule};

/// A step of a `correlate` item to be evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepCandidate {
    pub(crate) id: StepId,
    pub(crate) condition: CondId,
}

/// For each type of event of a source, the steps that can match it; nothing without items.
pub(crate) fn index_steps(source: &str, correlations: &[Correlation]) -> Vec<Box<[StepCandidate]>> {
    let mut by_type: Vec<Vec<StepCandidate>> = Vec::new();
    for (correlation, item) in correlations.iter().enumerate() {
        for (step, found) in item.steps.iter().enumerate().rev() {
            let rule = &found.rule;
            if !rule.is_enabled() || &**rule.source() != source {
                continue;
            }
            by_type.resize(event::events().len(), Vec::new());
            let is_any = source != DEFAULT_SOURCE || rule.events().is_all();
            let mut types = rule.events().events;
            if !types.is_empty() {
                types.insert(EventType::ASYNCEVENT_E);
            }
            for (at, steps) in by_type.iter_mut().enumerate() {
                let event_type = EventType(at as u16);
                let condition = match is_any {
                    true => Some(rule.condition()),
                    false if types.contains(event_type) => rule.condition_for(event_type),
                    false => None,
                };
                let id = StepId {
                    correlation: correlation as u32,
                    step: step as u32,
                };
                steps.extend(condition.map(|condition| StepCandidate { id, condition }));
            }
        }
    }
    by_type.into_iter().map(Vec::into_boxed_slice).collect()
}

/// An item whose steps compiled.
pub(crate) fn build_correlation(
    found: CompiledCorrelation,
    source: &Arc<str>,
    settings: &Settings,
) -> Correlation {
    let steps: Vec<Step> = found
        .steps
        .into_iter()
        .enumerate()
        .map(|(index, step)| {
            let id = RuleId(index as u32);
            let rule = rule(
                id,
                step.compiled,
                &step.definition,
                Arc::clone(source),
                settings,
            );
            Step { rule, by: step.by }
        })
        .collect();
    Correlation {
        pattern: found.pattern,
        within: found.within,
        window: found.window,
        max_groups: found.max_groups,
        steps,
        output: found.output,
        name: found.name.into(),
        priority: found.priority,
        tags: found.tags.into_iter().collect(),
        extra_fields: found.extra_fields,
    }
}
