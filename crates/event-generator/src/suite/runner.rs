//! Runs one test: starts its keeper, hears what becomes of it, and leaves nothing behind.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use action::sandbox::Cgroups;
use suite::Test;

use super::channel::{Heard, Listener, Message, channel};
use super::child;
use super::plan::{Plan, Stage, Surroundings, inherit, number};
use super::tree;
use crate::Interrupt;

/// How long an interruption may go unnoticed.
const EAR: Duration = Duration::from_millis(50);

/// What became of a test.
#[derive(Debug)]
pub(super) struct Ran {
    /// Why it could not be done, if so.
    pub(super) error: Option<String>,
    /// Why it was not tried, if so.
    pub(super) skipped: Option<String>,
    /// Its processes that alerts may be about.
    pub(super) pids: HashSet<i32>,
    /// What marks its processes.
    pub(super) token: String,
    /// How long it took.
    pub(super) took: Duration,
    /// When it was over.
    pub(super) ended: Instant,
}

/// Runs a test until `deadline` at the latest.
pub(super) fn run(
    test: &Test,
    token: &str,
    in_place: bool,
    deadline: Instant,
    interrupt: &Interrupt,
) -> Ran {
    let began = Instant::now();
    let mut ran = Ran {
        error: None,
        skipped: test.skip.clone(),
        pids: HashSet::new(),
        token: token.to_owned(),
        took: Duration::ZERO,
        ended: began,
    };
    if ran.skipped.is_none() {
        let mut left = HashSet::new();
        let result = surroundings(test, in_place).and_then(|surroundings| {
            attempt(
                test,
                token,
                &surroundings,
                deadline,
                interrupt,
                &mut ran.pids,
                &mut left,
            )
        });
        ran.error = result.err();
        // What private files had is gone with them; what was made in place is not.
        if in_place {
            remove(left);
        }
    }
    ran.ended = Instant::now();
    ran.took = ran.ended - began;
    ran
}

/// What a test needs around it, and whether that can be had.
fn surroundings(test: &Test, in_place: bool) -> Result<Surroundings, String> {
    // The groups are made when all else is known to be possible.
    let container = test.container.as_ref().map(|_| Vec::new());
    let network = container.is_some() || child::needs_network(test);
    let is_root = rustix::process::geteuid().is_root();
    if !is_root && (container.is_some() || network || !in_place) {
        return Err(if container.is_some() {
            "a container needs root".to_owned()
        } else if network {
            "a private network needs root, and packets are not sent to others without one"
                .to_owned()
        } else {
            "private files need root; with --in-place tests change files where they are".to_owned()
        });
    }
    if in_place && container.is_some() {
        return Err("a container has private files; leave --in-place out".to_owned());
    }
    if in_place && child::mounts_something(test) {
        return Err("mounts are made in private files only; leave --in-place out".to_owned());
    }
    Ok(Surroundings {
        in_place,
        container,
        network,
    })
}

fn attempt(
    test: &Test,
    token: &str,
    surroundings: &Surroundings,
    deadline: Instant,
    interrupt: &Interrupt,
    pids: &mut HashSet<i32>,
    left: &mut HashSet<String>,
) -> Result<(), String> {
    let internal = |error: io::Error| format!("cannot start the test: {error}");
    let (listener, speaker) = channel().map_err(internal)?;
    let mut surroundings = surroundings.clone();
    // Removed when the test has ended.
    let _groups = match &mut surroundings.container {
        Some(dirs) => {
            let groups = Cgroups::make(|_| ()).map_err(|failure| failure.to_string())?;
            groups.dirs().clone_into(dirs);
            Some(groups)
        }
        None => None,
    };
    let plan = Plan {
        stage: Stage::Keeper,
        report: number(&speaker.0),
        token: token.to_owned(),
        test: test.clone(),
        launches: Vec::new(),
        surroundings,
    };
    let memfd = plan.seal().map_err(internal)?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("event-generator")
        .stdin(Stdio::null())
        // Standard output is for reports alone.
        .stdout(stderr().map_err(internal)?);
    let inherited = [memfd, speaker.0];
    #[expect(
        unsafe_code,
        reason = "only the child of this command is to inherit the descriptors"
    )]
    // SAFETY: between fork and execution only fcntl is called.
    unsafe {
        command.pre_exec(move || inherited.iter().try_for_each(|fd| inherit(fd.as_fd())));
    }
    let mut keeper = command.spawn().map_err(internal)?;
    // The closure holds our copies of the descriptors: without them the channel ends with the test.
    drop(command);
    let own = Instant::now() + test.timeout;
    let outcome = hear(&listener, own.min(deadline), interrupt, pids, left);
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(Ended::Said(error)) => Err(error),
        Err(Ended::Interrupted) => Err("interrupted".to_owned()),
        Err(Ended::TooLong) if own <= deadline => Err(format!(
            "it took longer than {}",
            crate::go::format_duration(test.timeout)
        )),
        Err(Ended::TooLong) => Err("the suite took longer than --timeout".to_owned()),
        Err(Ended::Silent) => Err("its processes ended without a word".to_owned()),
    };
    // When all went well they have ended by themselves, and this is nothing but a look.
    if outcome.is_err()
        && let Ok(root) = i32::try_from(keeper.id())
    {
        tree::kill_below(root);
    }
    let _ = keeper.kill();
    let _ = keeper.wait();
    // Children that die with their parents need a moment; the channel ends with the last of them.
    let moment = Instant::now() + Duration::from_secs(5);
    while Instant::now() < moment {
        match listener.hear(moment) {
            Ok(Heard::Message(message, _)) => note(message, left),
            Ok(Heard::Nothing) => {}
            Ok(Heard::End) | Err(_) => break,
        }
    }
    outcome
}

/// A copy of standard error, for the output of tests.
fn stderr() -> io::Result<Stdio> {
    Ok(io::stderr().as_fd().try_clone_to_owned()?.into())
}

enum Ended {
    Said(String),
    TooLong,
    Silent,
    Interrupted,
}

/// Hears the processes of a test until it is over.
fn hear(
    listener: &Listener,
    deadline: Instant,
    interrupt: &Interrupt,
    pids: &mut HashSet<i32>,
    left: &mut HashSet<String>,
) -> Result<(), Ended> {
    let mut outcome: Option<Result<(), Ended>> = None;
    loop {
        if interrupt.is_set() {
            return Err(Ended::Interrupted);
        }
        let now = Instant::now();
        if now >= deadline {
            return outcome.unwrap_or(Err(Ended::TooLong));
        }
        match listener.hear(deadline.min(now + EAR)) {
            Ok(Heard::Message(Message::Here, sender)) => {
                pids.insert(sender);
            }
            Ok(Heard::Message(Message::Done, _)) => {
                outcome.get_or_insert(Ok(()));
            }
            Ok(Heard::Message(Message::Failed { at, error }, _)) => {
                // The first is the cause of the others.
                outcome.get_or_insert(Err(Ended::Said(format!("{at}: {error}"))));
            }
            Ok(Heard::Message(message, _)) => note(message, left),
            Ok(Heard::Nothing) => {}
            Ok(Heard::End) => return outcome.unwrap_or(Err(Ended::Silent)),
            Err(error) => {
                return Err(Ended::Said(format!(
                    "its processes cannot be heard: {error}"
                )));
            }
        }
    }
}

fn note(message: Message, left: &mut HashSet<String>) {
    match message {
        Message::Makes(path) => {
            left.insert(path);
        }
        Message::Gone(path) => {
            left.remove(&path);
        }
        _ => {}
    }
}

/// Removes what a test that was killed has left, innermost first.
fn remove(left: HashSet<String>) {
    let mut paths: Vec<String> = left.into_iter().collect();
    paths.sort_unstable_by_key(|path| std::cmp::Reverse(path.len()));
    for path in paths.iter().map(Path::new) {
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => {
                let _ = std::fs::remove_dir(path);
            }
            Ok(_) => {
                let _ = std::fs::remove_file(path);
            }
            Err(_) => {}
        }
    }
}
