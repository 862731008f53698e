//! What `run` leaves on the machine, and what it sends: nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod in_place;
mod kill;
mod packets;
mod traces;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: a bound for what has gone wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, quiet, without the caller's configuration.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_event-generator"));
    command
        .args(arguments)
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Waits until `check` finds nothing any more.
#[track_caller]
fn until_none(what: &str, mut check: impl FnMut() -> Vec<String>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = check();
        if found.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {found:#?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether this is root, who can have all that is tested; says so if not.
fn root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("not root");
    }
    root
}

/// Says why a test does nothing.
#[expect(clippy::print_stderr, reason = "this is how a test says that it skips")]
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
