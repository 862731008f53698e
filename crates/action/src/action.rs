//! A row of the table.

use std::fmt;

use crate::context::{Capability, Context};
use crate::failure::Failure;
use crate::prepared::Prepared;

/// One action.
pub struct Action {
    /// `package.Name`, as users select it.
    pub name: &'static str,
    /// The rule that is to notice; `None` for helpers, which have no rule.
    pub rule: Option<&'static str>,
    /// In which of the published rule sets the rule is.
    pub maturity: Maturity,
    /// Whether it runs without `--all`.
    pub enabled: bool,
    /// What it does, and what becomes of it.
    pub does: &'static str,
    /// What must be there; checked before anything is done.
    pub needs: &'static [Need],
    /// The directories in which it makes, changes or removes something.
    pub writes: &'static [&'static str],
    /// Whom it contacts: address and port. In a sandbox these addresses are its own.
    pub contacts: Option<&'static str>,
    /// How it fares in a benchmark.
    pub suitability: Suitability,
    /// Tactic (`mitre_…`) and technique (`T…`) of the rule, as its tags give them.
    pub mitre: &'static [&'static str],
    /// The name the work is done under when it is not ours, and the role the stand-in plays.
    pub spawns: Option<Spawn>,
    /// Whether the original lacks it.
    pub(crate) addition: bool,
    pub(crate) how: How,
}

/// A process that an action starts under another name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spawn {
    /// The name of the process.
    pub name: &'static str,
    /// What it does: the name of a helper action, or of what it does instead.
    pub role: &'static str,
}

/// How an action is done.
pub(crate) enum How {
    /// By what this function makes ready.
    By(fn(&Context) -> Result<Prepared, Failure>),
    /// By the program that runs actions, over a connection that this crate does not have.
    OnCluster,
}

/// Which of the published rule sets a rule is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Maturity {
    /// Loaded by default.
    Stable,
    /// Useful, with limits.
    Incubating,
    /// Experimental.
    Sandbox,
    /// Of the Kubernetes audit rules.
    Audit,
    /// No rule.
    None,
}

/// Something an action cannot do without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Effective user 0.
    Root,
    /// To run inside a container.
    Container,
    /// To run outside any container.
    Host,
    /// An effective capability.
    Capability(Capability),
    /// To be without a capability; with it the rule does not apply.
    WithoutCapability(Capability),
    /// A program in `PATH`.
    Tool(&'static str),
    /// A file that may be read.
    Read(&'static str),
    /// A directory that may be written to.
    Write(&'static str),
    /// A network namespace of its own (root, or user namespaces open to all).
    PrivateNetwork,
    /// A Kubernetes cluster.
    Kubernetes,
}

/// How an action fares as load.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Suitability {
    /// A few system calls of our own: microseconds.
    InProcess,
    /// A stand-in does it on request: tens of microseconds.
    OnRequest,
    /// Starts a process: about a millisecond.
    Process,
    /// Not for benchmarks.
    Unsuitable,
}

impl Action {
    /// Makes the action ready to run any number of times.
    ///
    /// # Errors
    /// [`Failure::Skipped`] when something it needs is missing, anything else when making it ready
    /// failed. Nothing is left behind in either case.
    pub fn prepare(&self, context: &Context) -> Result<Prepared, Failure> {
        self.check_availability()?;
        let How::By(prepare) = self.how else {
            return Err(Failure::skipped(
                "it is done on a cluster, not in a process",
            ));
        };
        for need in self.needs {
            need.check(context)?;
        }
        prepare(context)
    }

    /// Why this version cannot do it, if so.
    pub(crate) fn check_availability(&self) -> Result<(), Failure> {
        match self.how {
            How::By(_) => Ok(()),
            How::OnCluster => Err(Failure::skipped(
                "it is done on a cluster, not in a process",
            )),
        }
    }

    /// Whether it makes nothing outside the directory for temporary files.
    pub(crate) fn is_harmless(&self) -> bool {
        self.writes.iter().all(|dir| *dir == "/tmp")
    }

    /// Whether this version can do it.
    pub fn is_available(&self) -> bool {
        matches!(self.how, How::By(_) | How::OnCluster)
    }

    /// Whether the original has no such action: one of a rule that it leaves out.
    pub fn is_addition(&self) -> bool {
        self.addition
    }

    /// What it can be found by: the maturity of its rule, where it is done, what it touches, tactic and
    /// technique.
    pub fn tags(&self) -> Vec<String> {
        let mut tags = Vec::new();
        if self.rule.is_some() {
            tags.push(format!("maturity_{}", self.maturity));
        }
        if self.needs.contains(&Need::Container) {
            tags.push("container".to_owned());
        } else if self.needs.contains(&Need::Kubernetes) {
            tags.push("k8s".to_owned());
        } else {
            tags.push("host".to_owned());
        }
        if self.writes.iter().any(|dir| *dir != "/tmp") {
            tags.push("filesystem".to_owned());
        }
        if self.contacts.is_some() {
            tags.push("network".to_owned());
        }
        if self.spawns.is_some() {
            tags.push("process".to_owned());
        }
        tags.extend(self.mitre.iter().map(|tag| (*tag).to_owned()));
        tags
    }

    /// What it needs, as words to choose by: those of [`Need`], and `tool`, `read`, `write`, `network`
    /// for any of a kind.
    pub fn need_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for need in self.needs {
            words.push(need.to_string());
            let kind = match need {
                Need::Tool(_) => "tool",
                Need::Read(_) => "read",
                Need::Write(_) => "write",
                Need::PrivateNetwork => "network",
                Need::Capability(_) => "capability",
                _ => continue,
            };
            words.push(kind.to_owned());
        }
        words
    }

    /// Whether it is a helper, which no rule notices.
    pub fn is_helper(&self) -> bool {
        self.rule.is_none()
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Action").field(&self.name).finish()
    }
}

impl Need {
    fn check(self, context: &Context) -> Result<(), Failure> {
        let reason = match self {
            Self::Root if !context.is_root() => "needs root".to_owned(),
            Self::Container if !context.in_container => "only applicable to containers".to_owned(),
            Self::Host if context.in_container => "only applicable to the host".to_owned(),
            Self::Capability(wanted) if !context.has(wanted) => format!("needs {wanted}"),
            Self::WithoutCapability(bad) if context.has(bad) => {
                format!("only applicable without {bad}")
            }
            Self::Tool(tool) if context.tool(tool).is_none() => {
                format!("needs {tool}, which is not in PATH")
            }
            Self::Read(path) if rustix::fs::access(path, rustix::fs::Access::READ_OK).is_err() => {
                format!("needs {path} to be readable")
            }
            Self::Write(path)
                if rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_err() =>
            {
                format!("needs {path} to be writable")
            }
            _ => return Ok(()),
        };
        Err(Failure::skipped(reason))
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Container => f.write_str("container"),
            Self::Host => f.write_str("host"),
            Self::Capability(capability) => write!(f, "{capability}"),
            Self::WithoutCapability(capability) => write!(f, "no {capability}"),
            Self::Tool(tool) => write!(f, "tool {tool}"),
            Self::Read(path) => write!(f, "read {path}"),
            Self::Write(path) => write!(f, "write {path}"),
            Self::PrivateNetwork => f.write_str("private network"),
            Self::Kubernetes => f.write_str("kubernetes"),
        }
    }
}

impl fmt::Display for Maturity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Incubating => "incubating",
            Self::Sandbox => "sandbox",
            Self::Audit => "audit",
            Self::None => "none",
        })
    }
}

impl fmt::Display for Suitability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InProcess => "in-process",
            Self::OnRequest => "on-request",
            Self::Process => "process",
            Self::Unsuitable => "unsuitable",
        })
    }
}
