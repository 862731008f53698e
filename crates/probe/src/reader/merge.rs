//! Many rings, one order.
//!
//! Each ring is in time order, so the next record overall is at the head of one of them. A heap
//! holds one head per ring: taking the next costs the logarithm of the number of CPUs at worst, and
//! one or two comparisons when the same CPU goes on, whatever their number.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use crate::reader::ring::{Head, Ring};

/// How long the reader waits, in nanoseconds, for a record that a CPU has begun and not finished,
/// before it lets the others pass. It is begun and finished within nanoseconds, unless a hypervisor
/// took the CPU away in between; waiting a moment keeps the order, waiting for ever would let the
/// other rings overflow.
const PATIENCE_NS: u64 = 2_000_000;

#[cfg(test)]
thread_local! {
    /// How many candidates were compared.
    pub(super) static COMPARISONS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// The oldest unread record of a ring.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Candidate {
    time: u64,
    ring: usize,
}

impl Ord for Candidate {
    /// The oldest is the greatest, because the heap has the greatest on top.
    fn cmp(&self, other: &Self) -> Ordering {
        #[cfg(test)]
        COMPARISONS.set(COMPARISONS.get() + 1);
        (other.time, other.ring).cmp(&(self.time, self.ring))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Since when a ring has been stuck at an unfinished record.
#[derive(Clone, Copy, Default)]
struct Stuck {
    position: u64,
    since: u64,
}

/// The working memory of merging; kept, so that a warm one allocates nothing.
#[derive(Default)]
pub(crate) struct Merger {
    heap: BinaryHeap<Candidate>,
    stuck: Vec<Option<Stuck>>,
}

/// What the next step on a ring is.
enum Next {
    Candidate(u64),
    Wait,
    Done,
}

impl Merger {
    /// Hands out the records of all rings that are not newer than `limit` (nanoseconds since the
    /// epoch), oldest first, and gives their space back. `now` is the boot clock. Says how many
    /// records were handed out.
    pub(crate) fn drain(
        &mut self,
        rings: &mut [Ring],
        limit: u64,
        now: u64,
        mut each: impl FnMut(u16, &[u8]),
    ) -> usize {
        self.heap.clear();
        self.stuck.resize(rings.len(), None);
        for ring in rings.iter_mut() {
            ring.look();
        }
        let mut waiting = false;
        for (index, ring) in rings.iter_mut().enumerate() {
            match next(ring, &mut self.stuck[index], now) {
                Next::Candidate(time) => self.heap.push(Candidate { time, ring: index }),
                Next::Wait => waiting = true,
                Next::Done => {}
            }
        }

        let mut count = 0;
        while let Some(mut top) = self.heap.peek_mut() {
            if waiting || top.time > limit {
                break;
            }
            let index = top.ring;
            let ring = &mut rings[index];
            let cpu = ring.cpu();
            if let Head::Record(record) = ring.head() {
                each(cpu, record);
                count += 1;
                let len = record.len();
                ring.advance(len);
            }
            match next(ring, &mut self.stuck[index], now) {
                Next::Candidate(time) => top.time = time,
                Next::Wait => waiting = true,
                Next::Done => {
                    PeekMut::pop(top);
                }
            }
        }
        for ring in rings {
            ring.release();
        }
        count
    }
}

/// Looks at the head of a ring.
fn next(ring: &mut Ring, stuck: &mut Option<Stuck>, now: u64) -> Next {
    match ring.head() {
        Head::Record(record) => {
            // Too short for a time: not one of ours, and nothing to wait for.
            let time = record
                .first_chunk()
                .map_or(0, |bytes| u64::from_le_bytes(*bytes));
            Next::Candidate(time)
        }
        Head::Empty => Next::Done,
        Head::Busy => {
            let position = ring.position();
            match *stuck {
                Some(seen) if seen.position == position => {
                    if now.saturating_sub(seen.since) > PATIENCE_NS {
                        return Next::Done;
                    }
                }
                _ => {
                    *stuck = Some(Stuck {
                        position,
                        since: now,
                    });
                }
            }
            Next::Wait
        }
    }
}
