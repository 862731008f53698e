//! One JSON object, with durations in seconds.

use serde_json::{Value, json};

use super::{Report, Verdict};

pub(super) fn render(report: &Report) -> String {
    let (passed, failed, skipped) = report.counts();
    let tests: Vec<Value> = report
        .entries
        .iter()
        .map(|entry| {
            let (outcome, reason, latency) = match &entry.verdict {
                Verdict::Passed(latency) => ("passed", None, *latency),
                Verdict::Failed(reason) => ("failed", Some(reason), None),
                Verdict::Skipped(reason) => ("skipped", Some(reason), None),
            };
            let expected: Vec<Value> = entry
                .expected
                .iter()
                .map(|expected| json!({"rule": expected.rule, "fires": expected.fires}))
                .collect();
            json!({
                "action": entry.action.name,
                "expected": expected,
                "outcome": outcome,
                "reason": reason,
                "seconds": entry.took.as_secs_f64(),
                "latency_seconds": latency.map(|latency| latency.as_secs_f64()),
            })
        })
        .collect();
    let report = json!({
        "passed": passed,
        "failed": failed,
        "skipped": skipped,
        "seconds": report.took.as_secs_f64(),
        "tests": tests,
    });
    format!("{report:#}\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_test_is_an_object() {
        let text = super::render(&super::super::sample());
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&report["passed"], &report["failed"]),
            (&1.into(), &1.into())
        );
        let first = &report["tests"][0];
        assert_eq!(first["action"], "syscall.WriteBelowEtc");
        assert_eq!(first["expected"][0]["rule"], "Write below etc");
        assert_eq!(first["latency_seconds"], 0.0015);
        assert_eq!(report["tests"][2]["reason"], "a helper");
    }
}
