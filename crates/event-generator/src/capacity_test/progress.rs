//! What is shown while it runs: a line that lives on a terminal, lines elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use ::capacity::round::{Criterion, Loss, Phase, Round};
use indicatif::{ProgressBar, ProgressStyle};

use crate::log::Log;

/// The display.
pub(super) struct Progress<'a> {
    log: &'a Log,
    /// On a terminal.
    bar: Option<ProgressBar>,
    /// Sizes in all, and the one under way, from 1.
    sizes: usize,
    size: Cell<usize>,
    size_began: Cell<Instant>,
    /// Time of the rounds of all sizes so far, and how many there were.
    rounds: Cell<(Duration, u32)>,
    round_began: Cell<Option<Instant>>,
    /// How long a finished size took.
    one_size: Cell<Option<Duration>>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(log: &'a Log, sizes: usize, plain: bool) -> Self {
        let bar = (!plain && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            // The template is a constant, so that it is right or the tests fail.
            if let Ok(style) = ProgressStyle::with_template("{spinner} [{elapsed_precise}] {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            log,
            bar,
            sizes,
            size: Cell::new(0),
            size_began: Cell::new(Instant::now()),
            rounds: Cell::new((Duration::ZERO, 0)),
            round_began: Cell::new(None),
            one_size: Cell::new(None),
        }
    }

    /// Where lines go.
    pub(super) fn log(&self) -> &'a Log {
        self.log
    }

    /// A size begins.
    pub(super) fn size(&self, what: &str) {
        if self.size.get() > 0 {
            self.one_size.set(Some(self.size_began.get().elapsed()));
        }
        self.size.set(self.size.get() + 1);
        self.size_began.set(Instant::now());
        self.round_began.set(None);
        self.line(&format!(
            "size {} of {}: {what}",
            self.size.get(),
            self.sizes
        ));
    }

    /// Something that is no round.
    pub(super) fn phase(&self, what: &str, detail: Option<&str>) {
        let text = match detail {
            Some(detail) => format!("{what}: {detail}"),
            None => what.to_owned(),
        };
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => self.log.info(&text, &[]),
        }
    }

    /// A round begins.
    pub(super) fn round(&self, number: u32, phase: Phase, rate: Option<f64>, rounds_left: u32) {
        let now = Instant::now();
        if let Some(before) = self.round_began.replace(Some(now)) {
            let (time, count) = self.rounds.get();
            self.rounds.set((time + (now - before), count + 1));
        }
        let Some(bar) = &self.bar else {
            return;
        };
        let rate = rate.map_or("the next pause".to_owned(), |rate| format!("{rate:.0}/s"));
        bar.set_message(format!(
            "size {} of {}, round {number} ({}) at {rate}; about {} left",
            self.size.get(),
            self.sizes,
            phase.name(),
            time_text(self.time_left(rounds_left))
        ));
    }

    fn time_left(&self, rounds_left: u32) -> Duration {
        /// Before anything is known.
        const GUESS: Duration = Duration::from_secs(6);
        let (time, count) = self.rounds.get();
        let each = time.checked_div(count).unwrap_or(GUESS);
        let here = each * rounds_left;
        let sizes_left = u32::try_from(self.sizes.saturating_sub(self.size.get())).unwrap_or(0);
        let size = self
            .one_size
            .get()
            .unwrap_or_else(|| self.size_began.get().elapsed() + here);
        here + size * sizes_left
    }

    /// A round is over; others took time from it if it `is_disturbed`.
    pub(super) fn result(&self, round: &Round, criterion: Criterion, is_disturbed: bool) {
        let mut losses: Vec<String> = round
            .losses(criterion)
            .iter()
            .map(|loss| match loss {
                Loss::KernelDrops(count) => format!("{count} kernel drops"),
                Loss::QueueDrops(count) => format!("{count} queue drops"),
                Loss::Alerts(count) => format!("{count} alerts lost"),
                Loss::Time => "fell behind".to_owned(),
            })
            .collect();
        if is_disturbed {
            losses.push("disturbed".to_owned());
        }
        let percent = |cpus: f64| format!("{:.0}%", 100.0 * cpus);
        if self.bar.is_none() {
            self.log.info(
                &format!("round #{} ({})", round.number, round.phase.name()),
                &[
                    ("done", format!("{:.0}/s", round.achieved).into()),
                    (
                        "events",
                        round
                            .events_per_second
                            .map_or("unknown".to_owned(), |rate| format!("{rate:.0}/s"))
                            .into(),
                    ),
                    (
                        "engine",
                        round
                            .engine_cpus
                            .map_or("unknown".to_owned(), percent)
                            .into(),
                    ),
                    ("load", percent(round.load_cpus).into()),
                    (
                        "verdict",
                        if losses.is_empty() {
                            "clean".to_owned()
                        } else {
                            losses.join(", ")
                        }
                        .into(),
                    ),
                ],
            );
            return;
        }
        self.line(&format!(
            "round {:>2} {:<8} {:>10.0}/s  engine {:>4}  {}",
            round.number,
            round.phase.name(),
            round.achieved,
            round.engine_cpus.map_or("–".to_owned(), percent),
            if losses.is_empty() {
                "clean".to_owned()
            } else {
                losses.join(", ")
            }
        ));
    }

    /// Something to know.
    pub(super) fn warn(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.log.warn(text, &[])),
            None => self.log.warn(text, &[]),
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => self.log.info(text, &[]),
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn time_text(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 90 {
        format!("{seconds} s")
    } else {
        format!("{} min", (seconds + 30) / 60)
    }
}
