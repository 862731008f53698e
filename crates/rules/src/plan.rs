//! What is evaluated for a type of event.
//!
//! Rules whose conditions are the same in events of a type are evaluated once. Of the conditions
//! that differ, a [`Dispatch`] says which can hold. Types for which the same conditions are left
//! share a plan.

use std::collections::HashMap;

use condition::{CondId, Dispatch, Pool};
use event::EventType;

use crate::ruleset::{Candidate, RuleId};

/// The conditions for some types of events.
#[derive(Debug)]
pub(crate) struct Plan {
    /// In the order of their first rules.
    pub(crate) slots: Box<[Slot]>,
    pub(crate) dispatch: Dispatch,
    /// The number of the first slot, counted through all plans of a source.
    pub(crate) first_slot: usize,
}

/// A condition and the rules that match when it holds.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) condition: CondId,
    /// Their places in the order of evaluation, and their numbers. At least one.
    pub(crate) rules: Box<[(u32, RuleId)]>,
}

/// The plans of one source.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    plans: Vec<Plan>,
    /// For each type of event its plan, if it has one.
    by_type: Vec<Option<u32>>,
    /// How many slots all plans have.
    slots: usize,
}

impl Plans {
    /// `by_type`: for each type the rules that name it; `any_type`: those to be evaluated after
    /// them for events of every type.
    pub(crate) fn new(pool: &Pool, by_type: &[Vec<Candidate>], any_type: &[Candidate]) -> Self {
        let mut plans = Self::default();
        let mut known: HashMap<Vec<(RuleId, CondId)>, u32> = HashMap::new();
        for typed in by_type {
            let candidates: Vec<_> = typed
                .iter()
                .chain(any_type)
                .map(|candidate| (candidate.rule, candidate.condition))
                .collect();
            if candidates.is_empty() {
                plans.by_type.push(None);
                continue;
            }
            let next = plans.plans.len() as u32;
            let number = *known.entry(candidates).or_insert_with_key(|candidates| {
                let plan = Plan::new(pool, candidates, plans.slots);
                plans.slots += plan.slots.len();
                plans.plans.push(plan);
                next
            });
            plans.by_type.push(Some(number));
        }
        plans
    }

    /// The plan for a type of event; `None` when no rule can match one.
    pub(crate) fn get(&self, event_type: EventType) -> Option<&Plan> {
        let number = (*self.by_type.get(usize::from(event_type.0))?)?;
        self.plans.get(number as usize)
    }

    /// How many slots there are.
    pub(crate) fn slot_count(&self) -> usize {
        self.slots
    }

    /// How many words of bits the longest plan needs.
    pub(crate) fn words(&self) -> usize {
        let words = self.plans.iter().map(|plan| plan.dispatch.words());
        words.max().unwrap_or(0)
    }

    /// All slots, in the order of their numbers.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.plans.iter().flat_map(|plan| &plan.slots)
    }
}

impl Plan {
    fn new(pool: &Pool, candidates: &[(RuleId, CondId)], first_slot: usize) -> Self {
        let mut slots: Vec<(CondId, Vec<(u32, RuleId)>)> = Vec::new();
        let mut slot_of: HashMap<CondId, usize> = HashMap::new();
        for (place, (rule, condition)) in candidates.iter().enumerate() {
            let slot = *slot_of.entry(*condition).or_insert(slots.len());
            if slot == slots.len() {
                slots.push((*condition, Vec::new()));
            }
            if let Some((_, rules)) = slots.get_mut(slot) {
                rules.push((place as u32, *rule));
            }
        }
        let conditions: Vec<CondId> = slots.iter().map(|(condition, _)| *condition).collect();
        let slots = slots.into_iter().map(|(condition, rules)| Slot {
            condition,
            rules: rules.into(),
        });
        Self {
            slots: slots.collect(),
            dispatch: Dispatch::new(pool, &conditions),
            first_slot,
        }
    }
}
