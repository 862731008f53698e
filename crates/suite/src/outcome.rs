//! Alerts against what was expected.

use crate::model::Outcome;

/// Priorities, the gravest first.
pub(crate) const PRIORITIES: [&str; 8] = [
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "informational",
    "debug",
];

/// An alert, as far as a test looks at it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Alert {
    /// The rule.
    pub rule: String,
    /// The source of the event.
    pub source: String,
    /// The machine.
    pub hostname: String,
    /// The priority, as the engine writes it.
    pub priority: String,
    /// Fields and their values as text; numbers with all their digits.
    pub fields: Vec<(String, String)>,
}

impl Alert {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A part of an alert that is not as expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// `source`, `hostname`, `priority`, or the name of a field.
    pub field: String,
    /// What was expected.
    pub expected: String,
    /// What the alert has; `null` when it has no such field.
    pub got: String,
}

/// What became of the alerts of a test's rule.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// How many are as expected.
    pub matches: u64,
    /// For each of the others, why not.
    pub mismatches: Vec<Vec<Mismatch>>,
}

impl Verdict {
    /// Whether enough alerts came and not too many.
    pub fn holds(&self, outcome: &Outcome) -> bool {
        self.is_enough(outcome) && outcome.count.max.is_none_or(|max| self.matches <= max)
    }

    /// Whether enough alerts came.
    pub fn is_enough(&self, outcome: &Outcome) -> bool {
        self.matches >= outcome.count.min
    }
}

/// Compares the alerts of a test's rule with what the test expects.
pub fn verify<'a>(outcome: &Outcome, alerts: impl IntoIterator<Item = &'a Alert>) -> Verdict {
    let mut verdict = Verdict::default();
    for alert in alerts {
        let mismatches = compare(outcome, alert);
        if mismatches.is_empty() {
            verdict.matches += 1;
        } else {
            verdict.mismatches.push(mismatches);
        }
    }
    verdict
}

fn compare(outcome: &Outcome, alert: &Alert) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    let mut expect =
        |field: &str, expected: &Option<String>, got: &str, same: fn(&str, &str) -> bool| {
            if let Some(expected) = expected
                && !same(expected, got)
            {
                mismatches.push(Mismatch {
                    field: field.to_owned(),
                    expected: expected.clone(),
                    got: got.to_owned(),
                });
            }
        };
    expect("source", &outcome.source, &alert.source, |a, b| a == b);
    expect("hostname", &outcome.hostname, &alert.hostname, |a, b| {
        a == b
    });
    expect(
        "priority",
        &outcome.priority,
        &alert.priority,
        same_priority,
    );
    for (name, expected) in &outcome.fields {
        let got = alert.field(name);
        if !got.is_some_and(|got| same_value(expected, got)) {
            mismatches.push(Mismatch {
                field: name.clone(),
                expected: expected.clone(),
                got: got.unwrap_or("null").to_owned(),
            });
        }
    }
    mismatches
}

/// The place of a priority among all, the gravest 0; case does not matter, and `info` is
/// `informational`.
pub fn priority_rank(name: &str) -> Option<usize> {
    let lower = name.trim().to_ascii_lowercase();
    let full = if lower == "info" {
        "informational"
    } else {
        lower.as_str()
    };
    PRIORITIES.iter().position(|known| *known == full)
}

/// Whether two names mean the same priority.
pub fn same_priority(a: &str, b: &str) -> bool {
    match (priority_rank(a), priority_rank(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// Whether two values are the same: as texts, or as the same number written in two ways. No digit
/// gets lost: `12345678` is `1.2345678e+07`, and 9007199254740993 is not 9007199254740992.
pub fn same_value(expected: &str, got: &str) -> bool {
    if expected == got {
        return true;
    }
    match (Decimal::parse(expected), Decimal::parse(got)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// A decimal number without limits: digits without zeros at the ends, and a power of ten.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        // Two digits and more that begin with 0 are an identifier, not a number.
        if whole.len() > 1 && whole.starts_with('0') {
            return None;
        }
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let mut exponent = i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent += 1;
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        if digits.is_empty() {
            return Some(Self {
                negative: false,
                digits,
                exponent: 0,
            });
        }
        Some(Self {
            negative,
            digits,
            exponent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Count;

    fn alert() -> Alert {
        Alert {
            rule: "R".to_owned(),
            source: "syscall".to_owned(),
            hostname: "h".to_owned(),
            priority: "Warning".to_owned(),
            fields: vec![("proc.pid".to_owned(), "12345678".to_owned())],
        }
    }

    #[test]
    fn priorities_are_compared_whatever_the_case() {
        assert!(same_priority("WARNING", "Warning"));
        assert!(same_priority("info", "Informational"));
        assert!(!same_priority("error", "warning"));
        for priority in ["WARNING", "warning", "Warning"] {
            let outcome = Outcome {
                priority: Some(priority.to_owned()),
                ..Outcome::default()
            };
            assert_eq!(verify(&outcome, [&alert()]).matches, 1, "{priority}");
        }
    }

    #[test]
    fn numbers_are_compared_without_loss() {
        for (a, b) in [
            ("12345678", "1.2345678e+07"),
            ("1.50", "1.5"),
            ("0", "-0.0"),
            ("100", "1e2"),
        ] {
            assert!(same_value(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("9007199254740993", "9007199254740992"),
            ("1690000000123456789", "1690000000123456788"),
            ("007", "7"),
            ("1", "-1"),
            ("x", "y"),
            ("0x10", "16"),
        ] {
            assert!(!same_value(a, b), "{a} {b}");
        }
    }

    #[test]
    fn what_differs_is_named() {
        let outcome = Outcome {
            source: Some("k8s_audit".to_owned()),
            priority: Some("error".to_owned()),
            fields: vec![
                ("proc.pid".to_owned(), "1".to_owned()),
                ("fd.name".to_owned(), "/x".to_owned()),
            ],
            ..Outcome::default()
        };
        let verdict = verify(&outcome, [&alert()]);
        assert_eq!(verdict.matches, 0);
        let named: Vec<&str> = verdict.mismatches[0]
            .iter()
            .map(|m| m.field.as_str())
            .collect();
        assert_eq!(named, ["source", "priority", "proc.pid", "fd.name"]);
        assert_eq!(verdict.mismatches[0][3].got, "null");
        assert!(!verdict.holds(&outcome));
    }

    #[test]
    fn counts_hold_from_both_sides() {
        let silent = Outcome {
            count: Count {
                min: 0,
                max: Some(0),
            },
            ..Outcome::default()
        };
        assert!(verify(&silent, []).holds(&silent));
        assert!(!verify(&silent, [&alert()]).holds(&silent));
        let any = Outcome::default();
        assert!(!verify(&any, []).holds(&any));
        assert!(verify(&any, [&alert(), &alert()]).holds(&any));
    }
}
