//! Statistics files (`-s`) and metrics files, one line for each interval.
//!
//! Four forms are told apart by their keys, line by line, because files grow over upgrades:
//!
//! | written by | form |
//! |---|---|
//! | 0.26 – 0.32 | `{"sample": N, "cur": {…}, "delta": {…}, "drop_pct": P},` with a comma at the end |
//! | 0.33, 0.34 | `{"sample":N,"syscall":{"cur":{…},"delta":{…}}}` |
//! | 0.35 and later, metrics | `{"output_fields":{"scap.n_evts":…,"scap.n_drops":…},"sample":N}` |
//! | metrics as alerts | the same with more keys around |

use serde_json::{Map, Value};

use super::ReadError;

/// What was counted within one interval.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// Its number in the file; starts again at 1 with the engine.
    pub number: u64,
    /// Events that the kernel side tried to hand over within the interval, dropped ones included.
    pub events: u64,
    /// Of those, dropped.
    pub drops: u64,
    /// How long the interval was in seconds, if the file says so.
    pub seconds: Option<f64>,
}

const EXPECTED: &str = "a line of a statistics file, `{\"sample\": N, \"cur\": {…}, \"delta\": \
                        {…}, …},`, or of a metrics file, `{\"output_fields\": {…}, \"sample\": N}`";

/// Reads a statistics or metrics file.
///
/// Intervals of a metrics file are differences between its lines, so its first line gives none, and
/// neither does one that follows a restart.
///
/// # Errors
/// For the first line that is no sample. A last line without its end is left out: the file may still
/// be written to.
pub fn statistics(text: &str) -> Result<Vec<Sample>, ReadError> {
    let mut samples = Vec::new();
    let mut totals: Option<Totals> = None;
    let last = text.lines().count();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let trimmed = line.trim().trim_end_matches(',');
        if trimmed.is_empty() || trimmed == "[" || trimmed == "]" {
            continue;
        }
        let fields: Map<String, Value> = match serde_json::from_str(trimmed) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => {
                return Err(ReadError::at(number, line, "not an object", EXPECTED));
            }
            Err(_) if number == last && !text.ends_with('\n') => break,
            Err(err) => {
                return Err(ReadError::at(
                    number,
                    line,
                    format!("not JSON, column {}", err.column()),
                    EXPECTED,
                ));
            }
        };
        let missing = |key: &str| ReadError::at(number, line, format!("no {key}"), EXPECTED);
        let sample_number = fields.get("sample").and_then(Value::as_u64);
        if let Some(Value::Object(fields)) = fields.get("output_fields") {
            let now = Totals::of(fields).ok_or_else(|| missing("scap.n_evts and scap.n_drops"))?;
            if let Some(sample) = totals.and_then(|before| now.since(before)) {
                samples.push(Sample {
                    number: sample_number.unwrap_or(number as u64),
                    ..sample
                });
            }
            totals = Some(now);
            continue;
        }
        let sample = sample_number.ok_or_else(|| missing("sample"))?;
        let delta = fields
            .get("delta")
            .or_else(|| fields.get("syscall").and_then(|source| source.get("delta")))
            .ok_or_else(|| missing("delta"))?;
        let count = |key: &str| delta.get(key).and_then(Value::as_u64);
        samples.push(Sample {
            number: sample,
            events: count("events").ok_or_else(|| missing("delta.events"))?,
            drops: count("drops").ok_or_else(|| missing("delta.drops"))?,
            seconds: None,
        });
    }
    if samples.is_empty() {
        return Err(ReadError::at(0, "", "no samples in the file", EXPECTED));
    }
    Ok(samples)
}

/// Sums of a metrics line.
#[derive(Clone, Copy)]
struct Totals {
    events: u64,
    drops: u64,
    /// When, in nanoseconds since the epoch.
    time: Option<u64>,
}

impl Totals {
    fn of(fields: &Map<String, Value>) -> Option<Self> {
        let count = |key: &str| fields.get(key).and_then(Value::as_u64);
        Some(Self {
            events: count("scap.n_evts")?,
            drops: count("scap.n_drops")?,
            time: count("evt.time"),
        })
    }

    /// What came since; `None` when counting began anew.
    fn since(self, before: Self) -> Option<Sample> {
        let nanoseconds = self
            .time
            .zip(before.time)
            .and_then(|(now, then)| now.checked_sub(then));
        Some(Sample {
            number: 0,
            events: self.events.checked_sub(before.events)?,
            drops: self.drops.checked_sub(before.drops)?,
            seconds: nanoseconds
                .filter(|&nanoseconds| nanoseconds > 0)
                .map(|nanoseconds| nanoseconds as f64 / 1e9),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let old = "{\"sample\": 1, \"K\": \"v\", \"cur\": {\"events\": 10, \"drops\": 1, \
                   \"preemptions\": 0}, \"delta\": {\"events\": 10, \"drops\": 1, \
                   \"preemptions\": 0}, \"drop_pct\": 10},\n";
        let keyed = "{\"sample\":7,\"syscall\":{\"cur\":{\"drops\":1,\"events\":30},\"delta\":\
                     {\"drop_pct\":0,\"drops\":0,\"events\":20,\"preemptions\":0}}}\n";
        let metrics = "{\"output_fields\":{\"evt.time\":1000000000,\"scap.n_evts\":100,\
                       \"scap.n_drops\":5},\"sample\":1}\n{\"output_fields\":{\"evt.time\":\
                       3000000000,\"scap.n_evts\":400,\"scap.n_drops\":6},\"sample\":2}\n";
        let read = statistics(&format!("{old}{keyed}{metrics}")).expect("valid");
        let rows: Vec<_> = read
            .iter()
            .map(|sample| (sample.number, sample.events, sample.drops, sample.seconds))
            .collect();
        assert_eq!(
            rows,
            [(1, 10, 1, None), (7, 20, 0, None), (2, 300, 1, Some(2.0)),]
        );
    }

    #[test]
    fn metrics_after_a_restart_give_no_interval() {
        let line = |events: u64, sample: u64| {
            format!(
                "{{\"output_fields\":{{\"scap.n_evts\":{events},\"scap.n_drops\":0}},\
                 \"sample\":{sample}}}\n"
            )
        };
        let text = format!(
            "{}{}{}{}",
            line(500, 1),
            line(600, 2),
            line(10, 1),
            line(30, 2)
        );
        let events: Vec<_> = statistics(&text)
            .expect("valid")
            .iter()
            .map(|sample| sample.events)
            .collect();
        assert_eq!(events, [100, 20]);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let cases = [
            ("", 0, "no samples"),
            ("{\"sample\": 1}\n", 1, "no delta"),
            ("[1]\n", 1, "not an object"),
            (
                "{\"sample\": 1, \"delta\": {\"events\": 1}}\n",
                1,
                "no delta.drops",
            ),
            ("\nnonsense\n", 2, "not JSON"),
            ("{\"output_fields\":{},\"sample\":1}\n", 1, "no scap.n_evts"),
        ];
        for (text, line, problem) in cases {
            let err = statistics(text).expect_err(text);
            assert_eq!(err.line, line, "{text:?}");
            assert!(err.problem.starts_with(problem), "{text:?}: {err}");
        }
    }

    #[test]
    fn a_line_that_is_being_written_is_left_out() {
        let text =
            "{\"sample\": 1, \"delta\": {\"events\": 4, \"drops\": 0}},\n{\"sample\": 2, \"de";
        assert_eq!(statistics(text).expect("valid").len(), 1);
    }
}
