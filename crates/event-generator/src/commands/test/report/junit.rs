//! The XML that build servers read, as JUnit's Ant task wrote it first.

use std::fmt::Write;

use super::{Report, Verdict};

pub(super) fn render(report: &Report) -> String {
    let (_, failed, skipped) = report.counts();
    let counts = format!(
        "tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" time=\"{:.3}\"",
        report.entries.len(),
        report.took.as_secs_f64()
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  \
         <testsuite name=\"event-generator\" {counts}>\n"
    );
    for entry in &report.entries {
        let (package, name) = entry
            .action
            .name
            .split_once('.')
            .unwrap_or(("", entry.action.name));
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
            escaped(package),
            escaped(name),
            entry.took.as_secs_f64()
        );
        let _ = match &entry.verdict {
            Verdict::Passed(_) => writeln!(text, "/>"),
            Verdict::Failed(reason) => writeln!(
                text,
                ">\n      <failure message=\"{}\"/>\n    </testcase>",
                escaped(reason)
            ),
            Verdict::Skipped(reason) => writeln!(
                text,
                ">\n      <skipped message=\"{}\"/>\n    </testcase>",
                escaped(reason)
            ),
        };
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// For an attribute in double quotes. What XML cannot say at all becomes a question mark.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            c if c.is_control() => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_test_is_a_case() {
        assert_eq!(
            super::render(&super::super::sample()),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" errors="0" skipped="1" time="1.013">
  <testsuite name="event-generator" tests="3" failures="1" errors="0" skipped="1" time="1.013">
    <testcase classname="syscall" name="WriteBelowEtc" time="0.012"/>
    <testcase classname="syscall" name="ExecutionFromDevShm" time="1.000">
      <failure message="no alert ? &lt;within&gt; &quot;1s&quot; &amp; more&#10;second"/>
    </testcase>
    <testcase classname="helper" name="RunShell" time="0.001">
      <skipped message="a helper"/>
    </testcase>
  </testsuite>
</testsuites>
"#
        );
    }
}
