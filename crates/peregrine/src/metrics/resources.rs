//! What the program and its machine use, from `/proc`. What cannot be read is left out.

use std::fs;
use std::path::Path;

use ::metrics::{Snapshot, names};

/// Ticks of CPU time in a second: what user space is told, on every architecture.
const TICKS: f64 = 100.0;

/// Where the memory use of this container is, unless `FALCO_CGROUP_MEM_PATH` says so: the control
/// groups of version 1 and 2, as containers see them.
const CONTAINER_MEMORY: [&str; 2] = [
    "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    "/sys/fs/cgroup/memory.current",
];

/// Adds what was used up to now. `seconds`: since the program was started.
pub(super) fn add(snapshot: &mut Snapshot, seconds: f64) {
    if let Some(ratio) = cpu_ratio(&read("/proc/self/stat"), seconds) {
        snapshot.add(&names::CPU_USAGE, ratio);
    }
    let status = read("/proc/self/status");
    let rollup = read("/proc/self/smaps_rollup");
    let memory = read("/proc/meminfo");
    let stat = read("/proc/stat");
    for (description, text, key) in [
        (&names::MEMORY_RSS, &status, "VmRSS:"),
        (&names::MEMORY_VSZ, &status, "VmSize:"),
        (&names::MEMORY_PSS, &rollup, "Pss:"),
    ] {
        if let Some(kib) = value(text, key) {
            snapshot.add(description, kib * 1024);
        }
    }
    if let Some(bytes) = container_memory() {
        snapshot.add(&names::CONTAINER_MEMORY, bytes);
    }
    if let Some(ratio) = host_cpu_ratio(&stat) {
        snapshot.add(&names::HOST_CPU_USAGE, ratio);
    }
    if let Some(kib) = memory_used(&memory) {
        snapshot.add(&names::HOST_MEMORY, kib * 1024);
    }
    if let Some(running) = value(&stat, "procs_running") {
        snapshot.add(&names::HOST_PROCS_RUNNING, running);
    }
    if let Some(open) = value(&read("/proc/sys/fs/file-nr"), "") {
        snapshot.add(&names::HOST_OPEN_FDS, open);
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The first number of the line that begins with `key`.
fn value(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The share of one CPU that a process has used since its start.
fn cpu_ratio(stat: &str, seconds: f64) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(|ticks| ticks.parse().unwrap_or(0)).sum();
    (seconds > 0.0).then(|| ticks as f64 / TICKS / seconds)
}

/// The share of all CPUs that was not idle since the machine was started.
fn host_cpu_ratio(stat: &str) -> Option<f64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<f64> = line
        .split_whitespace()
        .take(8)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    let all: f64 = ticks.iter().sum();
    // Idle, and waiting for a disk.
    let idle = ticks.get(3)? + ticks.get(4)?;
    (all > 0.0).then(|| (all - idle) / all)
}

/// KiB in use, caches not counted.
fn memory_used(meminfo: &str) -> Option<u64> {
    let get = |key| value(meminfo, key);
    let unused = get("MemFree:")? + get("Buffers:")? + get("Cached:")?;
    Some(get("MemTotal:")?.saturating_sub(unused))
}

fn container_memory() -> Option<u64> {
    let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse().ok();
    match std::env::var_os("FALCO_CGROUP_MEM_PATH").filter(|path| !path.is_empty()) {
        Some(path) => number(path.as_ref()),
        None => CONTAINER_MEMORY
            .iter()
            .find_map(|path| number(path.as_ref())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_kernel() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(cpu_ratio(stat, 4.0), Some(0.5));
        assert_eq!(cpu_ratio(stat, 0.0), None);
        assert_eq!(cpu_ratio("", 4.0), None);
        let stat = "cpu  10 0 20 60 10 0 0 0 0 0\ncpu0 1 1\nprocs_running 3\n";
        assert_eq!(host_cpu_ratio(stat), Some(0.3));
        assert_eq!(value(stat, "procs_running"), Some(3));
        let meminfo = "MemTotal: 100 kB\nMemFree: 20 kB\nBuffers: 5 kB\nCached: 30 kB\n";
        assert_eq!(memory_used(meminfo), Some(45));
        assert_eq!(memory_used("MemTotal: 100 kB\n"), None);
    }
}
