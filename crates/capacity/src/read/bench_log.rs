//! The log of `event-generator bench`, ours or the original, as text (with or without colours) or
//! as JSON lines.

use std::time::Duration;

use serde_json::Value;

use super::ReadError;

/// What one action came to in a round.
#[derive(Clone, PartialEq, Debug)]
pub struct ActionLine {
    /// Name with its package, like `syscall.WriteBelowBinaryDir`.
    pub name: String,
    /// Alerts that came.
    pub actual: u64,
    /// Times it was done.
    pub expected: u64,
}

/// One round of a benchmark.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct BenchRound {
    /// Its number, from 1.
    pub number: u64,
    /// Sleep between actions.
    pub sleep: Option<Duration>,
    /// Actions of the round.
    pub actions: Vec<ActionLine>,
    /// Actions per second.
    pub eps: f64,
    /// The share of alerts that did not come, 0 to 1; exact where the actions are given, else as
    /// printed. `None` in a dry run.
    pub lost: Option<f64>,
    /// CPU of the engine in percent of one.
    pub cpu_percent: Option<f64>,
}

const EXPECTED: &str = "the log of `event-generator bench`: lines like `INFO round #14 \
                        sleep=\"12.207µs\"` and `INFO statistics … throughput=\"8674.2 EPS\"`";

/// Reads the finished rounds of a benchmark's log. Lines that are about something else are passed
/// over.
///
/// # Errors
/// When a line of a round has a value that cannot be read, or when there is no finished round.
pub fn bench_log(text: &str) -> Result<Vec<BenchRound>, ReadError> {
    let mut rounds = Vec::new();
    let mut current: Option<BenchRound> = None;
    for (index, line) in text.lines().enumerate() {
        let Some(entry) = Entry::parse(line) else {
            continue;
        };
        let bad = |key: &str| {
            ReadError::at(
                index + 1,
                line,
                format!("the value of {key} cannot be read"),
                EXPECTED,
            )
        };
        if let Some(number) = entry.message.strip_prefix("round #") {
            let number = number.trim().parse().map_err(|_| bad("round"))?;
            let sleep = match entry.get("sleep") {
                Some(text) => Some(duration(text).ok_or_else(|| bad("sleep"))?),
                None => None,
            };
            current = Some(BenchRound {
                number,
                sleep,
                ..BenchRound::default()
            });
        } else if let Some(actual) = entry.get("actual")
            && let Some(round) = &mut current
        {
            round.actions.push(ActionLine {
                name: entry.message.clone(),
                actual: actual.parse().map_err(|_| bad("actual"))?,
                expected: entry
                    .get("expected")
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| bad("expected"))?,
            });
        } else if entry.message == "statistics"
            && let Some(mut round) = current.take()
        {
            round.eps = entry
                .get("throughput")
                .and_then(leading_number)
                .ok_or_else(|| bad("throughput"))?;
            round.cpu_percent = entry.get("cpu").and_then(leading_number);
            let printed = entry.get("lost").and_then(|text| {
                let number = leading_number(text)?;
                Some(if text.ends_with('%') {
                    number / 100.0
                } else {
                    number
                })
            });
            round.lost = printed.map(|printed| lost(&round.actions).unwrap_or(printed));
            rounds.push(round);
        }
    }
    if rounds.is_empty() {
        return Err(ReadError::at(
            0,
            "",
            "no finished round in the log",
            EXPECTED,
        ));
    }
    Ok(rounds)
}

/// One less the mean ratio of the actions that were done.
fn lost(actions: &[ActionLine]) -> Option<f64> {
    let ratios: Vec<f64> = actions
        .iter()
        .filter(|action| action.expected > 0)
        .map(|action| action.actual as f64 / action.expected as f64)
        .collect();
    if ratios.is_empty() {
        return None;
    }
    Some((1.0 - ratios.iter().sum::<f64>() / ratios.len() as f64).max(0.0))
}

/// A line of the log: its message and its fields.
struct Entry {
    message: String,
    fields: Vec<(String, String)>,
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let line = without_colours(line);
        if line.starts_with('{') {
            return Self::of_json(&line);
        }
        let (_level, rest) = line.split_once(char::is_whitespace)?;
        // Messages hold single blanks only; the padding after them, or a `key=`, ends them.
        let mut message_end = rest.len();
        if let Some(at) = rest.find("  ") {
            message_end = at;
        }
        if let Some(at) = first_field(rest) {
            message_end = message_end.min(at);
        }
        Some(Self {
            message: rest[..message_end].trim().to_owned(),
            fields: fields(&rest[message_end..]),
        })
    }

    fn of_json(line: &str) -> Option<Self> {
        let Ok(Value::Object(object)) = serde_json::from_str(line) else {
            return None;
        };
        let message = object.get("msg")?.as_str()?.to_owned();
        let fields = object
            .into_iter()
            .map(|(key, value)| match value {
                Value::String(text) => (key, text),
                // Durations are written as nanoseconds.
                Value::Number(number) if key == "sleep" => (key, format!("{number}ns")),
                value => (key, value.to_string()),
            })
            .collect();
        Some(Self { message, fields })
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }
}

/// Where the first ` key=` begins.
fn first_field(text: &str) -> Option<usize> {
    let equals = text.find('=')?;
    let start = text[..equals].rfind(' ').map_or(0, |at| at + 1);
    let key = &text[start..equals];
    let is_key = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    is_key.then_some(start)
}

/// The fields `key=value` and `key="value with blanks"` of a line.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim().rsplit(' ').next().unwrap_or_default();
        let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
            quoted.split_once('"').unwrap_or((quoted, ""))
        } else {
            after.split_once(' ').unwrap_or((after, ""))
        };
        found.push((key.to_owned(), value.to_owned()));
        rest = next.trim_start();
    }
    found
}

/// The text without the escape sequences that colour it.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        let Some(end) = after.find(|ch: char| ch.is_ascii_alphabetic()) else {
            return plain;
        };
        // The level of a coloured line may carry a `[0000]` of elapsed seconds; it has no blank.
        rest = &after[end + 1..];
    }
    plain.push_str(rest);
    plain
}

fn leading_number(text: &str) -> Option<f64> {
    let end = text
        .find(|ch: char| !(ch.is_ascii_digit() || matches!(ch, '.' | '-' | '+' | 'e')))
        .unwrap_or(text.len());
    text[..end]
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

/// A duration as Go prints it: `1m2.5s`, `12.207µs`, `0s`.
fn duration(text: &str) -> Option<Duration> {
    let mut nanoseconds = 0.0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|ch: char| !(ch.is_ascii_digit() || ch == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..]
            .find(|ch: char| ch.is_ascii_digit())
            .map_or(rest.len(), |at| digits + at);
        nanoseconds += number
            * match &rest[digits..unit_end] {
                "ns" => 1.0,
                "µs" | "μs" | "us" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    (nanoseconds < 1e18).then(|| Duration::from_nanos(nanoseconds.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: &str = "INFO round #2                                      sleep=10ms\n\
        INFO resting...\n\
        INFO syscall.ReadSensitiveFileUntrusted            actual=60 expected=80 ratio=0.75\n\
        INFO statistics                                    cpu=\"12.5%\" lost=\"25%\" \
        res_mem=\"4.2 MB\" throughput=\"16.0 EPS\" virt_mem=\"5.3 MB\"\n";

    fn expected() -> BenchRound {
        BenchRound {
            number: 2,
            sleep: Some(Duration::from_millis(10)),
            actions: vec![ActionLine {
                name: "syscall.ReadSensitiveFileUntrusted".to_owned(),
                actual: 60,
                expected: 80,
            }],
            eps: 16.0,
            lost: Some(0.25),
            cpu_percent: Some(12.5),
        }
    }

    #[test]
    fn text_is_read() {
        assert_eq!(bench_log(ROUND).expect("valid"), [expected()]);
    }

    #[test]
    fn coloured_text_is_read() {
        let coloured = ROUND
            .replace("INFO", "\u{1b}[36mINFO\u{1b}[0m")
            .replace("actual=", "\u{1b}[36mactual\u{1b}[0m=");
        assert_eq!(bench_log(&coloured).expect("valid"), [expected()]);
    }

    #[test]
    fn json_is_read() {
        let text = "{\"level\":\"info\",\"msg\":\"round #2\",\"sleep\":10000000}\n\
            {\"actual\":60,\"expected\":80,\"level\":\"info\",\"msg\":\
            \"syscall.ReadSensitiveFileUntrusted\",\"ratio\":0.75}\n\
            {\"cpu\":12.5,\"level\":\"info\",\"lost\":0.25,\"msg\":\"statistics\",\
            \"throughput\":16}\n";
        assert_eq!(bench_log(text).expect("valid"), [expected()]);
    }

    #[test]
    fn unfinished_rounds_and_other_lines_are_passed_over() {
        let text = format!("WARN action skipped   action=x\n{ROUND}INFO round #3  sleep=5ms\n");
        assert_eq!(bench_log(&text).expect("valid"), [expected()]);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let cases = [
            ("", 0),
            ("INFO round #x  sleep=1ms\n", 1),
            ("INFO round #1  sleep=soon\n", 1),
            (
                "INFO round #1  sleep=1ms\nINFO statistics  lost=\"0%\"\n",
                2,
            ),
        ];
        for (text, line) in cases {
            assert_eq!(bench_log(text).expect_err(text).line, line, "{text:?}");
        }
    }

    #[test]
    fn durations_of_go() {
        let cases = [
            ("0s", 0),
            ("12.207µs", 12_207),
            ("97.656us", 97_656),
            ("1m2.5s", 62_500_000_000),
            ("250ms", 250_000_000),
        ];
        for (text, nanoseconds) in cases {
            assert_eq!(
                duration(text),
                Some(Duration::from_nanos(nanoseconds)),
                "{text}"
            );
        }
        assert_eq!(duration("5"), None);
        assert_eq!(duration(""), None);
        assert_eq!(duration("5 parsecs"), None);
    }
}
