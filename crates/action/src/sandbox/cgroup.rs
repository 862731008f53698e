//! Control groups named as those of containers.
//!
//! An engine tells a container by the name of the control groups its processes are in. Ours are called
//! `docker-<id>.scope`, as those of Docker under systemd, and lie below the group this program is in,
//! so that whatever limits it limits them.
//!
//! The id of 64 digits holds, after 12 random ones (which is what engines print), a mark and the
//! process that made it: a group whose maker is gone can be told from one that is in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::mountinfo;
use crate::failure::Failure;

/// After the random digits: `event-gen` in ASCII, as hexadecimal digits.
const MARK: &str = "6576656e742d67656e";

/// How long a group may need to become empty after its processes were killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Controllers of the old hierarchies in which a new group sets no limit and needs no settings, and
/// which engines look at.
const HARMLESS: &[&str] = &["cpu", "cpuacct", "blkio"];

/// The groups of one container, one for each hierarchy that was suitable. Dropping them kills what is in
/// them and removes them.
#[derive(Debug)]
pub struct Cgroups {
    pub(super) dirs: Vec<PathBuf>,
}

impl Cgroups {
    /// Makes them, and says so to `made` before each one.
    ///
    /// # Errors
    /// [`Failure::Skipped`] when no hierarchy lets us.
    pub fn make(mut made: impl FnMut(&Path)) -> Result<Self, Failure> {
        let name = format!("docker-{}.scope", new_id());
        let mut groups = Self { dirs: Vec::new() };
        let mut refusal = "no control group hierarchy is mounted".to_owned();
        for parent in own_groups().map_err(Failure::at("look for control groups"))? {
            let dir = parent.join(&name);
            made(&dir);
            match fs::create_dir(&dir) {
                Ok(()) => groups.dirs.push(dir),
                Err(error) => refusal = format!("mkdir {}: {error}", dir.display()),
            }
        }
        if groups.dirs.is_empty() {
            return Err(Failure::skipped(format!(
                "no container can be made: {refusal}"
            )));
        }
        Ok(groups)
    }

    /// Their directories, for [`join`].
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    /// The first 12 digits of the id, which is what engines print.
    pub(super) fn short_id(&self) -> Option<String> {
        short_id(self.dirs.first()?)
    }
}

/// The first 12 digits of the id that a group is named after.
pub(super) fn short_id(dir: &Path) -> Option<String> {
    let name = dir.file_name()?.to_str()?.strip_prefix("docker-")?;
    Some(name.get(..12)?.to_owned())
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for dir in &self.dirs {
            let _ = remove(dir);
        }
    }
}

/// Moves this process into a group.
///
/// # Errors
/// When the kernel refuses.
pub fn join(dir: &Path) -> Result<(), Failure> {
    // 0 is the process that writes it.
    fs::write(dir.join("cgroup.procs"), "0")
        .map_err(Failure::at(format!("enter {}", dir.display())))
}

/// Kills what is in a group and removes it. That it is gone already is fine.
pub(super) fn remove(dir: &Path) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match fs::remove_dir(dir) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => {}
        }
        for pid in members(dir) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn members(dir: &Path) -> Vec<Pid> {
    fs::read_to_string(dir.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| Pid::from_raw(line.parse().ok()?))
        .collect()
}

/// Removes the groups of programs like this one that are no more. What cannot be removed is left.
pub fn sweep() {
    for parent in own_groups().unwrap_or_default() {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name
                .to_str()
                .and_then(maker)
                .is_some_and(|maker| !maker.lives())
            {
                let _ = remove(&entry.path());
            }
        }
    }
}

/// The directories of the groups this process is in, in the hierarchies that suit.
fn own_groups() -> io::Result<Vec<PathBuf>> {
    let memberships = fs::read_to_string("/proc/self/cgroup")?;
    Ok(groups(&memberships, &mountinfo::read()?))
}

/// `ID:CONTROLLERS:PATH`, one a line; no controllers for the unified hierarchy.
fn groups(memberships: &str, mounts: &[mountinfo::Mount]) -> Vec<PathBuf> {
    memberships
        .lines()
        .filter_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let mount = if controllers.is_empty() {
                mounts.iter().find(|mount| mount.kind == "cgroup2")
            } else {
                let mut all = controllers.split(',');
                let first = all.clone().next()?;
                if !all.all(|controller| HARMLESS.contains(&controller)) {
                    return None;
                }
                mounts.iter().find(|mount| {
                    mount.kind == "cgroup" && mount.options.split(',').any(|option| option == first)
                })
            }?;
            // Of the hierarchy, only the part below `root` is mounted.
            let below = Path::new(path).strip_prefix(&mount.root).ok()?;
            Some(mount.at.join(below))
        })
        .collect()
}

/// A process, told from later ones with the same number by when it started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Maker {
    pid: u32,
    /// In ticks since the machine started.
    started: u64,
}

impl Maker {
    fn lives(self) -> bool {
        started(self.pid) == Some(self.started)
    }
}

/// When a process started, in ticks since the machine did.
pub(crate) fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold anything, comes field 3; this is field 22.
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)?
        .parse()
        .ok()
}

/// An id of 64 digits: 12 random ones, the mark, this process, when it started, and random ones.
pub(super) fn new_id() -> String {
    let pid = std::process::id();
    let start = started(pid).unwrap_or(0);
    let random = crate::temp::random();
    let tail = crate::temp::random() & 0xff_ffff_ffff;
    format!(
        "{:012x}{MARK}{pid:08x}{start:016x}{tail:010x}",
        random & 0xffff_ffff_ffff
    )
}

/// Who made the group with this name, if a program like this one did.
fn maker(name: &str) -> Option<Maker> {
    let id = name.strip_prefix("docker-")?.strip_suffix(".scope")?;
    let marked = id.get(12..)?.strip_prefix(MARK)?;
    Some(Maker {
        pid: u32::from_str_radix(marked.get(..8)?, 16).ok()?,
        started: u64::from_str_radix(marked.get(8..24)?, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_maker() {
        let id = new_id();
        assert_eq!(id.len(), 64, "{id}");
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let made = maker(&format!("docker-{id}.scope")).unwrap();
        assert_eq!(made.pid, std::process::id());
        assert!(made.lives());
        assert!(
            !Maker {
                started: made.started + 1,
                ..made
            }
            .lives()
        );
        assert_ne!(id[..12], new_id()[..12]);
        let docker = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
        assert_eq!(maker(&format!("docker-{docker}.scope")), None);
        assert_eq!(maker("docker-.scope"), None);
    }

    #[test]
    fn groups_are_found_in_old_and_new_hierarchies() {
        let mount = |root: &str, at: &str, kind: &str, options: &str| mountinfo::Mount {
            root: root.into(),
            at: at.into(),
            kind: kind.to_owned(),
            options: options.to_owned(),
        };
        let mounts = [
            mount("/", "/sys/fs/cgroup/cpu", "cgroup", "rw,cpu,cpuacct"),
            mount("/", "/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
            mount("/docker/x", "/sys/fs/cgroup/blkio", "cgroup", "rw,blkio"),
            mount("/", "/sys/fs/cgroup/unified", "cgroup2", "rw"),
        ];
        let memberships =
            "5:memory:/m\n4:cpu,cpuacct:/a\n3:blkio:/docker/x\n2:name=systemd:/\n0::/u/v\n";
        assert_eq!(
            groups(memberships, &mounts),
            [
                Path::new("/sys/fs/cgroup/cpu/a"),
                Path::new("/sys/fs/cgroup/blkio/"),
                Path::new("/sys/fs/cgroup/unified/u/v"),
            ]
        );
    }
}
