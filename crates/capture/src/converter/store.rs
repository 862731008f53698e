//! Enter events that wait for their exit event.

use rustc_hash::FxHashMap;

/// More threads than a machine runs at once.
const MAX_THREADS: usize = 1 << 18;
/// Real enter events are a few hundred bytes at most.
const MAX_BYTES: usize = 256 << 20;

/// The last enter event of every thread. Buffers are used again, so that a warm store does not
/// allocate.
#[derive(Default, Debug)]
pub(super) struct Store {
    records: FxHashMap<i64, Vec<u8>>,
    /// How much the buffers hold together.
    bytes: usize,
    forgotten: u64,
}

impl Store {
    pub(super) fn get(&self, tid: i64) -> Option<&[u8]> {
        self.records
            .get(&tid)
            .map(Vec::as_slice)
            .filter(|record| !record.is_empty())
    }

    pub(super) fn insert(&mut self, tid: i64, record: &[u8]) {
        if self.records.len() >= MAX_THREADS || self.bytes + record.len() > MAX_BYTES {
            self.forgotten += self
                .records
                .values()
                .filter(|record| !record.is_empty())
                .count() as u64;
            self.clear();
        }
        let buffer = self.records.entry(tid).or_default();
        let before = buffer.capacity();
        buffer.clear();
        buffer.extend_from_slice(record);
        self.bytes += buffer.capacity() - before;
    }

    /// Takes the event of a thread out; its buffer stays for the next one.
    pub(super) fn remove(&mut self, tid: i64) {
        if let Some(record) = self.records.get_mut(&tid) {
            record.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.bytes = 0;
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_event_of_a_thread() {
        let mut store = Store::default();
        assert_eq!(store.get(1), None);
        store.insert(1, b"first");
        store.insert(1, b"second");
        store.insert(2, b"other");
        assert_eq!(store.get(1), Some(&b"second"[..]));
        store.remove(1);
        assert_eq!(store.get(1), None);
        assert_eq!(store.get(2), Some(&b"other"[..]));
        assert_eq!(store.forgotten(), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let mut store = Store::default();
        for tid in 0..MAX_THREADS as i64 + 1 {
            store.insert(tid, b"x");
        }
        assert_eq!(store.forgotten(), MAX_THREADS as u64);
        assert_eq!(store.records.len(), 1);
    }
}
