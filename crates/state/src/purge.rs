//! Removing threads whose exit was missed.

use crate::{Limits, State};

/// The first search is made this long after the first event, ns.
const FIRST: u64 = 30_000_000_000;

/// How many suspects are checked per event: a check asks the machine, and the events behind this
/// one must not wait for thousands of them.
const CHECKS_PER_EVENT: usize = 4;

/// After a search made because the table was full, none is made for this long, ns.
const PAUSE: u64 = 1_000_000_000;

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
        self.threads.len() < before
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
        if self.lookup.is_none() {
            // Nobody to ask: what an old capture holds stays.
            self.purge.suspects.clear();
        }
    }
}

fn is_quiet(last_seen: u64, now: u64, timeout: u64) -> bool {
    now.saturating_sub(last_seen) >= timeout
}
