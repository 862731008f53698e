//! A cgroup that limits the engine: made, watched and removed by us, in either version.
//!
//! A group is named after the process that made it, so that whoever starts next removes what a
//! killed one left behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ::capacity::diagnosis::Limits;
use rustix::process::{Pid, Signal, kill_process};

/// How groups of this program begin; the pid and start time of their maker follow.
const PREFIX: &str = "event-generator-capacity-";

/// Length of the period of a CPU limit, in microseconds: the kernel's default, and Kubernetes's.
const PERIOD: u64 = 100_000;

/// How long the processes of a group may take to be gone once they were killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no group.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// No hierarchy that has the controllers.
    #[error(
        "no cgroup hierarchy with the {0} controller is mounted where it can be written; run as root, \
         or leave out --cpus and --memory"
    )]
    NoController(&'static str),
    /// A file of the group.
    #[error("{step} {}: {source}", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// With which file.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
}

/// Where groups can be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Hierarchies {
    /// One hierarchy.
    V2(PathBuf),
    /// One for each controller; several may be the same. `accounting` counts CPU time.
    V1 {
        cpu: PathBuf,
        accounting: PathBuf,
        memory: PathBuf,
    },
}

impl Hierarchies {
    /// Those of this machine.
    ///
    /// # Errors
    /// When none has the controllers.
    pub(super) fn find() -> Result<Self, Error> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self::from(
            &read("/proc/self/mountinfo"),
            &read("/proc/self/cgroup"),
            |path| fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default(),
        )
    }

    /// The same, from the texts of `mountinfo` and `cgroup`.
    fn from(mounts: &str, own: &str, controllers: impl Fn(&Path) -> String) -> Result<Self, Error> {
        let mut unified = None;
        let mut of_controller: Vec<(String, PathBuf)> = Vec::new();
        for line in mounts.lines() {
            let Some((mount, filesystem)) = line.split_once(" - ") else {
                continue;
            };
            let Some(point) = mount.split(' ').nth(4) else {
                continue;
            };
            let mut filesystem = filesystem.split(' ');
            match filesystem.next() {
                Some("cgroup2") => unified = Some(PathBuf::from(point)),
                Some("cgroup") => {
                    for option in filesystem.nth(1).unwrap_or_default().split(',') {
                        of_controller.push((option.to_owned(), PathBuf::from(point)));
                    }
                }
                _ => {}
            }
        }
        let v1 = |name: &'static str| {
            of_controller
                .iter()
                .find(|(option, _)| option == name)
                .map(|(_, point)| point.clone())
                .ok_or(Error::NoController(name))
        };
        if let Some(root) = unified {
            let here = own
                .lines()
                .find_map(|line| line.strip_prefix("0::"))
                .unwrap_or("/")
                .trim_start_matches('/');
            // A group with processes cannot give controllers to its children, so ours stands beside
            // the one that we are in, where that is not the root.
            for place in [root.join(here).parent().unwrap_or(&root).to_owned(), root] {
                let has = controllers(&place);
                if ["cpu", "memory"]
                    .iter()
                    .all(|name| has.split_whitespace().any(|other| other == *name))
                {
                    return Ok(Self::V2(place));
                }
            }
        }
        Ok(Self::V1 {
            cpu: v1("cpu")?,
            accounting: v1("cpuacct")?,
            memory: v1("memory")?,
        })
    }

    fn roots(&self) -> Vec<&Path> {
        match self {
            Self::V2(root) => vec![root],
            Self::V1 {
                cpu,
                accounting,
                memory,
            } => {
                let mut roots: Vec<&Path> = vec![cpu, accounting, memory];
                roots.dedup();
                roots
            }
        }
    }

    /// Removes groups whose maker is gone, with the processes in them. Gives how many there were.
    pub(super) fn remove_stale(&self) -> usize {
        let mut removed = 0;
        for root in self.roots() {
            for entry in fs::read_dir(root).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let Some(maker) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
                    continue;
                };
                if !is_alive(maker) {
                    remove(&entry.path());
                    removed += 1;
                }
            }
        }
        removed
    }
}

/// What names of this process's things carry: `PID-START`.
pub(super) fn maker() -> String {
    let pid = std::process::id();
    format!("{pid}-{}", start_time(&pid.to_string()).unwrap_or_default())
}

/// Whether the maker of something, `PID-START` and perhaps more after a `-`, still runs.
pub(super) fn is_alive(maker: &str) -> bool {
    let mut parts = maker.split('-');
    let (Some(pid), Some(start)) = (parts.next(), parts.next()) else {
        return false;
    };
    start_time(pid).is_some_and(|time| time == start)
}

/// Field 22 of `/proc/PID/stat`, which tells a process from a later one with its number.
fn start_time(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

/// A group, which is removed with its processes when this is dropped.
#[derive(Debug)]
pub(super) struct Group {
    paths: Vec<PathBuf>,
    unified: bool,
    accounting: PathBuf,
    cpu: PathBuf,
    memory: PathBuf,
}

/// What a group has used since it was made.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Usage {
    /// CPU time.
    pub(super) cpu: Duration,
    /// Periods in which something ran.
    pub(super) periods: u64,
    /// Periods in which it was held back.
    pub(super) throttled: u64,
    /// Times that a process was killed for want of memory.
    pub(super) killed: u64,
}

impl Group {
    /// Makes the `number`-th group of this process and sets its limits.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn new(
        hierarchies: &Hierarchies,
        number: u32,
        limits: Limits,
    ) -> Result<Self, Error> {
        let name = format!("{PREFIX}{}-{number}", maker());
        let group = match hierarchies {
            Hierarchies::V2(root) => {
                let path = root.join(name);
                // Fails where the parent has processes, and is not needed where it was done before.
                let _ = fs::write(root.join("cgroup.subtree_control"), "+cpu +memory");
                Self {
                    paths: vec![path.clone()],
                    unified: true,
                    accounting: path.clone(),
                    cpu: path.clone(),
                    memory: path,
                }
            }
            Hierarchies::V1 {
                cpu,
                accounting,
                memory,
            } => {
                let [cpu, accounting, memory] =
                    [cpu, accounting, memory].map(|root| root.join(&name));
                let mut paths = vec![cpu.clone(), accounting.clone(), memory.clone()];
                paths.dedup();
                Self {
                    paths,
                    unified: false,
                    accounting,
                    cpu,
                    memory,
                }
            }
        };
        for path in &group.paths {
            fs::create_dir(path).map_err(|source| Error::Io {
                step: "make the cgroup",
                path: path.clone(),
                source,
            })?;
        }
        group.limit(limits)?;
        Ok(group)
    }

    fn limit(&self, limits: Limits) -> Result<(), Error> {
        if let Some(cpus) = limits.cpus {
            let quota = (cpus * PERIOD as f64).round().max(1000.0) as u64;
            if self.unified {
                write(&self.cpu.join("cpu.max"), &format!("{quota} {PERIOD}"))?;
            } else {
                write(&self.cpu.join("cpu.cfs_period_us"), &PERIOD.to_string())?;
                write(&self.cpu.join("cpu.cfs_quota_us"), &quota.to_string())?;
            }
        }
        if let Some(bytes) = limits.memory {
            let file = if self.unified {
                "memory.max"
            } else {
                "memory.limit_in_bytes"
            };
            write(&self.memory.join(file), &bytes.to_string())?;
        }
        Ok(())
    }

    /// Files that a process joins the group by, when it writes its pid to each.
    pub(super) fn doors(&self) -> Vec<PathBuf> {
        self.paths
            .iter()
            .map(|path| path.join("cgroup.procs"))
            .collect()
    }

    /// What was used since it was made.
    pub(super) fn usage(&self) -> Usage {
        let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        let stat = read(self.cpu.join("cpu.stat"));
        let (cpu, killed) = if self.unified {
            (
                Duration::from_micros(value(&stat, "usage_usec").unwrap_or(0)),
                value(&read(self.memory.join("memory.events")), "oom_kill"),
            )
        } else {
            let nanoseconds = read(self.accounting.join("cpuacct.usage"));
            (
                Duration::from_nanos(nanoseconds.trim().parse().unwrap_or(0)),
                value(&read(self.memory.join("memory.oom_control")), "oom_kill"),
            )
        };
        Usage {
            cpu,
            periods: value(&stat, "nr_periods").unwrap_or(0),
            throttled: value(&stat, "nr_throttled").unwrap_or(0),
            killed: killed.unwrap_or(0),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for path in &self.paths {
            remove(path);
        }
    }
}

/// The value of a line `key value`.
fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        line.strip_prefix(key)?
            .strip_prefix(' ')?
            .trim()
            .parse()
            .ok()
    })
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::Io {
        step: "write",
        path: path.to_owned(),
        source,
    })
}

/// Kills what is in a group and removes it. What cannot be removed stays for the next start.
fn remove(path: &Path) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let processes = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
        for pid in processes.lines().filter_map(|line| line.parse().ok()) {
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        match fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
30 20 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn hierarchies_of_version_1_are_found() {
        let found = Hierarchies::from(HYBRID, "0::/\n", |_| "hugetlb".to_owned());
        assert_eq!(
            found.expect("all controllers are there"),
            Hierarchies::V1 {
                cpu: "/sys/fs/cgroup/cpu,cpuacct".into(),
                accounting: "/sys/fs/cgroup/cpu,cpuacct".into(),
                memory: "/sys/fs/cgroup/memory".into(),
            }
        );
    }

    #[test]
    fn the_one_of_version_2_is_found_beside_our_own_group() {
        let mounts = "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let own = "0::/user.slice/session.scope\n";
        let found = |has: &'static str| {
            Hierarchies::from(mounts, own, move |path| {
                if path.ends_with(has) {
                    "cpu io memory".to_owned()
                } else {
                    String::new()
                }
            })
        };
        assert_eq!(
            found("user.slice").expect("found"),
            Hierarchies::V2("/sys/fs/cgroup/user.slice".into())
        );
        assert_eq!(
            found("cgroup").expect("found"),
            Hierarchies::V2("/sys/fs/cgroup".into())
        );
        assert!(matches!(found("nowhere"), Err(Error::NoController("cpu"))));
    }

    #[test]
    fn a_maker_is_known_by_its_start_too() {
        let pid = std::process::id();
        let start = start_time(&pid.to_string()).expect("we run");
        assert!(is_alive(&format!("{pid}-{start}-1")));
        assert!(!is_alive(&format!("{pid}-1-1")));
        assert!(!is_alive("nonsense"));
    }

    #[test]
    fn values_of_files_of_keys() {
        let text = "nr_periods 12\nnr_throttled 3\nthrottled_time 99\n";
        assert_eq!(value(text, "nr_throttled"), Some(3));
        assert_eq!(value(text, "nr"), None);
    }
}
