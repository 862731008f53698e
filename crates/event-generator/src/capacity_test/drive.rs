//! The course of a run at one size: baseline, rounds, the limit, the reason.

use std::time::{Duration, Instant};

use ::capacity::diagnosis::{Limits, explain};
use ::capacity::halving::{Halving, Next};
use ::capacity::report::Run;
use ::capacity::round::{Criterion, Phase, Round};
use ::capacity::search::{Outcome, Plan, Search, Step, Verdict};

use super::progress::Progress;
use super::stand::{Order, Rest, Stand};
use crate::Error;
use crate::load::Schedule;

/// How long the machine is watched before anything is loaded.
const BASELINE: Duration = Duration::from_secs(3);
/// Time for so many rounds is kept for a confirmation.
const CONFIRMATION: u32 = 5;
/// How long an engine needs after a round, before that is known.
const REST: Duration = Duration::from_millis(1500);
/// Load and rest of a round of the article.
const ARTICLE_ROUND: Duration = Duration::from_secs(5);

/// How to measure; the same for every size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// The search; `None` for the rounds of the article.
    pub(super) search: Option<Plan>,
    pub(super) criterion: Criterion,
    pub(super) round: Duration,
    pub(super) most_rest: Duration,
    /// When time is up.
    pub(super) deadline: Instant,
    pub(super) raises_alerts: bool,
    /// CPUs of the machine.
    pub(super) cpus: f64,
}

impl Course {
    /// How long a round is loaded. An engine at 5 % more than it holds is behind by half a second only
    /// after ten, so the rounds that decide are long; the ramp only has to find the magnitude.
    fn length(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Ramp => self.round / 2,
            Phase::Search | Phase::Load => self.round,
            Phase::Confirm => self.round * 2,
        }
    }
}

/// Measures one size.
///
/// # Errors
/// When the engine ends, or alerts can come no more.
pub(super) fn run(
    mut stand: Stand<'_>,
    limits: Limits,
    course: Course,
    progress: &Progress,
) -> Result<Run, Error> {
    progress.phase("watching the idle machine", None);
    let mut rounds = Vec::new();
    let outcome = match stand.idle(BASELINE)? {
        None => Outcome::Interrupted { rate: None },
        Some(()) => match course.search {
            Some(plan) => search(&mut stand, plan, course, progress, &mut rounds)?,
            None => article(&mut stand, course, progress, &mut rounds)?,
        },
    };
    let findings = explain(
        &rounds,
        outcome,
        course.criterion,
        stand.baseline.as_ref(),
        limits,
        course.cpus,
    );
    let mut run = Run {
        limits,
        baseline: stand.baseline,
        rounds,
        samples: std::mem::take(&mut stand.samples),
        outcome,
        syscalls_per_second: None,
        eps: None,
        findings,
    };
    if outcome.held().is_some() {
        let round = run.limit_round(course.criterion).cloned();
        run.syscalls_per_second = round.as_ref().and_then(|round| {
            // Where the engine does not count, the load knows what it did itself.
            round.events_per_second.or(round.load_syscalls)
        });
        run.eps = round
            .filter(|_| course.raises_alerts)
            .map(|round| round.achieved);
    }
    Ok(run)
}

fn search(
    stand: &mut Stand<'_>,
    plan: Plan,
    course: Course,
    progress: &Progress,
    rounds: &mut Vec<Round>,
) -> Result<Outcome, Error> {
    let mut search = Search::new(plan);
    // How long the engine needed after a clean round, at most.
    let mut rest = REST;
    loop {
        let left = course.deadline.saturating_duration_since(Instant::now());
        let confirmation = course.length(Phase::Confirm) + rest;
        if left < confirmation * CONFIRMATION {
            search.hurry();
        }
        let (phase, rate) = match search.next() {
            Step::Done(outcome) => return Ok(outcome),
            Step::Offer { phase, rate } => (phase, rate),
        };
        if left < course.length(phase) + rest {
            return Ok(search.stop());
        }
        let number = number(rounds);
        progress.round(number, phase, Some(rate), search.rounds_left());
        let order = Order {
            number,
            phase,
            schedule: Schedule::Rate(rate),
            seconds: course.length(phase),
            rest: Rest::UntilQuiet(course.most_rest),
        };
        let began = Instant::now();
        let Some(round) = stand.round(order)? else {
            let rate = search.stop().held();
            return Ok(Outcome::Interrupted { rate });
        };
        let idle_others = stand.baseline.map_or(0.0, |idle| idle.other_cpus);
        let verdict = Verdict {
            achieved: round.achieved,
            is_clean: round.is_clean(course.criterion),
            is_disturbed: round.is_disturbed(idle_others, course.cpus),
        };
        if verdict.is_clean {
            rest = rest.max(began.elapsed().saturating_sub(order.seconds));
        }
        progress.result(&round, course.criterion, verdict.is_disturbed);
        search.record(verdict);
        rounds.push(round);
    }
}

fn article(
    stand: &mut Stand<'_>,
    course: Course,
    progress: &Progress,
    rounds: &mut Vec<Round>,
) -> Result<Outcome, Error> {
    let mut halving = Halving::new();
    loop {
        if Instant::now() >= course.deadline {
            return Ok(Outcome::TimeUp {
                rate: halving.held(),
                dirty: None,
            });
        }
        let number = number(rounds);
        progress.round(number, Phase::Ramp, None, halving.rounds_left());
        let order = Order {
            number,
            phase: Phase::Ramp,
            schedule: Schedule::Pause(halving.pause()),
            seconds: ARTICLE_ROUND,
            rest: Rest::For(ARTICLE_ROUND),
        };
        let Some(round) = stand.round(order)? else {
            return Ok(Outcome::Interrupted {
                rate: halving.held(),
            });
        };
        progress.result(&round, course.criterion, false);
        let next = halving.record(round.achieved, round.is_clean(course.criterion));
        rounds.push(round);
        if let Next::Done(outcome) = next {
            return Ok(outcome);
        }
    }
}

fn number(rounds: &[Round]) -> u32 {
    u32::try_from(rounds.len() + 1).unwrap_or(u32::MAX)
}
