//! What is done once in a while, between events: statistics, drops, time limits.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use alert::{Alert, FieldValue, Priority};
use anyhow::Result;
use config::{DropAction, SyscallDrops};
use output::Outputs;

use crate::drops::{DropMonitor, Report};
use crate::engine::Engine;
use crate::metrics::{FileSum, Metrics};
use crate::statistics::Statistics;
use crate::top::{self, NoisyRow, TopSocket};

/// What the source of events has counted since it was opened.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct SourceCounters {
    /// Events, lost ones and filtered ones included.
    pub(crate) events: u64,
    /// Lost events.
    pub(crate) drops: u64,
    /// Lost because a ring was full, by kind of event.
    pub(crate) ring_full: Vec<(&'static str, u64)>,
    /// Lost because the record was too long.
    pub(crate) too_big: u64,
    /// Lost for other reasons.
    pub(crate) other: u64,
    /// Not lost: no rule can match them, which was decided in the kernel.
    pub(crate) filtered: u64,
    /// Of those for which a ring was full: the ring had room, but not for who has taken its share.
    pub(crate) over_budget: u64,
    /// Events and losses of each CPU.
    pub(crate) per_cpu: Vec<(u64, u64)>,
}

/// What takes longer to find out, for those who ask.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct SourceDetails {
    /// What the source is called in metrics.
    pub(crate) engine_name: &'static str,
    /// Who lost events, the most first.
    pub(crate) noisy: Vec<NoisyRow>,
    /// The programs in the kernel.
    pub(crate) programs: Vec<ProgramRuns>,
}

/// What a program in the kernel did, as far as the kernel counts it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct ProgramRuns {
    pub(crate) name: String,
    pub(crate) runs: u64,
    pub(crate) run_time_ns: u64,
}

/// Nanoseconds since the epoch.
pub(crate) fn wall_clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| {
            u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
        })
}

/// Keeps the times at which something is due.
pub(crate) struct Housekeeping {
    statistics: Option<Statistics>,
    drops: DropMonitor,
    hostname: Arc<str>,
    began: u64,
    top: Option<TopSocket>,
    metrics: Option<Metrics>,
    next: u64,
}

impl Housekeeping {
    /// `statistics`: the file of `-s` and the nanoseconds between two lines.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub(crate) fn new(
        statistics: Option<(&Path, u64)>,
        drops: SyscallDrops,
        hostname: &Arc<str>,
        now: u64,
    ) -> Result<Self> {
        let statistics = statistics
            .map(|(path, interval)| Statistics::open(path, interval, now))
            .transpose()?;
        let mut keeping = Self {
            statistics,
            drops: DropMonitor::new(drops, now),
            hostname: Arc::clone(hostname),
            began: now,
            top: None,
            metrics: None,
            next: 0,
        };
        keeping.plan(now);
        Ok(keeping)
    }

    /// Answers `peregrine top` at this socket from now on.
    pub(crate) fn answer_top(&mut self, socket: TopSocket) {
        self.top = Some(socket);
    }

    /// Takes snapshots from now on.
    pub(crate) fn give_snapshots(&mut self, metrics: Metrics) {
        self.metrics = Some(metrics);
    }

    /// Whether a snapshot of metrics is wanted.
    pub(crate) fn metrics_are_wanted(&self, now: u64) -> bool {
        self.metrics
            .as_ref()
            .is_some_and(|metrics| metrics.is_due(now))
    }

    /// Hands a snapshot of metrics to those who want it.
    pub(crate) fn give_metrics(
        &mut self,
        engine: &Engine,
        now: u64,
        counters: &SourceCounters,
        details: &SourceDetails,
    ) {
        if let Some(metrics) = &mut self.metrics {
            metrics.give(engine, now, counters, details);
        }
    }

    /// Notes that rules were loaded again.
    pub(crate) fn note_load(&mut self, now: u64, rules_files: Vec<FileSum>) {
        if let Some(metrics) = &mut self.metrics {
            metrics.note_load(now, rules_files);
        }
    }

    /// Whether somebody waits for a report.
    pub(crate) fn report_is_wanted(&self) -> bool {
        self.top.as_ref().is_some_and(TopSocket::is_wanted)
    }

    /// Gives a report, to which it adds what the source has counted, to those who wait.
    pub(crate) fn give_report(
        &self,
        mut report: top::Report,
        now: u64,
        counters: &SourceCounters,
        details: SourceDetails,
    ) {
        report.uptime_ns = now.saturating_sub(self.began);
        report.drops = counters.drops;
        report.over_budget = counters.over_budget;
        report.noisy = details.noisy;
        let kinds = counters.ring_full.iter();
        report.drops_ring_full = kinds
            .map(|(kind, count)| ((*kind).to_owned(), *count))
            .collect();
        if let Some(top) = &self.top {
            top.answer(&report);
        }
    }

    /// Whether something is to be done at this moment, ns since the epoch. Cheap enough to ask for
    /// every event.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        now >= self.next
    }

    fn plan(&mut self, now: u64) {
        let drops = now + 100_000_000;
        self.next = self
            .statistics
            .as_ref()
            .map_or(drops, |file| file.due().min(drops));
    }

    /// Does what is due. Returns whether the engine has to end (the action `exit`).
    pub(crate) fn run(&mut self, now: u64, counters: &SourceCounters, outputs: &Outputs) -> bool {
        if let Some(statistics) = &mut self.statistics {
            statistics.sample_if_due(now, counters.events, counters.drops);
        }
        let mut exit = false;
        if self.drops.is_due(now)
            && let Some(report) = self.drops.check(now, counters.events, counters.drops)
        {
            exit = self.act(now, &report, counters, outputs);
        }
        self.plan(now);
        exit
    }

    /// Writes the last line of statistics.
    pub(crate) fn finish(&mut self, events: u64, drops: u64) {
        if let Some(statistics) = &mut self.statistics {
            statistics.sample(events, drops);
        }
    }

    /// How often drops were above the threshold, and how often that was acted upon.
    pub(crate) fn drop_occurrences(&self) -> (u64, u64) {
        (self.drops.detected, self.drops.acted)
    }

    fn act(&self, now: u64, report: &Report, counters: &SourceCounters, outputs: &Outputs) -> bool {
        let message = format!(
            "Falco internal: syscall event drop. {} system calls dropped in last second.",
            report.drops
        );
        let mut exit = false;
        for action in &report.actions {
            match action {
                DropAction::Ignore => {}
                DropAction::Log => tracing::warn!("{message}"),
                DropAction::Alert => {
                    outputs.send(Alert::internal(
                        now,
                        "Falco internal: syscall event drop",
                        Priority::Debug,
                        message.clone(),
                        drop_fields(report, counters),
                        Arc::clone(&self.hostname),
                    ));
                }
                DropAction::Exit => {
                    tracing::error!("{message} Exiting.");
                    exit = true;
                }
            }
        }
        exit
    }
}

fn drop_fields(report: &Report, counters: &SourceCounters) -> Vec<(Cow<'static, str>, FieldValue)> {
    let text = |number: u64| FieldValue::String(number.to_string());
    let total = counters.ring_full.iter().map(|(_, count)| count).sum();
    let mut fields = vec![
        (Cow::Borrowed("n_evts"), text(report.events)),
        (Cow::Borrowed("n_drops"), text(report.drops)),
        (Cow::Borrowed("n_drops_buffer_total"), text(total)),
        (Cow::Borrowed("n_drops_scratch_map"), text(counters.too_big)),
        (Cow::Borrowed("n_drops_page_faults"), text(0)),
        (Cow::Borrowed("n_drops_bug"), text(counters.other)),
        (Cow::Borrowed("ebpf_enabled"), text(1)),
    ];
    for (kind, count) in &counters.ring_full {
        fields.push((
            Cow::Owned(format!("n_drops_buffer_{kind}_exit")),
            text(*count),
        ));
    }
    fields
}
