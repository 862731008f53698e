//! `capacity`: how many system calls and alerts per second an engine holds.
//!
//! The experiment is here: starting the engine under limits, offering load, reading counters. What
//! is decided from that — when a round is clean, which rate comes next, where the limit is and why —
//! is in the crate `capacity`, which touches nothing.
//!
//! | module | what it knows |
//! |---|---|
//! | `kind` | what an engine must be told so that its alerts and counters can be read |
//! | `launch`, `limited`, `cgroup` | starting an engine inside limits, and taking everything away again |
//! | `limits_of` | the limits of an engine that runs already |
//! | `machine` | what the machine is, and how busy |
//! | `stand` | one round: load, rest, what was counted on both sides |
//! | `drive` | rounds until the limit is known |
//! | `test` | all sizes, one after another |
//! | `results` | the files that are left |
//! | `analyze` | files of earlier runs |

mod analyze;
mod cgroup;
mod drive;
mod folder;
mod kind;
mod launch;
pub(crate) mod limited;
mod limits_of;
mod machine;
mod progress;
mod results;
mod stand;
mod test;

pub use cgroup::Error as CgroupError;
pub use kind::Kind;

use std::process::ExitCode;

use crate::cli::{CapacityCommand, CapacityFlags};
use crate::log::Log;
use crate::{Error, Interrupt};

/// Executes `capacity`.
///
/// # Errors
/// When nothing can be measured, or a file cannot be read or written.
pub fn execute(flags: &CapacityFlags, interrupt: &Interrupt, log: &Log) -> Result<ExitCode, Error> {
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
    if !flags.compare.is_empty() {
        let reports = results::read(&flags.compare)?;
        let files = results::write_page(&reports, &flags.output)?;
        return crate::commands::print(&(results::tables(&reports) + &files));
    }
    test::run(flags, interrupt, log)
}
