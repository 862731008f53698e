//! `run`: does actions.

use std::process::ExitCode;

use action::{Action, Context, Failure};

use crate::cli::RunFlags;
use crate::log::Log;
use crate::selection::{Selection, Shuffle};
use crate::{Error, Interrupt};

/// What became of one action.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    Skipped,
    Failed(Failure),
    Interrupted,
}

pub(super) fn execute(
    flags: &RunFlags,
    interrupt: &Interrupt,
    log: &Log,
) -> Result<ExitCode, Error> {
    let selection = Selection::of(flags.pattern.as_deref(), flags.all)?;
    name_disabled(&selection, log);
    let context = context(interrupt)?;
    let mut failed = 0_usize;
    passes(
        flags,
        selection.actions,
        interrupt,
        log,
        |action| match one(action, flags, &context, interrupt, log) {
            Outcome::Failed(failure) => {
                report(action, &failure, log);
                failed += 1;
            }
            Outcome::Done | Outcome::Skipped | Outcome::Interrupted => {}
        },
    );
    if failed > 0 {
        log.error("actions failed", &[("failed", failed.into())]);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Goes over the actions once, or with `--loop` until interrupted.
pub(super) fn passes(
    flags: &RunFlags,
    mut actions: Vec<&'static Action>,
    interrupt: &Interrupt,
    log: &Log,
    mut each: impl FnMut(&'static Action),
) {
    let mut shuffle = shuffle(flags, log);
    loop {
        if let Some(shuffle) = &mut shuffle {
            shuffle.shuffle(&mut actions);
        }
        for action in &actions {
            each(action);
            if interrupt.is_set() {
                let message = format!("received {}, shutting down", interrupt.signal());
                log.info(&message, &[]);
                log.info("shutdown completed", &[]);
                return;
            }
        }
        if !flags.looped {
            return;
        }
        log.debug("restart loop", &[]);
    }
}

/// The random order, if one was asked for; its seed is logged so that it can be had again.
pub(crate) fn shuffle(flags: &RunFlags, log: &Log) -> Option<Shuffle> {
    if !flags.random && flags.seed.is_none() {
        return None;
    }
    let seed = flags.seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |since| {
            since.as_secs() ^ u64::from(since.subsec_nanos()).rotate_left(32)
        })
    });
    log.info("random order", &[("seed", seed.into())]);
    Some(Shuffle::new(seed))
}

/// Waits, does one action and undoes it.
pub(super) fn one(
    action: &Action,
    flags: &RunFlags,
    context: &Context,
    interrupt: &Interrupt,
    log: &Log,
) -> Outcome {
    let name = || ("action", action.name.into());
    if !flags.sleep.is_zero() {
        let message = format!("sleep for {}", crate::go::format_duration(flags.sleep));
        log.info(&message, &[name()]);
        if !interrupt.sleep(flags.sleep) {
            return Outcome::Interrupted;
        }
    }
    if let Some(spawn) = action.spawns {
        log.info(
            &format!("spawn as \"{}\"", spawn.name),
            &[name(), ("args", spawn.role.into())],
        );
    }
    match action
        .prepare(context)
        .and_then(|mut prepared| prepared.run())
    {
        Ok(()) => {
            log.info("action executed", &[name()]);
            Outcome::Done
        }
        Err(Failure::Skipped { reason }) => {
            log.warn(
                "action skipped",
                &[name(), ("reason", reason.into_owned().into())],
            );
            Outcome::Skipped
        }
        Err(Failure::Interrupted) => Outcome::Interrupted,
        Err(failure) => Outcome::Failed(failure),
    }
}

pub(super) fn report(action: &Action, failure: &Failure, log: &Log) {
    log.error(
        "action error",
        &[
            ("action", action.name.into()),
            ("error", failure.to_string().into()),
        ],
    );
}

/// Says which actions were meant but do not run.
pub(super) fn name_disabled(selection: &Selection, log: &Log) {
    for action in &selection.disabled {
        log.debug("action not enabled", &[("action", action.name.into())]);
    }
}

/// This machine, with the interruption that actions look at.
pub(crate) fn context(interrupt: &Interrupt) -> Result<Context, Error> {
    let mut context = Context::of_this_process().map_err(Error::io("read /proc/self"))?;
    context.cancel = interrupt.cancel().clone();
    Ok(context)
}
