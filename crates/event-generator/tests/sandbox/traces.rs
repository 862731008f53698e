//! What a run could leave behind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where actions make things.
const PLACES: &[&str] = &[
    "/",
    "/bin",
    "/etc",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/lib",
    "/home",
    "/root",
    "/dev",
    "/dev/shm",
    "/tmp",
    "/var/tmp",
    "/var/lib",
    "/var/lib/rpm",
    "/run",
];

/// What is on the machine besides the processes of others.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Machine {
    /// Names in [`PLACES`] that actions give.
    files: BTreeSet<PathBuf>,
    /// Where something of ours is mounted.
    mounts: BTreeSet<String>,
    /// Network devices and their addresses.
    network: BTreeSet<String>,
    /// Directories that an action would have to make.
    made: BTreeSet<PathBuf>,
}

impl Machine {
    pub(crate) fn now() -> Self {
        let names = PLACES.iter().flat_map(|place| entries(Path::new(place)));
        let ours = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("event-generator-") || name.starts_with("release_agent")
        };
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let routes = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
        let devices = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
        let devices = devices.lines().filter_map(|line| line.split_once(':'));
        Self {
            files: names.filter(ours).collect(),
            mounts: mounts
                .lines()
                .filter(|line| line.contains("event-generator "))
                .map(str::to_owned)
                .collect(),
            network: devices
                .map(|(name, _)| name.trim().to_owned())
                .chain(routes.lines().map(|line| line.trim().to_owned()))
                .collect(),
            made: ["/var/lib/rpm", "/var/lib/event-generator"]
                .map(PathBuf::from)
                .into_iter()
                .filter(|path| path.exists())
                .collect(),
        }
    }

    /// What has come since `before`, and what is gone.
    pub(crate) fn differences(&self, before: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, now: BTreeSet<String>, before: BTreeSet<String>| {
            found.extend(
                now.symmetric_difference(&before)
                    .map(|name| format!("{what}: {name}")),
            );
        };
        let names = |paths: &BTreeSet<PathBuf>| -> BTreeSet<String> {
            paths
                .iter()
                .map(|path| path.display().to_string())
                .collect()
        };
        // Other programs of this kind may be at work and come and go: what they leave goes with them,
        // so that waiting for no difference is enough. What was there before may go.
        let added = self.files.difference(&before.files).cloned().collect();
        compare("file", names(&added), BTreeSet::new());
        compare("directory", names(&self.made), names(&before.made));
        compare("mount", self.mounts.clone(), before.mounts.clone());
        compare("network", self.network.clone(), before.network.clone());
        found
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// The processes that the program with this number started, and those that they started.
pub(crate) fn processes(program: u32) -> Vec<String> {
    let token = format!("EVENT_GENERATOR_TOKEN=eg-{program}-");
    let is_ours = |pid: &str| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable.starts_with(token.as_bytes()))
    };
    entries(Path::new("/proc"))
        .into_iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|pid| is_ours(pid))
        .map(|pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let head: Vec<&str> = status.lines().take(3).collect();
            format!("{pid}: {}", head.join(", "))
        })
        .collect()
}

/// The control groups that the program with this number made.
pub(crate) fn groups(program: u32) -> Vec<String> {
    // After 12 random digits, a mark and the number of the program.
    let mark = format!("6576656e742d67656e{program:08x}");
    let mut found = Vec::new();
    let mut dirs = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(dir) = dirs.pop() {
        for path in entries(&dir) {
            if !path.is_dir() || path.is_symlink() {
                continue;
            }
            if path.to_string_lossy().contains(&mark) {
                found.push(path.display().to_string());
            }
            dirs.push(path);
        }
    }
    found
}
