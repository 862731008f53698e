//! What user space tells the filter of threads: which control groups are those of containers, and
//! who the threads are that were there before the probe.

use std::collections::HashSet;
use std::io::Read;
use std::sync::atomic::Ordering;

use libbpf_rs::{Iter, MapCore, MapFlags};

use crate::error::Error;
use crate::loader::{Probe, loaded, map};

/// The program that hands over threads.
pub(crate) const KNOWN: &str = "iter_known";

/// The map that it takes them from.
const KNOWN_THREADS: &str = "known_threads";

/// `sizeof(struct known_thread)` of `bpf/filter_maps.h`.
const KNOWN_BYTES: usize = 24;

/// The hashes of control groups and where their threads are.
const PLACES: &str = "cgroup_places";

/// How many answers there is room for, as in `bpf/filter_maps.h`.
const MOST_PLACES: usize = 8192;

/// Longer descriptions of control groups are not looked at, as in `bpf/facts.h`.
const HASHED_MAX: usize = 4096;

/// Where the threads of some control groups are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// Not to be told from each other.
    Unknown = 0,
    /// On the host.
    Host = 1,
    /// In a container.
    Container = 2,
}

/// A thread as user space knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known<'a> {
    /// Its number, in the first pid namespace.
    pub tid: u32,
    /// Its short name.
    pub name: &'a [u8],
    /// Where it is.
    pub place: Place,
}

/// How descriptions of control groups are hashed. The key is another one each time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(pub(crate) [u64; 2]);

impl Key {
    /// A key that nobody can guess.
    pub(crate) fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        let word = || RandomState::new().hash_one(0);
        Self([word(), word() | 1])
    }

    /// What `hash_cgroups` of `bpf/facts.h` makes of a description; 0 for none.
    fn hash(self, text: &[u8]) -> u64 {
        if text.is_empty() || text.len() > HASHED_MAX {
            return 0;
        }
        let Self([start, factor]) = self;
        let word = |bytes: &[u8]| {
            let high_first = bytes.iter().rev();
            high_first.fold(0, |word, byte| word << 8 | u64::from(*byte))
        };
        let words = text.chunks_exact(8);
        let rest = word(words.remainder());
        let hash = words.fold(start ^ text.len() as u64, |hash, bytes| {
            (hash ^ word(bytes)).wrapping_mul(factor).rotate_left(29)
        });
        let hash = (hash ^ rest).wrapping_mul(factor);
        (hash ^ (hash >> 32)).max(1)
    }
}

/// The control groups that the kernel was told of.
#[derive(Debug)]
pub(crate) struct Told {
    key: Key,
    hashes: HashSet<u64>,
}

impl Told {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            key,
            hashes: HashSet::new(),
        }
    }
}

impl Probe {
    /// Tells the filter where the threads are whose control groups an event describes like this.
    /// `place` is only called for a description that is new, and a thread is taken for being
    /// anywhere as long as nothing was said of its control groups.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn place(
        &mut self,
        control_groups: &[u8],
        place: impl FnOnce() -> Place,
    ) -> Result<(), Error> {
        let hash = self.told.key.hash(control_groups);
        if hash == 0 || self.told.hashes.contains(&hash) {
            return Ok(());
        }
        let places = map(&self.objects.maps, PLACES)?;
        if self.told.hashes.len() >= MOST_PLACES {
            // Threads keep their answers; those to come need them again.
            for hash in self.told.hashes.drain() {
                places
                    .delete(&hash.to_ne_bytes())
                    .map_err(|err| refused(&err))?;
            }
        }
        let place = place() as u32;
        places
            .update(&hash.to_ne_bytes(), &place.to_ne_bytes(), MapFlags::ANY)
            .map_err(|err| refused(&err))?;
        self.told.hashes.insert(hash);
        let layout = self.control.layout();
        layout.filter_round.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Tells the filter of threads that were there before the probe was attached, of which it knows
    /// nothing itself. What a thread has told by an event since then counts more. Nothing happens
    /// where the kernel counts threads otherwise than this process does (in a pid namespace).
    ///
    /// # Errors
    ///
    /// When the kernel refuses. The filter is right all the same, and lets more pass.
    pub fn know<'a>(&self, threads: impl IntoIterator<Item = Known<'a>>) -> Result<(), Error> {
        if !self.can_list() {
            return Ok(());
        }
        let failed = |reason: String| Error::Access {
            action: "tell the filter of threads",
            reason,
        };
        let table = map(&self.objects.maps, KNOWN_THREADS)?;
        let mut tids = Vec::new();
        for thread in threads {
            let tid = thread.tid.to_ne_bytes();
            let Some(value) = value_of(&thread) else {
                continue;
            };
            if table.update(&tid, &value, MapFlags::ANY).is_err() {
                // The table is full: the rest stays unknown.
                break;
            }
            tids.push(tid);
        }
        let link = loaded(&self.objects, KNOWN)?
            .attach()
            .map_err(|err| failed(format!("{err:#}")))?;
        let mut source = Iter::new(&link).map_err(|err| failed(format!("{err:#}")))?;
        // It has nothing to say, but runs as it is read.
        source
            .read_to_end(&mut Vec::new())
            .map_err(|err| failed(err.to_string()))?;
        for tid in tids {
            table.delete(&tid).map_err(|err| refused(&err))?;
        }
        Ok(())
    }
}

/// A thread as the kernel reads it; `None` for a name that no thread can have.
fn value_of(thread: &Known<'_>) -> Option<[u8; KNOWN_BYTES]> {
    let mut value = [0; KNOWN_BYTES];
    let (name, place) = value.split_at_mut(16);
    // A NUL ends names.
    name[..15]
        .get_mut(..thread.name.len())?
        .copy_from_slice(thread.name);
    place[..4].copy_from_slice(&(thread.place as u32).to_ne_bytes());
    Some(value)
}

fn refused(err: &libbpf_rs::Error) -> Error {
    Error::Access {
        action: "write what is known of threads",
        reason: format!("{err:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_that_differ_have_other_hashes() {
        let key = Key::new();
        let base = b"cpuset=/\0cpu=/user.slice\0io=/\0".to_vec();
        let mut seen = HashSet::new();
        for end in 1..=base.len() {
            assert!(seen.insert(key.hash(&base[..end])), "the first {end} bytes");
        }
        for at in 0..base.len() {
            let mut other = base.clone();
            other[at] ^= 0x80;
            assert!(seen.insert(key.hash(&other)), "byte {at}");
        }
        assert!(!seen.contains(&0));
        assert_eq!(key.hash(b""), 0);
        assert_eq!(key.hash(&[b'a'; HASHED_MAX + 1]), 0);
        assert_ne!(key.hash(&[b'a'; HASHED_MAX]), 0);
        assert_ne!(key.hash(&base), Key::new().hash(&base));
    }
}
