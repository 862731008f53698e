//! `event-generator`: does suspicious things on purpose, checks who notices, and measures how well.
//!
//! What can be done is not here but in the crate `action`. Here is the program around it:
//!
//! - [`cli`]: flags, environment, configuration file; one definition for all three.
//! - [`log`]: the lines on standard error that scripts read, in text and JSON.
//! - [`selection`]: which actions a regular expression means.
//! - [`alerts`]: hearing what an engine says, over gRPC or HTTP. Always on a thread of its own: an
//!   alert that arrives never holds up an action.
//! - [`commands`]: `list`, `explain`, `run`, `test`, `bench`; one module each.
//! - [`bench`]: load, rounds, statistics. The logic of rounds is pure and knows neither time nor
//!   threads.
//! - [`capacity_test`]: which rate an engine holds, and why no more.
//! - [`load`]: threads that do actions or system calls on a schedule, and count them.
//! - [`watch`]: an engine's process and its own counters.
//! - [`bench`]: rounds, statistics, where lost alerts went. The logic of rounds is pure and knows
//!   neither time nor threads.
//!
//! Commands, flags and lines are those of the original, so that scripts keep working. It differs
//! where the original misleads: a failed action or test is an exit code of 1, a channel that cannot
//! work is an error at the start, and what was not done does not count as lost.

pub mod alerts;
pub mod bench;
pub mod capacity_test;
pub mod cli;
pub mod commands;
mod error;
mod go;
mod interrupt;
pub mod load;
pub mod log;
pub mod selection;
pub mod watch;

pub use error::Error;
pub use interrupt::Interrupt;

use std::ffi::OsString;
use std::process::ExitCode;

/// The program, given its arguments.
///
/// The exit code is 0 when all went well, and 1 for a usage error, a failed action or test, or an
/// engine that cannot be reached.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(code) = capacity_test::limited::main(&arguments) {
        return code;
    }
    let cli = match cli::parse(arguments) {
        Ok(cli) => cli,
        Err(error) => return error.report(),
    };
    let log = log::Log::to_stderr(cli.common.loglevel, cli.common.logformat);
    for warning in &cli.warnings {
        log.warn(warning, &[]);
    }
    match commands::execute(cli, &log) {
        Ok(code) => code,
        Err(error) => {
            log.fatal(
                "error executing event-generator",
                &[("error", error.to_string().into())],
            );
            ExitCode::FAILURE
        }
    }
}
