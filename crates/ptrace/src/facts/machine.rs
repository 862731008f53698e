//! What does not change while a command is traced.

use std::cell::RefCell;

use rustc_hash::FxHashMap;
use rustix::time::{ClockId, clock_gettime};

use super::process::{Stat, Status, link, read};
use crate::sys::Tid;

/// Clock ticks per second in `/proc`, on every architecture.
const TICKS: u64 = 100;
const SECOND: u64 = 1_000_000_000;

/// The controllers that events name, and what the lists of older hierarchies call them.
const CONTROLLERS: [(&str, &[&str]); 5] = [
    ("cpuset", &["cpuset"]),
    ("cpu", &["cpu"]),
    ("cpuacct", &["cpuacct"]),
    ("io", &["io", "blkio"]),
    ("memory", &["memory"]),
];

/// The machine, as the tracer sees it.
pub(crate) struct Machine {
    /// When it was started, ns since the epoch.
    boot: u64,
    /// When the first process of the tracer's pid namespace was.
    first: u64,
    /// The same for namespaces below, by their names.
    below: RefCell<FxHashMap<Vec<u8>, u64>>,
    /// Controllers that the kernel was built without.
    absent: Vec<&'static str>,
}

fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.unsigned_abs() * SECOND + time.tv_nsec.unsigned_abs()
}

/// Nanoseconds since the epoch.
pub(crate) fn now() -> u64 {
    nanos(ClockId::Realtime)
}

impl Machine {
    pub(crate) fn new() -> Self {
        let boot = now().saturating_sub(nanos(ClockId::Boottime));
        let known = std::fs::read_to_string("/proc/cgroups").unwrap_or_default();
        let has = |names: &[&str]| {
            let mut lines = known
                .lines()
                .filter_map(|line| line.split_whitespace().next());
            known.is_empty() || lines.any(|name| names.contains(&name))
        };
        let absent = CONTROLLERS
            .iter()
            .filter(|(_, names)| !has(names))
            .map(|(name, _)| *name)
            .collect();
        Self {
            boot,
            first: start(1, boot),
            below: RefCell::default(),
            absent,
        }
    }

    /// When the first process of a process's pid namespace began, ns since the epoch; 0 where it
    /// cannot be found.
    pub(crate) fn namespace_start(&self, tgid: Tid, status: &Status) -> u64 {
        if !status.is_in_namespace() {
            return self.first;
        }
        let Some(name) = link(tgid, "ns/pid") else {
            return 0;
        };
        let mut below = self.below.borrow_mut();
        if let Some(start) = below.get(&name) {
            return *start;
        }
        let found = self.first_of(tgid, status, &name);
        if found != 0 {
            below.insert(name, found);
        }
        found
    }

    fn first_of(&self, tgid: Tid, status: &Status, name: &[u8]) -> u64 {
        if status.vpid == 1 {
            return start(tgid, self.boot);
        }
        let Ok(entries) = std::fs::read_dir("/proc") else {
            return 0;
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<Tid>().ok())
            .find(|&pid| link(pid, "ns/pid").as_deref() == Some(name) && Status::of(pid).vpid == 1)
            .map_or(0, |pid| start(pid, self.boot))
    }

    /// The control groups of a thread, as events name them.
    pub(crate) fn cgroups(&self, tid: Tid) -> Vec<u8> {
        groups(&read(tid, "cgroup"), &self.absent)
    }
}

fn start(pid: Tid, boot: u64) -> u64 {
    match Stat::of(pid, pid).start {
        // The first process of a machine starts in its first tick.
        0 if !std::fs::exists(format!("/proc/{pid}")).unwrap_or(false) => 0,
        ticks => boot.saturating_add(ticks * (SECOND / TICKS)),
    }
}

/// `<number>:<controllers>:<path>` per line, as `controller=path` pairs. The unified hierarchy,
/// number 0, stands in for all that no other has.
fn groups(text: &[u8], absent: &[&str]) -> Vec<u8> {
    let fields = |line: &'_ [u8]| -> Option<(Vec<u8>, Vec<u8>)> {
        let mut fields = line.splitn(3, |&byte| byte == b':').skip(1);
        Some((fields.next()?.to_vec(), fields.next()?.to_vec()))
    };
    let lines: Vec<_> = text
        .split(|&byte| byte == b'\n')
        .filter_map(fields)
        .collect();
    let mut out = Vec::new();
    for (name, names) in CONTROLLERS {
        let has = |controllers: &[u8]| {
            let mut controllers = controllers.split(|&byte| byte == b',');
            controllers.any(|one| names.iter().any(|name| name.as_bytes() == one))
        };
        let own = lines.iter().find(|(controllers, _)| has(controllers));
        let unified = || lines.iter().find(|(controllers, _)| controllers.is_empty());
        if let (Some((_, path)), false) = (own.or_else(unified), absent.contains(&name)) {
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(path);
            out.push(0);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroups_of_both_versions() {
        let text = b"12:cpu,cpuacct:/a\n3:name=systemd:/b\n5:blkio:/d:d\n0::/e\nodd\n";
        let expected = b"cpuset=/e\0cpu=/a\0cpuacct=/a\0io=/d:d\0memory=/e\0";
        assert_eq!(groups(text, &[]), expected);
        assert_eq!(
            groups(b"0::/x\n", &["cpuset", "cpu", "cpuacct", "io"]),
            b"memory=/x\0"
        );
        assert_eq!(groups(b"", &[]), b"");
    }

    #[test]
    fn the_first_process_began_after_the_machine() {
        let machine = Machine::new();
        assert!(machine.first >= machine.boot && machine.first <= now());
    }
}
