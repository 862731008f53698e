//! `run`: does actions.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use action::sandbox::{Containerd, Isolation, Janitor, Setting, Worker};
use action::{Action, Context, Failure, Need};

use super::passes;
use crate::cli::{ContainerRuntime, PassFlags, RunCommandFlags, RunFlags};
use crate::k8saudit::{self, Cluster};
use crate::log::Log;
use crate::progress::Progress;
use crate::selection::{Selection, Shuffle};
use crate::{Error, Interrupt};

/// What became of one action.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    Skipped(String),
    Failed(Failure),
    Interrupted,
}

pub(super) fn execute(
    flags: &RunCommandFlags,
    interrupt: &Interrupt,
    log: &Log,
) -> Result<ExitCode, Error> {
    let selection = select(&flags.run, &flags.passes)?;
    name_disabled(&selection, log);
    if flags.plan {
        let lines: String = selection
            .actions
            .iter()
            .map(|action| plan(action))
            .collect();
        return super::print(&lines);
    }
    let setting = setting(&flags.passes, interrupt, log)?;
    let cluster = Cluster::new(&flags.run.kubernetes);
    let total = passes::total(&flags.run, &flags.passes, selection.actions.len());
    let (progress, log) = Progress::start(total, log);
    let (done, skipped, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    passes::go(
        &flags.run,
        &flags.passes,
        selection.actions,
        interrupt,
        &log,
        |action| {
            let outcome = if k8saudit::is_on_cluster(action) {
                outcome(action, cluster.perform(action), &log)
            } else {
                one(action, &setting, &log, &new_token(), |worker| worker.act())
            };
            let count = match outcome {
                Outcome::Failed(failure) => {
                    report(action, &failure, &log);
                    &failed
                }
                Outcome::Done => {
                    log.info("action executed", &[("action", action.name.into())]);
                    &done
                }
                Outcome::Skipped(_) => &skipped,
                Outcome::Interrupted => return,
            };
            count.fetch_add(1, Ordering::Relaxed);
            progress.step(format!(
                "{} done, {} skipped, {} failed",
                done.load(Ordering::Relaxed),
                skipped.load(Ordering::Relaxed),
                failed.load(Ordering::Relaxed)
            ));
        },
    );
    progress.finish();
    let failed = failed.into_inner();
    if failed > 0 {
        log.error("actions failed", &[("failed", failed.into())]);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The actions that the expression and the names mean.
pub(super) fn select(run: &RunFlags, passes: &PassFlags) -> Result<Selection, Error> {
    Selection::named(run.pattern.as_deref(), &passes.action, run.all)
}

/// How actions are done here. What earlier programs left behind is removed first.
pub(super) fn setting(
    flags: &PassFlags,
    interrupt: &Interrupt,
    log: &Log,
) -> Result<Setting, Error> {
    action::sandbox::sweep();
    let journals = flags
        .journal_directory
        .clone()
        .unwrap_or_else(action::journal::default_directory);
    let undone = action::journal::repair(&journals).map_err(Error::io(format!(
        "repair what {} tells",
        journals.display()
    )))?;
    for path in undone {
        let path = path.display().to_string();
        log.warn("removed what an earlier run left", &[("path", path.into())]);
    }
    let context = context(interrupt)?;
    Ok(Setting {
        runtime: runtime(flags, &context)?,
        context,
        isolation: if flags.in_place {
            Isolation::InPlace
        } else {
            Isolation::Sandbox
        },
        janitor: Janitor::default(),
        journals,
        limit: flags.action_timeout,
    })
}

/// The runtime that makes containers, if one is asked for.
fn runtime(flags: &PassFlags, context: &Context) -> Result<Option<Containerd>, Error> {
    let Some(ContainerRuntime::Containerd) = flags.container_runtime else {
        return Ok(None);
    };
    let socket = &flags.container_runtime_unix_socket;
    let path = socket.to_str().map_or(socket.as_path(), |text| {
        let path = text.strip_prefix("unix:").unwrap_or(text);
        Path::new(path.strip_prefix("//").unwrap_or(path))
    });
    if !path.exists() {
        return Err(Error::Flags(format!(
            "there is no containerd at {}: is it running? (--container-runtime-unix-socket)",
            path.display()
        )));
    }
    let ctr = context.tool("ctr").ok_or_else(|| {
        Error::Flags("--container-runtime containerd needs ctr, which is not in PATH".to_owned())
    })?;
    Ok(Some(Containerd {
        ctr,
        socket: path.to_owned(),
    }))
}

/// A name for the processes of one action that no other action has.
pub(super) fn new_token() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let moment = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // With a letter at the end, so that none begins another.
    format!("eg-{}-{moment:x}-{count}x", std::process::id())
}

/// Starts the process of one action, has `act` use it, and ends it.
pub(super) fn one(
    action: &'static Action,
    setting: &Setting,
    log: &Log,
    token: &str,
    act: impl FnOnce(&mut Worker) -> Result<(), Failure>,
) -> Outcome {
    let name = || ("action", action.name.into());
    if let Some(spawn) = action.spawns {
        log.info(
            &format!("spawn as \"{}\"", spawn.name),
            &[name(), ("args", spawn.role.into())],
        );
    }
    let result = Worker::start(action, setting, token).and_then(|mut worker| act(&mut worker));
    outcome(action, result, log)
}

/// What became of an action; that it was skipped is logged.
pub(super) fn outcome(action: &Action, result: Result<(), Failure>, log: &Log) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(Failure::Skipped { reason }) => {
            let reason = reason.into_owned();
            log.warn(
                "action skipped",
                &[
                    ("action", action.name.into()),
                    ("reason", reason.clone().into()),
                ],
            );
            Outcome::Skipped(reason)
        }
        Err(Failure::Interrupted) => Outcome::Interrupted,
        Err(failure) => Outcome::Failed(failure),
    }
}

/// What would be done, on one line.
fn plan(action: &Action) -> String {
    let place = if k8saudit::is_on_cluster(action) {
        "on a cluster"
    } else if action.needs.contains(&Need::Container) {
        "in a container"
    } else {
        "in private namespaces"
    };
    format!("{}: {} ({place})\n", action.name, action.does)
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
