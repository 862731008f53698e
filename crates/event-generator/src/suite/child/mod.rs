//! The processes of a test.
//!
//! ```text
//! event-generator ── keeper ── process 1 of the chain ── … ── last process
//!                    makes namespaces,                        script, resources, steps
//!                    programs, users
//! ```
//!
//! All are this program, told by a [plan](super::plan) what they are. Each dies with the one that
//! started it, so that a test that takes too long, or an event generator that is killed, leaves no
//! process.

mod bindings;
mod call;
mod chain;
mod client_server;
mod http;
mod keeper;
mod leaf;
mod mounts;
mod network;
mod numbers;
mod program;
mod raw;
mod resource;
mod script;
mod undo;

use std::os::fd::{FromRawFd, OwnedFd};
use std::process::ExitCode;

use rustix::process::Signal;

use super::channel::{Message, Speaker};
use super::plan::{Plan, Stage};

pub(super) use keeper::{mounts_something, needs_network};

/// Why a test cannot go on: where, and why.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) at: String,
    pub(super) error: String,
}

impl Failure {
    fn new(at: impl Into<String>, error: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            error: error.into(),
        }
    }

    /// For `map_err`: the place is known, the error comes.
    fn at<E: ToString>(at: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |error| Self::new(at, error.to_string())
    }
}

/// Does this process's part of a suite, if it was started for one. Call it first in `main`.
pub(super) fn main() -> Option<ExitCode> {
    let plan = match Plan::receive()? {
        Ok(plan) => plan,
        Err(_) => return Some(ExitCode::FAILURE),
    };
    // A parent that has ended before this line is seen by the runner, which then kills the keeper.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    #[expect(unsafe_code, reason = "the descriptor is known by its number alone")]
    // SAFETY: the process that started this one left it open under the number that the plan gives.
    let report = unsafe { OwnedFd::from_raw_fd(plan.report) };
    let speaker = match Speaker(report).out_of_the_way() {
        Ok(speaker) => speaker,
        Err(_) => return Some(ExitCode::FAILURE),
    };
    let result = match plan.stage {
        Stage::Keeper => keeper::keep(plan, &speaker),
        Stage::Chain(index) if index + 1 < plan.launches.len() => {
            chain::start_next(plan, index + 1, &speaker).map(ExitCode::from)
        }
        Stage::Chain(_) => {
            speaker.tell(&Message::Here);
            leaf::perform(&plan, &speaker).map(|()| {
                speaker.tell(&Message::Done);
                ExitCode::SUCCESS
            })
        }
        Stage::Wait => {
            speaker.tell(&Message::Here);
            loop {
                // Until it is killed.
                std::thread::park();
            }
        }
    };
    Some(result.unwrap_or_else(|failure| {
        speaker.tell(&Message::Failed {
            at: failure.at,
            error: failure.error,
        });
        ExitCode::FAILURE
    }))
}
