//! The Test Anything Protocol, version 14.

use std::fmt::Write;

use crate::suite::verify::{Judged, Status};

pub(super) fn render(judged: &[Judged]) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", judged.len());
    for (index, judged) in judged.iter().enumerate() {
        let number = index + 1;
        let name = escaped(&format!("{}: {}", judged.test.rule, judged.test.name));
        match &judged.status {
            Status::Passed => {
                let _ = writeln!(out, "ok {number} - {name}");
            }
            Status::Skipped(reason) => {
                let _ = writeln!(out, "ok {number} - {name} # SKIP {}", one_line(reason));
            }
            Status::Failed(reason) | Status::Error(reason) => {
                let _ = writeln!(out, "not ok {number} - {name}\n  ---");
                let _ = writeln!(out, "  status: {}", judged.status.name());
                let _ = writeln!(
                    out,
                    "  message: {}",
                    serde_json::Value::from(reason.as_str())
                );
                if !judged.verdict.mismatches.is_empty() {
                    out.push_str("  differs:\n");
                }
                for one in judged.verdict.mismatches.iter().flatten() {
                    let text = format!("{}: expected {}, got {}", one.field, one.expected, one.got);
                    let _ = writeln!(out, "    - {}", serde_json::Value::from(text));
                }
                out.push_str("  ...\n");
            }
        }
    }
    out
}

/// A `#` would begin a directive.
fn escaped(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('#', "\\#")
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
