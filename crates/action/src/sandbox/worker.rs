//! The end of this program: starting the process that acts, asking it, ending it.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use super::Janitor;
use super::cgroup::Cgroups;
use super::plan::{ACT, Isolation, LAUNCH, PLAN, Place, Plan, TOKEN, network_namespace};
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
        let mut cgroups = None;
        let mut journal = None;
        let place = if setting.isolation == Isolation::InPlace {
            let journal = journal.insert(Journal::make(&setting.journals)?);
            Place::Bare {
                journal: journal.path().to_owned(),
            }
        } else if action.needs.contains(&Need::Container) && !context.in_container {
            if !context.is_root() {
                return Err(Failure::skipped("needs root to make a container"));
            }
            let mut untold = None;
            let groups = Cgroups::make(|dir| {
                untold = untold
                    .take()
                    .or(setting.janitor.will_remove(context, dir).err());
            })?;
            if let Some(failure) = untold {
                return Err(failure);
            }
            Place::Container {
                privileged: is_privileged(action),
                cgroups: cgroups.insert(groups).dirs.clone(),
            }
        } else {
            Place::Host
        };
        let step = "read this process's network namespace";
        let plan = Plan {
            action: action.name.to_owned(),
            program: context.program.clone(),
            parent: std::process::id(),
            outer_network: network_namespace().map_err(Failure::at(step))?,
            place,
        };
        let (process, to, from) = spawn(&plan, token)?;
        let mut worker = Self {
            name: action.name,
            to: Some(to),
            from,
            process,
            cancel: context.cancel.clone(),
            limit: setting.limit,
            undoes: matches!(plan.place, Place::Bare { .. }),
            cgroups,
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
        if let Some(to) = &mut self.to {
            to.write_all(&[0])
                .map_err(|error| gone(&self.cancel, error))?;
        }
        self.answer()
    }

    /// The process that was started. What it starts in turn descends from it.
    pub fn pid(&self) -> u32 {
        self.process.pid().as_raw_nonzero().get().unsigned_abs()
    }

    /// The first 12 digits of the id of the container that was made for the action, if one was.
    pub fn container_id(&self) -> Option<String> {
        self.cgroups.as_ref()?.short_id()
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
                Err(errno) => return Err(gone(&self.cancel, errno.into())),
            }
            let mut bytes = [0; 64];
            let wanted = answer.missing().min(bytes.len());
            match self.from.read(&mut bytes[..wanted]) {
                Ok(0) => return Err(gone(&self.cancel, io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => answer.add(&bytes[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(gone(&self.cancel, error)),
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

fn gone(cancel: &Cancel, error: io::Error) -> Failure {
    if cancel.is_cancelled() {
        return Failure::Interrupted;
    }
    Failure::at("talk to the process that acts")(error)
}

fn spawn(plan: &Plan, token: &str) -> Result<(Reaped, ChildStdin, ChildStdout), Failure> {
    let role = match plan.place {
        Place::Container { .. } => LAUNCH,
        Place::Host | Place::Bare { .. } => ACT,
    };
    let mut command: Command = super::child::command(plan, role);
    command.env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let mut child = command
        .env(ROLE, role)
        .env(PLAN, plan.encode())
        .env(TOKEN, token)
        // An interrupt from the terminal is for us to pass on.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Failure::at("start the process that acts"))?;
    let to = child.stdin.take();
    let from = child.stdout.take();
    let process = adopt(child);
    match (to, from) {
        (Some(to), Some(from)) => Ok((process, to, from)),
        _ => Err(Failure::at("start the process that acts")(
            io::Error::other("it has no pipes"),
        )),
    }
}

/// Whether the container needs what `--privileged` gives.
fn is_privileged(action: &Action) -> bool {
    [Capability::SysAdmin, Capability::SysModule]
        .into_iter()
        .any(|capability| action.needs.contains(&Need::Capability(capability)))
}
