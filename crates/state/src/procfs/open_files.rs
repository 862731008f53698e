//! What somebody else has listed; here: open descriptors.

use rustc_hash::FxHashMap;

use super::Tasks;

/// What the kernel has listed of the present state. What is missing is asked of `/proc`.
#[derive(Clone, Default, Debug)]
pub struct Listed {
    /// Threads.
    pub tasks: Tasks,
    /// Open descriptors.
    pub files: OpenFiles,
}

/// One open descriptor, as the kernel can list it faster than `/proc` does.
#[derive(Clone, Debug)]
pub struct OpenFile {
    /// Its number.
    pub fd: i64,
    /// The kernel's open flags, `O_CLOEXEC` among them if an exec closes it.
    pub flags: u32,
    /// Device number as in events.
    pub dev: u32,
    /// Inode number.
    pub ino: u64,
    /// Kind and permissions, as `stat` has them.
    pub mode: u32,
    /// What the link in `/proc/<pid>/fd` shows; empty when that is not known.
    pub link: Vec<u8>,
}

/// The open descriptors of processes.
#[derive(Clone, Default, Debug)]
pub struct OpenFiles {
    by_process: FxHashMap<i64, Vec<OpenFile>>,
}

impl OpenFiles {
    /// Those of a process; `None` for one that is not in the list.
    pub(super) fn of(&self, pid: i64) -> Option<&[OpenFile]> {
        self.by_process.get(&pid).map(Vec::as_slice)
    }
}

impl FromIterator<(i64, OpenFile)> for OpenFiles {
    /// From pairs of process and descriptor.
    fn from_iter<I: IntoIterator<Item = (i64, OpenFile)>>(files: I) -> Self {
        let mut by_process = FxHashMap::<i64, Vec<OpenFile>>::default();
        for (pid, file) in files {
            by_process.entry(pid).or_default().push(file);
        }
        Self { by_process }
    }
}
