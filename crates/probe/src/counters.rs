//! What the kernel side counts.

use std::iter::Sum;
use std::ops::Add;

/// Records that found their ring full, by the kind of event. The kinds are the ones of Falco's
/// `n_drops_buffer_*` metrics (there with a suffix `_exit`); `other` is what none of them covers,
/// so that the sum is exact.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct RingFull {
    /// clone, clone3, fork, vfork.
    pub clone_fork: u64,
    /// execve, execveat.
    pub execve: u64,
    /// open, openat, openat2, creat, open_by_handle_at.
    pub open: u64,
    /// connect.
    pub connect: u64,
    /// Directories and names of files: mkdir, rename, link, unlink, chdir, chmod, chown, stat, dup…
    pub dir_file: u64,
    /// close.
    pub close: u64,
    /// procexit.
    pub proc: u64,
    /// Everything else (Falco's `other_interest`).
    pub other: u64,
}

/// How many kinds there are; `enum category` of `bpf/maps.h` is in the same order.
const CATEGORIES: usize = 8;

impl RingFull {
    /// All kinds together.
    pub fn total(&self) -> u64 {
        self.by_name().iter().map(|(_, count)| count).sum()
    }

    /// Every kind under the name it has in Falco's metrics (between `n_drops_buffer_` and `_exit`).
    pub fn by_name(&self) -> [(&'static str, u64); CATEGORIES] {
        [
            ("clone_fork", self.clone_fork),
            ("execve", self.execve),
            ("open", self.open),
            ("connect", self.connect),
            ("dir_file", self.dir_file),
            ("close", self.close),
            ("proc", self.proc),
            ("other_interest", self.other),
        ]
    }
}

/// The counters of one CPU, or of all of them together. They only grow.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct CpuCounters {
    /// Events that the probe tried to deliver, the lost ones included.
    pub events: u64,
    /// Lost: the ring was full.
    pub ring_full: RingFull,
    /// Lost: the record was over 64 KiB (Falco's `n_drops_scratch_map`).
    pub too_big: u64,
    /// Lost: the CPU had no ring, because it came online after the rings were made.
    pub no_ring: u64,
    /// Lost: no program stood in the table for the call.
    pub no_filler: u64,
    /// Lost: a call through an ABI whose numbers the probe does not know (32-bit ARM, the x32 ABI).
    pub foreign_abi: u64,
    /// Calls that no rule can match and that made no record for that reason. No loss, and not part
    /// of `events`.
    pub filtered: u64,
    /// Of those in `ring_full`: kept out of a ring that still had room, because their process or
    /// control group had written more than its share, or because only the most important records
    /// may use the last of it. Not counted twice.
    pub over_budget: u64,
}

/// The counters of `struct counters` in `bpf/maps.h`, as the words they are made of.
pub(crate) const COUNTER_WORDS: usize = CATEGORIES + 7;

impl CpuCounters {
    /// Everything that was lost, for whatever reason.
    pub fn drops(&self) -> u64 {
        self.ring_full.total() + self.too_big + self.no_ring + self.no_filler + self.foreign_abi
    }

    pub(crate) fn from_words(words: [u64; COUNTER_WORDS]) -> Self {
        let [
            events,
            clone_fork,
            execve,
            open,
            connect,
            dir_file,
            close,
            proc,
            other,
            too_big,
            no_ring,
            no_filler,
            foreign_abi,
            filtered,
            over_budget,
        ] = words;
        Self {
            events,
            ring_full: RingFull {
                clone_fork,
                execve,
                open,
                connect,
                dir_file,
                close,
                proc,
                other,
            },
            too_big,
            no_ring,
            no_filler,
            foreign_abi,
            filtered,
            over_budget,
        }
    }

    fn words(&self) -> [u64; COUNTER_WORDS] {
        let full = &self.ring_full;
        [
            self.events,
            full.clone_fork,
            full.execve,
            full.open,
            full.connect,
            full.dir_file,
            full.close,
            full.proc,
            full.other,
            self.too_big,
            self.no_ring,
            self.no_filler,
            self.foreign_abi,
            self.filtered,
            self.over_budget,
        ]
    }
}

impl Add for CpuCounters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let mut words = self.words();
        for (word, more) in words.iter_mut().zip(other.words()) {
            *word += more;
        }
        Self::from_words(words)
    }
}

impl Sum for CpuCounters {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

/// The counters of the whole probe.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    /// One entry per possible CPU, at its number.
    pub per_cpu: Vec<CpuCounters>,
    /// Calls that the kernel kept from the probe, because one of its programs was already running
    /// on that CPU. Lost before `events` could count them; not part of it.
    pub skipped_runs: u64,
}

impl Counters {
    /// All CPUs together.
    pub fn total(&self) -> CpuCounters {
        self.per_cpu.iter().copied().sum()
    }

    /// Everything that was lost, for whatever reason.
    pub fn drops(&self) -> u64 {
        self.total().drops() + self.skipped_runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_fields_agree() {
        let words: [u64; COUNTER_WORDS] = std::array::from_fn(|index| 1 << index);
        let counters = CpuCounters::from_words(words);
        assert_eq!(counters.words(), words);
        assert_eq!(counters.events, 1);
        // The last two are no losses: what was filtered, and what is part of another count.
        let [_, losses @ .., filtered, over_budget] = words.as_slice() else {
            unreachable!("there are more counters than that");
        };
        assert_eq!(counters.filtered, *filtered);
        assert_eq!(counters.over_budget, *over_budget);
        assert_eq!(counters.drops(), losses.iter().sum::<u64>());
        let twice = Counters {
            per_cpu: vec![counters; 2],
            skipped_runs: 5,
        };
        assert_eq!(twice.total().foreign_abi, 2 * counters.foreign_abi);
        assert_eq!(twice.drops(), 2 * counters.drops() + 5);
    }
}
