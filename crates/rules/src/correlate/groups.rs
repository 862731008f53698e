//! A bounded table of groups in the order in which they were last touched.

use std::collections::HashMap;
use std::sync::Arc;

/// No slot.
const NONE: u32 = u32::MAX;

/// A number of a group that is in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Index(u32);

/// Groups by key. Never holds more than its limit: the one that was touched longest ago gives way.
#[derive(Debug)]
pub(super) struct Groups<G> {
    by_key: HashMap<Arc<[u8]>, u32>,
    slots: Vec<Slot<G>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    limit: usize,
}

#[derive(Debug)]
struct Slot<G> {
    entry: Option<(Arc<[u8]>, G)>,
    older: u32,
    newer: u32,
}

impl<G> Groups<G> {
    /// An empty table for at most `limit` groups, of which there is at least one.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            by_key: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            limit: limit.clamp(1, NONE as usize),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<Index> {
        self.by_key.get(key).copied().map(Index)
    }

    pub(super) fn get_mut(&mut self, index: Index) -> Option<&mut G> {
        let slot = self.slots.get_mut(index.0 as usize)?;
        slot.entry.as_mut().map(|(_, group)| group)
    }

    /// The group that was touched longest ago.
    pub(super) fn oldest(&self) -> Option<(Index, &G)> {
        let slot = self.slots.get(self.oldest as usize)?;
        let (_, group) = slot.entry.as_ref()?;
        Some((Index(self.oldest), group))
    }

    /// Adds a group that is not there yet, as the one touched last; returns whether another one had
    /// to give way.
    pub(super) fn insert(&mut self, key: &[u8], group: G) -> bool {
        let is_full = self.by_key.len() >= self.limit;
        if is_full && let Some((index, _)) = self.oldest() {
            self.remove(index);
        }
        let key: Arc<[u8]> = key.into();
        let slot = Slot {
            entry: Some((Arc::clone(&key), group)),
            older: NONE,
            newer: NONE,
        };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.slots.get_mut(at as usize) {
                    *place = slot;
                }
                at
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        self.by_key.insert(key, at);
        self.append(at);
        is_full
    }

    /// Makes a group the one that was touched last.
    pub(super) fn touch(&mut self, index: Index) {
        if index.0 != self.newest {
            self.unlink(index.0);
            self.append(index.0);
        }
    }

    /// Takes a group out.
    pub(super) fn remove(&mut self, index: Index) -> Option<G> {
        let slot = self.slots.get_mut(index.0 as usize)?;
        let (key, group) = slot.entry.take()?;
        self.by_key.remove(&key);
        self.unlink(index.0);
        self.free.push(index.0);
        Some(group)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }

    fn append(&mut self, at: u32) {
        let last = self.newest;
        if let Some(slot) = self.slots.get_mut(at as usize) {
            (slot.older, slot.newer) = (last, NONE);
        }
        match self.slots.get_mut(last as usize) {
            Some(slot) => slot.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: u32) {
        let Some(slot) = self.slots.get(at as usize) else {
            return;
        };
        let (older, newer) = (slot.older, slot.newer);
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values from the oldest to the newest, by taking them out.
    fn drain(groups: &mut Groups<u32>) -> Vec<u32> {
        std::iter::from_fn(|| {
            let (index, _) = groups.oldest()?;
            groups.remove(index)
        })
        .collect()
    }

    #[test]
    fn the_one_touched_longest_ago_gives_way() {
        let mut groups = Groups::new(3);
        for (key, value) in [(b"a", 1), (b"b", 2), (b"c", 3)] {
            assert!(!groups.insert(key, value));
        }
        groups.touch(groups.find(b"a").unwrap());
        assert!(groups.insert(b"d", 4));
        assert_eq!(groups.find(b"b"), None);
        assert_eq!(groups.len(), 3);
        assert_eq!(drain(&mut groups), [3, 1, 4]);
        assert_eq!(groups.len(), 0);
        groups.insert(b"e", 5);
        assert_eq!(drain(&mut groups), [5]);
    }

    #[test]
    fn the_middle_can_be_taken_out_and_its_slot_used_again() {
        let mut groups = Groups::new(8);
        for (key, value) in [(b"a", 1), (b"b", 2), (b"c", 3)] {
            groups.insert(key, value);
        }
        let middle = groups.find(b"b").unwrap();
        assert_eq!(groups.remove(middle), Some(2));
        assert_eq!(groups.remove(middle), None);
        groups.insert(b"d", 4);
        assert_eq!(groups.slots.len(), 3);
        assert_eq!(drain(&mut groups), [1, 3, 4]);
    }
}
