//! Removing control groups when this program cannot.
//!
//! Everything else of a container ends with its processes. The directory of a control group does not,
//! so a process of its own waits for the end of this program and removes those that are left. It leads
//! a session of its own: what ends a terminal, or all processes of one, does not reach it.

use std::io::{BufRead, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use super::cgroup::remove;
use super::plan::JANITOR;
use crate::context::Context;
use crate::failure::Failure;
use crate::stand_in::ROLE;

/// This program's janitor. It starts with the first container.
#[derive(Clone, Debug, Default)]
pub struct Janitor(Arc<Mutex<Option<Hired>>>);

#[derive(Debug)]
struct Hired {
    process: Child,
    /// What it is told; its end is our end.
    to: Option<ChildStdin>,
}

impl Janitor {
    /// Makes sure that `dir` is removed when this program ends.
    pub(super) fn will_remove(&self, context: &Context, dir: &Path) -> Result<(), Failure> {
        let mut hired = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let step = "tell the process that removes control groups";
        let janitor = match &mut *hired {
            Some(janitor) => janitor,
            none => none.insert(hire(context)?),
        };
        let line = [dir.as_os_str().as_bytes(), b"\n"].concat();
        match &mut janitor.to {
            Some(to) => to.write_all(&line).map_err(Failure::at(step)),
            None => Ok(()),
        }
    }
}

fn hire(context: &Context) -> Result<Hired, Failure> {
    let step = "start the process that removes control groups";
    let mut process = Command::new(&context.program)
        .env(ROLE, JANITOR)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .spawn()
        .map_err(Failure::at(step))?;
    let to = process.stdin.take();
    Ok(Hired { process, to })
}

impl Drop for Hired {
    fn drop(&mut self) {
        // It ends when there is no more to hear.
        self.to = None;
        let _ = self.process.wait();
    }
}

/// The janitor's own life: reads what it may have to remove until its maker has ended.
pub(crate) fn watch() -> ExitCode {
    // Fails only for who leads a session already, which is as good.
    let _ = rustix::process::setsid();
    let mut dirs = Vec::new();
    for line in std::io::stdin().lock().split(b'\n') {
        match line {
            Ok(line) => dirs.push(PathBuf::from(std::ffi::OsString::from_vec(line))),
            Err(_) => break,
        }
        forget_removed(&mut dirs);
    }
    let left = dirs.iter().filter(|dir| remove(dir).is_err()).count();
    if left == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Keeps the list short in a program that runs for weeks. The latest are kept in any case: they are
/// told before they are made.
fn forget_removed(dirs: &mut Vec<PathBuf>) {
    const MANY: usize = 1024;
    const LATEST: usize = 64;
    if dirs.len() < MANY {
        return;
    }
    let latest = dirs.split_off(dirs.len() - LATEST);
    dirs.retain(|dir| dir.exists());
    dirs.extend(latest);
}
