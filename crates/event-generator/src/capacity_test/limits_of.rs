//! The limits of an engine that runs already, in a container or not.

use std::fs;
use std::path::{Path, PathBuf};

use ::capacity::diagnosis::Limits;

/// Reads what the cgroups of a process allow it.
///
/// Two places are looked at, because which one tells depends on where we are. In the engine's own
/// mount namespace, a container sees its own group as the root of the hierarchy. Outside, the path in
/// `/proc/PID/cgroup` leads from the root of the hierarchy to the group. Of several limits on the way
/// the lowest holds.
pub(super) fn limits_of(pid: u32) -> Limits {
    let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let seen = PathBuf::from(format!("/proc/{pid}/root/sys/fs/cgroup"));
    let mut limits = Limits::default();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        for hierarchy in hierarchies(controllers, &seen) {
            // A path that leads above the root of our view cannot be followed.
            let inner = path.trim_start_matches('/');
            let inner = if inner.starts_with("..") { "" } else { inner };
            for group in Path::new(inner).ancestors() {
                tighten(&mut limits, &hierarchy.join(group));
            }
        }
    }
    limits
}

/// Where the hierarchy of these controllers is mounted, below the folder of all.
fn hierarchies(controllers: &str, seen: &Path) -> Vec<PathBuf> {
    if controllers.is_empty() {
        return vec![seen.to_owned(), seen.join("unified")];
    }
    let mut places: Vec<PathBuf> = controllers.split(',').map(|name| seen.join(name)).collect();
    places.push(seen.join(controllers));
    places
}

/// Takes the limits of one group, where they are lower.
fn tighten(limits: &mut Limits, group: &Path) {
    let read = |file: &str| {
        let text = fs::read_to_string(group.join(file)).ok()?;
        Some(text.trim().to_owned())
    };
    let quota = read("cpu.max").or_else(|| {
        Some(format!(
            "{} {}",
            read("cpu.cfs_quota_us")?,
            read("cpu.cfs_period_us")?
        ))
    });
    if let Some(cpus) = quota.as_deref().and_then(cpus) {
        limits.cpus = Some(limits.cpus.map_or(cpus, |other| other.min(cpus)));
    }
    let memory = read("memory.max").or_else(|| read("memory.limit_in_bytes"));
    if let Some(bytes) = memory.as_deref().and_then(memory_bytes) {
        limits.memory = Some(limits.memory.map_or(bytes, |other| other.min(bytes)));
    }
}

/// `QUOTA PERIOD` in microseconds as CPUs; `None` without a limit.
fn cpus(text: &str) -> Option<f64> {
    let (quota, period) = text.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

/// A limit of memory; version 1 writes a huge number where there is none.
fn memory_bytes(text: &str) -> Option<u64> {
    text.parse().ok().filter(|&bytes: &u64| bytes < 1 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_cpus() {
        assert_eq!(cpus("50000 100000"), Some(0.5));
        assert_eq!(cpus("max 100000"), None);
        assert_eq!(cpus("-1 100000"), None);
        assert_eq!(cpus("x"), None);
    }

    #[test]
    fn no_limit_of_memory_is_none() {
        assert_eq!(memory_bytes("536870912"), Some(536_870_912));
        assert_eq!(memory_bytes("max"), None);
        assert_eq!(memory_bytes("9223372036854771712"), None);
    }

    #[test]
    fn the_lowest_limit_on_the_way_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("pod/container");
        fs::create_dir_all(&inner).expect("folders");
        let write = |path: &Path, text: &str| fs::write(path, text).expect("written");
        write(&inner.join("cpu.max"), "200000 100000\n");
        write(&inner.join("memory.max"), "max\n");
        write(&folder.path().join("pod/cpu.max"), "50000 100000\n");
        write(&folder.path().join("pod/memory.max"), "536870912\n");
        let mut limits = Limits::default();
        for group in inner.ancestors().take(3) {
            tighten(&mut limits, group);
        }
        assert_eq!(
            limits,
            Limits {
                cpus: Some(0.5),
                memory: Some(512 << 20),
            }
        );
    }
}
