//! The thread table, with the threads of every process and the children of every thread.

use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashMap;

use crate::Thread;

/// The threads of one process.
#[derive(Default, Debug)]
struct Process {
    tids: Vec<i64>,
    /// How many of them have not exited.
    alive: usize,
    /// Whether it adopts orphaned descendants (`PR_SET_CHILD_SUBREAPER`, or it was seen to).
    reaper: bool,
}

/// All threads. Each stands in the list of its process, and each main thread in the list of its
/// parent's children, so that neither has to be searched for when a thread exits.
#[derive(Debug)]
pub(crate) struct Threads {
    /// See [`State::version`](crate::State::version).
    version: u64,
    map: FxHashMap<i64, Box<Thread>>,
    processes: FxHashMap<i64, Process>,
    children: FxHashMap<i64, Vec<i64>>,
}

/// How many versions a table has before it could be mistaken for the next one's.
const VERSIONS: u64 = 1 << 40;

/// No two tables have a version in common.
static TABLES: AtomicU64 = AtomicU64::new(0);

impl Default for Threads {
    fn default() -> Self {
        Self {
            version: TABLES
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_mul(VERSIONS),
            map: FxHashMap::default(),
            processes: FxHashMap::default(),
            children: FxHashMap::default(),
        }
    }
}

impl Threads {
    /// A number that changes with every thread.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn get(&self, tid: i64) -> Option<&Thread> {
        self.map.get(&tid).map(Box::as_ref)
    }

    /// A thread to change, except `tid`, `pid`, `ptid` and `dead`, which the lists depend on.
    pub(crate) fn get_mut(&mut self, tid: i64) -> Option<&mut Thread> {
        self.version += 1;
        self.map.get_mut(&tid).map(Box::as_mut)
    }

    /// A thread to change in what has no part in its version: which descriptors it has, when it was
    /// last seen, how much memory it uses and how many page faults it had.
    pub(crate) fn get_quietly(&mut self, tid: i64) -> Option<&mut Thread> {
        self.map.get_mut(&tid).map(Box::as_mut)
    }

    pub(crate) fn contains(&self, tid: i64) -> bool {
        self.map.contains_key(&tid)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Thread> {
        self.map.values().map(Box::as_ref)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Thread> {
        self.version += 1;
        self.map.values_mut().map(Box::as_mut)
    }

    /// The threads of a process, the dead main thread included.
    pub(crate) fn of_process(&self, pid: i64) -> &[i64] {
        self.processes
            .get(&pid)
            .map_or(&[], |process| &process.tids)
    }

    /// How many threads of a process live.
    pub(crate) fn alive(&self, pid: i64) -> usize {
        self.processes.get(&pid).map_or(0, |process| process.alive)
    }

    /// The processes whose parent is this thread.
    pub(crate) fn children_of(&self, tid: i64) -> &[i64] {
        self.children.get(&tid).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn is_reaper(&self, pid: i64) -> bool {
        self.processes
            .get(&pid)
            .is_some_and(|process| process.reaper)
    }

    pub(crate) fn set_reaper(&mut self, pid: i64, reaper: bool) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.reaper = reaper;
        }
    }

    /// Adds a thread whose id is not in the table.
    pub(crate) fn insert(&mut self, thread: Thread) {
        self.attach(Box::new(thread));
    }

    /// Takes a thread out.
    pub(crate) fn remove(&mut self, tid: i64) -> Option<Box<Thread>> {
        self.version += 1;
        let thread = self.map.remove(&tid)?;
        if !thread.is_placeholder() {
            self.leave_process(&thread);
        }
        self.leave_parent(&thread);
        Some(thread)
    }

    /// Gives back memory after there were many more threads than there are.
    pub(crate) fn shrink(&mut self) {
        if self.map.len() < self.map.capacity() / 8 {
            self.map.shrink_to_fit();
        }
        if self.processes.len() < self.processes.capacity() / 8 {
            self.processes.shrink_to_fit();
        }
        if self.children.len() < self.children.capacity() / 8 {
            self.children.shrink_to_fit();
        }
    }

    /// Changes what the lists depend on.
    pub(crate) fn relate(&mut self, tid: i64, change: impl FnOnce(&mut Thread)) {
        let Some(thread) = self.map.get(&tid) else {
            return;
        };
        let reaper = self.is_reaper(thread.pid);
        if let Some(mut thread) = self.remove(tid) {
            change(&mut thread);
            thread.tid = tid;
            let pid = thread.pid;
            self.attach(thread);
            if reaper {
                self.set_reaper(pid, true);
            }
        }
    }

    /// Marks a thread as exited or, when an exec takes over its id, as alive again.
    pub(crate) fn set_dead(&mut self, tid: i64, dead: bool) {
        self.version += 1;
        let Some(thread) = self.map.get_mut(&tid).filter(|thread| thread.dead != dead) else {
            return;
        };
        thread.dead = dead;
        if let Some(process) = self.processes.get_mut(&thread.pid) {
            process.alive = if dead {
                process.alive.saturating_sub(1)
            } else {
                process.alive + 1
            };
        }
    }

    /// Makes `ptid` the parent of all threads of a process.
    pub(crate) fn set_parent(&mut self, pid: i64, ptid: i64) {
        self.version += 1;
        let Some(process) = self.processes.get(&pid) else {
            return;
        };
        for tid in &process.tids {
            if *tid != pid
                && let Some(thread) = self.map.get_mut(tid)
            {
                thread.ptid = ptid;
            }
        }
        self.relate(pid, |main| main.ptid = ptid);
    }

    fn attach(&mut self, mut thread: Box<Thread>) {
        self.version += 1;
        if !thread.is_placeholder() {
            let process = self.processes.entry(thread.pid).or_default();
            thread.group_slot = process.tids.len();
            process.tids.push(thread.tid);
            process.alive += usize::from(!thread.dead);
        }
        if thread.is_main() && thread.ptid > 0 {
            let siblings = self.children.entry(thread.ptid).or_default();
            thread.child_slot = siblings.len();
            siblings.push(thread.pid);
        }
        self.map.insert(thread.tid, thread);
    }

    fn leave_process(&mut self, thread: &Thread) {
        let Some(process) = self.processes.get_mut(&thread.pid) else {
            return;
        };
        process.alive = process.alive.saturating_sub(usize::from(!thread.dead));
        process.tids.swap_remove(thread.group_slot);
        let moved = process.tids.get(thread.group_slot).copied();
        if process.tids.is_empty() {
            self.processes.remove(&thread.pid);
        }
        if let Some(moved) = moved.and_then(|tid| self.map.get_mut(&tid)) {
            moved.group_slot = thread.group_slot;
        }
    }

    fn leave_parent(&mut self, thread: &Thread) {
        if !thread.is_main() || thread.ptid <= 0 {
            return;
        }
        let Some(siblings) = self.children.get_mut(&thread.ptid) else {
            return;
        };
        siblings.swap_remove(thread.child_slot);
        let moved = siblings.get(thread.child_slot).copied();
        if siblings.is_empty() {
            self.children.remove(&thread.ptid);
        }
        if let Some(moved) = moved.and_then(|pid| self.map.get_mut(&pid)) {
            moved.child_slot = thread.child_slot;
        }
    }
}
