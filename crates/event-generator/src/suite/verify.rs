//! Waiting until the outcome of every test is decided.

use std::time::{Duration, Instant};

use suite::{Alert, Test, Verdict, verify};

use super::collect::{Collected, is_about};
use super::runner::Ran;
use crate::Interrupt;

/// How long an interruption may go unnoticed.
const EAR: Duration = Duration::from_millis(50);

/// What is said about a test in the end.
#[derive(Debug)]
pub(super) struct Judged {
    /// The test.
    pub(super) test: Test,
    /// What became of it.
    pub(super) status: Status,
    /// The alerts of its rule.
    pub(super) verdict: Verdict,
    /// How long it took, without the wait for alerts.
    pub(super) took: Duration,
}

/// What became of a test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Status {
    /// All is as expected.
    Passed,
    /// The alerts are not as expected; why.
    Failed(String),
    /// It could not be done; why.
    Error(String),
    /// It was not tried; why.
    Skipped(String),
}

impl Status {
    pub(super) fn is_bad(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Error(_))
    }

    /// In one word.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Error(_) => "error",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Why, when there is a reason.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(reason) | Self::Error(reason) | Self::Skipped(reason) => Some(reason),
        }
    }
}

/// Waits for the alerts of tests that were done, each for its own time, all until `deadline` at most.
/// `deaf` gives the reason when no alert can come any more.
pub(super) fn judge(
    ran: Vec<(Test, Ran)>,
    collected: &Collected,
    patience: Duration,
    deadline: Instant,
    interrupt: &Interrupt,
    deaf: impl Fn() -> Option<String>,
) -> Vec<Judged> {
    loop {
        let now = Instant::now();
        let deaf = deaf();
        let over = interrupt.is_set() || now >= deadline || deaf.is_some();
        let (known, open) = collected.look(|alerts| {
            let open: Vec<Instant> = ran
                .iter()
                .filter_map(|(test, ran)| waits_until(test, ran, alerts, patience))
                .filter(|until| *until > now)
                .collect();
            (alerts.len(), open)
        });
        let Some(first) = open.into_iter().min().filter(|_| !over) else {
            break;
        };
        let limit = first.min(deadline).saturating_duration_since(now);
        collected.wait(known, limit.min(EAR));
    }
    let deaf = deaf();
    ran.into_iter()
        .map(|(test, ran)| {
            collected.look(|alerts| decide(test, &ran, alerts, patience, deaf.as_deref()))
        })
        .collect()
}

/// Until when more alerts matter to a test; none when it is decided.
fn waits_until(test: &Test, ran: &Ran, alerts: &[Alert], patience: Duration) -> Option<Instant> {
    if ran.error.is_some() || ran.skipped.is_some() {
        return None;
    }
    let (verdict, forbidden) = found(test, ran, alerts);
    let too_many = test
        .outcome
        .count
        .max
        .is_some_and(|max| verdict.matches > max);
    if too_many || forbidden.is_some() {
        return None;
    }
    let could_be_too_many = test.outcome.count.max.is_some() || !test.must_not_fire.is_empty();
    if verdict.is_enough(&test.outcome) && !could_be_too_many {
        return None;
    }
    Some(ran.ended + test.outcome.within.unwrap_or(patience))
}

/// The alerts of the test's rule, and the first rule that was not to raise one.
fn found(test: &Test, ran: &Ran, alerts: &[Alert]) -> (Verdict, Option<String>) {
    let own: Vec<&Alert> = alerts
        .iter()
        .filter(|alert| is_about(alert, &ran.token, &ran.pids))
        .collect();
    let of_rule = own.iter().copied().filter(|alert| alert.rule == test.rule);
    let forbidden = own
        .iter()
        .find(|alert| test.must_not_fire.contains(&alert.rule))
        .map(|alert| alert.rule.clone());
    (verify(&test.outcome, of_rule), forbidden)
}

fn decide(
    test: Test,
    ran: &Ran,
    alerts: &[Alert],
    patience: Duration,
    deaf: Option<&str>,
) -> Judged {
    let (verdict, forbidden) = found(&test, ran, alerts);
    let status = if let Some(reason) = &ran.skipped {
        Status::Skipped(reason.clone())
    } else if let Some(error) = &ran.error {
        Status::Error(error.clone())
    } else if let Some(rule) = forbidden {
        Status::Failed(format!("rule `{rule}` raised an alert, which it must not"))
    } else if verdict.holds(&test.outcome) {
        // A silence that was not heard out proves nothing.
        match deaf {
            Some(reason) if test.outcome.count.max.is_some() => {
                Status::Error(format!("alerts can no longer be heard: {reason}"))
            }
            _ => Status::Passed,
        }
    } else if let (Some(reason), false) = (deaf, verdict.is_enough(&test.outcome)) {
        Status::Error(format!("alerts can no longer be heard: {reason}"))
    } else {
        let within = crate::go::format_duration(test.outcome.within.unwrap_or(patience));
        Status::Failed(format!(
            "expected {} matching alert{} within {within}, found {}{}",
            test.outcome.count,
            if test.outcome.count.min == 1 && test.outcome.count.max.is_none_or(|max| max == 1) {
                ""
            } else {
                "s"
            },
            verdict.matches,
            match verdict.mismatches.len() {
                0 => String::new(),
                others => format!("; {others} of the rule differ"),
            }
        ))
    };
    Judged {
        test,
        status,
        verdict,
        took: ran.took,
    }
}
