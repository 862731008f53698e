//! A thread and what is known about its process.

use std::sync::Arc;

use container::{ContainerId, ContainerType};

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
    /// Portable clone flags and our own marks.
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
}

impl Thread {
    /// Whether it is the main thread of its process.
    pub fn is_main(&self) -> bool {
        self.tid == self.pid
    }
}
