//! What was measured, as JSON.

use std::fs;
use std::path::PathBuf;

use action::Failure;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::course::{Plan, Round};
use super::{Account, Next, Pace};
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
    /// Where actions sleep between each other.
    sleep_ns: Option<u64>,
    /// Where they follow a rate, actions per second.
    rate: Option<f64>,
    loaded_seconds: f64,
    eps: f64,
    expected: u64,
    actual: u64,
    /// The share that did not come, 0 to 1.
    lost: Option<f64>,
    dirty: bool,
    /// Alerts about other processes, not counted.
    foreign: u64,
    /// Actions that were due and not begun.
    behind: u64,
    /// How late actions began. `None` without a schedule.
    lateness: Option<Percentiles>,
    /// From act to alert. `None` when alerts do not say when.
    latency: Option<Percentiles>,
    /// System calls made, where that is known.
    syscalls: Option<u64>,
    /// Of the engine, in percent of one CPU, over the loaded part.
    cpu_percent: Option<f64>,
    /// In the half second in which it was most.
    cpu_percent_peak: Option<f64>,
    resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    /// What the engine counted. `None` when it was not asked.
    counters: Option<Account>,
    actions: Vec<ActionRecord>,
}

#[derive(Serialize, Debug)]
struct ActionRecord {
    action: &'static str,
    expected: u64,
    actual: u64,
    lost: u64,
    failed: u64,
    /// Alerts that came in a later round.
    belated: u64,
    /// How long it takes by itself.
    time: Option<Percentiles>,
    /// Of the average act, nanoseconds off the CPU.
    waiting_ns: Option<u64>,
}

/// Of a distribution, in nanoseconds.
#[derive(Clone, Copy, Serialize, Debug)]
struct Percentiles {
    count: u64,
    mean: f64,
    p50: u64,
    p90: u64,
    p99: u64,
    p999: u64,
    max: u64,
}

impl Percentiles {
    fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| histogram.value_at_quantile(quantile);
        (!histogram.is_empty()).then(|| Self {
            count: histogram.len(),
            mean: histogram.mean(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
        })
    }
}

/// One action over all rounds.
pub(super) struct ActionTotal {
    pub(super) action: &'static str,
    pub(super) expected: u64,
    pub(super) actual: u64,
}

impl Record {
    pub(super) fn new(plan: &Plan, actions: &[&'static str]) -> Self {
        Self {
            version: 1,
            actions: actions.to_vec(),
            workers: plan.workers,
            dry_run: plan.dry_run,
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

    /// How many actions failed, other than for want of something they need.
    pub(super) fn failed(&self) -> usize {
        let failed = |left_out: &&LeftOut| !left_out.skipped;
        self.left_out.iter().filter(failed).count()
    }

    pub(super) fn add(&mut self, number: u64, pace: Pace, round: &Round, next: Next) {
        // What came late is not lost: it belongs to the round before.
        if let Some(before) = self.rounds.last_mut() {
            for (count, belated) in before.actions.iter_mut().zip(&round.belated) {
                count.belated += belated;
                count.lost = count.expected.saturating_sub(count.actual + count.belated);
            }
        }
        let usage = round.statistics.usage;
        let cpu_peak = round
            .samples
            .iter()
            .skip(1)
            .filter_map(|sample| Some(sample.usage?.cpu_percent))
            .max_by(f64::total_cmp);
        self.rounds.push(RoundRecord {
            round: number,
            sleep_ns: match pace {
                Pace::Sleep(sleep) => Some(u64::try_from(sleep.as_nanos()).unwrap_or(u64::MAX)),
                Pace::Rate(_) => None,
            },
            rate: match pace {
                Pace::Sleep(_) => None,
                Pace::Rate(rate) => Some(rate),
            },
            loaded_seconds: round.done.time.as_secs_f64(),
            eps: round.statistics.throughput,
            expected: round.counts.iter().map(|count| count.expected).sum(),
            actual: round.counts.iter().map(|count| count.actual).sum(),
            lost: round.statistics.lost,
            dirty: next == Next::Dirty,
            foreign: round.foreign,
            behind: round.done.behind,
            lateness: Percentiles::of(&round.done.lateness),
            latency: Percentiles::of(&round.latency),
            syscalls: round.done.syscalls,
            cpu_percent: usage.map(|usage| usage.cpu_percent),
            cpu_percent_peak: cpu_peak,
            resident_bytes: usage.map(|usage| usage.resident),
            virtual_bytes: usage.map(|usage| usage.virtual_size),
            counters: round.account.clone(),
            actions: round
                .counts
                .iter()
                .zip(&round.done.tasks)
                .map(|(count, task)| ActionRecord {
                    action: count.name,
                    expected: count.expected,
                    actual: count.actual,
                    lost: count.expected.saturating_sub(count.actual),
                    failed: task.failed,
                    belated: 0,
                    time: Percentiles::of(&task.time),
                    waiting_ns: task.waiting,
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

    pub(super) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// What was done and heard of each action over all rounds, where alerts were expected.
    pub(super) fn totals(&self) -> Vec<ActionTotal> {
        let mut totals: Vec<ActionTotal> = Vec::new();
        let expecting = self.rounds.iter().filter(|round| round.lost.is_some());
        for count in expecting.flat_map(|round| &round.actions) {
            let actual = count.actual + count.belated;
            match totals.iter_mut().find(|total| total.action == count.action) {
                Some(total) => {
                    total.expected += count.expected;
                    total.actual += actual;
                }
                None => totals.push(ActionTotal {
                    action: count.action,
                    expected: count.expected,
                    actual,
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
        let resident = self.rounds.iter().filter_map(|round| round.resident_bytes);
        Some((cpu?, resident.max()?))
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
