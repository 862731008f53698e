//! `test`: does actions and waits for the alert of each.

mod attribution;
mod board;
mod expect;
mod report;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use action::Action;

use self::attribution::{Belongs, Subject};
use self::board::Board;
use self::expect::{Expectations, Expected, is_same};
use self::report::{Entry, Report, Verdict};
use super::passes;
use super::run::{self, Outcome};
use crate::alerts::{Ear, whole};
use crate::cli::{Correlate, TestFlags};
use crate::go::format_duration;
use crate::k8saudit::{self, Cluster};
use crate::log::Log;
use crate::progress::Progress;
use crate::{Error, Interrupt};

/// How long an interruption may go unnoticed.
const EAR: Duration = Duration::from_millis(20);

pub(super) fn execute(
    flags: &TestFlags,
    interrupt: &Interrupt,
    log: &Log,
) -> Result<ExitCode, Error> {
    let selection = run::select(&flags.run, &flags.passes)?;
    let expectations = Expectations::of(flags)?;
    let reports = report::wanted(&flags.report)?;
    run::name_disabled(&selection, log);
    let setting = run::setting(&flags.passes, interrupt, log)?;
    let board = Arc::new(Board::default());
    let listener = Arc::clone(&board);
    let ear = whole::listen(
        &flags.alerts,
        &flags.follow,
        flags.polling_interval,
        listener,
        log,
    )?;
    let total = passes::total(&flags.run, &flags.passes, selection.actions.len());
    let (progress, log) = Progress::start(total, log);
    let judge = Judge {
        flags,
        interrupt,
        log: &log,
        board: &board,
        ear: &ear,
        cluster: Cluster::new(&flags.run.kubernetes),
        warned: AtomicBool::new(false),
    };
    let entries = Mutex::new(Vec::new());
    let begin = Instant::now();
    passes::go(
        &flags.run,
        &flags.passes,
        selection.actions,
        interrupt,
        &log,
        |action| {
            let began = Instant::now();
            let expected = expectations.for_action(action);
            let mut verdict = judge.test(action, &expected, &setting);
            for retry in 1..=flags.retries {
                if !matches!(verdict, Some(Verdict::Failed(_))) {
                    break;
                }
                let fields = [
                    ("action", action.name.into()),
                    ("retry", u64::from(retry).into()),
                ];
                log.warn("test is tried again", &fields);
                verdict = judge.test(action, &expected, &setting);
            }
            let Some(verdict) = verdict else {
                return;
            };
            let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
            entries.push(Entry {
                action,
                expected,
                verdict,
                took: began.elapsed(),
            });
            progress.step(Report::counts_text(&entries));
        },
    );
    progress.finish();
    let report = Report {
        entries: entries.into_inner().unwrap_or_else(PoisonError::into_inner),
        took: begin.elapsed(),
    };
    for wanted in reports {
        wanted.write(&report)?;
    }
    Ok(conclude(&report, &log))
}

/// The totals, what failed, and the exit code.
fn conclude(report: &Report, log: &Log) -> ExitCode {
    let (passed, failed, skipped) = report.counts();
    let counts = [
        ("passed", passed.into()),
        ("failed", failed.into()),
        ("skipped", skipped.into()),
    ];
    if failed == 0 {
        log.info("tests finished", &counts);
        return ExitCode::SUCCESS;
    }
    for entry in &report.entries {
        if let Verdict::Failed(reason) = &entry.verdict {
            let fields = [
                ("action", entry.action.name.into()),
                ("error", reason.clone().into()),
            ];
            log.error("failed", &fields);
        }
    }
    log.error("tests failed", &counts);
    ExitCode::FAILURE
}

/// What judging an action takes.
struct Judge<'a> {
    flags: &'a TestFlags,
    interrupt: &'a Interrupt,
    log: &'a Log,
    board: &'a Board,
    ear: &'a Ear,
    cluster: Cluster,
    /// Whether the user knows that alerts do not say whose they are.
    warned: AtomicBool,
}

impl Judge<'_> {
    /// Does one action and judges what came of it; `None` when the user interrupted.
    fn test(
        &self,
        action: &'static Action,
        expected: &[Expected],
        setting: &action::sandbox::Setting,
    ) -> Option<Verdict> {
        let log = self.log;
        let name = || ("action", action.name.into());
        // What came before the action is not about it.
        let from = self.board.end();
        let token = run::new_token();
        let mut subject = None;
        let mut acted = Instant::now();
        let outcome = if k8saudit::is_on_cluster(action) {
            // No process of this machine is in its alerts; they count by their rule.
            subject = Some(Subject {
                token: token.clone(),
                pid: std::process::id(),
                container: None,
            });
            acted = Instant::now();
            run::outcome(action, self.cluster.perform(action), log)
        } else {
            run::one(action, setting, log, &token, |worker| {
                subject = Some(Subject {
                    token: token.clone(),
                    pid: worker.pid(),
                    container: worker.container_id(),
                });
                acted = Instant::now();
                worker.act()
            })
        };
        match outcome {
            Outcome::Done => log.info("action executed", &[name()]),
            Outcome::Skipped(reason) => return Some(Verdict::Skipped(reason)),
            Outcome::Interrupted => return None,
            Outcome::Failed(failure) => return Some(self.failed(action, failure.to_string())),
        }
        let subject = subject?;
        if expected.is_empty() {
            log.info("test skipped for helpers", &[name()]);
            return Some(Verdict::Skipped(
                "a helper, which no rule notices".to_owned(),
            ));
        }
        match self.wait(expected, &subject, from, acted) {
            Wait::Fulfilled(heard) => {
                let latency = heard.iter().map(|(_, _, latency)| *latency).max();
                for (rule, source, _) in heard {
                    let fields = [name(), ("rule", rule.into()), ("source", source.into())];
                    log.info("test passed", &fields);
                }
                if latency.is_none() {
                    log.info("test passed", &[name(), ("alerts", "none".into())]);
                }
                Some(Verdict::Passed(latency))
            }
            Wait::Wrong(reason) => Some(self.failed(action, reason)),
            Wait::Interrupted => None,
        }
    }

    fn failed(&self, action: &Action, reason: String) -> Verdict {
        let fields = [
            ("action", action.name.into()),
            ("error", reason.clone().into()),
        ];
        self.log.error("test failed", &fields);
        Verdict::Failed(reason)
    }

    /// Waits until every rule that must has raised an alert, or until silence is believed.
    fn wait(&self, expected: &[Expected], subject: &Subject, from: u64, acted: Instant) -> Wait {
        let wants = expected.iter().any(|expected| expected.fires);
        let forbids = expected.iter().any(|expected| !expected.fires);
        let silent_until = Instant::now() + self.flags.silence;
        let deadline = if wants {
            Instant::now() + self.flags.test_timeout
        } else {
            silent_until
        };
        let mut heard: Vec<Option<(String, String, Duration)>> = vec![None; expected.len()];
        let mut next = from;
        loop {
            if self.interrupt.is_set() {
                return Wait::Interrupted;
            }
            let (alerts, end) = self.board.since(next, EAR);
            next = end;
            for (at, alert) in alerts {
                for (expected, heard) in expected.iter().zip(&mut heard) {
                    if !is_same(&expected.rule, &alert.rule) || !self.counts(&alert, subject) {
                        continue;
                    }
                    if !expected.fires {
                        return Wait::Wrong(format!(
                            "rule \"{}\" raised an alert and must not: {}",
                            alert.rule, alert.output
                        ));
                    }
                    let latency = at.saturating_duration_since(acted);
                    heard.get_or_insert((alert.rule.clone(), alert.source.clone(), latency));
                }
            }
            let now = Instant::now();
            let complete = expected
                .iter()
                .zip(&heard)
                .all(|(expected, heard)| !expected.fires || heard.is_some());
            if complete && (!forbids || now >= silent_until) {
                return Wait::Fulfilled(heard.into_iter().flatten().collect());
            }
            if let Some(reason) = self.ear.failure() {
                return Wait::Wrong(reason);
            }
            if now >= deadline {
                return Wait::Wrong(self.silence(from));
            }
        }
    }

    /// Whether an alert of the right rule counts for an action.
    fn counts(&self, alert: &whole::Whole, subject: &Subject) -> bool {
        if self.flags.correlate == Correlate::Rule {
            return true;
        }
        match (subject.owns(&alert.fields), self.flags.correlate) {
            (Belongs::Yes, _) => true,
            (Belongs::No, _) => false,
            (Belongs::Unknown, how) => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    let fields = [("rule", alert.rule.clone().into())];
                    self.log.warn(
                        "alerts do not say whose they are: add \
                         proc.env[EVENT_GENERATOR_TOKEN] to append_output in the engine's \
                         configuration",
                        &fields,
                    );
                }
                how == Correlate::Auto
            }
        }
    }

    /// What to say when no alert came.
    fn silence(&self, from: u64) -> String {
        let within = format_duration(self.flags.test_timeout);
        let address = self.ear.address();
        match (self.board.end(), self.board.noise()) {
            (0, 0) => format!(
                "no alert within {within}, and none at all from {address}: is an engine running, and \
                 does it send its alerts there?"
            ),
            (0, noise) => format!(
                "no alert within {within}, but {noise} messages that are none from {address}: has the \
                 engine json_output: true?"
            ),
            (end, _) if end > from => format!(
                "no alert within {within}; {} others came meanwhile",
                end - from
            ),
            _ => format!("no alert within {within}"),
        }
    }
}

enum Wait {
    /// Rule, source and latency of the alerts that had to come.
    Fulfilled(Vec<(String, String, Duration)>),
    Wrong(String),
    Interrupted,
}
