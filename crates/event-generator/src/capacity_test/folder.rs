//! A folder for the files of a run: sockets, statistics, what the engine says.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::cgroup;
use crate::Error;

/// How such folders begin; the pid and start time of their maker follow.
const PREFIX: &str = "event-generator-capacity-";

/// Makes one, which is gone when it is dropped.
///
/// # Errors
/// When the system refuses.
pub(super) fn new() -> Result<TempDir, Error> {
    tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", cgroup::maker()))
        .tempdir()
        .map_err(Error::io("make a folder for temporary files"))
}

/// Removes those whose maker is gone.
pub(super) fn remove_stale() {
    remove_stale_in(&std::env::temp_dir());
}

fn remove_stale_in(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if let Some(maker) = name.to_str().and_then(|name| name.strip_prefix(PREFIX))
            && !cgroup::is_alive(maker)
        {
            // What cannot be removed belongs to another user, who will.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_living_stay() {
        let place = tempfile::tempdir().expect("a folder");
        let ours = place.path().join(format!("{PREFIX}{}-x", cgroup::maker()));
        let theirs = place.path().join(format!("{PREFIX}1-7-x"));
        let other = place.path().join("something-else");
        for folder in [&ours, &theirs, &other] {
            fs::create_dir(folder).expect("made");
        }
        remove_stale_in(place.path());
        assert!(ours.exists() && other.exists() && !theirs.exists());
    }
}
