//! Ending all processes below one.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// How long processes that were killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Kills every process below `root` until there is none. `root` has to be a reaper of its descendants,
/// so that those whose parents have ended are still below it.
pub(super) fn kill_below(root: i32) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let below = below(root);
        if below.is_empty() || Instant::now() > deadline {
            return;
        }
        for pid in below.into_iter().filter_map(Pid::from_raw) {
            // Fails when it has just ended by itself.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The living processes below one.
fn below(root: i32) -> Vec<i32> {
    let all: Vec<(i32, i32, bool)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name is in parentheses and may hold anything.
            let (_, rest) = stat.rsplit_once(") ")?;
            let mut fields = rest.split(' ');
            let is_gone = matches!(fields.next()?, "Z" | "X");
            Some((pid, fields.next()?.parse().ok()?, is_gone))
        })
        .collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        at += 1;
        found.extend(
            all.iter()
                .filter(|(_, of, _)| *of == parent)
                .map(|(pid, _, _)| *pid),
        );
    }
    let is_gone = |pid: &i32| all.iter().any(|(other, _, gone)| other == pid && *gone);
    found
        .into_iter()
        .skip(1)
        .filter(|pid| !is_gone(pid))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn children_of_children_are_found() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 1000 & sleep 1000; true"])
            .spawn()
            .unwrap();
        let root = i32::try_from(shell.id()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while below(root).len() < 2 {
            assert!(Instant::now() < deadline, "the shell has started nothing");
            std::thread::sleep(Duration::from_millis(5));
        }
        let children = below(root);
        kill_below(root);
        shell.wait().unwrap();
        assert!(below(root).is_empty());
        assert!(
            children
                .iter()
                .all(|pid| !fs::exists(format!("/proc/{pid}/exe")).unwrap())
        );
    }
}
