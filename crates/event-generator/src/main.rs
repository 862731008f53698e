//! The event generator. Everything is in the library; see there.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: this may be a part of a test or a stand-in, which are something else entirely.
    event_generator::suite::main()
        .or_else(action::stand_in::main)
        .unwrap_or_else(|| event_generator::main(std::env::args_os()))
}
