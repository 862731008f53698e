//! The files of this machine, with every change kept in memory.

use rustix::mount::{MountFlags, mount};

use super::Failure;

/// Makes the private files, in a mount namespace of our own. `new_processes` says that `/proc` is to
/// show a namespace of process ids of our own.
pub(super) fn set_up(new_processes: bool) -> Result<(), Failure> {
    action::sandbox::cover(false).map_err(Failure::at("private files"))?;
    if new_processes {
        mount("proc", "/proc", "proc", MountFlags::empty(), None)
            .map_err(Failure::at("mount /proc"))?;
    }
    std::env::set_current_dir("/").map_err(Failure::at("change to /"))
}
