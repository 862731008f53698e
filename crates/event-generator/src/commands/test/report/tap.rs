//! The Test Anything Protocol, version 13.

use std::fmt::Write;

use super::{Report, Verdict};

pub(super) fn render(report: &Report) -> String {
    let mut text = format!("TAP version 13\n1..{}\n", report.entries.len());
    for (number, entry) in (1..).zip(&report.entries) {
        let name = entry.action.name;
        // Writing to a string does not fail.
        let _ = match &entry.verdict {
            Verdict::Passed(_) => writeln!(text, "ok {number} - {name}"),
            Verdict::Skipped(reason) => {
                writeln!(text, "ok {number} - {name} # SKIP {}", one_line(reason))
            }
            Verdict::Failed(reason) => writeln!(
                text,
                "not ok {number} - {name}\n  ---\n  message: {}\n  ...",
                serde_json::Value::from(reason.as_str())
            ),
        };
    }
    text
}

fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_test_is_a_line() {
        assert_eq!(
            super::render(&super::super::sample()),
            "TAP version 13
1..3
ok 1 - syscall.WriteBelowEtc
not ok 2 - syscall.ExecutionFromDevShm
  ---
  message: \"no alert \\u001b <within> \\\"1s\\\" & more\\nsecond\"
  ...
ok 3 - helper.RunShell # SKIP a helper
"
        );
    }
}
