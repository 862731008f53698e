//! Floods that try to drown what matters: an ordinary process reads `/etc/shadow`, again and again,
//! while others flood the engine, and every one of its reads must become an alert. A short form runs
//! with the other tests; the long forms are measurements:
//!
//! ```text
//! cargo build --release -p peregrine
//! cargo test --release -p end-to-end --test fairness -- --ignored --nocapture --test-threads 1
//! ```

#![expect(clippy::print_stderr, reason = "the long forms print their figures")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use end_to_end::{
    Folder, Running, fork, live, number_after, reap, repository, run, wait_at_most, wait_for,
};
use serde_json::Value;

/// What the floods do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flood {
    /// Open and close a file that no rule is about, as a user without any rights.
    Harmless,
    /// Open and close `/etc/shadow`: each time is an alert.
    Alerts,
}

/// Processes that flood the engine until this is dropped.
struct Floods(Vec<i32>);

impl Floods {
    fn start(flood: Flood, count: usize) -> Self {
        Self((0..count).map(|_| fork(|| run_flood(flood))).collect())
    }
}

impl Drop for Floods {
    fn drop(&mut self) {
        for pid in self.0.drain(..) {
            #[expect(unsafe_code, reason = "there is no safe way to end a fork")]
            // SAFETY: it is our own child, which has not been waited for.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
            }
            reap(pid);
        }
    }
}

/// Opens and closes a file as fast as it can.
#[expect(unsafe_code, reason = "nothing may allocate or lock after a fork")]
fn run_flood(flood: Flood) -> Infallible {
    let path: &CStr = match flood {
        Flood::Harmless => c"/dev/null",
        Flood::Alerts => c"/etc/shadow",
    };
    // SAFETY: system calls with valid arguments. Only this process loses its rights: these are not
    // the wrappers of the C library, which change all threads that it knows of.
    unsafe {
        // Nor does it outlive this process.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if flood == Flood::Harmless {
            libc::syscall(libc::SYS_setgroups, 0, 0);
            libc::syscall(libc::SYS_setresgid, 65534, 65534, 65534);
            libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534);
        }
        loop {
            let file = libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
            if file < 0 {
                libc::_exit(1);
            }
            libc::close(file);
        }
    }
}

/// What came in about the reads: when, by the process that read.
type Seen = Arc<Mutex<HashMap<u32, Instant>>>;

/// Reads the alerts as they come, from a pipe that the engine takes for its file, so that the
/// millions that the floods raise are kept nowhere.
fn listen(pipe: &Path) -> (Seen, JoinHandle<u64>) {
    let seen = Seen::default();
    let (pipe, into) = (pipe.to_owned(), Arc::clone(&seen));
    let reader = thread::spawn(move || {
        let mut alerts = 0;
        let mut lines = BufReader::with_capacity(1 << 20, File::open(pipe).expect("it opens"));
        let mut line = String::new();
        while lines.read_line(&mut line).expect("alerts are text") > 0 {
            alerts += 1;
            if line.contains("reader=cat ") {
                let pid = number_after(&line, "pid=").expect("the output has it");
                let pid = u32::try_from(pid).expect("a process id fits");
                into.lock()
                    .expect("nobody panics")
                    .entry(pid)
                    .or_insert_with(Instant::now);
            }
            line.clear();
        }
        alerts
    });
    (seen, reader)
}

/// What the engine says was lost, and how much of it by these processes, in its last snapshot.
fn losses(metrics: &Path, processes: &[i32]) -> (u64, u64) {
    let text = fs::read_to_string(metrics).unwrap_or_default();
    let last: Value =
        serde_json::from_str(text.lines().last().unwrap_or("{}")).expect("it is JSON");
    let number = |name: &str| last["output_fields"][name].as_u64().unwrap_or(0);
    let of = |pid: &i32| number(&format!("peregrine.noisy.process_{pid}.lost"));
    (number("scap.n_drops"), processes.iter().map(of).sum())
}

/// How late an alert may be and still count: a bound for what has gone wrong.
const LATEST: Duration = Duration::from_secs(20);

/// `reads` processes read the file beside some floods: all are detected.
fn detect(flood: Flood, floods: usize, reads: usize) {
    // The floods of one test are not to be those of another.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Folder::new();
    let pipe = folder.join("alerts");
    assert!(run(Command::new("mkfifo").arg(&pipe)).status.success());
    let rule = folder.write(
        "rules.yaml",
        "- rule: Shadow\n  desc: d\n  condition: evt.type in (open, openat, openat2) and fd.num >= 0 \
         and fd.name = /etc/shadow\n  output: read reader=%proc.name pid=%proc.pid\n  \
         priority: WARNING\n",
    );
    let metrics = folder.join("metrics");
    let config = folder.write(
        "config.yaml",
        &format!(
            "rules_files: []\nconfig_files: []\nstdout_output: {{enabled: false}}\n\
             file_output: {{enabled: true, keep_alive: true, filename: {}}}\n\
             syscall_event_drops: {{actions: [ignore]}}\n\
             metrics: {{enabled: true, interval: 100ms, output_rule: false, output_file: {}, \
             kernel_event_counters_enabled: true}}\n",
            pipe.display(),
            metrics.display()
        ),
    );
    let (seen, reader) = listen(&pipe);
    let ours = repository().join("rules");
    let options = [Path::new("-v"), Path::new("-c"), &config];
    let rules = [Path::new("-r"), &rule, Path::new("-r"), &ours];
    let engine = Running::engine(options.iter().chain(&rules));
    let cat = || {
        let mut child = Command::new("cat")
            .arg("/etc/shadow")
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("there is a cat");
        let (pid, at) = (child.id(), Instant::now());
        child.wait().expect("it ends");
        (pid, at)
    };
    let running = Floods::start(flood, floods);
    let calls: Vec<(u32, Instant)> = (0..reads).map(|_| cat()).collect();
    wait_at_most(LATEST, || {
        (seen.lock().expect("nobody panics").len() >= reads).then_some(())
    });
    let flooders = running.0.clone();
    drop(running);
    // Snapshots from now on tell of all that was lost.
    let snapshots = || {
        fs::read_to_string(&metrics)
            .unwrap_or_default()
            .lines()
            .count()
    };
    let so_far = snapshots();
    wait_for("two more snapshots", || {
        (snapshots() >= so_far + 2).then_some(())
    });
    let (dropped, by_flooders) = losses(&metrics, &flooders);
    let (status, _, log) = engine.stop();
    assert!(status.success(), "{}", log.join("\n"));
    let alerts = reader.join().expect("the reader ends with the engine");
    let seen = seen.lock().expect("nobody panics");
    let delays: Vec<Duration> = calls
        .iter()
        .filter_map(|(pid, at)| Some(seen.get(pid)?.duration_since(*at)))
        .collect();
    let of_log = |name| log.iter().rev().find_map(|line| number_after(line, name));
    let events = of_log("Driver Events:");
    eprintln!(
        "{flood:?} x {floods}: {} of {reads} detected, the latest after {:?}; {alerts} alerts, {events:?} \
         events, {dropped} lost, {by_flooders} of them by the floods",
        delays.len(),
        delays.iter().max()
    );
    assert!(
        dropped == 0 || by_flooders > 0,
        "{dropped} lost, and none of it counted against the floods"
    );
    assert_eq!(delays.len(), reads, "{}", log.join("\n"));
    let events = events.expect("it is printed at the end");
    assert!(events > reads as u64, "the floods did nothing");
}

#[test]
fn reads_beside_floods_are_detected() {
    if live() {
        detect(Flood::Harmless, 2, 20);
    }
}

#[test]
fn reads_beside_floods_of_alerts_are_detected() {
    if live() {
        detect(Flood::Alerts, 2, 20);
    }
}

#[test]
#[ignore = "takes minutes; see the head of this file"]
fn a_thousand_reads_beside_floods_are_detected() {
    if live() {
        for _ in 0..10 {
            detect(Flood::Harmless, 1, 100);
            detect(Flood::Harmless, 2, 100);
        }
    }
}

#[test]
#[ignore = "takes minutes; see the head of this file"]
fn a_thousand_reads_beside_floods_of_alerts_are_detected() {
    if live() {
        for _ in 0..10 {
            detect(Flood::Alerts, 1, 100);
            detect(Flood::Alerts, 2, 100);
            detect(Flood::Alerts, 4, 100);
        }
    }
}
