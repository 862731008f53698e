//! Removing control groups and containers when this program cannot.
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
use super::runtime::Containerd;
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
    /// Makes sure that the control group `dir` is removed when this program ends.
    pub(super) fn will_remove(&self, context: &Context, dir: &Path) -> Result<(), Failure> {
        self.tell(context, &[GROUP, dir.as_os_str().as_bytes()])
    }

    /// Makes sure that a container of a runtime is, and the directory its root lies in.
    pub(super) fn will_remove_container(
        &self,
        context: &Context,
        containerd: &Containerd,
        id: &str,
        dir: &Path,
    ) -> Result<(), Failure> {
        self.tell(
            context,
            &[
                CONTAINER,
                containerd.ctr.as_os_str().as_bytes(),
                containerd.socket.as_os_str().as_bytes(),
                id.as_bytes(),
                dir.as_os_str().as_bytes(),
            ],
        )
    }

    fn tell(&self, context: &Context, words: &[&[u8]]) -> Result<(), Failure> {
        let mut hired = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let janitor = match &mut *hired {
            Some(janitor) => janitor,
            none => none.insert(hire(context)?),
        };
        let line = [&words.join(&0)[..], b"\n"].concat();
        match &mut janitor.to {
            Some(to) => to
                .write_all(&line)
                .map_err(Failure::at("tell the process that removes containers")),
            None => Ok(()),
        }
    }
}

/// The first word of a line, which says what is to be removed. The others are separated by NUL.
const GROUP: &[u8] = b"group";
const CONTAINER: &[u8] = b"container";

fn hire(context: &Context) -> Result<Hired, Failure> {
    let step = "start the process that removes containers";
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

/// Something that may have to be removed.
enum Remains {
    Group(PathBuf),
    Container {
        containerd: Containerd,
        id: String,
        dir: PathBuf,
    },
}

impl Remains {
    fn of(line: &[u8]) -> Option<Self> {
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let path = |word: &[u8]| PathBuf::from(std::ffi::OsString::from_vec(word.to_owned()));
        match words[..] {
            [GROUP, dir] => Some(Self::Group(path(dir))),
            [CONTAINER, ctr, socket, id, dir] => Some(Self::Container {
                containerd: Containerd {
                    ctr: path(ctr),
                    socket: path(socket),
                },
                id: String::from_utf8(id.to_owned()).ok()?,
                dir: path(dir),
            }),
            _ => None,
        }
    }

    /// What shows that it is still there.
    fn dir(&self) -> &Path {
        match self {
            Self::Group(dir) | Self::Container { dir, .. } => dir,
        }
    }

    fn remove(&self) -> std::io::Result<()> {
        match self {
            Self::Group(dir) => remove(dir),
            Self::Container {
                containerd,
                id,
                dir,
            } => {
                if !dir.exists() {
                    return Ok(());
                }
                super::runtime::remove(containerd, id);
                std::fs::remove_dir_all(dir)
            }
        }
    }
}

/// The janitor's own life: reads what it may have to remove until its maker has ended.
pub(crate) fn watch() -> ExitCode {
    // Fails only for who leads a session already, which is as good.
    let _ = rustix::process::setsid();
    let mut remains = Vec::new();
    for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
        remains.extend(Remains::of(&line));
        forget_removed(&mut remains);
    }
    let left = remains.iter().filter(|one| one.remove().is_err()).count();
    if left == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Keeps the list short in a program that runs for weeks. The latest are kept in any case: they are
/// told before they are made.
fn forget_removed(remains: &mut Vec<Remains>) {
    const MANY: usize = 1024;
    const LATEST: usize = 64;
    if remains.len() < MANY {
        return;
    }
    let latest = remains.split_off(remains.len() - LATEST);
    remains.retain(|one| one.dir().exists());
    remains.extend(latest);
}
