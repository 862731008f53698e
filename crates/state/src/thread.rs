//! A thread and what is known about its process.

use std::sync::Arc;

use container::{ContainerId, ContainerType};

use crate::files::FilesId;

/// Bytes that threads and forked processes share until one of them changes them.
pub type SharedBytes = Arc<[u8]>;

/// One thread. Facts about the process are those of the thread whose `tid` equals its `pid` (the
/// main thread); other threads carry a copy from when they were made.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Thread id in the initial pid namespace.
    pub tid: i64,
    /// Process id (thread group) in the initial pid namespace.
    pub pid: i64,
    /// The parent's thread id (of its main thread); 0 or -1 when there is none or it is unknown.
    pub ptid: i64,
    /// Session id.
    pub sid: i64,
    /// Process group id in the initial pid namespace; -1 when unknown.
    pub pgid: i64,
    /// Thread id in its own pid namespace.
    pub vtid: i64,
    /// Process id in its own pid namespace.
    pub vpid: i64,
    /// Process group id in its own pid namespace; -1 when unknown.
    pub vpgid: i64,
    /// Short name, at most 15 bytes.
    pub comm: SharedBytes,
    /// `argv[0]`.
    pub exe: SharedBytes,
    /// The path of the executable.
    pub exepath: SharedBytes,
    /// `argv[1..]`, each ended by a NUL.
    pub args: SharedBytes,
    /// The environment, each variable ended by a NUL.
    pub env: SharedBytes,
    /// The working directory, with a trailing `/`.
    pub cwd: SharedBytes,
    /// The root directory as seen from outside.
    pub root: SharedBytes,
    /// `subsystem=path` pairs, each ended by a NUL.
    pub cgroups: SharedBytes,
    /// The container that the cgroups name.
    pub container: Option<(ContainerId, ContainerType)>,
    /// `RLIMIT_NOFILE`; -1 when unknown.
    pub fd_limit: i64,
    /// Portable clone flags and marks, see [`ThreadFlags`].
    pub flags: u32,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Login user id; `u32::MAX` when unset.
    pub loginuid: u32,
    /// Capability sets, portable bits.
    pub cap_inheritable: u64,
    /// Capability sets, portable bits.
    pub cap_permitted: u64,
    /// Capability sets, portable bits.
    pub cap_effective: u64,
    /// Inode of the executable; 0 when unknown.
    pub exe_ino: u64,
    /// Change time of the executable, ns since the epoch.
    pub exe_ctime: u64,
    /// Modification time of the executable, ns since the epoch.
    pub exe_mtime: u64,
    /// Whether the process could write to its executable.
    pub exe_writable: bool,
    /// Whether the executable is in the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// Whether the executable is in the lower layer of an overlay.
    pub exe_lower_layer: bool,
    /// Whether the executable is a memfd.
    pub exe_from_memfd: bool,
    /// Device number of the controlling terminal; 0 when there is none.
    pub tty: u32,
    /// Virtual memory, KiB.
    pub vm_size: u32,
    /// Resident memory, KiB.
    pub vm_rss: u32,
    /// Swapped memory, KiB.
    pub vm_swap: u32,
    /// Major page faults.
    pub pf_major: u64,
    /// Minor page faults.
    pub pf_minor: u64,
    /// When it was made, ns since the epoch; 0 when unknown.
    pub clone_ts: u64,
    /// When the init process of its pid namespace started, ns since the epoch.
    pub pidns_init_start_ts: u64,
    /// The descriptor table.
    pub(crate) files: FilesId,
    /// Threads with the same number share working and root directory.
    pub(crate) fs: u32,
    /// The time of its last event, ns since the epoch.
    pub(crate) last_seen: u64,
    /// It has exited, but is kept for the threads that are left of its process.
    pub(crate) dead: bool,
    /// Where it stands in the list of its process's threads.
    pub(crate) group_slot: usize,
    /// Where it stands in the list of its parent's children.
    pub(crate) child_slot: usize,
}

/// Bits of [`Thread::flags`] that are not plain clone flags.
pub struct ThreadFlags;

impl ThreadFlags {
    /// Made with `CLONE_FILES`.
    pub const CLONE_FILES: u32 = 1;
    /// Made with `CLONE_FS`.
    pub const CLONE_FS: u32 = 1 << 1;
    /// Made with `CLONE_NEWPID`.
    pub const CLONE_NEWPID: u32 = 1 << 6;
    /// Made with `CLONE_PARENT`.
    pub const CLONE_PARENT: u32 = 1 << 8;
    /// Made with `CLONE_THREAD`.
    pub const CLONE_THREAD: u32 = 1 << 13;
    /// The child's event came before the parent's.
    pub const INVERTED: u32 = 1 << 16;
    /// It has exited.
    pub const CLOSED: u32 = 1 << 18;
    /// `CLONE_NEWUSER`.
    pub const CLONE_NEWUSER: u32 = 1 << 20;
    /// Its standard output goes into a pipe.
    pub const PIPE_SRC: u32 = 1 << 21;
    /// Its standard input comes out of a pipe.
    pub const PIPE_DST: u32 = 1 << 22;
    /// Made with `CLONE_VFORK`.
    pub const CLONE_VFORK: u32 = 1 << 27;
    /// It lives in a pid namespace other than the initial one.
    pub const CHILD_IN_PIDNS: u32 = 1 << 29;
}

/// Bits that events have for an executable.
const EXE_WRITABLE: u32 = 1;
const EXE_UPPER_LAYER: u32 = 1 << 1;
const EXE_FROM_MEMFD: u32 = 1 << 2;
const EXE_LOWER_LAYER: u32 = 1 << 3;

impl Thread {
    /// A thread of which only the ids are known; everything else is empty, zero or "unknown".
    pub fn new(tid: i64, pid: i64) -> Self {
        let empty = SharedBytes::default();
        Self {
            tid,
            pid,
            ptid: -1,
            sid: -1,
            pgid: -1,
            vtid: -1,
            vpid: -1,
            vpgid: -1,
            comm: empty.clone(),
            exe: empty.clone(),
            exepath: empty.clone(),
            args: empty.clone(),
            env: empty.clone(),
            cwd: empty.clone(),
            root: empty.clone(),
            cgroups: empty,
            container: None,
            fd_limit: -1,
            flags: 0,
            uid: u32::MAX,
            gid: u32::MAX,
            loginuid: u32::MAX,
            cap_inheritable: 0,
            cap_permitted: 0,
            cap_effective: 0,
            exe_ino: 0,
            exe_ctime: 0,
            exe_mtime: 0,
            exe_writable: false,
            exe_upper_layer: false,
            exe_lower_layer: false,
            exe_from_memfd: false,
            tty: 0,
            vm_size: 0,
            vm_rss: 0,
            vm_swap: 0,
            pf_major: 0,
            pf_minor: 0,
            clone_ts: 0,
            pidns_init_start_ts: 0,
            files: FilesId::default(),
            fs: 0,
            last_seen: 0,
            dead: false,
            group_slot: 0,
            child_slot: 0,
        }
    }

    /// Takes over what an event tells of the executable.
    pub(crate) fn set_exe_flags(&mut self, flags: u32) {
        self.exe_writable = flags & EXE_WRITABLE != 0;
        self.exe_upper_layer = flags & EXE_UPPER_LAYER != 0;
        self.exe_lower_layer = flags & EXE_LOWER_LAYER != 0;
        self.exe_from_memfd = flags & EXE_FROM_MEMFD != 0;
    }

    /// Whether nothing but the thread id is known, because its creation was not seen.
    pub fn is_placeholder(&self) -> bool {
        self.pid < 0
    }

    /// What stands for a thread whose creation was not seen and that cannot be looked up.
    pub(crate) fn placeholder(tid: i64) -> Self {
        let mut thread = Self::new(tid, -1);
        thread.comm = Arc::from(*b"<NA>");
        thread.exe = Arc::clone(&thread.comm);
        thread.cwd = Arc::from(*b"./");
        thread
    }

    /// Whether it lives in a pid namespace other than the initial one.
    pub fn is_in_pid_namespace(&self) -> bool {
        self.flags & ThreadFlags::CHILD_IN_PIDNS != 0 || (self.vtid > 0 && self.vtid != self.tid)
    }

    /// Whether it is the main thread of its process.
    pub fn is_main(&self) -> bool {
        self.tid == self.pid
    }
}

/// Makes `slot` hold `bytes`, and keeps the old allocation when it does already.
pub(crate) fn share(slot: &mut SharedBytes, bytes: &[u8]) {
    if **slot != *bytes {
        *slot = Arc::from(bytes);
    }
}
