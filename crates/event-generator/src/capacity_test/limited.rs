//! A program inside cgroups: it joins them first and only then becomes what it is to be, so that
//! nothing that it does escapes the limits.
//!
//! Joining happens in a process of this very program, which then executes the other one. The kernel
//! is asked to kill it when we end, however we end.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The command that nobody types.
pub(crate) const NAME: &str = "__limited";

/// The command that becomes `program` inside the groups with these doors, on these CPUs or on all.
pub(super) fn command(
    doors: &[PathBuf],
    cpus: Option<&Range<usize>>,
    program: &[String],
) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(NAME)
        .arg(std::process::id().to_string())
        .arg(cpus.map_or("-".to_owned(), |cpus| {
            format!("{}-{}", cpus.start, cpus.end)
        }))
        .args(doors)
        .arg("--")
        .args(program);
    Ok(command)
}

/// Plays that command, if the arguments ask for it:
/// `__limited PARENT CPUS DOOR… -- PROGRAM ARGUMENT…`. CPUs are `FIRST-END`, without the end, or `-` for
/// all.
/// Returns only when it is not meant, or with what kept it from becoming the other program.
pub(crate) fn main(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, name, parent, cpus, rest @ ..] = arguments else {
        return None;
    };
    if name != NAME {
        return None;
    }
    let error = become_program(parent, cpus, rest);
    crate::log::Log::to_stderr(crate::log::Level::Info, crate::log::Format::Text).fatal(
        "error starting the engine",
        &[("error", error.to_string().into())],
    );
    Some(ExitCode::FAILURE)
}

/// Keeps this thread, and those that it starts from now on, on these CPUs.
pub(super) fn stay_on(cpus: impl IntoIterator<Item = usize>) -> io::Result<()> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(cpu);
    }
    sched_setaffinity(None, &set)?;
    Ok(())
}

fn range(text: &str) -> Option<(usize, usize)> {
    let (first, end) = text.split_once('-')?;
    let (first, end) = (first.parse().ok()?, end.parse().ok()?);
    (first < end).then_some((first, end))
}

fn become_program(parent: &OsStr, cpus: &OsStr, rest: &[OsString]) -> io::Error {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let Some(end) = rest.iter().position(|argument| argument == "--") else {
        return invalid();
    };
    let (doors, program) = (&rest[..end], &rest[end + 1..]);
    let Some((path, arguments)) = program.split_first() else {
        return invalid();
    };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // It may have ended before that.
    let lives = getppid().is_some_and(|pid| {
        parent
            .to_str()
            .is_some_and(|parent| parent == pid.as_raw_nonzero().to_string())
    });
    if !lives {
        return io::Error::other("the event generator has ended");
    }
    if let Some((first, end)) = cpus.to_str().and_then(range)
        && let Err(error) = stay_on(first..end)
    {
        return io::Error::other(format!(
            "cannot stay on CPUs {first} to {}: {error}",
            end - 1
        ));
    }
    for door in doors {
        if let Err(error) = fs::write(door, std::process::id().to_string()) {
            return io::Error::other(format!("cannot join {}: {error}", door.display()));
        }
    }
    let error = Command::new(path).args(arguments).exec();
    io::Error::other(format!("cannot execute {}: {error}", path.display()))
}
