//! What came against what was expected.

use std::sync::Arc;

use super::{Example, Expected, Raised};

/// Whether a line of a difference is missing or too much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// Expected, and did not come.
    Missing,
    /// Came, and was not expected.
    Unexpected,
}

/// A line of the difference between what was expected and what came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Which of the two it is.
    pub sign: Sign,
    /// The rule.
    pub rule: Arc<str>,
    /// What else is known of it, in words.
    pub text: String,
}

impl Example {
    /// Compares the alerts of a trial with the expected ones; empty when the example passes.
    pub fn judge(&self, raised: &[Raised]) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut explained = vec![false; raised.len()];
        for expected in &self.expected {
            let mut found = 0;
            let mut nearest = None;
            for (alert, explained) in raised.iter().zip(&mut explained) {
                if alert.rule != expected.rule {
                    continue;
                }
                match expected.mismatch(alert) {
                    None => {
                        found += 1;
                        *explained = true;
                    }
                    Some(reason) => nearest = nearest.or(Some(reason)),
                }
            }
            let is_right = match expected.count {
                Some(count) => found == count,
                None => found > 0,
            };
            if is_right {
                continue;
            }
            let text = match (expected.count, nearest) {
                (_, Some(reason)) => reason,
                (Some(count), None) if found > 0 => format!("{count} expected, {found} came"),
                (_, None) => "did not alert".to_owned(),
            };
            differences.push(Difference {
                sign: Sign::Missing,
                rule: Arc::clone(&expected.rule),
                text,
            });
        }
        for (alert, explained) in raised.iter().zip(explained) {
            let matters = self.rule.as_ref().is_none_or(|rule| *rule == alert.rule);
            if matters && !explained {
                differences.push(Difference {
                    sign: Sign::Unexpected,
                    rule: Arc::clone(&alert.rule),
                    text: format!("event {}: {}", alert.event, alert.output),
                });
            }
        }
        differences
    }
}

impl Expected {
    /// What of an alert of the rule is not as expected.
    fn mismatch(&self, alert: &Raised) -> Option<String> {
        for part in &self.output {
            if !alert.output.contains(part.as_str()) {
                return Some(format!("output without `{part}`"));
            }
        }
        for (name, value) in &self.fields {
            match alert.fields.iter().find(|(known, _)| known == name) {
                Some((_, found)) if found == value => {}
                Some((_, found)) => {
                    return Some(format!("{name} is `{found}`, expected `{value}`"));
                }
                None => return Some(format!("the output has no field {name}")),
            }
        }
        None
    }
}
