//! From flags to a benchmark.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::course::{Bench, Plan};
use super::rounds::Pace;
use super::screen::Screen;
use crate::alerts::{self, Ear, Tally};
use crate::cli::BenchFlags;
use crate::commands::{context, shuffle};
use crate::go::format_duration;
use crate::load::Task;
use crate::log::Log;
use crate::selection::Selection;
use crate::watch::Sources;
use crate::{Error, Interrupt};

/// Executes `bench`.
///
/// # Errors
/// When there is nothing to do, or nothing can be measured.
pub fn execute(flags: &BenchFlags, interrupt: &Interrupt, log: &Log) -> Result<ExitCode, Error> {
    let pace = pace(flags)?;
    let tasks = tasks(flags, interrupt, log)?;
    let tally = Arc::new(Tally::new(tasks.iter().map(|task| task.name)));
    // Plain system calls break no rule.
    let ear = if flags.dry_run || flags.syscalls.is_some() {
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
    let plan = Plan {
        pace,
        faster: flags.run.looped,
        round: flags.round_duration,
        rest: flags.rest_duration.unwrap_or(flags.round_duration),
        rounds: flags.rounds,
        duration: flags.duration,
        workers: usize::from(flags.workers),
        humanize: flags.humanize,
        dry_run: flags.dry_run,
        sources: sources(flags, log),
        first_alert_timeout: flags.first_alert_timeout,
        silence: 2 * flags.polling_interval,
        json_result: flags.json_result.clone(),
    };
    let mut screen = if flags.plain {
        None
    } else {
        Screen::open_on_terminal(interrupt, log)
    };
    let measured = {
        let log = screen.as_ref().map_or(log, Screen::log).clone();
        Bench {
            plan: &plan,
            ear: ear.as_ref(),
            tally: &tally,
            interrupt,
            log: &log,
        }
        .measure(tasks, screen.as_mut())
    };
    // Gives the terminal back before anything else is said.
    drop(screen);
    let failed = measured.map_err(|error| advised(error, flags, ear.as_ref(), log))?;
    if failed > 0 {
        log.error("actions failed", &[("failed", failed.into())]);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn pace(flags: &BenchFlags) -> Result<Pace, Error> {
    match flags.rate {
        Some(rate) if rate.is_finite() && rate > 0.0 => Ok(Pace::Rate(rate)),
        Some(rate) => Err(Error::Flags(format!(
            "--rate ({rate}) must be more than 0; leave it out and give --sleep 0 for as fast as it \
             goes"
        ))),
        None if flags.round_duration <= flags.run.sleep => Err(Error::Flags(format!(
            "--round-duration ({}) must be longer than --sleep ({})",
            format_duration(flags.round_duration),
            format_duration(flags.run.sleep)
        ))),
        None => Ok(Pace::Sleep(flags.run.sleep)),
    }
}

fn tasks(flags: &BenchFlags, interrupt: &Interrupt, log: &Log) -> Result<Vec<Task>, Error> {
    if let Some(load) = flags.syscalls {
        return match &flags.run.pattern {
            None => Ok(vec![load.task()]),
            Some(pattern) => Err(Error::Flags(format!(
                "--syscalls makes system calls instead of actions: leave out '{pattern}'"
            ))),
        };
    }
    let mut selection = Selection::for_benchmark(flags.run.pattern.as_deref(), flags.run.all)?;
    for action in &selection.disabled {
        log.warn("action not enabled", &[("action", action.name.into())]);
    }
    if let Some(mut shuffle) = shuffle(&flags.run, log) {
        shuffle.shuffle(&mut selection.actions);
    }
    let context = context(interrupt)?;
    let task = |action| Task::of_action(action, &context);
    Ok(selection.actions.into_iter().map(task).collect())
}

fn sources(flags: &BenchFlags, log: &Log) -> Sources {
    let mut pid = (flags.pid != 0).then_some(flags.pid);
    if let (None, Some(engine)) = (pid, flags.engine) {
        match engine.find() {
            Ok(found) => pid = Some(found),
            Err(number) => log.warn(
                "cannot tell which process is the engine; give --pid",
                &[
                    ("program", engine.program().into()),
                    ("processes", number.into()),
                ],
            ),
        }
    }
    flags.counters.sources(pid)
}

/// An error that has to do with how the engine is set up, with what to set.
fn advised(error: Error, flags: &BenchFlags, ear: Option<&Ear>, log: &Log) -> Error {
    if let (Error::NoAlert { .. } | Error::Deaf(_), Some(engine), Some(_)) =
        (&error, flags.engine, ear)
    {
        log.warn(engine.advice(), &[]);
    }
    error
}

/// How long a moment of [`Screen`] and samples is.
pub(super) const MOMENT: Duration = Duration::from_millis(250);
