//! `suite`: tests that are described in YAML. What a description may say is in the crate `suite`; here
//! it is done, and what the engine says about it is compared.
//!
//! - [`gather`](self): where descriptions come from.
//! - `runner` starts a test and hears what becomes of it; `child` is what the processes of a test do.
//! - `verify` collects alerts while tests run, tells by a mark in the environment whose they are, and
//!   waits until all is decided.
//! - `report`: text, JSON, YAML, JUnit, TAP.

mod channel;
mod child;
mod collect;
mod command;
mod gather;
mod plan;
mod report;
mod runner;
mod tree;
mod verify;

pub(crate) use command::execute;

use std::io::{self, Read};
use std::process::ExitCode;

/// The variable that marks the processes of a test. It is the first of their environment, because
/// engines cut long ones; its value is the token of the test, with `ignore:` before it in processes
/// that only start others.
pub(crate) const TOKEN: &str = "FALCO_EVENT_GENERATOR_TEST_ID";

/// Does this process's part of a suite, if it was started for one. Call it first in `main`, before
/// anything starts a thread.
pub fn main() -> Option<ExitCode> {
    child::main()
}

/// `bytes` random bytes in hexadecimal digits.
pub(crate) fn token(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
