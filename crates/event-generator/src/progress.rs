//! How far it has come, on a terminal.
//!
//! A bar on the last line of standard error, with the lines of the log above it. Where standard error
//! is no terminal there is no bar, and the lines are all there is.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::log::Log;

/// A bar, or nothing.
#[derive(Clone, Debug)]
pub(crate) struct Progress(ProgressBar);

/// Writes above the bar.
struct Above(ProgressBar);

impl Progress {
    /// For `total` steps, or for who knows how many; and the log that goes with it.
    pub(crate) fn start(total: Option<u64>, log: &Log) -> (Self, Log) {
        if !std::io::stderr().is_terminal() {
            return (Self(ProgressBar::hidden()), log.clone());
        }
        let (bar, template) = match total {
            Some(total) => (
                ProgressBar::new(total),
                "{bar:30} {pos}/{len} {elapsed} {msg}",
            ),
            None => (
                ProgressBar::new_spinner(),
                "{spinner} {pos} {elapsed} {msg}",
            ),
        };
        // The template is ours and valid; if it were not, the default one does as well.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        let above: Arc<Mutex<dyn Write + Send>> = Arc::new(Mutex::new(Above(bar.clone())));
        (Self(bar), log.through(above))
    }

    /// One step more; `text` says what came of all so far.
    pub(crate) fn step(&self, text: String) {
        self.0.set_message(text);
        self.0.inc(1);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .suspend(|| std::io::stderr().write_all(bytes))
            .map(|()| bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}
