//! For people.

use std::fmt::Write;

use super::Suite;
use crate::suite::verify::Status;

pub(super) fn render(suites: &[Suite<'_>]) -> String {
    let mut out = String::new();
    for suite in suites {
        let _ = writeln!(out, "Test Suite: {}", suite.rule);
        for judged in &suite.tests {
            let case: Vec<String> = judged
                .test
                .case
                .iter()
                .map(|(name, value)| format!("{name}={value:?}"))
                .collect();
            let case = if case.is_empty() {
                String::new()
            } else {
                format!(" ({})", case.join(", "))
            };
            let _ = writeln!(out, "   Test: {}{case}", judged.test.name);
            match &judged.status {
                Status::Passed => {}
                Status::Failed(reason) => {
                    let _ = writeln!(out, "      Failed: {reason}");
                }
                Status::Error(reason) => {
                    let _ = writeln!(out, "      Error: {reason}");
                }
                Status::Skipped(reason) => {
                    let _ = writeln!(out, "      Skipped: {reason}");
                    continue;
                }
            }
            let _ = writeln!(out, "      Successful matches: {}", judged.verdict.matches);
            if judged.verdict.mismatches.is_empty() {
                continue;
            }
            let _ = writeln!(
                out,
                "      Generated warnings: {}",
                judged.verdict.mismatches.len()
            );
            for (number, mismatches) in judged.verdict.mismatches.iter().enumerate() {
                let _ = writeln!(out, "         Warning {number}");
                for mismatch in mismatches {
                    let _ = writeln!(
                        out,
                        "            Field: {}, Expected: {}, Got: {}",
                        mismatch.field, mismatch.expected, mismatch.got
                    );
                }
            }
        }
    }
    out
}
