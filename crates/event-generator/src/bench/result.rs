//! What was measured, as JSON.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use action::Failure;
use serde::Serialize;

use super::Next;
use super::command::{Plan, Round};
use crate::Error;

/// Everything that was measured so far.
#[derive(Serialize, Debug)]
pub(super) struct Record {
    /// Of this layout; grows when a field changes its meaning.
    version: u32,
    actions: Vec<&'static str>,
    workers: usize,
    dry_run: bool,
    left_out: Vec<LeftOut>,
    rounds: Vec<RoundRecord>,
    #[serde(skip)]
    path: Option<PathBuf>,
}

#[derive(Serialize, Debug)]
struct LeftOut {
    action: &'static str,
    skipped: bool,
    reason: String,
}

#[derive(Serialize, Debug)]
struct RoundRecord {
    round: u64,
    sleep_ns: u64,
    loaded_seconds: f64,
    eps: f64,
    expected: u64,
    actual: u64,
    /// The share that did not come, 0 to 1.
    lost: Option<f64>,
    dirty: bool,
    cpu_percent: Option<f64>,
    resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    actions: Vec<ActionRecord>,
}

#[derive(Serialize, Debug)]
struct ActionRecord {
    action: &'static str,
    expected: u64,
    actual: u64,
    lost: u64,
}

/// One action over all rounds.
pub(super) struct ActionTotal {
    pub(super) action: &'static str,
    pub(super) expected: u64,
    pub(super) actual: u64,
}

impl Record {
    pub(super) fn new(plan: &Plan, dry_run: bool) -> Self {
        Self {
            version: 1,
            actions: plan.jobs.iter().map(|job| job.name).collect(),
            workers: plan.workers,
            dry_run,
            left_out: Vec::new(),
            rounds: Vec::new(),
            path: plan.json_result.clone(),
        }
    }

    pub(super) fn leave_out(&mut self, action: &'static str, failure: &Failure) {
        let skipped = matches!(failure, Failure::Skipped { .. });
        let reason = match failure {
            Failure::Skipped { reason } => reason.clone().into_owned(),
            failure => failure.to_string(),
        };
        self.left_out.push(LeftOut {
            action,
            skipped,
            reason,
        });
    }

    pub(super) fn is_left_out(&self, action: &str) -> bool {
        self.left_out
            .iter()
            .any(|left_out| left_out.action == action)
    }

    pub(super) fn add(&mut self, number: u64, sleep: Duration, round: &Round, next: Next) {
        let usage = round.statistics.usage;
        self.rounds.push(RoundRecord {
            round: number,
            sleep_ns: u64::try_from(sleep.as_nanos()).unwrap_or(u64::MAX),
            loaded_seconds: round.loaded.as_secs_f64(),
            eps: round.statistics.throughput,
            expected: round.counts.iter().map(|count| count.expected).sum(),
            actual: round.counts.iter().map(|count| count.actual).sum(),
            lost: round.statistics.lost,
            dirty: next == Next::Dirty,
            cpu_percent: usage.map(|usage| usage.cpu_percent),
            resident_bytes: usage.map(|usage| usage.resident),
            virtual_bytes: usage.map(|usage| usage.virtual_size),
            actions: round
                .counts
                .iter()
                .map(|count| ActionRecord {
                    action: count.name,
                    expected: count.expected,
                    actual: count.actual,
                    lost: count.expected.saturating_sub(count.actual),
                })
                .collect(),
        });
    }

    /// Writes the file, if there is to be one. A reader sees the old one or the new one, whole.
    pub(super) fn write(&self) -> Result<(), Error> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let text =
            serde_json::to_string_pretty(self).expect("strings and numbers always serialize");
        fs::write(&new, text + "\n")
            .and_then(|()| fs::rename(&new, path))
            .map_err(Error::io(format!("write {}", path.display())))
    }

    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// What was done and heard of each action over all rounds.
    pub(super) fn totals(&self) -> Vec<ActionTotal> {
        let mut totals: Vec<ActionTotal> = Vec::new();
        for count in self.rounds.iter().flat_map(|round| &round.actions) {
            match totals.iter_mut().find(|total| total.action == count.action) {
                Some(total) => {
                    total.expected += count.expected;
                    total.actual += count.actual;
                }
                None => totals.push(ActionTotal {
                    action: count.action,
                    expected: count.expected,
                    actual: count.actual,
                }),
            }
        }
        totals
    }

    /// The most CPU (percent of one) and resident memory (bytes) that the engine used in a round.
    pub(super) fn most_used(&self) -> Option<(f64, u64)> {
        let cpu = self
            .rounds
            .iter()
            .filter_map(|round| round.cpu_percent)
            .max_by(f64::total_cmp);
        Some((
            cpu?,
            self.rounds
                .iter()
                .filter_map(|round| round.resident_bytes)
                .max()?,
        ))
    }

    /// The highest throughput of a clean round in which every alert came.
    pub(super) fn best_without_loss(&self) -> Option<f64> {
        let clean =
            |round: &&RoundRecord| !round.dirty && round.lost.is_some_and(|lost| lost <= 0.0);
        self.rounds
            .iter()
            .filter(clean)
            .map(|round| round.eps)
            .max_by(f64::total_cmp)
    }

    /// The highest throughput of all.
    pub(super) fn top(&self) -> Option<f64> {
        self.rounds
            .iter()
            .map(|round| round.eps)
            .max_by(f64::total_cmp)
    }
}
