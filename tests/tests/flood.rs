//! Floods: of processes, of descriptors, and of events that are recorded. A short form of each runs
//! with the other tests; the long forms are measurements:
//!
//! ```text
//! cargo build --release -p peregrine
//! cargo test --release -p end-to-end --test flood -- --ignored --nocapture --test-threads 1
//! ```

#![expect(clippy::print_stderr, reason = "the long forms print their figures")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use end_to_end::{Folder, Running, binary, fork, live, number_after, reap, run, wait_for};

const CONFIG: &str = "stdout_output: {enabled: true}\nrules_files: []\nconfig_files: []\n\
    log_level: debug\n";

/// How many processes of a bomb live at a time.
const ALIVE: usize = 200;

fn rules(folder: &Folder, marker: &Path) -> String {
    let text = format!(
        "- rule: Marker\n  desc: a file that only this test opens\n  condition: evt.type in (open, \
         openat, openat2) and fd.name startswith {}\n  output: opened file=%fd.name \
         process=%proc.name parent=%proc.pname pid=%proc.pid num=%fd.num\n  priority: NOTICE\n",
        marker.display()
    );
    let path = folder.write("rules.yaml", &text);
    path.to_str().expect("a temporary path is text").to_owned()
}

/// Makes processes that end at once, some of them alive at the same time.
fn fork_bomb(count: usize) {
    let mut alive = Vec::with_capacity(ALIVE);
    for made in 1..=count {
        let child = fork(|| {
            #[expect(unsafe_code, reason = "nothing of the parent is to run in the child")]
            // SAFETY: it does not return.
            unsafe {
                libc::_exit(0);
            }
        });
        alive.push(child);
        if alive.len() == ALIVE || made == count {
            alive.drain(..).for_each(reap);
        }
    }
}

/// Raises the limit of open files to what is wanted, if that is possible; what it is then.
fn raise_open_files(wanted: u64) -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    #[expect(unsafe_code, reason = "there is no safe way to set a limit")]
    // SAFETY: the pointers are to a structure of the right type.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_cur.max(wanted);
        limit.rlim_max = limit.rlim_max.max(wanted);
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
    }
    limit.rlim_cur
}

/// Resident memory of a process, KiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .expect("a running process has memory")
}

/// A number in the engine's last word on its state.
fn counter(stderr: &[String], name: &str) -> u64 {
    let line = stderr
        .iter()
        .rev()
        .find(|line| line.contains("State: Counters"));
    let line = line.unwrap_or_else(|| panic!("no counters: {}", stderr.join("\n")));
    number_after(line, &format!(" {name}: ")).unwrap_or_else(|| panic!("no {name}: {line}"))
}

/// Waits until the engine has seen everything up to now: it alerts about a file of its own.
fn catch_up(engine: &Running, marker: &Path, name: &str) {
    let path = format!("{}{name}", marker.display());
    wait_for("the engine to catch up", || {
        File::create(&path).expect("a temporary file can be made");
        let all = engine.stdout();
        all.iter().any(|line| line.contains(&path)).then_some(())
    });
}

fn processes_and_descriptors(processes: usize, descriptors: usize) {
    if !live() {
        return;
    }
    // Where the limit cannot be raised so far, as many as it allows are open at a time.
    let wanted = descriptors as u64 + 100;
    let limit = usize::try_from(raise_open_files(wanted)).expect("a number of files fits");
    let at_once = descriptors.min(limit.saturating_sub(100)).max(1);
    let folder = Folder::new();
    let config = folder.write("config.yaml", CONFIG);
    let marker = folder.join("marker");
    let rules = rules(&folder, &marker);
    let config = config.to_str().expect("a temporary path is text");
    // These rules need no descriptors; the kernel filter would spare the tables all of it.
    let unfiltered = "engine.modern_ebpf.kernel_filter=false";
    let engine = Running::engine(["-v", "-c", config, "-r", &rules, "-o", unfiltered]);
    let flood = |processes: usize, descriptors: usize| {
        fork_bomb(processes);
        for first in (0..descriptors).step_by(at_once) {
            let open: Vec<File> = (first..descriptors.min(first + at_once))
                .map(|_| File::open("/dev/null").expect("the limit is high enough"))
                .collect();
            drop(open);
        }
    };
    // Buffers that a flood fills and the engine keeps are part of where it begins.
    flood(processes / 20, descriptors / 20);
    catch_up(&engine, &marker, "begun");
    let before = resident(engine.pid());
    let began = Instant::now();
    let peak = AtomicU64::new(before);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(resident(engine.pid()), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        flood(processes, descriptors);
        done.store(true, Ordering::Relaxed);
    });
    let took = began.elapsed();
    catch_up(&engine, &marker, "ended");
    let after = wait_for("memory to go back", || {
        let now = resident(engine.pid());
        (now <= before + before / 10).then_some(now)
    });
    let (status, _, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
    let peak = peak.into_inner();
    eprintln!(
        "{processes} processes and {descriptors} descriptors, {at_once} at a time, in {took:.1?}: \
         resident {before} KiB \
         before, {peak} KiB at most, {after} KiB after"
    );
    for name in [
        "n_threads",
        "n_fds",
        "n_evicted_fds",
        "n_evicted_threads",
        "n_gaps",
    ] {
        eprintln!("{name} {}", counter(&stderr, name));
    }
    assert!(counter(&stderr, "n_added_threads") > 0);
    // What the flood left behind is gone from the tables, unless its end was lost.
    if counter(&stderr, "n_gaps") == 0 {
        assert!(counter(&stderr, "n_added_threads") >= processes as u64);
        assert!(counter(&stderr, "n_added_fds") >= descriptors as u64);
    }
    assert!(counter(&stderr, "n_threads") <= 262_144);
}

fn number(stderr: &[String], name: &str) -> u64 {
    let found = stderr.iter().find_map(|line| number_after(line, name));
    found.unwrap_or_else(|| panic!("no {name}: {}", stderr.join("\n")))
}

fn record_and_replay(duration: Duration) {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let config = folder.write("config.yaml", CONFIG);
    let marker = folder.join("marker");
    let rules = rules(&folder, &marker);
    let capture = folder.join("recorded.scap");
    let (config, capture) = (
        config.to_str().expect("a temporary path is text"),
        capture.to_str().expect("a temporary path is text"),
    );
    let common = ["-v", "-c", config, "-r", &rules];
    let engine = Running::engine(common.into_iter().chain(["-w", capture]));
    let deadline = Instant::now() + duration;
    std::thread::scope(|scope| {
        // Opens that are alerts, among many that are not.
        scope.spawn(|| {
            let mut count = 0_u64;
            while Instant::now() < deadline {
                count += 1;
                File::open("/dev/null").expect("it is always there");
                if count.is_multiple_of(100) {
                    let _ = File::open(format!("{}-{count}", marker.display()));
                }
            }
        });
        // Processes, each of which is an alert.
        scope.spawn(|| {
            let mut count = 0;
            while Instant::now() < deadline {
                count += 1;
                let script = format!("cat {}-of-cat-{count} 2>/dev/null", marker.display());
                run(Command::new("sh").args(["-c", &script]));
            }
        });
    });
    catch_up(&engine, &marker, "ended");
    let (status, stdout, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
    let alerts = |lines: &[String]| -> Vec<String> {
        let ours = lines.iter().filter(|line| line.contains("opened file="));
        ours.cloned().collect()
    };
    let live = alerts(&stdout);
    let (events, drops) = (
        number(&stderr, "Driver Events:"),
        number(&stderr, "Driver Drops:"),
    );
    let handled = number(&stderr, "Captured Events: ");

    let began = Instant::now();
    let replayed = run(Command::new(binary("peregrine"))
        .args(common)
        .args(["-e", capture]));
    let took = began.elapsed();
    let lines = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        text.lines().map(str::to_owned).collect()
    };
    let again = alerts(&lines(&replayed.stdout));
    let log = lines(&replayed.stderr);
    assert!(replayed.status.success(), "{}", log.join("\n"));
    let recorded = number(&log, "Captured Events: ");
    eprintln!(
        "{duration:.0?}: {events} events by the kernel's count, {drops} of them dropped, {handled} \
         handled, {recorded} recorded; {} alerts live and {} in the replay, which took {took:.1?}; \
         {} bytes",
        live.len(),
        again.len(),
        fs::metadata(capture).map_or(0, |file| file.len())
    );
    assert!(!live.is_empty());
    assert_eq!(recorded, handled);
    assert_eq!(handled + drops, events);
    assert_eq!(live.len(), again.len());
    // A process whose start was lost is looked up live, which a replay cannot do. Time and file are
    // in the event itself.
    let in_event = |line: &str| line.split(" process=").next().map(str::to_owned);
    let mut differ = 0;
    for (live, again) in live.iter().zip(&again) {
        if drops == 0 {
            assert_eq!(live, again);
        }
        assert_eq!(in_event(live), in_event(again));
        differ += usize::from(live != again);
    }
    eprintln!("{differ} alerts name a process that only the live engine could look up");
}

#[test]
fn a_flood_of_processes_and_descriptors_leaves_no_memory_behind() {
    processes_and_descriptors(2_000, 6_000);
}

#[test]
#[ignore = "takes minutes; see the head of this file"]
fn a_long_flood_of_processes_and_descriptors_leaves_no_memory_behind() {
    processes_and_descriptors(200_000, 100_000);
}

#[test]
#[ignore = "takes minutes; see the head of this file"]
fn a_process_with_very_many_descriptors_leaves_no_memory_behind() {
    processes_and_descriptors(1_000, 100_000);
}

#[test]
fn a_recording_under_load_replays_to_the_same_alerts() {
    record_and_replay(Duration::from_secs(2));
}

#[test]
#[ignore = "takes minutes; see the head of this file"]
fn a_long_recording_under_load_replays_to_the_same_alerts() {
    record_and_replay(Duration::from_secs(60));
}
