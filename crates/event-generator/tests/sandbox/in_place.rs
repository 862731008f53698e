//! In place, and interrupted.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::traces::{Machine, groups, processes};
use crate::{program, root, until_none};

#[test]
fn a_whole_run_leaves_nothing() {
    if !root() {
        return;
    }
    let before = Machine::now();
    let journals = tempfile::tempdir().unwrap();
    let path = journals.path().join("journals").display().to_string();
    for flags in [&[][..], &["--in-place", "--journal-directory", &path]] {
        let arguments = [
            &[
                "run",
                "^syscall",
                "--all",
                "--sleep",
                "0",
                "--parallel",
                "8",
            ][..],
            flags,
        ]
        .concat();
        let mut child = program(&arguments).spawn().unwrap();
        assert!(child.wait().unwrap().success(), "{flags:?}");
        assert_eq!(processes(child.id()), [""; 0]);
        assert_eq!(groups(child.id()), [""; 0]);
        until_none("traces are left", || Machine::now().differences(&before));
    }
    assert!(!std::path::Path::new(&path).exists(), "a journal is left");
}

/// Interrupts `run` in the middle of an action that takes five seconds; its exit code.
fn interrupt(flags: &[&str]) -> Option<i32> {
    let slow = "ReadSensitiveFileTrustedAfterStartup";
    let arguments = [&["run", slow, "--sleep", "0"][..], flags].concat();
    let mut child = program(&arguments).spawn().unwrap();
    let pid = child.id();
    // The stand-in waits: its parent has started it.
    let deadline = Instant::now() + crate::PATIENCE;
    while !processes(pid)
        .iter()
        .any(|process| process.contains("httpd"))
    {
        assert!(Instant::now() < deadline, "the action did not begin");
        std::thread::sleep(Duration::from_millis(2));
    }
    let target = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(target, Signal::INT).unwrap();
    let code = child.wait().unwrap().code();
    until_none("processes are left", || processes(pid));
    code
}

#[test]
fn an_interruption_in_the_middle_of_an_action_is_heard() {
    if !root() {
        return;
    }
    let before = Machine::now();
    let journals = tempfile::tempdir().unwrap();
    let path = journals.path().join("journals").display().to_string();
    for flags in [&[][..], &["--in-place", "--journal-directory", &path]] {
        // What the user wants is no failure.
        assert_eq!(interrupt(flags), Some(0), "{flags:?}");
        until_none("traces are left", || Machine::now().differences(&before));
    }
    assert!(!std::path::Path::new(&path).exists(), "a journal is left");
}
