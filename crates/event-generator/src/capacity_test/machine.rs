//! The machine: what it is, and how busy.

use std::fs;
use std::time::{Duration, Instant};

use ::capacity::report::Machine;
use rustix::param::clock_ticks_per_second;
use rustix::system::uname;

/// What the report says of the machine.
pub(super) fn machine() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key))
            .map(|rest| rest.trim_start_matches([' ', '\t', ':']).trim().to_owned())
    };
    let memory = value(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    Machine {
        cpus: cpus(),
        model: value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "CPU".to_owned()),
        kernel: uname().release().to_string_lossy().into_owned(),
        memory: memory.unwrap_or(0) * 1024,
    }
}

/// CPUs that this process may use.
pub(super) fn cpus() -> u32 {
    std::thread::available_parallelism()
        .map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// CPU time that was spent on the machine and in a process, up to a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    at: Instant,
    machine: Duration,
    own: Duration,
}

/// CPUs that were busy between two moments; 1.0 is one CPU.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Busy {
    /// On the whole machine.
    pub(super) machine: f64,
    /// In this process and the children that it waited for.
    pub(super) own: f64,
}

impl Spent {
    /// Up to now.
    pub(super) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Self {
            at: Instant::now(),
            machine: ticks(machine_ticks(&stat)),
            own: ticks(own_ticks(&own)),
        }
    }

    /// What was busy from here until `later`.
    pub(super) fn until(&self, later: &Self) -> Busy {
        let wall = (later.at - self.at).as_secs_f64().max(1e-9);
        Busy {
            machine: later.machine.saturating_sub(self.machine).as_secs_f64() / wall,
            own: later.own.saturating_sub(self.own).as_secs_f64() / wall,
        }
    }
}

fn ticks(count: u64) -> Duration {
    Duration::from_secs_f64(count as f64 / clock_ticks_per_second().max(1) as f64)
}

/// All but idle time and time waiting for disks; time of guests is in that of users already.
fn machine_ticks(stat: &str) -> u64 {
    stat.lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .take(8)
        .enumerate()
        .filter(|(at, _)| *at != 3 && *at != 4)
        .filter_map(|(_, text)| text.parse::<u64>().ok())
        .sum()
}

/// Fields 14 to 17 of `/proc/self/stat`: ours and that of children that have ended.
fn own_ticks(stat: &str) -> u64 {
    stat.rsplit_once(')')
        .map_or("", |(_, fields)| fields)
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|text| text.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_not_busy() {
        assert_eq!(
            machine_ticks("cpu  1 2 3 1000 500 4 5 6 70 80\ncpu0 9\n"),
            21
        );
    }

    #[test]
    fn own_time_is_that_of_children_too() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 20 0 1";
        assert_eq!(own_ticks(stat), 127);
    }

    #[test]
    fn this_machine_says_what_it_is() {
        let machine = machine();
        assert!(machine.cpus >= 1 && machine.memory > 1 << 20 && !machine.kernel.is_empty());
    }
}
