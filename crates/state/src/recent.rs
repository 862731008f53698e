//! Threads that exited a moment ago.

/// How many exits are remembered.
const SLOTS: usize = 8192;

/// How long an exit counts as recent, ns.
pub(crate) const WINDOW: u64 = 2_000_000_000;

/// Remembers exits for [`WINDOW`], so that a parent's clone event that arrives after the child
/// has exited does not bring the child back to life.
///
/// Direct-mapped: an exit forgets the one that fell into the same slot before, which after 8192
/// exits in two seconds costs at worst an entry that the next purge removes.
pub(crate) struct RecentExits {
    slots: Vec<Exit>,
}

#[derive(Clone, Copy, Default)]
struct Exit {
    tid: i64,
    /// `None` when the thread was not known.
    ptid: Option<i64>,
    ts: u64,
}

impl RecentExits {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![Exit::default(); SLOTS],
        }
    }

    pub(crate) fn add(&mut self, ptid: Option<i64>, tid: i64, ts: u64) {
        self.slots[slot(tid)] = Exit { tid, ptid, ts };
    }

    pub(crate) fn contains(&self, ptid: i64, tid: i64, now: u64) -> bool {
        let exit = self.slots[slot(tid)];
        exit.tid == tid
            && exit.ptid.is_none_or(|known| known == ptid)
            && now.abs_diff(exit.ts) <= WINDOW
    }
}

/// Thread ids are given out in order, so that their low bits spread them best.
fn slot(tid: i64) -> usize {
    tid as usize % SLOTS
}
