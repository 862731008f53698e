//! Reading the rings of all CPUs as one stream.

pub(crate) mod mapping;
#[cfg(any(test, feature = "memory-rings"))]
pub(crate) mod memory;
mod merge;
pub(crate) mod ring;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::control::{Control, boot_clock};
use merge::Merger;
use ring::Ring;

/// How often the offset between boot clock and wall clock is taken again, in nanoseconds.
const CLOCK_SYNC_NS: u64 = 1_000_000_000;

/// A program takes the time at its start and publishes its record at its end. A record that is this
/// much older than now is in its ring (interrupts aside), so it cannot be overtaken any more.
const PUBLISH_NS: u64 = 20_000;

/// The consumer of all rings. There is one per probe; it may live in another thread than the
/// [`Probe`](crate::Probe) and must not outlive the interest in its records: a ring that nobody
/// reads fills up and then loses.
pub struct Reader {
    control: Arc<Control>,
    rings: Vec<Ring>,
    merger: Merger,
    clock: Clock,
}

/// The offset from boot clock to wall clock, as the kernel side uses it.
struct Clock {
    offset: u64,
    /// The offset before the last change: records made with it may still be in the rings.
    previous: u64,
    synced_at: u64,
}

impl Clock {
    /// The newest time that a record made at `boot` can carry.
    fn newest(&self, boot: u64) -> u64 {
        let (now, before) = (
            boot.wrapping_add(self.offset),
            boot.wrapping_add(self.previous),
        );
        now.max(before)
    }
}

impl Reader {
    pub(crate) fn new(control: Arc<Control>, rings: Vec<Ring>) -> Self {
        let offset = control.sync_clock();
        let clock = Clock {
            offset,
            previous: offset,
            synced_at: boot_clock(),
        };
        Self {
            control,
            rings,
            merger: Merger::default(),
            clock,
        }
    }

    /// Hands out every record that was complete when the call began, oldest first across all CPUs,
    /// as `(cpu, record)`, and says how many there were. A record is a whole event in the layout of
    /// the `event` crate and is valid only during the call of `each`.
    ///
    /// Never blocks. When it returns 0, wait a little before the next call (say 50 µs, doubling up
    /// to a few milliseconds): nothing ever wakes the reader up.
    ///
    /// Records younger than 20 µs stay in the rings for the next call, because another CPU may be
    /// about to publish an older one. Should `each` panic, the records of this call up to the
    /// panic may be handed out again.
    pub fn drain(&mut self, each: impl FnMut(u16, &[u8])) -> usize {
        let now = boot_clock();
        if now.saturating_sub(self.clock.synced_at) >= CLOCK_SYNC_NS {
            self.clock.previous = self.clock.offset;
            self.clock.offset = self.control.sync_clock();
            self.clock.synced_at = now;
        }
        let limit = self.clock.newest(now.saturating_sub(PUBLISH_NS));
        self.merger.drain(&mut self.rings, limit, now, each)
    }

    /// Whether any ring has something, be it too young to be handed out yet.
    pub fn has_data(&self) -> bool {
        self.rings.iter().any(Ring::has_data)
    }

    /// How many rings it reads.
    pub fn ring_count(&self) -> usize {
        self.rings.len()
    }

    pub(crate) fn cpus(&self) -> impl Iterator<Item = u16> {
        self.rings.iter().map(Ring::cpu)
    }

    pub(crate) fn add(&mut self, ring: Ring) {
        self.rings.push(ring);
    }
}

#[cfg(test)]
mod clock_tests {
    use super::Clock;

    /// The wall clock was set back, or forth, between two looks: records made before may carry the
    /// one time or the other, and none of them may be held back for ever.
    #[test]
    fn records_from_before_a_step_of_the_wall_clock_are_not_held_back() {
        let boot = 1_000_000;
        for (before, after) in [(500, 900), (900, 500), (0, u64::MAX - 10)] {
            let clock = Clock {
                offset: after,
                previous: before,
                synced_at: boot,
            };
            for offset in [before, after] {
                assert!(clock.newest(boot) >= boot.wrapping_add(offset));
            }
        }
    }
}
