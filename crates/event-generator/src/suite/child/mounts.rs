//! The files of this machine, with every change kept in memory.
//!
//! Over each file system lies an overlay whose upper layer is in a tmpfs that nobody else sees. Paths
//! are the same as before, so engines see the same; when the last process of the test ends, the kernel
//! drops the mounts and all that was written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    unmount,
};

/// Where the tmpfs is mounted until the new root is in place. It hides what was there from this
/// process alone.
const WORKSHOP: &str = "/tmp";

/// What the kernel makes itself; it is shown as it is.
const KERNEL_DIRS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// File systems of files that somebody keeps.
const REAL: [&str; 9] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "f2fs", "zfs", "overlay",
];

/// Makes the private files, in a mount namespace of our own. `new_processes` says that `/proc` is to
/// show a namespace of process ids of our own.
pub(super) fn set_up(new_processes: bool) -> io::Result<()> {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let below = mounted_below_root()?;
    // Opened before the tmpfs may hide them.
    let lower: Vec<(PathBuf, fs::File)> = below
        .into_iter()
        .filter_map(|path| fs::File::open(&path).ok().map(|file| (path, file)))
        .collect();
    mount(
        "tmpfs",
        WORKSHOP,
        "tmpfs",
        MountFlags::empty(),
        Some(c"mode=755"),
    )?;
    let root = Path::new(WORKSHOP).join("root");
    fs::create_dir(&root)?;
    overlay("/", &root, 0)?;
    for dir in KERNEL_DIRS {
        let target = root.join(&dir[1..]);
        if Path::new(dir).is_dir() && target.is_dir() {
            mount_bind_recursive(dir, &target)?;
        }
    }
    for (index, (path, file)) in lower.iter().enumerate() {
        use std::os::fd::AsRawFd;
        let target = root.join(path.strip_prefix("/").unwrap_or(path));
        let source = format!("/proc/self/fd/{}", file.as_raw_fd());
        if file.metadata()?.is_dir()
            && target.is_dir()
            && overlay(&source, &target, index + 1).is_err()
        {
            // Not every file system can be below an overlay; then nobody may write to it.
            mount_bind_recursive(source.as_str(), &target)?;
            rustix::mount::mount_remount(&target, MountFlags::BIND | MountFlags::RDONLY, c"")?;
        }
    }
    // What programs share in memory is private too.
    let shm = root.join("dev/shm");
    if shm.is_dir() {
        mount(
            "tmpfs",
            &shm,
            "tmpfs",
            MountFlags::NOSUID | MountFlags::NODEV,
            Some(c"mode=1777"),
        )?;
    }
    if new_processes {
        mount("proc", root.join("proc"), "proc", MountFlags::empty(), None)?;
    }
    std::env::set_current_dir(&root)?;
    // The old root is put on top of the new one, and then taken off.
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    std::env::set_current_dir("/")
}

fn overlay(lower: &str, target: &Path, number: usize) -> io::Result<()> {
    let upper = Path::new(WORKSHOP).join(format!("upper{number}"));
    let work = Path::new(WORKSHOP).join(format!("work{number}"));
    fs::create_dir(&upper)?;
    fs::create_dir(&work)?;
    // The root of an overlay has the permissions of its upper layer.
    let permissions = fs::metadata(lower)?.permissions();
    fs::set_permissions(&upper, permissions)?;
    let options = format!(
        "lowerdir={lower},upperdir={},workdir={}",
        upper.display(),
        work.display()
    );
    let options = std::ffi::CString::new(options).map_err(io::Error::other)?;
    mount(
        "overlay",
        target,
        "overlay",
        MountFlags::empty(),
        Some(options.as_c_str()),
    )?;
    Ok(())
}

/// Mount points of file systems with files, outermost first, without those below the kernel's.
fn mounted_below_root() -> io::Result<Vec<PathBuf>> {
    let text = fs::read_to_string("/proc/self/mountinfo")?;
    let mut paths: Vec<PathBuf> = text.lines().filter_map(mount_point).collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

/// The mount point of a line of `mountinfo`, if it is of interest.
fn mount_point(line: &str) -> Option<PathBuf> {
    let (left, right) = line.split_once(" - ")?;
    let path = left.split(' ').nth(4)?;
    let kind = right.split(' ').next()?;
    let in_kernel = KERNEL_DIRS
        .iter()
        .any(|dir| path == *dir || path.starts_with(&format!("{dir}/")));
    if path == "/" || in_kernel || !REAL.contains(&kind) {
        return None;
    }
    // Blanks and the like are written as octal numbers; such mount points are left alone.
    (!path.contains('\\')).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_file_systems_with_files_are_covered() {
        let line = |path: &str, kind: &str| {
            format!("36 35 98:0 /x {path} rw,noatime shared:1 - {kind} /dev/sda rw")
        };
        assert_eq!(
            mount_point(&line("/home", "ext4")),
            Some(PathBuf::from("/home"))
        );
        assert_eq!(mount_point(&line("/", "ext4")), None);
        assert_eq!(mount_point(&line("/dev/shm", "tmpfs")), None);
        assert_eq!(
            mount_point(&line("/development", "tmpfs")),
            Some(PathBuf::from("/development"))
        );
        assert_eq!(mount_point(&line("/run/x", "nsfs")), None);
        assert_eq!(mount_point("nonsense"), None);
    }
}
