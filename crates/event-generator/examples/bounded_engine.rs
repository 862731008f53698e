//! An engine of known capacity, for tests of the capacity test: it holds so many events a second and
//! burns so much CPU for each, and drops the rest.
//!
//! ```text
//! bounded_engine STATISTICS_FILE EVENTS_PER_SECOND NANOSECONDS_PER_EVENT
//! ```
//!
//! It takes its parent for the load and each of its writes for an event: the kernel counts those in
//! `/proc/PID/io`, exactly and for everybody, and the parent makes hardly any but for its load. What it holds is reckoned from the beginning
//! of a burst, so that a load or an engine that had to wait for a CPU in between is not mistaken for
//! one that is too fast.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often the parent is looked at.
const TICK: Duration = Duration::from_millis(10);
/// Time between two lines of statistics.
const INTERVAL: Duration = Duration::from_millis(200);
/// Fewer events a second than this are those of a parent at rest.
const REST: f64 = 30.0;
/// A burst that has been slower than this so far was none: every load is faster, and the parent writes a
/// line now and then before one begins.
const LEAST_LOAD: f64 = 150.0;
/// A burst is over when the parent has rested for so long.
const PAUSE: Duration = Duration::from_millis(500);
/// So much may come at once.
const SLACK: f64 = 0.01;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, capacity, cost] = &arguments[..] else {
        return ExitCode::FAILURE;
    };
    let (Ok(capacity), Ok(cost)) = (capacity.parse::<f64>(), cost.parse::<u64>()) else {
        return ExitCode::FAILURE;
    };
    let parent = std::os::unix::process::parent_id();
    let Some(mut before) = writes(parent) else {
        return ExitCode::FAILURE;
    };
    let (mut events, mut drops, mut sample) = (0_u64, 0_u64, 0_u64);
    let mut burst: Option<(Instant, u64, u64)> = None;
    let (mut looked, mut busy, mut wrote) = (Instant::now(), Instant::now(), Instant::now());
    loop {
        std::thread::sleep(TICK);
        let Some(now) = writes(parent) else {
            return ExitCode::SUCCESS;
        };
        let (new, time) = (now - before, looked.elapsed());
        (before, looked) = (now, Instant::now());
        events += new;
        if new as f64 > REST * time.as_secs_f64() {
            busy = looked;
            burst = burst.filter(|(began, came, _)| {
                *came as f64 >= LEAST_LOAD * (looked - time - *began).as_secs_f64()
            });
            let (began, came, dropped) = burst.get_or_insert((looked - time, 0, 0));
            *came += new;
            let held = capacity * (began.elapsed().as_secs_f64() + SLACK);
            let excess = (*came - *dropped).saturating_sub(held as u64);
            *dropped += excess;
            drops += excess;
            burn(Duration::from_nanos(cost * (new - excess.min(new))));
        } else if busy.elapsed() > PAUSE {
            burst = None;
        }
        if sample == 0 || wrote.elapsed() >= INTERVAL {
            wrote = Instant::now();
            sample += 1;
            let line = format!(
                "{{\"sample\": {sample}, \"cur\": {{\"events\": {events}, \"drops\": {drops}, \
                 \"preemptions\": 0}}, \"delta\": {{\"events\": 0, \"drops\": 0, \"preemptions\": \
                 0}}, \"drop_pct\": 0}},\n"
            );
            let file = OpenOptions::new().append(true).create(true).open(path);
            if file
                .and_then(|mut file| file.write_all(line.as_bytes()))
                .is_err()
            {
                return ExitCode::FAILURE;
            }
        }
    }
}

/// How often a process has written.
fn writes(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("syscw: ")?.parse().ok())
}

fn burn(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}
