//! Processes of our own that go by another name.
//!
//! A stand-in is this very program, started through a link called `shred`, `httpd`, `nc` and so on.
//! The kernel takes the name of a process from the path it was started by, so an engine sees the
//! name and the arguments it looks for. The work itself is a [role](Role), given in the environment
//! variable [`ROLE`] so that the arguments stay free for what the rule wants to see.
//!
//! There are two kinds. Most stand-ins *exit at once*: being started was the suspicious thing. A
//! *puppet* stays, and does its thing each time it is sent a byte; a benchmark then pays for one
//! system call and two pipe transfers instead of a process.

mod network;
mod puppet;
mod roles;
mod start;

pub(crate) use network::{KUBERNETES, METADATA, OUTSIDE};
pub(crate) use puppet::{Answer, Puppet, refuse};
pub(crate) use start::{StandIn, exiting_at};

use std::process::ExitCode;

use crate::sandbox;

/// Environment variable that makes a process play a role instead of being the program it is.
pub const ROLE: &str = "EVENT_GENERATOR_ROLE";

/// The role of stand-ins of which nothing is asked.
pub(crate) const EXIT: &str = "exit";

/// Plays the role this process was started for, if it was; call it first in `main`.
///
/// Returns what `main` is to return, or `None` for an ordinary start. An unknown role is an ordinary
/// start: a variable that somebody happens to have set must not hijack the program.
pub fn main() -> Option<ExitCode> {
    let wanted = std::env::var_os(ROLE)?;
    if wanted == EXIT {
        return Some(ExitCode::SUCCESS);
    }
    if wanted == sandbox::LAUNCH {
        return Some(sandbox::launch());
    }
    if wanted == sandbox::INIT {
        return Some(sandbox::initialize());
    }
    if wanted == sandbox::JANITOR {
        return Some(sandbox::watch());
    }
    let role = roles::ROLES.iter().find(|role| wanted == role.name)?;
    Some(puppet::play(role))
}

/// Something a puppet does.
pub(crate) struct Role {
    /// As given in [`ROLE`].
    pub(crate) name: &'static str,
    /// Makes ready; what it returns does the thing once.
    pub(crate) ready: fn() -> Result<Deed, crate::Failure>,
}

/// What a puppet does when asked.
pub(crate) type Deed = Box<dyn FnMut() -> Result<(), crate::Failure>>;
