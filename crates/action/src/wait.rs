//! Waiting for a process, with a limit and an ear for interruption.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::context::Cancel;
use crate::failure::Failure;

/// How long a process gets before it is killed. Everything we start ends at once by itself.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// How long an interruption may go unheard.
const EAR: Duration = Duration::from_millis(50);

/// A child that is killed and reaped when it is dropped before its end.
#[derive(Debug)]
pub(crate) struct Reaped(Child);

impl Reaped {
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        // Fails only when it has ended already; the wait below then reaps it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a process that reads and prints nothing.
pub(crate) fn start_quietly(command: &mut Command) -> io::Result<Reaped> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(Reaped)
}

/// Adopts a child that was started otherwise.
pub(crate) fn adopt(child: Child) -> Reaped {
    Reaped(child)
}

/// Runs a process to its end.
pub(crate) fn run_quietly(command: &mut Command, cancel: &Cancel) -> Result<ExitStatus, Failure> {
    let what = command.get_program().to_string_lossy().into_owned();
    let mut child =
        start_quietly(command).map_err(|source| Failure::at(format!("start {what}"))(source))?;
    let step = || format!("wait for {what}");
    let pidfd = pidfd_open(child.pid(), PidfdFlags::empty()).map_err(Failure::at(step()))?;
    let deadline = Instant::now() + LIMIT;
    loop {
        let timeout = Timespec::try_from(EAR).map_err(|_| Failure::Interrupted)?;
        let ended = match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => ready > 0,
            Err(rustix::io::Errno::INTR) => false,
            Err(errno) => return Err(Failure::at(step())(errno)),
        };
        if ended {
            return child.child().wait().map_err(Failure::at(step()));
        }
        if cancel.is_cancelled() {
            return Err(Failure::Interrupted);
        }
        if Instant::now() > deadline {
            return Err(Failure::TimedOut { what, limit: LIMIT });
        }
    }
}

/// Makes an error of an exit status other than 0.
pub(crate) fn expect_success(status: ExitStatus, what: &'static str) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    let outcome = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    };
    Err(Failure::at(what)(io::Error::other(outcome)))
}
