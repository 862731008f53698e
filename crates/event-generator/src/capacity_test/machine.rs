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
        speed: None,
    }
}

/// How fast the CPU is that this thread runs on: turns per second of a fixed calculation. The most of
/// some tries, so that being interrupted does not show, but a slower clock or a busy neighbour does.
pub(super) fn speed() -> f64 {
    const TRIES: usize = 10;
    const TRY: Duration = Duration::from_millis(10);
    // Larger than the caches nearest to a CPU, which its neighbours do not share.
    let mut table = vec![1_u64; 1 << 16];
    (0..TRIES)
        .map(|_| {
            let (begin, mut turns) = (Instant::now(), 0_u64);
            while begin.elapsed() < TRY {
                turn(&mut table);
                turns += 1;
            }
            turns as f64 / begin.elapsed().as_secs_f64()
        })
        .fold(0.0, f64::max)
}

/// Some thousand steps, each of which has to wait for the one before.
fn turn(table: &mut [u64]) {
    let mut at = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..4096 {
        at ^= at << 13;
        at ^= at >> 7;
        at ^= at << 17;
        let place = at as usize % table.len();
        table[place] = table[place].wrapping_add(at);
        at = at.wrapping_add(table[place]) | 1;
    }
    std::hint::black_box(table);
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
    stolen: Duration,
    own: Duration,
}

/// CPUs that were busy between two moments; 1.0 is one CPU.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Busy {
    /// On the whole machine.
    pub(super) machine: f64,
    /// Wanted, and used by other machines on the same hardware instead.
    pub(super) stolen: f64,
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
            stolen: ticks(stolen_ticks(&stat)),
            own: ticks(own_ticks(&own)),
        }
    }

    /// What was busy from here until `later`.
    pub(super) fn until(&self, later: &Self) -> Busy {
        let wall = (later.at - self.at).as_secs_f64().max(1e-9);
        let cpus = |from: Duration, to: Duration| to.saturating_sub(from).as_secs_f64() / wall;
        Busy {
            machine: cpus(self.machine, later.machine),
            stolen: cpus(self.stolen, later.stolen),
            own: cpus(self.own, later.own),
        }
    }
}

fn ticks(count: u64) -> Duration {
    Duration::from_secs_f64(count as f64 / clock_ticks_per_second().max(1) as f64)
}

/// Busy time of all CPUs: all but idle time (the fourth field), time waiting for disks and stolen time;
/// time of guests is in that of users already.
fn machine_ticks(stat: &str) -> u64 {
    let fields = all_cpus(stat);
    fields.iter().take(7).sum::<u64>() - fields.iter().skip(3).take(2).sum::<u64>()
}

/// Time that the hypervisor gave to others although this machine wanted it: the eighth field.
fn stolen_ticks(stat: &str) -> u64 {
    all_cpus(stat).get(7).copied().unwrap_or(0)
}

/// The fields of the line for all CPUs, in ticks.
fn all_cpus(stat: &str) -> Vec<u64> {
    stat.lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .map_while(|text| text.parse().ok())
        .collect()
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
    fn idle_and_stolen_time_is_not_busy() {
        let stat = "cpu  1 2 3 1000 500 4 5 6 70 80\ncpu0 9\n";
        assert_eq!((machine_ticks(stat), stolen_ticks(stat)), (15, 6));
        assert_eq!((machine_ticks(""), stolen_ticks("")), (0, 0));
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
