//! The file of `-s`: a line of counters at a steady pace.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use metrics::{KernelCounts, StatisticsWriter};

/// Writes lines when they are due. Ticks that were missed do not pile up.
pub(crate) struct Statistics {
    path: PathBuf,
    writer: StatisticsWriter<File>,
    interval: u64,
    due: u64,
    failed: bool,
}

impl Statistics {
    /// Opens the file for appending; a line every `interval` ns.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub(crate) fn open(path: &Path, interval: u64, now: u64) -> Result<Self> {
        let writer = StatisticsWriter::open(path)
            .with_context(|| format!("failed to open the statistics file {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            interval,
            due: now + interval,
            failed: false,
        })
    }

    /// When the next line is due, ns since the epoch.
    pub(crate) fn due(&self) -> u64 {
        self.due
    }

    /// Writes a line if it is time.
    pub(crate) fn sample_if_due(&mut self, now: u64, events: u64, drops: u64) {
        if now >= self.due {
            self.sample(events, drops);
            let missed = (now - self.due) / self.interval;
            self.due += (missed + 1) * self.interval;
        }
    }

    /// Writes a line. The first failure is logged; the engine goes on without statistics.
    pub(crate) fn sample(&mut self, events: u64, drops: u64) {
        let result = self.writer.write(KernelCounts {
            events,
            drops,
            preemptions: 0,
        });
        if let Err(err) = result
            && !std::mem::replace(&mut self.failed, true)
        {
            tracing::error!(
                "The statistics file {} cannot be written: {err}",
                self.path.display()
            );
        }
    }
}
