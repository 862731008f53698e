//! Why a rule did not alert: the parts of its condition that did not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use condition::{Expr, ExprKind};

use super::Trial;
use crate::load::{EventSource, Settings, load};
use crate::ruleset::{Matching, Rule};
use crate::source::Source;

/// The parts of a rule's condition, as they are joined by `and`, that did not hold for the event
/// which came nearest to a match. `feed` sends the events of the example through a trial.
///
/// Each part is made a rule of its own for the purpose, so that it is evaluated as it would be
/// within the rule. Empty when the condition is one part only, or nothing came near.
pub fn conditions_not_met(
    rule: &Rule,
    source: &EventSource,
    feed: &mut dyn FnMut(&mut Trial),
) -> Vec<String> {
    let Ok(condition) = condition::parse(rule.compiled_condition()) else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    split(&condition, &mut parts);
    if parts.len() < 2 {
        return Vec::new();
    }
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        // A text of JSON is one of YAML.
        let quoted = serde_json::Value::from(part.as_str());
        let _ = writeln!(
            text,
            "- rule: \"{index}\"\n  desc: d\n  condition: {quoted}\n  output: o\n  \
             priority: DEBUG\n  warn_evttypes: false"
        );
    }
    let settings = Settings {
        matching: Matching::All,
        ..Settings::default()
    };
    let file = Source {
        name: "parts".to_owned(),
        text,
    };
    let loaded = load(vec![file], vec![source.clone()], &settings);
    let Some(ruleset) = loaded.ruleset.map(Arc::new) else {
        return Vec::new();
    };
    let Some(mut trial) = Trial::new(&ruleset) else {
        return Vec::new();
    };
    feed(&mut trial);
    let mut held: BTreeMap<u64, BTreeSet<usize>> = BTreeMap::new();
    for raised in &trial.raised {
        let index = raised.rule.parse().unwrap_or(usize::MAX);
        held.entry(raised.event).or_default().insert(index);
    }
    let Some(nearest) = held.values().max_by_key(|held| held.len()) else {
        return Vec::new();
    };
    let not_met = parts
        .into_iter()
        .enumerate()
        .filter(|(index, _)| !nearest.contains(index));
    not_met.map(|(_, part)| part).collect()
}

fn split(condition: &Expr, parts: &mut Vec<String>) {
    match &condition.kind {
        ExprKind::And(operands) => operands.iter().for_each(|operand| split(operand, parts)),
        _ => parts.push(condition.to_string()),
    }
}
