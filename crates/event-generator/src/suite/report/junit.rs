//! JUnit's XML, as CI systems read it.

use std::fmt::Write;

use super::Suite;
use crate::suite::verify::Status;

pub(super) fn render(suites: &[Suite<'_>]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in suites {
        let count = |name: &str| {
            suite
                .tests
                .iter()
                .filter(|test| test.status.name() == name)
                .count()
        };
        let time: f64 = suite.tests.iter().map(|test| test.took.as_secs_f64()).sum();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{time:.3}\">",
            escaped(suite.rule),
            suite.tests.len(),
            count("failed"),
            count("error"),
            count("skipped"),
        );
        for judged in &suite.tests {
            let _ = write!(
                out,
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
                escaped(suite.rule),
                escaped(&judged.test.name),
                judged.took.as_secs_f64()
            );
            let (element, reason) = match &judged.status {
                Status::Passed => {
                    out.push_str("/>\n");
                    continue;
                }
                Status::Failed(reason) => ("failure", reason),
                Status::Error(reason) => ("error", reason),
                Status::Skipped(reason) => ("skipped", reason),
            };
            let details: Vec<String> = judged
                .verdict
                .mismatches
                .iter()
                .flatten()
                .map(|one| format!("{}: expected {}, got {}", one.field, one.expected, one.got))
                .collect();
            let _ = writeln!(
                out,
                ">\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>",
                escaped(reason),
                escaped(&details.join("\n"))
            );
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Characters that XML gives a meaning, and those that it forbids.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(
            escaped("a<b> & \"c\"\n\u{1}"),
            "a&lt;b&gt; &amp; &quot;c&quot;&#10;\u{fffd}"
        );
    }
}
