//! For programs: JSON, an object a suite, and the same as YAML.

use serde_json::{Map, Value, json};

use super::Suite;

/// One object a line.
pub(super) fn json(suites: &[Suite<'_>]) -> String {
    suites
        .iter()
        .map(|suite| format!("{}\n", value(suite)))
        .collect()
}

/// One document a suite.
pub(super) fn yaml(suites: &[Suite<'_>]) -> String {
    let mut out = String::new();
    for suite in suites {
        out.push_str("---\n");
        write(&mut out, &value(suite), 0);
    }
    out
}

fn value(suite: &Suite<'_>) -> Value {
    let tests: Vec<Value> = suite
        .tests
        .iter()
        .map(|judged| {
            let warnings: Vec<Value> = judged
                .verdict
                .mismatches
                .iter()
                .map(|mismatches| {
                    let fields: Vec<Value> = mismatches
                        .iter()
                        .map(|one| json!({"field": one.field, "expected": one.expected, "got": one.got}))
                        .collect();
                    json!({"fieldWarnings": fields})
                })
                .collect();
            let case: Map<String, Value> = judged
                .test
                .case
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect();
            let mut object = json!({
                "test": judged.test.name,
                "successfulMatches": judged.verdict.matches,
                "status": judged.status.name(),
                "durationMs": u64::try_from(judged.took.as_millis()).unwrap_or(u64::MAX),
            });
            if !case.is_empty() {
                object["originatingTestCase"] = case.into();
            }
            if !warnings.is_empty() {
                object["generatedWarnings"] = warnings.into();
            }
            if let Some(reason) = judged.status.reason() {
                object["reason"] = reason.into();
            }
            object
        })
        .collect();
    json!({"suite": suite.rule, "testReports": tests})
}

/// Block style; every text in quotes, which JSON and YAML share.
fn write(out: &mut String, value: &Value, indent: usize) {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                out.push_str(&format!("{pad}{key}:"));
                below(out, value, indent + 1);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut inner = String::new();
                write(&mut inner, item, indent + 1);
                // The dash takes the place of the first two blanks.
                let rest = inner.get(pad.len() + 2..).unwrap_or_default();
                out.push_str(&format!("{pad}- {rest}"));
            }
        }
        scalar => out.push_str(&format!("{pad}{scalar}\n")),
    }
}

fn below(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            out.push('\n');
            write(out, value, indent);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write(out, value, indent);
        }
        scalar => out.push_str(&format!(" {scalar}\n")),
    }
}
