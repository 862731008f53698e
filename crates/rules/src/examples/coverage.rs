//! Which rules have examples.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Example;
use crate::ruleset::Ruleset;

/// The enabled rules that lack an example, in the order of the rules.
#[derive(Default, Debug)]
pub struct Coverage {
    /// No example shows them alert.
    pub without_positive: Vec<Arc<str>>,
    /// No example shows them stay silent.
    pub without_negative: Vec<Arc<str>>,
}

impl Coverage {
    /// Of the examples of some rules. A negative example is one that names its rule and expects
    /// nothing.
    pub fn of(examples: &[Example], ruleset: &Ruleset) -> Self {
        let mut seen: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
        for example in examples {
            for expected in &example.expected {
                seen.entry(&expected.rule).or_default().0 = true;
            }
            if let Some(rule) = &example.rule
                && example.expected.is_empty()
            {
                seen.entry(rule).or_default().1 = true;
            }
        }
        let mut coverage = Self::default();
        for rule in ruleset.enabled() {
            let (positive, negative) = seen.get(rule.name().as_ref()).copied().unwrap_or_default();
            if !positive {
                coverage.without_positive.push(Arc::clone(rule.name()));
            }
            if !negative {
                coverage.without_negative.push(Arc::clone(rule.name()));
            }
        }
        coverage
    }
}
