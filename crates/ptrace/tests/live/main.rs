//! The tracer, held to the same cases as the probe: every system call with an event of its own,
//! made for real, its event read back and compared parameter by parameter. The cases are the
//! probe's own files. They run in a command that is traced; this process is its tracer.
//!
//! Everything runs twice: as the user who runs the tests, and, where that is root, as an ordinary
//! user without any capability.

#![expect(unsafe_code, reason = "makes system calls")]

#[path = "../../../probe/tests/live/descriptors.rs"]
mod descriptors;
#[path = "../../../probe/tests/live/exec.rs"]
mod exec;
#[path = "../../../probe/tests/live/files.rs"]
mod files;
#[path = "../../../probe/tests/live/harness.rs"]
mod harness;
#[path = "../../../probe/tests/live/ids.rs"]
mod ids;
#[path = "../../../probe/tests/live/io.rs"]
mod io;
#[path = "../../../probe/tests/live/life.rs"]
mod life;
#[path = "../../../probe/tests/live/memory.rs"]
mod memory;
#[path = "../../../probe/tests/live/overlay.rs"]
mod overlay;
#[path = "../../../probe/tests/live/process.rs"]
mod process;
mod remote;
#[path = "../../../probe/tests/live/sockets.rs"]
mod sockets;
#[path = "../../../probe/tests/live/system.rs"]
mod system;
#[path = "../../../probe/tests/live/table.rs"]
mod table;
#[path = "../../../probe/tests/live/tracepoints.rs"]
mod tracepoints;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use harness::Harness;
use remote::Remote;
use table::Case;

/// An ordinary user without a name of interest.
const NOBODY: u32 = 65_534;

/// The cases, as the traced command runs them.
#[test]
#[ignore = "the traced command of the test below"]
fn cases_under_watch() {
    let Some(source) = Remote::connect() else {
        return;
    };
    let mut harness = Harness::new(source);
    let covered = table::run(&mut harness);
    let missing = table::report(&covered);
    assert_eq!(missing, [""; 0], "calls without a case");
}

#[test]
fn every_call_tells_what_was_done() {
    if let Err(err) = ptrace::Tracer::check() {
        println!("skipped: {err}");
        return;
    }
    let own = std::env::current_exe().expect("running");
    let command = [
        own.as_os_str(),
        "--exact".as_ref(),
        "cases_under_watch".as_ref(),
        "--ignored".as_ref(),
        "--nocapture".as_ref(),
    ];
    let status = remote::watch(&command.map(Into::into));
    assert_eq!(status, Some(0), "the cases failed");
}

#[test]
fn every_call_of_an_ordinary_user_tells_what_was_done() {
    if !std::fs::read_to_string("/proc/self/status").is_ok_and(|s| s.contains("Uid:\t0\t0\t0\t0")) {
        println!("skipped: this is an ordinary user already");
        return;
    }
    let copy = Copy::new();
    let output = Command::new(&copy.0)
        .args(["--exact", "every_call_tells_what_was_done", "--nocapture"])
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .output()
        .expect("it starts");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    println!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

/// This test program where everybody may run it; gone at the end.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Self {
        let name = format!("ptrace-live-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let own = std::env::current_exe().expect("running");
        std::fs::copy(own, &path).expect("the temporary folder can be written");
        Self(path)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
