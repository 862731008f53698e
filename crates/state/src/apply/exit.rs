//! Threads that end.

use event::EventView;

use super::pending::Pending;
use crate::State;

/// No tree of processes is deeper than this.
const MAX_DEPTH: usize = 1024;

impl State {
    /// The thread counts as dead at once, and goes at the next event.
    pub(super) fn exit(&mut self, event: &EventView<'_>) {
        let tid = event.tid();
        let ptid = self.threads.get(tid).map(|thread| thread.ptid);
        self.recent.add(ptid, tid, event.ts());
        if ptid.is_none() {
            return;
        }
        self.threads.set_dead(tid, true);
        self.pending.push(Pending::Thread {
            tid,
            reaper: event.i64(4),
        });
    }

    /// Removes a thread that has exited. The main thread stays until its process has no thread
    /// left, since it holds what is known of the process.
    pub(crate) fn remove_exited(&mut self, tid: i64, reaper: Option<i64>) {
        let Some(thread) = self.threads.get(tid).filter(|thread| thread.dead) else {
            return;
        };
        let pid = thread.pid;
        if self.threads.alive(pid) > 0 {
            if tid != pid {
                self.bury(tid);
            }
            return;
        }
        self.adopt_children(pid, reaper);
        for tid in self.threads.of_process(pid).to_vec() {
            self.bury(tid);
        }
        self.bury(tid);
    }

    /// Removes a thread and what belongs to it.
    pub(crate) fn bury(&mut self, tid: i64) {
        if let Some(thread) = self.threads.remove(tid) {
            self.counters.n_removed_threads += 1;
            self.files.release(thread.files, &mut self.counters);
            self.entered.remove(&tid);
        }
    }

    /// Gives the children of a process that is gone to whom the kernel says, or, when it does not
    /// say, to whom it would give them.
    fn adopt_children(&mut self, pid: i64, reaper: Option<i64>) {
        if self.threads.children_of(pid).is_empty() {
            return;
        }
        let adopter = match reaper.filter(|tid| *tid > 0) {
            Some(reaper) => {
                let process = self.threads.get(reaper).map_or(reaper, |thread| thread.pid);
                self.threads.set_reaper(process, true);
                process
            }
            None => self.nearest_reaper(pid),
        };
        for child in self.threads.children_of(pid).to_vec() {
            self.threads.set_parent(child, adopter);
        }
    }

    /// The nearest ancestor that adopts orphans. The search ends where a pid namespace does: its
    /// first process adopts what is orphaned in it. 0 when there is none.
    fn nearest_reaper(&self, pid: i64) -> i64 {
        let Some(gone) = self.threads.get(pid) else {
            return 0;
        };
        let inside = gone.is_in_pid_namespace();
        self.ancestors(gone)
            .take(MAX_DEPTH)
            .take_while(|ancestor| ancestor.is_in_pid_namespace() == inside)
            .find(|ancestor| {
                ancestor.pid != pid
                    && self.threads.alive(ancestor.pid) > 0
                    && (self.threads.is_reaper(ancestor.pid) || ancestor.vpid == 1)
            })
            .map_or(0, |ancestor| ancestor.pid)
    }
}
