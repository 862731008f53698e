//! `capacity`: how many system calls and alerts per second an engine holds.
//!
//! The experiment is here: starting the engine under limits, offering load, reading counters. What
//! is decided from that — when a round is clean, which rate comes next, why the limit is where it
//! is — is in the crate `capacity`, which touches nothing.

mod analyze;
mod cgroup;
mod kind;
pub(crate) mod limited;

pub use cgroup::Error as CgroupError;
pub use kind::Kind;

use std::process::ExitCode;

use crate::cli::{CapacityCommand, CapacityFlags};
use crate::log::Log;
use crate::{Error, Interrupt};

/// Executes `capacity`.
///
/// # Errors
/// When nothing can be measured, or a file cannot be read.
pub fn execute(
    flags: &CapacityFlags,
    _interrupt: &Interrupt,
    _log: &Log,
) -> Result<ExitCode, Error> {
    if let Some(CapacityCommand::Analyze {
        stats,
        bench_log,
        interval,
        json,
    }) = &flags.command
    {
        let text = analyze::analyze(stats.as_deref(), bench_log.as_deref(), *interval, *json)?;
        return crate::commands::print(&text);
    }
    todo!()
}
