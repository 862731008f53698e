//! The cgroup of a container: engines tell containers by its name.
//!
//! The form is Docker's, `/docker/<64 hexadecimal digits>`, in every hierarchy that lets us.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The directory that Docker keeps its cgroups in.
const PARENT: &str = "docker";

/// How the ids of our containers begin, so that what a killed run has left can be told from what
/// belongs to Docker.
const MARK: &str = "e9e9e9e9";

/// How old a cgroup without processes has to be before it is taken for left over.
const AGE: Duration = Duration::from_secs(60);

/// A new id.
pub(in crate::suite) fn new_id() -> io::Result<String> {
    Ok(format!("{MARK}{}", crate::suite::token(28)?))
}

/// Removes the cgroups of containers whose event generator was killed.
pub(in crate::suite) fn sweep() {
    for hierarchy in hierarchies() {
        let parent = hierarchy.join(PARENT);
        for entry in fs::read_dir(&parent).into_iter().flatten().flatten() {
            let is_ours = entry.file_name().to_string_lossy().starts_with(MARK);
            let made = entry.metadata().and_then(|metadata| metadata.modified());
            let is_old = made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > AGE));
            if is_ours && is_old {
                // Refused while a process is in it.
                let _ = fs::remove_dir(entry.path());
                let _ = fs::remove_dir(&parent);
            }
        }
    }
}

/// Makes the cgroup of the container `id` and moves this process into it.
pub(super) fn enter(id: &str) -> io::Result<()> {
    let pid = std::process::id().to_string();
    let mut last = io::Error::other("no cgroup hierarchy is mounted");
    let mut entered = 0;
    for hierarchy in hierarchies() {
        let dir = hierarchy.join(PARENT).join(id);
        let result =
            fs::create_dir_all(&dir).and_then(|()| fs::write(dir.join("cgroup.procs"), &pid));
        match result {
            Ok(()) => entered += 1,
            // Some hierarchies want settings first; the others suffice.
            Err(error) => {
                let _ = fs::remove_dir(&dir);
                last = error;
            }
        }
    }
    if entered == 0 { Err(last) } else { Ok(()) }
}

/// Removes the cgroup of a container that has ended, and the directory above it if it is empty.
pub(in crate::suite) fn remove(id: &str) {
    for hierarchy in hierarchies() {
        // Fails where there was none, and where Docker itself has others.
        let _ = fs::remove_dir(hierarchy.join(PARENT).join(id));
        let _ = fs::remove_dir(hierarchy.join(PARENT));
    }
}

/// Mount points of cgroup hierarchies, of both versions.
fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let path = fields.next()?;
            matches!(fields.next()?, "cgroup" | "cgroup2").then(|| PathBuf::from(path))
        })
        .collect()
}
