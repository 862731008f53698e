//! Starting a process as the test wants it: name, arguments, environment, user, capabilities.
//!
//! No file gets a capability. A process that is to run as another user keeps its capabilities through
//! the change, makes them inheritable and ambient, and so has them after it has become the program;
//! one that runs as root has what its bounding set leaves.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, waitpid};
use rustix::thread::{CapabilitySet, CapabilitySets};
use suite::Capabilities;

use super::{Failure, raw};
use crate::suite::channel::Speaker;
use crate::suite::plan::{Launch, Plan, Stage, inherit, number};

/// Starts the process of the chain with this index, waits for its end, and gives its exit code.
pub(super) fn start_next(mut plan: Plan, index: usize, speaker: &Speaker) -> Result<u8, Failure> {
    let at = format!("process {}", index + 1);
    let launch = plan
        .launches
        .get(index)
        .cloned()
        .ok_or_else(|| Failure::new(&at, "it is not in the plan"))?;
    plan.stage = Stage::Chain(index);
    let pid = start(&launch, plan, speaker).map_err(Failure::at(at.clone()))?;
    wait(pid).map_err(Failure::at(at))
}

/// Starts a process that is this program again.
pub(super) fn start(launch: &Launch, mut plan: Plan, speaker: &Speaker) -> io::Result<Pid> {
    let report = rustix::io::fcntl_dupfd_cloexec(&speaker.0, 3)?;
    plan.report = number(&report);
    let memfd = plan.seal()?;
    spawn(launch, &[&memfd, &report])
}

/// Starts any program with some descriptors; gives its id once it has been executed.
pub(super) fn spawn(launch: &Launch, inherited: &[&OwnedFd]) -> io::Result<Pid> {
    let text = |text: &str| CString::new(text).map_err(io::Error::other);
    let program = text(&launch.program)?;
    let arguments: Vec<CString> = launch
        .arguments
        .iter()
        .map(|argument| text(argument))
        .collect::<Result<_, _>>()?;
    let environment: Vec<CString> = launch
        .environment
        .iter()
        .map(|(name, value)| text(&format!("{name}={value}")))
        .collect::<Result<_, _>>()?;
    // Closed by the kernel when the program is executed; else the error comes through it.
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let pid = raw::fork(|| {
        let prepared = inherited
            .iter()
            .try_for_each(|fd| inherit(*fd))
            .and_then(|()| become_user(launch))
            .and_then(|()| {
                // Kept when the program is executed; a change of user would have cleared it.
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
                Ok(())
            });
        let error = match prepared {
            Ok(()) => raw::execute(&program, &arguments, &environment),
            Err(error) => error,
        };
        let number = error.raw_os_error().unwrap_or(libc::EINVAL);
        let _ = rustix::io::write(&write, &number.to_ne_bytes());
        127
    })?;
    drop(write);
    let mut bytes = [0; 4];
    loop {
        match rustix::io::read(&read, &mut bytes) {
            Ok(0) => return Ok(pid),
            Ok(_) => {
                let _ = waitpid(Some(pid), WaitOptions::empty());
                let error = io::Error::from_raw_os_error(i32::from_ne_bytes(bytes));
                let message = format!("cannot execute {}: {error}", launch.program);
                return Err(io::Error::new(error.kind(), message));
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Waits for the end of a child; gives its exit code, 128 and the signal if it was killed.
pub(super) fn wait(pid: Pid) -> io::Result<u8> {
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(exit_code(status)),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// An exit code as shells give it.
pub(super) fn exit_code(status: WaitStatus) -> u8 {
    let code = status
        .exit_status()
        .unwrap_or_else(|| 128 + status.terminating_signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(255)
}

/// Takes on user and capabilities; between fork and execution.
fn become_user(launch: &Launch) -> io::Result<()> {
    let own = rustix::thread::capabilities(None)?;
    let wanted = wanted(own.permitted.bits(), launch.capabilities)?;
    let set = |bits: u64| CapabilitySet::from_bits_retain(bits);
    if own.permitted.is_empty() {
        // Nothing can be changed; what is asked for was compared with that.
        return Ok(());
    }
    if launch.capabilities.is_some() {
        for bit in 0..u64::BITS {
            let capability = set(1 << bit);
            // Bits that the kernel does not know are not there to be removed.
            if wanted.permitted & 1 << bit == 0
                && rustix::thread::capability_is_in_bounding_set(capability).unwrap_or(false)
            {
                rustix::thread::remove_capability_from_bounding_set(capability)?;
            }
        }
    }
    let mut is_root = rustix::process::geteuid().is_root();
    if let Some((user, group)) = launch.user {
        is_root = user == 0;
        rustix::thread::set_keep_capabilities(true)?;
        set_ids(user, group)?;
    }
    let handed_on = if is_root {
        wanted.inheritable
    } else {
        wanted.permitted
    };
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: set(wanted.permitted),
            permitted: set(wanted.permitted),
            inheritable: set(handed_on),
        },
    )?;
    if !is_root {
        rustix::thread::clear_ambient_capability_set()?;
        for bit in (0..u64::BITS).filter(|bit| wanted.permitted & 1 << bit != 0) {
            rustix::thread::configure_capability_in_ambient_set(set(1 << bit), true)?;
        }
    }
    Ok(())
}

/// What a process is to have, given what there is.
fn wanted(own: u64, asked: Option<Capabilities>) -> io::Result<Capabilities> {
    let Some(asked) = asked else {
        return Ok(Capabilities {
            effective: own,
            permitted: own,
            inheritable: 0,
        });
    };
    // A kernel may lack the newest; all that there are is then what `all` means.
    let all = (1 << 41) - 1;
    let permitted = if asked.permitted == all {
        own
    } else {
        asked.permitted
    };
    let missing = permitted & !own;
    if missing != 0 {
        let name = suite::capability_name(missing.trailing_zeros());
        return Err(io::Error::other(format!(
            "the event generator does not have {name} itself"
        )));
    }
    Ok(Capabilities {
        effective: asked.effective & permitted,
        permitted,
        inheritable: asked.inheritable & own,
    })
}

#[expect(
    unsafe_code,
    reason = "the forms that change one thread have no safe wrapper here"
)]
fn set_ids(user: u32, group: u32) -> io::Result<()> {
    let groups = [group];
    // SAFETY: the list has as many entries as is said; the calls take numbers otherwise. The process
    // has one thread.
    let changed = unsafe {
        libc::setgroups(groups.len(), groups.as_ptr()) == 0
            && libc::setresgid(group, group, group) == 0
            && libc::setresuid(user, user, user) == 0
    };
    if changed {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
