//! The course of a benchmark.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use action::{Failure, Prepared};

use super::load::{Done, Load};
use super::process::{Process, Usage};
use super::result::Record;
use super::statistics::events_per_second;
use super::{ActionCount, Next, Rounds, Statistics, Tally};
use crate::alerts::{self, Ear};
use crate::cli::BenchFlags;
use crate::commands::{context, shuffle};
use crate::go::{format_bytes, format_duration};
use crate::log::Log;
use crate::selection::Selection;
use crate::{Error, Interrupt};

/// An action to be measured.
pub struct Job {
    /// Its name; the part after the last dot is the rule's, normalized.
    pub name: &'static str,
    /// Makes it ready, once for each thread.
    pub prepare: Box<dyn Fn() -> Result<Prepared, Failure>>,
}

/// What to measure, and how.
pub struct Plan {
    /// The actions, in the order in which they are done.
    pub jobs: Vec<Job>,
    /// The sleep of the first round.
    pub sleep: Duration,
    /// Whether to halve it after each round.
    pub halve: bool,
    /// How long a round is loaded.
    pub round: Duration,
    /// How long it rests.
    pub rest: Duration,
    /// Stop after so many rounds.
    pub rounds: Option<u64>,
    /// Begin no round after so long.
    pub duration: Option<Duration>,
    /// Threads that do the actions.
    pub workers: usize,
    /// Numbers for people.
    pub humanize: bool,
    /// The engine's process.
    pub pid: Option<u32>,
    /// How long to wait for first alerts.
    pub first_alert_timeout: Duration,
    /// How long silence has to last to count as silence.
    pub silence: Duration,
    /// Where to write what was measured.
    pub json_result: Option<PathBuf>,
}

/// Executes `bench`.
///
/// # Errors
/// When there is nothing to do, or nothing can be measured.
pub fn execute(flags: &BenchFlags, interrupt: &Interrupt, log: &Log) -> Result<ExitCode, Error> {
    if flags.round_duration <= flags.run.sleep {
        return Err(Error::Flags(format!(
            "--round-duration ({}) must be longer than --sleep ({})",
            format_duration(flags.round_duration),
            format_duration(flags.run.sleep)
        )));
    }
    let mut selection = Selection::for_benchmark(flags.run.pattern.as_deref(), flags.run.all)?;
    for action in &selection.disabled {
        log.warn("action not enabled", &[("action", action.name.into())]);
    }
    if let Some(mut shuffle) = shuffle(&flags.run, log) {
        shuffle.shuffle(&mut selection.actions);
    }
    let context = context(interrupt)?;
    let jobs: Vec<Job> = selection
        .actions
        .into_iter()
        .map(|action| {
            let context = context.clone();
            Job {
                name: action.name,
                prepare: Box::new(move || action.prepare(&context)),
            }
        })
        .collect();
    let tally = Arc::new(Tally::new(jobs.iter().map(|job| job.name)));
    let plan = Plan {
        jobs,
        sleep: flags.run.sleep,
        halve: flags.run.looped,
        round: flags.round_duration,
        rest: flags.rest_duration.unwrap_or(flags.round_duration),
        rounds: flags.rounds,
        duration: flags.duration,
        workers: usize::from(flags.workers),
        humanize: flags.humanize,
        pid: (flags.pid != 0).then_some(flags.pid),
        first_alert_timeout: flags.first_alert_timeout,
        silence: 2 * flags.polling_interval,
        json_result: flags.json_result.clone(),
    };
    let ear = if flags.dry_run {
        None
    } else {
        let hearer = Arc::clone(&tally);
        Some(alerts::listen(
            &flags.alerts,
            flags.polling_interval,
            hearer,
            log,
        )?)
    };
    measure(&plan, ear.as_ref(), &tally, interrupt, log)?;
    Ok(ExitCode::SUCCESS)
}

/// Measures until the plan's end or an interruption. Without an ear it is a dry run.
///
/// # Errors
/// When nothing can be done, no alert can come, or the engine's process has ended.
pub fn measure(
    plan: &Plan,
    ear: Option<&Ear>,
    tally: &Tally,
    interrupt: &Interrupt,
    log: &Log,
) -> Result<(), Error> {
    let process = plan.pid.map(Process::watch).transpose()?;
    let mut record = Record::new(plan, ear.is_none());
    let mut sets = prepare(plan, &mut record, log)?;
    if let Some(ear) = ear {
        first_alerts(plan, &mut sets[0], ear, tally, &mut record, interrupt, log)?;
        // What cannot be done in one thread cannot be done in the others.
        let (first, others) = sets.split_at_mut(1);
        for set in others {
            for (place, first) in set.iter_mut().zip(&first[0]) {
                if first.is_none() {
                    *place = None;
                }
            }
        }
        if sets[0].iter().all(Option::is_none) {
            return Err(Error::NothingToDo);
        }
    }
    let load = Load::new(sets).map_err(Error::io("start the threads that do actions"))?;
    let bench = Bench {
        plan,
        ear,
        tally,
        interrupt,
        log,
        process: process.as_ref(),
        load: &load,
    };
    let began = Instant::now();
    let mut rounds = Rounds::new(plan.sleep, plan.halve);
    while !interrupt.is_set() && !is_over(plan, &rounds, began.elapsed()) {
        let Some(round) = bench.round(&rounds, &mut record)? else {
            break;
        };
        let (number, sleep) = (rounds.number(), rounds.sleep());
        let next = rounds.conclude(&round.counts);
        if ear.is_some() && next == Next::Dirty {
            let message = format!(
                "unexpected events received, retrying with sleep={}",
                format_duration(rounds.sleep())
            );
            log.warn(&message, &[]);
        }
        log.info("", &[]);
        record.add(number, sleep, &round, next);
        record.write()?;
    }
    if interrupt.is_set() {
        log.info(
            &format!("received {}, shutting down", interrupt.signal()),
            &[],
        );
    }
    if plan.rounds.is_some() || plan.duration.is_some() {
        summarize(&record, plan.humanize, log);
    }
    drop(load);
    if interrupt.is_set() {
        log.info("shutdown completed", &[]);
    }
    Ok(())
}

fn is_over(plan: &Plan, rounds: &Rounds, elapsed: Duration) -> bool {
    plan.rounds.is_some_and(|limit| rounds.number() > limit)
        || plan.duration.is_some_and(|limit| elapsed >= limit)
}

/// The actions of the plan, ready, once for each thread. What cannot be made ready is named and left
/// out.
fn prepare(
    plan: &Plan,
    record: &mut Record,
    log: &Log,
) -> Result<Vec<Vec<Option<Prepared>>>, Error> {
    let mut sets: Vec<Vec<Option<Prepared>>> = Vec::new();
    for worker in 0..plan.workers.max(1) {
        let set = plan
            .jobs
            .iter()
            .map(|job| match (job.prepare)() {
                Ok(prepared) => Some(prepared),
                Err(failure) => {
                    if worker == 0 {
                        leave_out(job.name, &failure, record, log);
                    }
                    None
                }
            })
            .collect();
        sets.push(set);
    }
    if sets[0].iter().all(Option::is_none) {
        return Err(Error::NothingToDo);
    }
    Ok(sets)
}

/// Names an action that does not count.
fn leave_out(name: &'static str, failure: &Failure, record: &mut Record, log: &Log) {
    let action = ("action", name.into());
    match failure {
        Failure::Skipped { reason } => {
            log.warn(
                "action skipped",
                &[action, ("reason", reason.clone().into_owned().into())],
            );
        }
        Failure::Interrupted => return,
        failure => log.error(
            "action error",
            &[action, ("error", failure.to_string().into())],
        ),
    }
    record.leave_out(name, failure);
}

/// Does each action once and waits for its alert, so that a missing engine or rule shows before
/// anything is measured.
fn first_alerts(
    plan: &Plan,
    set: &mut [Option<Prepared>],
    ear: &Ear,
    tally: &Tally,
    record: &mut Record,
    interrupt: &Interrupt,
    log: &Log,
) -> Result<(), Error> {
    // What had piled up before we came is not about us.
    settle(plan, tally, interrupt);
    tally.reset();
    for (job, place) in plan.jobs.iter().zip(set.iter_mut()) {
        if let Some(prepared) = place
            && let Err(failure) = prepared.run()
        {
            leave_out(job.name, &failure, record, log);
            *place = None;
        }
    }
    let tried: Vec<usize> = (0..set.len()).filter(|&at| set[at].is_some()).collect();
    let deadline = Instant::now() + plan.first_alert_timeout;
    let missing = loop {
        let missing: Vec<usize> = tried
            .iter()
            .copied()
            .filter(|&at| tally.heard(at) == 0)
            .collect();
        if let Some(failure) = ear.failure() {
            return Err(Error::Deaf(failure));
        }
        if missing.is_empty() || Instant::now() >= deadline {
            break missing;
        }
        if !interrupt.sleep(Duration::from_millis(5)) {
            return Ok(());
        }
    };
    if !tried.is_empty() && missing.len() == tried.len() && !ear.is_connected() {
        return Err(Error::NoAlert {
            within: plan.first_alert_timeout,
            tried: tried.len(),
            address: ear.address().to_owned(),
        });
    }
    for at in missing {
        log.warn(
            "no alert when done once; is its rule loaded and enabled?",
            &[("action", plan.jobs[at].name.into())],
        );
    }
    settle(plan, tally, interrupt);
    Ok(())
}

/// Waits until no alert has come for a while; not for ever.
fn settle(plan: &Plan, tally: &Tally, interrupt: &Interrupt) {
    const LIMIT: Duration = Duration::from_secs(2);
    let begin = Instant::now();
    let mut heard = tally.heard_in_all();
    while begin.elapsed() < LIMIT && interrupt.sleep(plan.silence) {
        let now = tally.heard_in_all();
        if now == heard {
            return;
        }
        heard = now;
    }
}

/// What a round came to.
pub(super) struct Round {
    pub(super) counts: Vec<ActionCount>,
    pub(super) statistics: Statistics,
    pub(super) loaded: Duration,
}

/// What rounds have in common.
struct Bench<'a> {
    plan: &'a Plan,
    ear: Option<&'a Ear>,
    tally: &'a Tally,
    interrupt: &'a Interrupt,
    log: &'a Log,
    process: Option<&'a Process>,
    load: &'a Load,
}

impl Bench<'_> {
    /// One round; `None` when it was interrupted.
    fn round(&self, rounds: &Rounds, record: &mut Record) -> Result<Option<Round>, Error> {
        let mut fields = vec![("sleep", rounds.sleep().into())];
        if self.ear.is_none() {
            fields.push(("dry-run", true.into()));
        }
        self.log
            .info(&format!("round #{}", rounds.number()), &fields);
        self.tally.reset();
        let before = self.process.map(Process::now).transpose()?;
        self.load.start(rounds.sleep());
        let whole = self.interrupt.sleep(self.plan.round);
        let done = self.load.stop();
        if !whole {
            return Ok(None);
        }
        let after = self.process.map(Process::now).transpose()?;
        let usage = before
            .zip(after)
            .map(|(before, after)| before.until(&after));
        self.name_failures(&done, record);
        self.log.info("resting...", &[]);
        if !self.interrupt.sleep(self.plan.rest) {
            return Ok(None);
        }
        let round = self.conclude(&done, usage);
        self.print(&round, record);
        if let Some(failure) = self.ear.and_then(Ear::failure) {
            return Err(Error::Deaf(failure));
        }
        Ok(Some(round))
    }

    fn conclude(&self, done: &[Done], usage: Option<Usage>) -> Round {
        let counts: Vec<ActionCount> = self
            .plan
            .jobs
            .iter()
            .enumerate()
            .map(|(at, job)| ActionCount {
                name: job.name,
                actual: self.tally.heard(at),
                expected: done.iter().map(|done| done.counts[at]).sum(),
            })
            .collect();
        let loaded = done.iter().map(|done| done.time).max().unwrap_or_default();
        let statistics = Statistics::of(&counts, loaded, usage, self.ear.is_none());
        Round {
            counts,
            statistics,
            loaded,
        }
    }

    fn print(&self, round: &Round, record: &Record) {
        let mut slow = false;
        for count in &round.counts {
            if count.expected == 0 && !record.is_left_out(count.name) {
                self.log
                    .warn("cannot generate events", &[("action", count.name.into())]);
                slow = true;
            } else if self.ear.is_some() && count.expected + count.actual > 0 {
                self.log.info(count.name, &count.fields());
            }
        }
        if slow {
            self.log.warn(
                "some actions may be too slow, consider to use different actions",
                &[],
            );
        }
        self.log
            .info("statistics", &round.statistics.fields(self.plan.humanize));
    }

    /// Names each action that failed, once in the whole run.
    fn name_failures(&self, done: &[Done], record: &mut Record) {
        for (place, failure) in done.iter().flat_map(|done| &done.failures) {
            let name = self.plan.jobs[*place].name;
            if !record.is_left_out(name) {
                leave_out(name, failure, record, self.log);
            }
        }
    }
}

/// What the rounds came to together.
fn summarize(record: &Record, humanize: bool, log: &Log) {
    let mut fields = vec![("rounds", record.rounds().into())];
    if let Some(best) = record.best_without_loss() {
        fields.push(("best", events_per_second(best, humanize)));
    }
    if let Some(top) = record.top() {
        fields.push(("top", events_per_second(top, humanize)));
    }
    if let Some((cpu, resident)) = record.most_used() {
        if humanize {
            fields.push(("most_cpu", format!("{cpu:.1}%").into()));
            fields.push(("most_res_mem", format_bytes(resident).into()));
        } else {
            fields.push(("most_cpu", cpu.into()));
            fields.push(("most_res_mem", resident.into()));
        }
    }
    let totals = if record.is_dry_run() {
        Vec::new()
    } else {
        record.totals()
    };
    for total in totals {
        let lost = total.expected.saturating_sub(total.actual);
        let name = format!("summary of {}", total.action);
        let counts = [
            ("actual", total.actual.into()),
            ("expected", total.expected.into()),
            ("lost", lost.into()),
        ];
        log.info(&name, &counts);
    }
    log.info("summary", &fields);
}
