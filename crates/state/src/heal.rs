//! Making good for events that were lost.
//!
//! Nobody can say what was lost, but the machine can be asked what holds now. That is done when it
//! matters — at the next event of a thread, at the next use of a descriptor — and within a budget,
//! so that a flood that overran the rings does not go on as a flood of questions. What cannot be
//! found out stays unknown.

use event::{EventFlags, EventType as T, EventView};

use crate::{Descriptor, State, Thread};

/// How long nothing is asked again of a thread that could not be found, ns.
const ASK_AGAIN: u64 = 1_000_000_000;

/// Notes that a thread lives, and tells whether it is to be looked at again because events of it
/// may have been lost before `gap`.
pub(crate) fn note_event(thread: &mut Thread, gap: u64, now: u64) -> bool {
    if thread.is_placeholder() {
        // What is kept is when the question was asked last.
        let again = now.saturating_sub(thread.last_seen) >= ASK_AGAIN;
        if again {
            thread.last_seen = now;
        }
        return again;
    }
    let was_before = gap != 0 && thread.last_seen <= gap;
    // Events that waited while the gap was noted are older than it; one look is enough for them.
    let seen = if was_before { gap + 1 } else { now };
    thread.last_seen = thread.last_seen.max(seen).max(now);
    was_before
}

impl State {
    /// Notes that events were lost, the last of them not after `now` (ns since the epoch): what is
    /// known is looked at again as it is used.
    pub fn note_gap(&mut self, now: u64) {
        self.counters.n_gaps += 1;
        self.gap = self.gap.max(now);
    }

    /// Looks at a thread again: one that executes another file than known has missed an exec, or
    /// took over the number of another one, and is read as a whole.
    pub(crate) fn look_again(&mut self, tid: i64, event_type: T, ts: u64) {
        let tells_itself = matches!(
            event_type,
            T::SYSCALL_EXECVE_19_X | T::SYSCALL_EXECVEAT_X | T::PROCEXIT_1_E
        );
        let Some(thread) = self.threads.get(tid).filter(|_| !tells_itself) else {
            return;
        };
        if thread.is_placeholder() {
            if self.look_up(tid, ts) {
                self.counters.n_healed_threads += 1;
            }
            return;
        }
        let Some(lookup) = self.lookup.as_mut() else {
            return;
        };
        let known = &thread.exepath;
        let found = self.budget.spend(ts, || {
            let other = lookup.executable(tid).filter(|now| **now != **known);
            other.and_then(|_| lookup.thread(tid))
        });
        let Some(found) = found else {
            self.counters.n_proc_lookups_refused += 1;
            return;
        };
        self.counters.n_proc_lookups += 1;
        if let Some(found) = found.filter(|found| found.thread.tid == tid) {
            // Its descriptors are read anew as well, unless other threads still use them.
            self.bury(tid);
            self.seed_found(found, ts);
            self.assign_roles();
            self.learn_accounts(tid);
            self.counters.n_healed_threads += 1;
        }
    }

    /// Looks for a descriptor that an event uses and that may have been made in a gap.
    pub(crate) fn find_descriptor(&mut self, event: &EventView<'_>, fd: i64) {
        let (tid, ts, info) = (event.tid(), event.ts(), event.info());
        if self.gap == 0 || fd < 0 || info.flags.contains(EventFlags::DESTROYS_FD) {
            return;
        }
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        if thread.is_placeholder()
            || thread.clone_ts > self.gap
            || self.files.get(thread.files, fd).is_some()
        {
            return;
        }
        let pid = thread.pid;
        if let Some(found) = self.look_up_descriptor(pid, fd, ts) {
            self.add_descriptor(tid, fd, found);
            self.counters.n_healed_fds += 1;
        }
    }

    /// Asks for one descriptor of a process, if the budget allows it.
    pub(crate) fn look_up_descriptor(&mut self, pid: i64, fd: i64, ts: u64) -> Option<Descriptor> {
        let lookup = self.lookup.as_mut()?;
        let Some(found) = self.fd_budget.spend(ts, || lookup.descriptor(pid, fd)) else {
            self.counters.n_proc_lookups_refused += 1;
            return None;
        };
        self.counters.n_proc_fd_lookups += 1;
        found
    }

    /// The first bytes of a string, as many as are kept.
    pub(crate) fn cut<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match bytes.get(..self.limits.string_bytes) {
            Some(kept) if kept.len() < bytes.len() => {
                self.counters.n_cut_strings += 1;
                kept
            }
            _ => bytes,
        }
    }
}
