//! The statistics file of `-s`.
//!
//! A line for each tick, appended and flushed. Lines end in a comma and nothing opens or closes the
//! list, so a file can grow over several runs; each starts again at sample 1.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::Deserialize;

use crate::general::push_general;

/// Environment variables of this prefix add to every line.
const EXTRA_PREFIX: &str = "FALCO_STATS_EXTRA_";

/// What the kernel side counted since it was opened, over all CPUs.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
pub struct KernelCounts {
    /// Events it tried to hand over, also those it had to drop.
    pub events: u64,
    /// Of those, dropped for want of space.
    pub drops: u64,
    /// Events skipped because the ring was in use by an interrupted producer; always 0 here.
    pub preemptions: u64,
}

impl KernelCounts {
    /// What was added since `earlier`. Counts that went back count as zero.
    fn since(self, earlier: Self) -> Self {
        Self {
            events: self.events.saturating_sub(earlier.events),
            drops: self.drops.saturating_sub(earlier.drops),
            preemptions: self.preemptions.saturating_sub(earlier.preemptions),
        }
    }

    /// Dropped events in percent, 0 if there were none at all.
    pub fn drop_pct(self) -> f64 {
        if self.events == 0 {
            0.0
        } else {
            100.0 * self.drops as f64 / self.events as f64
        }
    }
}

/// Writes the statistics file.
#[derive(Debug)]
pub struct StatisticsWriter<W> {
    out: W,
    extras: String,
    sample: u64,
    last: KernelCounts,
    line: String,
}

impl StatisticsWriter<File> {
    /// Appends to a file, with the extras of this process's environment.
    ///
    /// # Errors
    /// When the file cannot be opened or made.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            // What is not UTF-8 has no place in JSON.
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Ok(Self::new(file, extras_from(environment)))
    }
}

impl<W: Write> StatisticsWriter<W> {
    /// Writes to `out`; `extras` are added to every line, in this order and as they are: what needs
    /// escapes must come with them.
    pub fn new(out: W, extras: impl IntoIterator<Item = (String, String)>) -> Self {
        let extras = extras
            .into_iter()
            .map(|(key, value)| format!(", \"{key}\": \"{value}\""))
            .collect();
        Self {
            out,
            extras,
            sample: 0,
            last: KernelCounts::default(),
            line: String::new(),
        }
    }

    /// Writes the line of one tick and flushes it. `current` is cumulative.
    ///
    /// # Errors
    /// When writing fails. The next line's delta then covers both ticks.
    pub fn write(&mut self, current: KernelCounts) -> io::Result<()> {
        let delta = current.since(self.last);
        self.line.clear();
        let sample = self.sample + 1;
        let line = &mut self.line;
        write!(line, "{{\"sample\": {sample}{}, \"cur\": ", self.extras).expect(STRING);
        push_counts(line, current);
        line.push_str(", \"delta\": ");
        push_counts(line, delta);
        line.push_str(", \"drop_pct\": ");
        push_general(line, delta.drop_pct());
        line.push_str("},\n");
        self.out.write_all(line.as_bytes())?;
        self.out.flush()?;
        self.sample = sample;
        self.last = current;
        Ok(())
    }
}

const STRING: &str = "writing to a string cannot fail";

fn push_counts(line: &mut String, counts: KernelCounts) {
    let KernelCounts {
        events,
        drops,
        preemptions,
    } = counts;
    write!(
        line,
        "{{\"events\": {events}, \"drops\": {drops}, \"preemptions\": {preemptions}}}"
    )
    .expect(STRING);
}

/// The extras among environment variables: `FALCO_STATS_EXTRA_<key>=<value>`.
pub fn extras_from(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Vec<(String, String)> {
    environment
        .into_iter()
        .filter_map(|(name, value)| {
            let key = name
                .strip_prefix(EXTRA_PREFIX)
                .filter(|key| !key.is_empty())?;
            Some((key.to_owned(), value))
        })
        .collect()
}

/// One line of a statistics file.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct StatisticsSample {
    /// Number of the line in its series, from 1.
    pub sample: u64,
    /// Counts since the start.
    pub cur: KernelCounts,
    /// Counts since the line before.
    pub delta: KernelCounts,
    /// Dropped events in percent of this line's events.
    pub drop_pct: f64,
    /// What else is on the line.
    #[serde(flatten)]
    pub extras: BTreeMap<String, serde_json::Value>,
}

/// A line that is no sample.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the statistics is not a sample: {source}")]
pub struct ParseStatisticsError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

/// Reads one line, with or without its comma.
///
/// # Errors
/// When it is not a sample.
pub fn parse_statistics_line(line: &str) -> Result<StatisticsSample, serde_json::Error> {
    let line = line.trim();
    serde_json::from_str(line.strip_suffix(',').unwrap_or(line))
}

/// Reads a statistics file, skipping empty lines. Several series follow one another where `sample`
/// starts again.
///
/// # Errors
/// Names the first line that is not a sample.
pub fn parse_statistics(text: &str) -> Result<Vec<StatisticsSample>, ParseStatisticsError> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            parse_statistics_line(line).map_err(|source| ParseStatisticsError {
                line: index + 1,
                source,
            })
        })
        .collect()
}
