//! Killed at any moment, the program leaves nothing.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::traces::{Machine, groups, processes};
use crate::{program, root, until_none};

/// Kills `run --all --loop` so many times, each time at another moment.
fn kill(times: u64, flags: &[&str], repaired: bool) {
    let before = Machine::now();
    for time in 0..times {
        let seed = time.to_string();
        let arguments = [
            &[
                "run",
                "--all",
                "--loop",
                "--sleep",
                "0",
                "--parallel",
                "4",
                "--seed",
            ][..],
            &[&seed],
            flags,
        ]
        .concat();
        let mut child = program(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        // In the middle of some actions: after as many lines as up to fifty have to say.
        let lines = time.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 50;
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        let read = said.take(lines as usize).map_while(Result::ok).count();
        child.kill().unwrap();
        assert_eq!(read as u64, lines, "it ended by itself");
        child.wait().unwrap();
        let pid = child.id();
        until_none("processes are left", || processes(pid));
        until_none("control groups are left", || groups(pid));
        if !repaired {
            until_none("traces are left", || Machine::now().differences(&before));
        }
    }
    if repaired {
        // What a kill leaves in place, the next start removes.
        let arguments = [&["run", "^helper.DoNothing$", "--sleep", "0"][..], flags].concat();
        assert!(program(&arguments).status().unwrap().success());
    }
    until_none("traces are left", || Machine::now().differences(&before));
}

#[test]
fn a_kill_leaves_nothing() {
    if root() {
        kill(8, &[], false);
    }
}

/// `cargo test -p event-generator --test sandbox -- --ignored two_hundred`: some two minutes.
#[test]
#[ignore = "takes minutes; a_kill_leaves_nothing is the short version"]
fn two_hundred_kills_leave_nothing() {
    if root() {
        kill(200, &[], false);
    }
}

#[test]
fn a_kill_in_place_is_repaired_by_the_next_start() {
    if root() {
        let journals = tempfile::tempdir().unwrap();
        let path = journals.path().join("journals").display().to_string();
        kill(8, &["--in-place", "--journal-directory", &path], true);
        assert!(!std::path::Path::new(&path).exists(), "a journal is left");
    }
}
