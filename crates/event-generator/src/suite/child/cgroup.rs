//! The cgroup of a container: engines tell containers by its name.
//!
//! The form is Docker's, `/docker/<64 hexadecimal digits>`, in every hierarchy that lets us.

use std::fs;
use std::io;
use std::path::PathBuf;

/// The directory that Docker keeps its cgroups in.
const PARENT: &str = "docker";

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
