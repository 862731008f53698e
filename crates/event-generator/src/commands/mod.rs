//! The commands, one module each.

mod explain;
mod list;
mod run;
mod test;

pub(crate) use run::{context, shuffle};

use std::io::Write;
use std::process::ExitCode;

use crate::cli::{Cli, Command, KubernetesFlags};
use crate::log::Log;
use crate::{Error, Interrupt};

/// Executes a command.
///
/// # Errors
/// What kept it from being executed. That an action or a test failed is not an error but an exit
/// code.
pub fn execute(cli: Cli, log: &Log) -> Result<ExitCode, Error> {
    match cli.command {
        None => {
            crate::cli::print_help();
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::List(flags)) => print(&list::render(&flags)?),
        Some(Command::Explain { action }) => print(&explain::render(&action)?),
        Some(Command::Run(flags)) => {
            warn_of_kubernetes(&flags.kubernetes, log);
            run::execute(&flags, &Interrupt::by_signals()?, log)
        }
        Some(Command::Test(flags)) => {
            warn_of_kubernetes(&flags.run.kubernetes, log);
            test::execute(&flags, &Interrupt::by_signals()?, log)
        }
        Some(Command::Bench(flags)) => {
            warn_of_kubernetes(&flags.run.kubernetes, log);
            crate::bench::execute(&flags, &Interrupt::by_signals()?, log)
        }
        Some(Command::Capacity(flags)) => {
            crate::capacity_test::execute(&flags, &Interrupt::by_signals()?, log)
        }
    }
}

fn warn_of_kubernetes(flags: &KubernetesFlags, log: &Log) {
    if flags.any() {
        log.warn(
            "the flags for Kubernetes have no effect: its actions are not available yet",
            &[],
        );
    }
}

/// To standard output; that nobody reads on (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<ExitCode, Error> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::io("write to standard output")(error))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
