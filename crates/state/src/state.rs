//! The state as a whole and what can be asked of it.

use container::{ContainerId, ContainerType};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::apply::entered::Entered;
use crate::apply::pending::Pending;
use crate::budget::Budget;
use crate::files::{Files, FilesId};
use crate::names::Names;
use crate::purge::Purge;
use crate::recent::RecentExits;
use crate::threads::Threads;
use crate::users::Accounts;
use crate::{
    Ancestors, Counters, Descriptor, Group, Interfaces, Limits, Lookup, Thread, User, path,
};

/// `AT_FDCWD`: the working directory where a descriptor of a directory is expected.
const AT_FDCWD: i64 = -100;

/// So many shared working directories are kept without a look at who uses them.
pub(crate) const MIN_SHARED_FS: usize = 1024;

/// Everything that is known about the machine.
pub struct State {
    pub(crate) limits: Limits,
    pub(crate) counters: Counters,
    pub(crate) threads: Threads,
    pub(crate) files: Files,
    pub(crate) accounts: Accounts,
    pub(crate) interfaces: Interfaces,
    pub(crate) containers: container::Cache,
    pub(crate) lookup: Option<Box<dyn Lookup>>,
    pub(crate) budget: Budget,
    /// The same for missing descriptors.
    pub(crate) fd_budget: Budget,
    /// Events were lost up to this time, ns since the epoch; 0 when none ever were.
    pub(crate) gap: u64,
    pub(crate) purge: Purge,
    pub(crate) recent: RecentExits,
    /// Enter events that wait for their exit, by thread.
    pub(crate) entered: FxHashMap<i64, Entered>,
    /// What the last event destroyed.
    pub(crate) pending: Vec<Pending>,
    /// The descriptor whose name the last event changed.
    pub(crate) renamed: Option<(FilesId, i64)>,
    pub(crate) last_tid: i64,
    pub(crate) last_fd: (FilesId, i64),
    pub(crate) last_fs: u32,
    /// Working directories that more than one process uses.
    pub(crate) shared_fs: FxHashSet<u32>,
    /// At this size, the ones that nobody uses any more are forgotten.
    pub(crate) max_shared_fs: usize,
    /// Ports that seeded sockets listen on.
    pub(crate) server_ports: FxHashSet<u16>,
    /// Seeded sockets of which it is not known which end is the client's.
    pub(crate) without_role: Vec<(i64, i64)>,
    /// For paths in the making.
    pub(crate) scratch: Vec<u8>,
    /// For names of files that are opened again.
    pub(crate) names: Names,
}

impl State {
    /// An empty state without a source of look-ups.
    pub fn new(limits: Limits) -> Self {
        Self {
            counters: Counters::default(),
            threads: Threads::default(),
            files: Files::new(limits.descriptors, limits.all_descriptors),
            accounts: Accounts::new(limits.accounts),
            interfaces: Interfaces::default(),
            containers: container::Cache::new(),
            lookup: None,
            budget: Budget::new(limits.lookups_per_second, limits.lookup_time_per_second),
            fd_budget: Budget::new(limits.lookups_per_second, limits.lookup_time_per_second),
            gap: 0,
            purge: Purge::new(&limits),
            recent: RecentExits::new(),
            entered: FxHashMap::default(),
            pending: Vec::new(),
            renamed: None,
            last_tid: 0,
            last_fd: (FilesId::default(), -1),
            last_fs: 0,
            shared_fs: FxHashSet::default(),
            max_shared_fs: MIN_SHARED_FS,
            server_ports: FxHashSet::default(),
            without_role: Vec::new(),
            scratch: Vec::new(),
            names: Names::default(),
            limits,
        }
    }

    /// Sets where missing threads are looked up.
    pub fn set_lookup(&mut self, lookup: Box<dyn Lookup>) {
        self.lookup = Some(lookup);
    }

    /// The thread with this id.
    pub fn thread(&self, tid: i64) -> Option<&Thread> {
        self.threads.get(tid)
    }

    /// A number that changes whenever something does that is kept of any thread, but for its
    /// descriptors, the time it was last seen, memory and page faults. No two states have one in
    /// common.
    pub fn version(&self) -> u64 {
        self.threads.version()
    }

    /// The main thread of a thread's process; `None` when it is not known.
    pub fn main_thread<'a>(&'a self, thread: &'a Thread) -> Option<&'a Thread> {
        if thread.is_main() {
            Some(thread)
        } else {
            self.thread(thread.pid)
        }
    }

    /// The main thread of the parent process.
    pub fn parent(&self, thread: &Thread) -> Option<&Thread> {
        let main = self.main_thread(thread).unwrap_or(thread);
        let parent = self.thread(main.ptid)?;
        self.main_thread(parent)
    }

    /// The main threads of the parent process, its parent and so on; ends instead of looping.
    pub fn ancestors<'a>(&'a self, thread: &'a Thread) -> Ancestors<'a> {
        Ancestors::new(self, thread)
    }

    /// An open descriptor of a thread.
    pub fn descriptor(&self, thread: &Thread, fd: i64) -> Option<&Descriptor> {
        self.files.get(thread.files, fd)
    }

    /// All open descriptors of a thread, in no order.
    pub fn descriptors(&self, thread: &Thread) -> impl Iterator<Item = (i64, &Descriptor)> {
        self.files
            .map(thread.files)
            .iter()
            .map(|(fd, descriptor)| (*fd, descriptor))
    }

    /// How many descriptors a thread's process has open (`proc.fdopencount`); 0 as long as the
    /// process is not known.
    pub fn descriptor_count(&self, thread: &Thread) -> usize {
        self.main_thread(thread)
            .map_or(0, |main| self.files.map(main.files).len())
    }

    /// How many threads of the process live, the main thread included (`proc.nthreads`).
    pub fn thread_count(&self, thread: &Thread) -> usize {
        self.threads.alive(thread.pid)
    }

    /// How many threads of the process live, the main thread not included (`proc.nchilds`).
    pub fn other_thread_count(&self, thread: &Thread) -> usize {
        let main_lives = self.thread(thread.pid).is_some_and(|main| !main.dead);
        self.thread_count(thread)
            .saturating_sub(usize::from(main_lives))
    }

    /// The processes that a thread's process is the parent of.
    pub fn children(&self, thread: &Thread) -> impl Iterator<Item = &Thread> {
        self.threads
            .children_of(thread.pid)
            .iter()
            .filter_map(|pid| self.thread(*pid))
    }

    /// All threads, in no order.
    pub fn threads(&self) -> impl Iterator<Item = &Thread> {
        self.threads.iter()
    }

    /// A user of the host.
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.accounts.user(None, uid)
    }

    /// A group of the host.
    pub fn group(&self, gid: u32) -> Option<&Group> {
        self.accounts.group(None, gid)
    }

    /// A user as a thread sees it: of its container if it is in one.
    pub fn user_of(&self, thread: &Thread, uid: u32) -> Option<&User> {
        self.accounts.user(thread.container.map(|(id, _)| id), uid)
    }

    /// A group as a thread sees it: of its container if it is in one.
    pub fn group_of(&self, thread: &Thread, gid: u32) -> Option<&Group> {
        self.accounts.group(thread.container.map(|(id, _)| id), gid)
    }

    /// All users with the container they belong to (`None`: the host), in no order.
    pub fn users(&self) -> impl Iterator<Item = (Option<ContainerId>, &User)> {
        self.accounts.users()
    }

    /// All groups with the container they belong to (`None`: the host), in no order.
    pub fn groups(&self) -> impl Iterator<Item = (Option<ContainerId>, &Group)> {
        self.accounts.groups()
    }

    /// The addresses of the host.
    pub fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }

    /// Writes the absolute, normalised form of a path as a thread means it into `out`: relative to
    /// the descriptor `dirfd` or, when that is `AT_FDCWD` (-100), to the working directory. False
    /// (and the path alone in `out`) when the directory is not known.
    pub fn resolve_path(
        &self,
        thread: &Thread,
        dirfd: i64,
        path: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        if path.first() == Some(&b'/') {
            path::concatenate(b"", path, out);
            return true;
        }
        if dirfd == AT_FDCWD {
            path::concatenate(&thread.cwd, path, out);
            return !thread.cwd.is_empty();
        }
        match self.descriptor(thread, dirfd) {
            Some(directory) if !directory.name.is_empty() => {
                path::concatenate_below(&directory.name, path, out);
                true
            }
            _ => {
                path::concatenate(b"", path, out);
                false
            }
        }
    }

    /// The container of a thread.
    pub fn container(&self, thread: &Thread) -> Option<(ContainerId, ContainerType)> {
        thread.container
    }

    /// What happened to the tables so far.
    pub fn counters(&self) -> Counters {
        Counters {
            n_threads: self.threads.len() as u64,
            n_drops_full_accounts: self.accounts.refused(),
            ..self.counters
        }
    }
}
