//! Starting an engine under its limits, and ending it.

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ::capacity::diagnosis::Limits;
use rustix::process::{Pid, Signal, kill_process};

use super::cgroup::{Group, Hierarchies};
use super::limited;
use crate::{Error, Interrupt};

/// How long an engine may take to end when asked to, before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many bytes of what an engine said are shown when it ends too early.
const SHOWN: usize = 2000;

/// An engine that we started. It ends, and its group is removed, when this is dropped.
#[derive(Debug)]
pub(super) struct Launched {
    child: Child,
    group: Option<Group>,
    said: PathBuf,
}

impl Launched {
    /// Starts `program` with its arguments under `limits`, on these CPUs or on all; what it says goes
    /// to a file in `folder`.
    ///
    /// # Errors
    /// When the limits cannot be set, or it cannot be started.
    pub(super) fn start(
        program: &[String],
        limits: Limits,
        cpus: Option<&Range<usize>>,
        number: u32,
        folder: &Path,
    ) -> Result<Self, Error> {
        let group = if limits == Limits::default() {
            None
        } else {
            Some(Group::new(&Hierarchies::find()?, number, limits)?)
        };
        let doors = group.as_ref().map(Group::doors).unwrap_or_default();
        let said = folder.join("engine.log");
        let start = || -> std::io::Result<Child> {
            limited::command(&doors, cpus, program)?
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(File::create(&said)?)
                .spawn()
        };
        let child = start().map_err(Error::io(format!("start {}", program[0])))?;
        Ok(Self { child, group, said })
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The group that limits it, if it is limited.
    pub(super) fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// Waits until `is_ready`.
    ///
    /// # Errors
    /// When it ends before that, or time is up; with what it said.
    pub(super) fn wait_until(
        &mut self,
        timeout: Duration,
        interrupt: &Interrupt,
        mut is_ready: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + timeout;
        while !is_ready() {
            if let Some(status) = self.has_ended() {
                return Err(Error::Engine(format!(
                    "ended at its start with {status}{}",
                    self.words()
                )));
            }
            if Instant::now() >= deadline {
                return Err(Error::Engine(format!(
                    "is not ready after {timeout:?} (--start-timeout){}",
                    self.words()
                )));
            }
            if !interrupt.sleep(Duration::from_millis(20)) {
                break;
            }
        }
        Ok(())
    }

    /// What an error comes from: the end of the engine, if it has ended.
    pub(super) fn explain(&mut self, error: Error) -> Error {
        match self.has_ended() {
            Some(status) => {
                Error::Engine(format!("ended at its start with {status}{}", self.words()))
            }
            None => error,
        }
    }

    /// How it ended, if it has.
    pub(super) fn has_ended(&mut self) -> Option<String> {
        self.child
            .try_wait()
            .ok()
            .flatten()
            .map(|status| status.to_string())
    }

    /// The end of what it said, after a colon; nothing if it said nothing.
    pub(super) fn words(&self) -> String {
        let text = fs::read(&self.said).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(SHOWN)..]);
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let last = &lines[lines.len().saturating_sub(5)..];
        if last.is_empty() {
            String::new()
        } else {
            format!(": {}", last.join(" / "))
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
            && matches!(self.child.try_wait(), Ok(None))
        {
            let _ = kill_process(pid, Signal::TERM);
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        // Without effect on one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
