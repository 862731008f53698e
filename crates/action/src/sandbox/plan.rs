//! What a process is to do and where, as its parent tells it in the environment.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::process::{Pid, Signal};

use crate::failure::Failure;

/// Environment variable that holds the plan.
pub(crate) const PLAN: &str = "EVENT_GENERATOR_SANDBOX";

/// Environment variable by which the processes of an action are known: an engine that reports it
/// (`proc.env[EVENT_GENERATOR_TOKEN]`) says whose alert it is.
pub const TOKEN: &str = "EVENT_GENERATOR_TOKEN";

/// The role of a process that does one action on the host.
pub(crate) const ACT: &str = "act";
/// The role of a process that makes a container and waits for it.
pub(crate) const LAUNCH: &str = "launch-container";
/// The role of the first process in a container, before it becomes the one that acts.
pub(crate) const INIT: &str = "container-init";
/// The role of the process that removes what outlives us.
pub(crate) const JANITOR: &str = "janitor";

/// How far an action is kept from the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Isolation {
    /// In private namespaces.
    Sandbox,
    /// On the machine itself; what is made is written down first and removed afterwards.
    InPlace,
}

/// Where an action is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Host,
    Bare {
        /// Where to write down what is made.
        journal: PathBuf,
    },
    Container {
        privileged: bool,
        cgroups: Vec<PathBuf>,
    },
    /// In a container that a runtime has made.
    Runtime,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    pub(super) action: String,
    /// The program to start as a stand-in.
    pub(super) program: PathBuf,
    /// The process that must be alive for this one to live.
    pub(super) parent: u32,
    /// The number of the network namespace we came from.
    pub(super) outer_network: u64,
    pub(super) place: Place,
}

impl Plan {
    /// One `key=value` a line; a list repeats its key. Paths with a newline cannot be told.
    pub(super) fn encode(&self) -> OsString {
        let mut text = Vec::new();
        let mut line = |key: &str, value: &[u8]| {
            text.extend_from_slice(key.as_bytes());
            text.push(b'=');
            text.extend_from_slice(value);
            text.push(b'\n');
        };
        line("action", self.action.as_bytes());
        line("program", self.program.as_os_str().as_bytes());
        line("parent", self.parent.to_string().as_bytes());
        line("outer_network", self.outer_network.to_string().as_bytes());
        match &self.place {
            Place::Host => line("place", b"host"),
            Place::Runtime => line("place", b"runtime"),
            Place::Bare { journal } => {
                line("place", b"in-place");
                line("journal", journal.as_os_str().as_bytes());
            }
            Place::Container {
                privileged,
                cgroups,
            } => {
                line(
                    "place",
                    if *privileged {
                        b"privileged"
                    } else {
                        b"container"
                    },
                );
                for path in cgroups {
                    line("cgroup", path.as_os_str().as_bytes());
                }
            }
        }
        OsString::from_vec(text)
    }

    pub(super) fn decode(text: &std::ffi::OsStr) -> Option<Self> {
        let mut pairs = Vec::new();
        for line in text.as_bytes().split(|byte| *byte == b'\n') {
            if let Some(at) = line.iter().position(|byte| *byte == b'=') {
                pairs.push((&line[..at], &line[at + 1..]));
            }
        }
        let all = |key: &str| {
            let key = key.to_owned();
            pairs
                .iter()
                .filter(move |(name, _)| *name == key.as_bytes())
                .map(|(_, value)| *value)
        };
        let one = |key: &str| all(key).next();
        let text = |key: &str| std::str::from_utf8(one(key)?).ok();
        let path = |value: &[u8]| PathBuf::from(OsString::from_vec(value.to_owned()));
        let container = |privileged| Place::Container {
            privileged,
            cgroups: all("cgroup").map(path).collect(),
        };
        Some(Self {
            action: text("action")?.to_owned(),
            program: path(one("program")?),
            parent: text("parent")?.parse().ok()?,
            outer_network: text("outer_network")?.parse().ok()?,
            place: match text("place")? {
                "host" => Place::Host,
                "runtime" => Place::Runtime,
                "in-place" => Place::Bare {
                    journal: path(one("journal")?),
                },
                "container" => container(false),
                "privileged" => container(true),
                _ => return None,
            },
        })
    }

    /// The plan of this process.
    pub(super) fn of_this_process() -> Result<Self, Failure> {
        std::env::var_os(PLAN)
            .and_then(|text| Self::decode(&text))
            .ok_or_else(|| {
                let error = std::io::Error::other("it is missing or unreadable");
                Failure::at("read the plan in EVENT_GENERATOR_SANDBOX")(error)
            })
    }
}

/// The number of this process's network namespace.
pub(super) fn network_namespace() -> std::io::Result<u64> {
    Ok(std::fs::metadata("/proc/self/ns/net")?.ino())
}

/// Whether this process is in a network of the sandbox's, in which nobody else is.
pub(crate) fn has_private_network() -> bool {
    let Ok(plan) = Plan::of_this_process() else {
        return false;
    };
    network_namespace().is_ok_and(|here| here != plan.outer_network)
}

/// Has the kernel kill this process when the thread that started it ends; ends it now if that has
/// happened already. `parent` is `None` where the parent cannot be seen, in a process namespace.
pub(crate) fn die_with(parent: Option<u32>) -> Result<(), Failure> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(Failure::at("ask to die with the parent"))?;
    let alive = match parent {
        Some(parent) => {
            rustix::process::getppid().map(Pid::as_raw_nonzero)
                == i32::try_from(parent).ok().and_then(std::num::NonZero::new)
        }
        None => true,
    };
    if alive {
        Ok(())
    } else {
        Err(Failure::Interrupted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_back() {
        for place in [
            Place::Host,
            Place::Runtime,
            Place::Bare {
                journal: "/var/lib/x=y".into(),
            },
            Place::Container {
                privileged: true,
                cgroups: vec!["/sys/fs/cgroup/a".into(), "/sys/fs/cgroup/b".into()],
            },
            Place::Container {
                privileged: false,
                cgroups: Vec::new(),
            },
        ] {
            let plan = Plan {
                action: "syscall.X".to_owned(),
                program: "/a program".into(),
                parent: 7,
                outer_network: 4_026_531_840,
                place,
            };
            assert_eq!(Plan::decode(&plan.encode()), Some(plan));
        }
        assert_eq!(Plan::decode("action=x\nplace=nowhere\n".as_ref()), None);
    }
}
