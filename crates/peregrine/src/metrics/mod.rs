//! The engine's numbers (`metrics`): as lines of a file, as alerts, and for whoever asks the web
//! server.
//!
//! Numbers are gathered by the thread that handles events, between two batches, when a snapshot is
//! due or somebody asks. Nothing is gathered otherwise.

mod gather;
mod resources;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::metrics::{Field, Snapshot, SnapshotWriter, Value};
use alert::{Alert, FieldValue, Priority};
use anyhow::{Context, Result};
use config::MetricsConfig;
use tokio::sync::watch;

use crate::engine::Engine;
use crate::housekeeping::{SourceCounters, SourceDetails};

/// The rule that a snapshot is an alert of, and its message.
const RULE: &str = "Falco internal: metrics snapshot";
const MESSAGE: &str = "Falco metrics snapshot";

/// How long a question waits for the engine.
const PATIENCE: Duration = Duration::from_secs(2);

/// A file that rules or configuration came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FileSum {
    /// Its name, without folders.
    name: String,
    /// Of its text, in hexadecimal digits.
    sha256: String,
}

impl FileSum {
    pub(crate) fn of(path: &str, text: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, text);
        let name = path.rsplit('/').next().unwrap_or(path);
        Self {
            name: name.to_owned(),
            sha256: digest
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        }
    }
}

/// What does not change between two loads of the rules.
#[derive(Clone, Default, Debug)]
pub(crate) struct Loads {
    /// When the engine was started, ns since the epoch.
    pub(crate) started: u64,
    /// When rules were last loaded.
    pub(crate) loaded: u64,
    pub(crate) rules_files: Vec<FileSum>,
    pub(crate) config_files: Vec<FileSum>,
}

/// What the snapshot before said.
#[derive(Clone, Copy, Default, Debug)]
struct Before {
    at: u64,
    events: u64,
    kernel_events: u64,
    kernel_drops: u64,
}

/// A way for another thread to get the numbers, as text for Prometheus.
#[derive(Debug)]
pub(crate) struct Scrape {
    wanted: AtomicBool,
    answer: watch::Sender<Arc<str>>,
}

impl Scrape {
    pub(crate) fn new() -> Self {
        Self {
            wanted: AtomicBool::new(false),
            answer: watch::Sender::new("".into()),
        }
    }

    /// Asks the engine; `None` when it does not answer in time.
    pub(crate) async fn ask(&self) -> Option<Arc<str>> {
        let mut answer = self.answer.subscribe();
        self.wanted.store(true, Ordering::Relaxed);
        let changed = tokio::time::timeout(PATIENCE, answer.changed()).await;
        matches!(changed, Ok(Ok(()))).then(|| Arc::clone(&answer.borrow()))
    }

    /// Whether somebody asks. Cheap.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Answers all who ask.
    pub(crate) fn answer(&self, text: &str) {
        self.answer.send_replace(text.into());
    }
}

/// Takes snapshots.
pub(crate) struct Metrics {
    config: MetricsConfig,
    file: Option<(PathBuf, SnapshotWriter<File>)>,
    file_failed: bool,
    loads: Loads,
    hostname: Arc<str>,
    /// When the next snapshot is due, ns since the epoch; never, if the configuration wants none.
    due: u64,
    before: Before,
    scrape: Option<Arc<Scrape>>,
}

impl Metrics {
    /// `scrape`: who may ask beside what the configuration wants.
    ///
    /// # Errors
    ///
    /// When the metrics file cannot be opened.
    pub(crate) fn new(
        config: &MetricsConfig,
        loads: Loads,
        hostname: &Arc<str>,
        scrape: Option<Arc<Scrape>>,
    ) -> Result<Self> {
        let path = config.output_file.as_ref().filter(|_| config.enabled);
        let file = path
            .map(|path| {
                let writer = SnapshotWriter::open(path)
                    .with_context(|| format!("failed to open the metrics file {}", path.display()));
                writer.map(|writer| (path.clone(), writer))
            })
            .transpose()?;
        let before = Before {
            at: loads.started,
            ..Before::default()
        };
        let mut metrics = Self {
            config: config.clone(),
            file,
            file_failed: false,
            hostname: Arc::clone(hostname),
            due: u64::MAX,
            before,
            loads,
            scrape,
        };
        if metrics.file.is_some() || metrics.is_alert() {
            metrics.due = metrics.loads.started + metrics.interval();
        }
        Ok(metrics)
    }

    fn is_alert(&self) -> bool {
        self.config.enabled && self.config.output_rule
    }

    fn interval(&self) -> u64 {
        u64::try_from(self.config.interval.as_nanos()).unwrap_or(u64::MAX / 2)
    }

    /// Takes over what was loaded at the moment `now`.
    pub(crate) fn note_load(&mut self, now: u64, rules_files: Vec<FileSum>) {
        self.loads.loaded = now;
        self.loads.rules_files = rules_files;
    }

    /// Whether numbers are wanted at this moment. Cheap.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        now >= self.due
            || self
                .scrape
                .as_ref()
                .is_some_and(|scrape| scrape.is_wanted())
    }

    /// Gathers the numbers and hands them to all who wait for them.
    pub(crate) fn give(
        &mut self,
        engine: &Engine,
        now: u64,
        counters: &SourceCounters,
        details: &SourceDetails,
    ) {
        let wanted = self.scrape.as_ref().filter(|scrape| scrape.is_wanted());
        if let Some(scrape) = wanted {
            // Before gathering, so that who asks from now on gets what is newer.
            scrape.wanted.store(false, Ordering::Relaxed);
        }
        let mut snapshot =
            gather::gather(&self.config, &self.loads, engine, now, counters, details);
        if let Some(scrape) = wanted {
            let mut text = String::with_capacity(16 << 10);
            snapshot.prometheus(&mut text);
            scrape.answer(&text);
        }
        if now >= self.due {
            let interval = self.interval();
            // Ticks that were missed do not pile up.
            self.due += ((now - self.due) / interval + 1) * interval;
            self.compare(&mut snapshot, engine.handled.events, now, counters);
            self.write(&snapshot, engine, now);
        }
    }

    /// Adds what changed since the snapshot before.
    fn compare(
        &mut self,
        snapshot: &mut Snapshot,
        events: u64,
        now: u64,
        counters: &SourceCounters,
    ) {
        let current = Before {
            at: now,
            events,
            kernel_events: counters.events,
            kernel_drops: counters.drops,
        };
        gather::add_changes(snapshot, &self.config, self.before, current);
        self.before = current;
    }

    fn write(&mut self, snapshot: &Snapshot, engine: &Engine, now: u64) {
        let fields = snapshot.fields(
            self.config.convert_memory_to_mb,
            self.config.include_empty_values,
        );
        if let Some((path, file)) = &mut self.file
            && let Err(err) = file.write(&fields)
            && !std::mem::replace(&mut self.file_failed, true)
        {
            tracing::error!(
                "The metrics file {} cannot be written: {err}",
                path.display()
            );
        }
        if self.is_alert() {
            engine.outputs.send(Alert::internal(
                now,
                RULE,
                Priority::Informational,
                MESSAGE,
                fields.into_iter().map(of_alert).collect(),
                Arc::clone(&self.hostname),
            ));
        }
    }
}

fn of_alert((name, value): Field) -> (std::borrow::Cow<'static, str>, FieldValue) {
    let value = match value {
        Value::U64(number) => FieldValue::U64(number),
        Value::F64(number) => FieldValue::F64(number),
        Value::Text(text) => FieldValue::String(text),
    };
    (name, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_sha256sum() {
        let sum = FileSum::of("/etc/falco/falco_rules.yaml", b"abc");
        assert_eq!(sum.name, "falco_rules.yaml");
        assert_eq!(
            sum.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
