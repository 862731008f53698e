//! The event generator. Everything is in the library; see there.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: this may be a stand-in, which is something else entirely.
    action::stand_in::main().unwrap_or_else(|| event_generator::main(std::env::args_os()))
}
