//! A view of the file system in which nothing that is written stays.
//!
//! An overlay over the root directory, and one over every other file system that holds files, with
//! upper halves in memory. What the kernel makes up (`/proc`, `/sys`, …) is taken as it is. The view
//! becomes the root of this process's mount namespace, so that the kernel calls everything by the
//! paths it has on the machine.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sched::CloneFlags;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use super::mountinfo::{self, Mount};
use crate::failure::Failure;
use crate::temp::c_path;

/// File systems in which nothing is stored: what is seen there is the kernel's state.
const MADE_UP: &[&str] = &[
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "securityfs",
    "debugfs",
    "tracefs",
    "bpf",
    "mqueue",
    "devpts",
    "hugetlbfs",
    "fusectl",
    "configfs",
    "pstore",
    "efivarfs",
    "binfmt_misc",
    "autofs",
    "rpc_pipefs",
    "nsfs",
    "selinuxfs",
    "resctrl",
];

/// How much may be written into memory that covers a directory for a thread.
const MOST_MEMORY: &str = "64m";

/// Where the memory may be mounted while the view is put together. The first that exists.
const SCRATCH: &[&str] = &["/tmp", "/var/tmp", "/run", "/mnt", "/usr"];

/// Gives this process, which must have a mount namespace of its own, such a view.
///
/// With `user_namespace`, the kernel hides what lies under other mounts and refuses an overlay over
/// the root; then single directories are covered: those that a user may write on an ordinary machine.
///
/// # Errors
/// [`Failure::Skipped`] when the kernel has no overlays or refuses them, or which step failed.
pub fn cover(user_namespace: bool) -> Result<(), Failure> {
    rustix::mount::mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(Failure::at("keep mounts to ourselves"))?;
    if user_namespace {
        return cover_directories();
    }
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let mounts = mountinfo::read().map_err(Failure::at("read /proc/self/mountinfo"))?;
    // Opened first: the memory is about to cover some of them.
    let sources: Vec<(Mount, File)> = mounts
        .into_iter()
        .filter(|mount| mount.at != Path::new("/"))
        .filter_map(|mount| Some((open_path(&mount.at)?, mount)))
        .map(|(file, mount)| (mount, file))
        .collect();
    let scratch = Scratch::mount(false)?;
    let root = scratch.path.join("root");
    make_dir(&root)?;
    let lower = File::open("/").map_err(Failure::at("open /"))?;
    scratch.overlay(&lower, &root)?;
    let mut taken_whole: Vec<PathBuf> = Vec::new();
    for (mount, source) in sources {
        if taken_whole.iter().any(|whole| mount.at.starts_with(whole)) {
            continue;
        }
        let Ok(relative) = mount.at.strip_prefix("/") else {
            continue;
        };
        let target = root.join(relative);
        let Ok(metadata) = fs::symlink_metadata(&target) else {
            // Covered by a later mount.
            continue;
        };
        if MADE_UP.contains(&mount.kind.as_str()) {
            bind(&source, &target, true)?;
            taken_whole.push(mount.at);
        } else if !metadata.is_dir() || scratch.overlay(&source, &target).is_err() {
            // A file that is mounted by itself, or a file system that cannot be a lower half.
            bind(&source, &target, false)?;
        }
    }
    enter(&root, &cwd)
}

/// Makes `root` the root directory and forgets the old one.
fn enter(root: &Path, cwd: &Path) -> Result<(), Failure> {
    let step = "change the root directory";
    rustix::process::chdir(root).map_err(Failure::at(step))?;
    rustix::process::pivot_root(".", ".").map_err(|errno| {
        Failure::skipped(format!("no private file system can be entered: {errno}"))
    })?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).map_err(Failure::at(step))?;
    // By an absolute path, so that an engine that follows calls knows where we are.
    rustix::process::chdir(cwd)
        .or_else(|_| rustix::process::chdir("/"))
        .map_err(Failure::at(step))
}

/// Where a user may write on an ordinary machine.
const DIRECTORIES: &[&str] = &[
    "/tmp", "/var/tmp", "/dev/shm", "/home", "/root", "/etc", "/usr",
];

/// Covers single directories, as far as the kernel lets a user. What is left uncovered is closed to
/// an unprivileged user anyhow; in case it is not, actions undo what they do.
fn cover_directories() -> Result<(), Failure> {
    let sources: Vec<(&str, File)> = DIRECTORIES
        .iter()
        .filter_map(|path| Some((*path, open_path(Path::new(path))?)))
        .collect();
    let scratch = Scratch::mount(true)?;
    // The directory the memory lies over comes last, since it hides the memory.
    for (path, source) in sources.iter().rev() {
        let _ = scratch.overlay(source, Path::new(path));
    }
    Ok(())
}

/// Puts empty memory over directories, for this thread alone, which leaves the mount namespace of its
/// process for it. What is made there costs no disk and goes with the thread, however it ends. Those
/// that do not exist are left out.
///
/// Only for what needs nothing of the contents of these directories.
///
/// # Errors
/// Which step failed: it takes the right to mount.
pub fn empty(directories: &[&str]) -> Result<(), Failure> {
    nix::sched::unshare(CloneFlags::CLONE_NEWNS)
        .map_err(Failure::at("make a mount namespace for a thread"))?;
    rustix::mount::mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(Failure::at("keep mounts to ourselves"))?;
    for directory in directories {
        let Ok(metadata) = fs::metadata(directory) else {
            continue;
        };
        let options = format!(
            "mode={:o},uid={},gid={},size={MOST_MEMORY}",
            metadata.mode() & 0o7777,
            metadata.uid(),
            metadata.gid()
        );
        let options = CString::new(options).map_err(|_| Failure::skipped("a path holds a NUL"))?;
        rustix::mount::mount(
            c"event-generator",
            *directory,
            c"tmpfs",
            MountFlags::NOSUID,
            &*options,
        )
        .map_err(Failure::at(format!("put memory over {directory}")))?;
    }
    Ok(())
}

/// Memory that only this mount namespace knows of.
struct Scratch {
    path: PathBuf,
    /// What every overlay's options end with.
    options: &'static str,
    /// How many overlays there are.
    count: std::cell::Cell<u32>,
}

impl Scratch {
    fn mount(user_namespace: bool) -> Result<Self, Failure> {
        let path = SCRATCH
            .iter()
            .map(Path::new)
            .find(|path| path.is_dir())
            .ok_or_else(|| Failure::skipped("there is no directory to mount anything on"))?;
        rustix::mount::mount(
            c"event-generator",
            path,
            c"tmpfs",
            MountFlags::NOSUID,
            c"mode=0755",
        )
        .map_err(|errno| {
            Failure::skipped(format!(
                "no private file system can be made: tmpfs: {errno}"
            ))
        })?;
        Ok(Self {
            path: path.to_owned(),
            options: if user_namespace { ",userxattr" } else { "" },
            count: std::cell::Cell::new(0),
        })
    }

    /// Mounts an overlay over the directory `lower` on `target`.
    fn overlay(&self, lower: &File, target: &Path) -> Result<(), Failure> {
        let number = self.count.replace(self.count.get() + 1);
        let half = |name: &str| self.path.join(format!("{name}{number}"));
        let (upper, work) = (half("upper"), half("work"));
        make_dir(&upper)?;
        make_dir(&work)?;
        // The merged directory has the mode and owner of its upper half.
        let metadata = lower.metadata().map_err(Failure::at("stat a mount"))?;
        let _ = rustix::fs::chown(
            &upper,
            Some(rustix::fs::Uid::from_raw(metadata.uid())),
            Some(rustix::fs::Gid::from_raw(metadata.gid())),
        );
        fs::set_permissions(&upper, fs::Permissions::from_mode(metadata.mode() & 0o7777))
            .map_err(Failure::at("chmod an upper half"))?;
        let options = format!(
            "lowerdir=/proc/self/fd/{},upperdir={},workdir={}{}",
            lower.as_raw_fd(),
            upper.display(),
            work.display(),
            self.options
        );
        let options = CString::new(options).map_err(|_| Failure::skipped("a path holds a NUL"))?;
        rustix::mount::mount(
            c"event-generator",
            target,
            c"overlay",
            MountFlags::empty(),
            &*options,
        )
        .map_err(|errno| {
            Failure::skipped(format!(
                "no private file system can be made: overlay over {}: {errno}",
                target.display()
            ))
        })
    }
}

/// Shows `source` at `target` as well; for reading only unless it is `whole`, with all mounts below.
fn bind(source: &File, target: &Path, whole: bool) -> Result<(), Failure> {
    let path = format!("/proc/self/fd/{}", source.as_raw_fd());
    let step = || format!("bind {}", target.display());
    if whole {
        return rustix::mount::mount_bind_recursive(path, target).map_err(Failure::at(step()));
    }
    rustix::mount::mount_bind(path, target).map_err(Failure::at(step()))?;
    rustix::mount::mount_remount(target, MountFlags::BIND | MountFlags::RDONLY, c"")
        .map_err(Failure::at(step()))
}

/// The file or directory itself, unread.
fn open_path(path: &Path) -> Option<File> {
    rustix::fs::openat(
        CWD,
        &*c_path(path),
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .ok()
    .map(File::from)
}

fn make_dir(path: &Path) -> Result<(), Failure> {
    rustix::fs::mkdir(path, Mode::RWXU).map_err(Failure::at("make a directory in private memory"))
}
