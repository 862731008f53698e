//! The end of this program: starting the process that acts, asking it, ending it.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use super::Janitor;
use super::cgroup::Cgroups;
use super::plan::{ACT, Isolation, LAUNCH, PLAN, Place, Plan, TOKEN, network_namespace};
use super::runtime::{Container, Containerd};
use crate::action::{Action, Need};
use crate::context::{Cancel, Capability, Context};
use crate::failure::Failure;
use crate::journal::Journal;
use crate::stand_in::{Answer, ROLE};
use crate::wait::{Reaped, adopt};

/// How long an interruption may go unheard.
const EAR: Duration = Duration::from_millis(20);

/// How long a process may need to undo what it did in place.
const UNDOING: Duration = Duration::from_secs(5);

/// What of the environment a process that acts inherits. The rest could set off rules of its own, and
/// push the token out of what an engine reads.
const INHERITED: &[&str] = &["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"];

/// How actions are done.
#[derive(Clone, Debug)]
pub struct Setting {
    /// This machine.
    pub context: Context,
    /// How far from it they are kept.
    pub isolation: Isolation,
    /// The runtime that makes containers; without one, we do.
    pub runtime: Option<Containerd>,
    /// Removes what outlives this program.
    pub janitor: Janitor,
    /// Where journals lie, in place.
    pub journals: PathBuf,
    /// How long an action may take, with all that makes it ready, before it is killed.
    pub limit: Duration,
}

/// A process that does one action when it is asked to.
#[derive(Debug)]
pub struct Worker {
    name: &'static str,
    to: Option<ChildStdin>,
    from: ChildStdout,
    process: Reaped,
    cancel: Cancel,
    limit: Duration,
    undoes: bool,
    // After the process, so that they are empty and what it made is known when their turn comes.
    cgroups: Option<Cgroups>,
    container: Option<Container>,
    /// What the runtime complains of.
    complaints: Option<ChildStderr>,
    _journal: Option<Journal>,
}

impl Worker {
    /// Starts a process for `action` and waits until it is ready. It and all that it starts have `token`
    /// in their environment ([`TOKEN`]).
    ///
    /// # Errors
    /// [`Failure::Skipped`] when something the action needs is missing here, [`Failure::Interrupted`],
    /// or what went wrong. Nothing is left in either case.
    pub fn start(action: &'static Action, setting: &Setting, token: &str) -> Result<Self, Failure> {
        if setting.context.cancel.is_cancelled() {
            return Err(Failure::Interrupted);
        }
        action.check_availability()?;
        let context = &setting.context;
        let (mut cgroups, mut container, mut journal) = (None, None, None);
        let privileged = is_privileged(action);
        let place = if setting.isolation == Isolation::InPlace {
            let journal = journal.insert(Journal::make(&setting.journals)?);
            Place::Bare {
                journal: journal.path().to_owned(),
            }
        } else if !action.needs.contains(&Need::Container) || context.in_container {
            Place::Host
        } else if !context.is_root() {
            return Err(Failure::skipped("needs root to make a container"));
        } else if let Some(containerd) = &setting.runtime {
            let made = container.insert(Container::prepare(containerd)?);
            let (id, dir) = made.remains();
            setting
                .janitor
                .will_remove_container(context, containerd, &id, &dir)?;
            Place::Runtime
        } else {
            let mut untold = None;
            let groups = Cgroups::make(|dir| {
                let told = setting.janitor.will_remove(context, dir);
                untold = untold.take().or(told.err());
            })?;
            if let Some(failure) = untold {
                return Err(failure);
            }
            Place::Container {
                privileged,
                cgroups: cgroups.insert(groups).dirs.clone(),
            }
        };
        let step = "read this process's network namespace";
        let plan = Plan {
            action: action.name.to_owned(),
            program: context.program.clone(),
            parent: std::process::id(),
            outer_network: network_namespace().map_err(Failure::at(step))?,
            place,
        };
        let command = match &container {
            Some(container) => in_runtime(container, &plan, token, privileged),
            None => on_this_machine(&plan, token),
        };
        let (process, to, from, complaints) = spawn(command)?;
        let mut worker = Self {
            name: action.name,
            to: Some(to),
            from,
            process,
            cancel: context.cancel.clone(),
            limit: setting.limit,
            undoes: matches!(plan.place, Place::Bare { .. }),
            cgroups,
            container,
            complaints,
            _journal: journal,
        };
        worker.answer()?;
        Ok(worker)
    }

    /// Has the action done once.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn act(&mut self) -> Result<(), Failure> {
        let asked = self.to.as_mut().map(|to| to.write_all(&[0]));
        if let Some(Err(error)) = asked {
            return Err(self.gone(error));
        }
        self.answer()
    }

    /// The process that was started. What it starts in turn descends from it.
    pub fn pid(&self) -> u32 {
        self.process.pid().as_raw_nonzero().get().unsigned_abs()
    }

    /// The first 12 digits of the id of the container that was made for the action, if one was.
    pub fn container_id(&self) -> Option<String> {
        match (&self.cgroups, &self.container) {
            (Some(groups), _) => groups.short_id(),
            (None, container) => Some(container.as_ref()?.short_id()),
        }
    }

    /// Why nothing can be heard of the process.
    fn gone(&mut self, error: io::Error) -> Failure {
        if self.cancel.is_cancelled() {
            return Failure::Interrupted;
        }
        let mut text = String::new();
        if let Some(complaints) = &mut self.complaints {
            let _ = complaints.read_to_string(&mut text);
        }
        match text.trim() {
            "" => Failure::at("talk to the process that acts")(error),
            text => Failure::Elsewhere(text.to_owned()),
        }
    }

    /// Reads an answer, with an ear for interruption.
    fn answer(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + self.limit;
        let mut answer = Answer::default();
        loop {
            if self.cancel.is_cancelled() {
                return Err(Failure::Interrupted);
            }
            if Instant::now() > deadline {
                return Err(Failure::TimedOut {
                    what: self.name.to_owned(),
                    limit: self.limit,
                });
            }
            let timeout = Timespec::try_from(EAR).map_err(|_| Failure::Interrupted)?;
            match poll(
                &mut [PollFd::new(&self.from, PollFlags::IN)],
                Some(&timeout),
            ) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(errno) => return Err(self.gone(errno.into())),
            }
            let mut bytes = [0; 64];
            let wanted = answer.missing().min(bytes.len());
            match self.from.read(&mut bytes[..wanted]) {
                Ok(0) => return Err(self.gone(io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => answer.add(&bytes[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.gone(error)),
            }
            if answer.missing() == 0 {
                return answer.outcome();
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The process ends when its input does; what it undoes on the way, it should.
        self.to = None;
        let Ok(pidfd) = pidfd_open(self.process.pid(), PidfdFlags::empty()) else {
            return;
        };
        let deadline = Instant::now() + UNDOING;
        while Instant::now() < deadline && (self.undoes || !self.cancel.is_cancelled()) {
            let Ok(timeout) = Timespec::try_from(EAR) else {
                return;
            };
            if let Ok(1..) = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)) {
                break;
            }
        }
        // Killed and waited for when the fields are dropped.
    }
}

/// This program, to do the action or to make the container for it.
fn on_this_machine(plan: &Plan, token: &str) -> Command {
    let role = match plan.place {
        Place::Container { .. } => LAUNCH,
        Place::Host | Place::Bare { .. } | Place::Runtime => ACT,
    };
    let mut command = super::child::command(plan, role);
    command.env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env(ROLE, role)
        .env(PLAN, plan.encode())
        .env(TOKEN, token)
        .stderr(Stdio::null());
    command
}

/// The runtime, to run this program in a container.
fn in_runtime(container: &Container, plan: &Plan, token: &str, privileged: bool) -> Command {
    let variables = [
        ("PATH", std::env::var_os("PATH").unwrap_or_default()),
        (ROLE, ACT.into()),
        (PLAN, plan.encode()),
        (TOKEN, token.into()),
    ];
    let program = [
        plan.program.as_os_str(),
        "run".as_ref(),
        plan.action.as_ref(),
    ];
    let mut command = container.command(privileged, &variables, &program);
    command.stderr(Stdio::piped());
    command
}

type Spawned = (Reaped, ChildStdin, ChildStdout, Option<ChildStderr>);

fn spawn(mut command: Command) -> Result<Spawned, Failure> {
    let step = "start the process that acts";
    let mut child = command
        // An interrupt from the terminal is for us to pass on.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Failure::at(step))?;
    let (to, from, complaints) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let process = adopt(child);
    match (to, from) {
        (Some(to), Some(from)) => Ok((process, to, from, complaints)),
        _ => Err(Failure::at(step)(io::Error::other("it has no pipes"))),
    }
}

/// Whether the container needs what `--privileged` gives.
fn is_privileged(action: &Action) -> bool {
    [Capability::SysAdmin, Capability::SysModule]
        .into_iter()
        .any(|capability| action.needs.contains(&Need::Capability(capability)))
}
