//! `test`: does actions and waits for the alert of each.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use action::Action;

use super::run::{self, Outcome};
use crate::alerts::{self, Alert, Ear, Hearer};
use crate::cli::TestFlags;
use crate::log::Log;
use crate::selection::Selection;
use crate::{Error, Interrupt};

/// An alert, as far as a test looks at it.
struct Heard {
    rule: String,
    source: String,
}

/// Hands alerts from the thread that receives them to the one that tests.
struct Hand(Sender<Heard>);

impl Hearer for Hand {
    fn alert(&self, alert: &Alert<'_>) {
        // Fails only when the tests are over.
        let _ = self.0.send(Heard {
            rule: alert.rule.to_owned(),
            source: alert.source.to_owned(),
        });
    }
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

pub(super) fn execute(
    flags: &TestFlags,
    interrupt: &Interrupt,
    log: &Log,
) -> Result<ExitCode, Error> {
    let selection = Selection::of(flags.run.pattern.as_deref(), flags.run.all)?;
    run::name_disabled(&selection, log);
    let context = run::context(interrupt)?;
    let (sender, heard) = channel();
    let ear = alerts::listen(
        &flags.alerts,
        flags.polling_interval,
        Arc::new(Hand(sender)),
        log,
    )?;
    let mut tally = Tally::default();
    run::passes(&flags.run, selection.actions, interrupt, log, |action| {
        // What came before the action is not about it.
        while heard.try_recv().is_ok() {}
        match run::one(action, &flags.run, &context, interrupt, log) {
            Outcome::Done if action.is_helper() => {
                log.info(
                    "test skipped for helpers",
                    &[("action", action.name.into())],
                );
                tally.skipped += 1;
            }
            Outcome::Done => match wait_for(action, &heard, &ear, flags.test_timeout, interrupt) {
                Wait::Heard(alert) => {
                    log.info(
                        "test passed",
                        &[
                            ("action", action.name.into()),
                            ("rule", alert.rule.into()),
                            ("source", alert.source.into()),
                        ],
                    );
                    tally.passed += 1;
                }
                Wait::TooLong => {
                    let within = crate::go::format_duration(flags.test_timeout);
                    failed(
                        action,
                        &format!("no alert within {within}"),
                        &mut tally,
                        log,
                    );
                }
                Wait::Deaf => {
                    let error = ear
                        .failure()
                        .unwrap_or_else(|| "no alert can come".to_owned());
                    failed(action, &error, &mut tally, log);
                }
                Wait::Interrupted => {}
            },
            Outcome::Skipped => tally.skipped += 1,
            Outcome::Failed(failure) => failed(action, &failure.to_string(), &mut tally, log),
            Outcome::Interrupted => {}
        }
    });
    let counts = [
        ("passed", tally.passed.into()),
        ("failed", tally.failed.into()),
        ("skipped", tally.skipped.into()),
    ];
    if tally.failed > 0 {
        log.error("tests failed", &counts);
        return Ok(ExitCode::FAILURE);
    }
    log.info("tests finished", &counts);
    Ok(ExitCode::SUCCESS)
}

fn failed(action: &Action, error: &str, tally: &mut Tally, log: &Log) {
    log.error(
        "test failed",
        &[("action", action.name.into()), ("error", error.into())],
    );
    tally.failed += 1;
}

enum Wait {
    Heard(Heard),
    TooLong,
    /// No alert can come any more.
    Deaf,
    Interrupted,
}

/// Waits for an alert of the action's rule; others are passed over.
fn wait_for(
    action: &Action,
    heard: &Receiver<Heard>,
    ear: &Ear,
    timeout: Duration,
    interrupt: &Interrupt,
) -> Wait {
    /// How long an interruption may go unnoticed.
    const EAR: Duration = Duration::from_millis(20);
    let wanted = action::normalized(action::short_name(action.name));
    let deadline = Instant::now() + timeout;
    loop {
        if interrupt.is_set() {
            return Wait::Interrupted;
        }
        if ear.failure().is_some() {
            return Wait::Deaf;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match heard.recv_timeout(left.min(EAR)) {
            Ok(alert) if action::normalized(&alert.rule) == wanted => return Wait::Heard(alert),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Wait::TooLong,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Wait::Deaf,
        }
    }
}
