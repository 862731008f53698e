//! Removing threads whose exit was missed.

use rustc_hash::FxHashSet;

use crate::{Limits, State};

/// The first search is made this long after the first event, ns.
const FIRST: u64 = 30_000_000_000;

/// How many suspects are checked per event: a check asks the machine, and the events behind this
/// one must not wait for thousands of them.
const CHECKS_PER_EVENT: usize = 4;

/// After a search made because the table was full, none is made for this long, ns.
const PAUSE: u64 = 1_000_000_000;

/// A full table loses this part of its threads at once, so that it is not searched for every one.
const EVICTED_PART: usize = 64;

/// When the next search is due, and what the last one found but did not check yet.
#[derive(Debug)]
pub(crate) struct Purge {
    interval: u64,
    next: Option<u64>,
    not_before: u64,
    suspects: Vec<i64>,
}

impl Purge {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            interval: limits.purge_interval,
            next: None,
            not_before: 0,
            suspects: Vec::new(),
        }
    }
}

impl State {
    /// Searches for stale threads when it is time, and checks a few of those found before.
    pub(crate) fn purge(&mut self, now: u64) {
        if self.purge.interval == 0 {
            return;
        }
        let next = *self.purge.next.get_or_insert(now.saturating_add(FIRST));
        if now >= next {
            self.purge.next = Some(now.saturating_add(self.purge.interval));
            self.search(now);
        }
        for _ in 0..CHECKS_PER_EVENT.min(self.purge.suspects.len()) {
            let Some(tid) = self.purge.suspects.pop() else {
                break;
            };
            let Some(lookup) = &mut self.lookup else {
                break;
            };
            let stale = self
                .threads
                .get(tid)
                .is_some_and(|thread| is_quiet(thread.last_seen, now, self.limits.thread_timeout));
            if stale && !lookup.is_alive(tid) {
                self.bury(tid);
            }
        }
    }

    /// Makes room in a full table: what is least useful goes first, and only that. False when
    /// nothing could be removed.
    pub(crate) fn make_room(&mut self, now: u64) -> bool {
        if now < self.purge.not_before {
            return false;
        }
        self.purge.not_before = now.saturating_add(PAUSE);
        let before = self.threads.len();
        self.search(now);
        if self.threads.len() == before {
            self.evict();
        }
        self.threads.len() < before
    }

    /// Removes the threads that no event came of for the longest time, but none that another one
    /// needs: a process with threads or children stays. Live, one that is wanted again is looked
    /// up.
    fn evict(&mut self) {
        let mut quiet: Vec<(u64, i64)> = self
            .threads
            .iter()
            .filter(|thread| !thread.is_main() || self.is_needed_by_nobody(thread.pid))
            .map(|thread| (thread.last_seen, thread.tid))
            .collect();
        let count = (self.limits.threads / EVICTED_PART).max(1).min(quiet.len());
        if count == 0 {
            return;
        }
        quiet.select_nth_unstable(count - 1);
        for (_, tid) in &quiet[..count] {
            self.bury(*tid);
        }
        self.counters.n_evicted_threads += count as u64;
    }

    fn is_needed_by_nobody(&self, pid: i64) -> bool {
        self.threads.of_process(pid).len() <= 1 && self.threads.children_of(pid).is_empty()
    }

    /// Forgets the users of containers that no thread is in any more.
    pub(crate) fn forget_containers(&mut self) {
        let used: FxHashSet<_> = self
            .threads
            .iter()
            .filter_map(|thread| thread.container.map(|(id, _)| id))
            .collect();
        let forgotten = self.accounts.retain(|container| used.contains(container));
        self.counters.n_evicted_containers += forgotten;
    }

    /// Removes placeholders, which say nothing that the next event of their thread would not say
    /// again, and lists threads without events for a long time for a check.
    fn search(&mut self, now: u64) {
        let timeout = self.limits.thread_timeout;
        let mut placeholders = Vec::new();
        self.purge.suspects.clear();
        for thread in self.threads.iter() {
            if thread.is_placeholder() {
                placeholders.push(thread.tid);
            } else if is_quiet(thread.last_seen, now, timeout) {
                self.purge.suspects.push(thread.tid);
            }
        }
        for tid in placeholders {
            self.bury(tid);
        }
        if self.lookup.is_some() {
            self.forget_containers();
        }
        self.threads.shrink();
        self.entered.retain(|_, entered| entered.is_waiting());
        if self.entered.len() < self.entered.capacity() / 8 {
            self.entered.shrink_to_fit();
        }
        if self.lookup.is_none() {
            // Nobody to ask: what an old capture holds stays.
            self.purge.suspects.clear();
        }
    }
}

fn is_quiet(last_seen: u64, now: u64, timeout: u64) -> bool {
    now.saturating_sub(last_seen) >= timeout
}
