//! The file of `-s`: a line of counters at a steady pace.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes lines when they are due. Ticks that were missed do not pile up.
pub(crate) struct Statistics {
    file: File,
    interval: u64,
    due: u64,
    sample: u64,
    last: (u64, u64),
}

impl Statistics {
    /// Opens the file for appending; a line every `interval` ns.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub(crate) fn open(path: &Path, interval: u64, now: u64) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("failed to open the statistics file {}", path.display()))?;
        Ok(Self {
            file,
            interval,
            due: now + interval,
            sample: 0,
            last: (0, 0),
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

    /// Writes a line.
    pub(crate) fn sample(&mut self, events: u64, drops: u64) {
        self.sample += 1;
        let (e, d) = (events - self.last.0, drops - self.last.1);
        self.last = (events, drops);
        let pct = if e == 0 {
            0.0
        } else {
            100.0 * d as f64 / e as f64
        };
        let _ = writeln!(
            self.file,
            "{{\"sample\": {}, \"cur\": {{\"events\": {events}, \"drops\": {drops}, \"preemptions\": 0}}, \"delta\": {{\"events\": {e}, \"drops\": {d}, \"preemptions\": 0}}, \"drop_pct\": {pct}}},",
            self.sample
        );
    }
}
