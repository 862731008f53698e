//! Descriptor tables, shared like the kernel shares them.
//!
//! Threads name their table by an index. A thread made with `CLONE_FILES` gets the index of its
//! maker; a fork gets a table of its own, whose contents stay one allocation with the parent's
//! until either side changes something — most children exec or exit before that.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::{Counters, Descriptor};

/// Which descriptor table a thread uses. 0 is a table that is always empty, for threads of which
/// no descriptor is known; it becomes a real one with the first descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(crate) struct FilesId(u32);

type Map = FxHashMap<i64, Descriptor>;

#[derive(Default, Debug)]
struct Table {
    users: u32,
    map: Rc<Map>,
}

/// All descriptor tables.
#[derive(Debug)]
pub(crate) struct Files {
    tables: Vec<Table>,
    free: Vec<FilesId>,
    /// Descriptors in memory: contents that tables share count once.
    stored: usize,
    limit: usize,
    total_limit: usize,
}

/// The standard streams are looked at for as long as a process lives.
const LAST_STANDARD_STREAM: i64 = 2;

/// How many descriptors are looked at for one that can go.
const CANDIDATES: usize = 16;

/// The contents, to change: separated from those of the tables that share them.
fn own<'a>(map: &'a mut Rc<Map>, stored: &mut usize) -> &'a mut Map {
    if Rc::strong_count(map) > 1 {
        *stored += map.len();
    }
    Rc::make_mut(map)
}

impl Files {
    /// No table yet; each will hold at most `limit` descriptors, and all `total_limit`.
    pub(crate) fn new(limit: usize, total_limit: usize) -> Self {
        Self {
            tables: vec![Table::default()],
            free: Vec::new(),
            stored: 0,
            limit,
            total_limit,
        }
    }

    pub(crate) fn map(&self, id: FilesId) -> &Map {
        &self.tables[id.0 as usize].map
    }

    pub(crate) fn get(&self, id: FilesId, fd: i64) -> Option<&Descriptor> {
        self.map(id).get(&fd)
    }

    /// A descriptor to change; separates the table from those that share its contents.
    pub(crate) fn get_mut(&mut self, id: FilesId, fd: i64) -> Option<&mut Descriptor> {
        let map = &mut self.tables[id.0 as usize].map;
        if !map.contains_key(&fd) {
            return None;
        }
        own(map, &mut self.stored).get_mut(&fd)
    }

    /// Whether more than one thread uses the table.
    pub(crate) fn is_shared(&self, id: FilesId) -> bool {
        self.tables[id.0 as usize].users > 1
    }

    /// One more thread uses the table of another.
    pub(crate) fn share(&mut self, id: &mut FilesId) -> FilesId {
        self.make_real(id);
        self.tables[id.0 as usize].users += 1;
        *id
    }

    /// A new table with the same contents.
    pub(crate) fn fork(&mut self, id: FilesId, counters: &mut Counters) -> FilesId {
        if self.map(id).is_empty() {
            return FilesId::default();
        }
        let map = Rc::clone(&self.tables[id.0 as usize].map);
        counters.n_fds += map.len() as u64;
        self.add(map)
    }

    /// One thread less uses the table.
    pub(crate) fn release(&mut self, id: FilesId, counters: &mut Counters) {
        if id == FilesId::default() {
            return;
        }
        let table = &mut self.tables[id.0 as usize];
        table.users = table.users.saturating_sub(1);
        if table.users == 0 {
            counters.n_fds = counters.n_fds.saturating_sub(table.map.len() as u64);
            if Rc::strong_count(&table.map) == 1 {
                self.stored -= table.map.len();
            }
            table.map = Rc::default();
            self.free.push(id);
        }
    }

    /// Gives a thread that shares its table one of its own.
    pub(crate) fn unshare(&mut self, id: &mut FilesId, counters: &mut Counters) {
        if self.is_shared(*id) {
            let own = self.fork(*id, counters);
            self.release(*id, counters);
            *id = own;
        }
    }

    /// Adds or replaces a descriptor. In a full table the least useful one makes room; false when
    /// there is none that could.
    pub(crate) fn insert(
        &mut self,
        id: &mut FilesId,
        fd: i64,
        descriptor: Descriptor,
        counters: &mut Counters,
    ) -> bool {
        self.make_real(id);
        let map = &self.tables[id.0 as usize].map;
        let is_full = map.len() >= self.limit || self.stored >= self.total_limit;
        if is_full && !map.contains_key(&fd) {
            let Some(victim) = least_useful(map, fd) else {
                counters.n_drops_full_fdtable += 1;
                return false;
            };
            counters.n_evicted_fds += 1;
            self.remove(*id, victim, counters);
        }
        counters.n_added_fds += 1;
        let map = &mut self.tables[id.0 as usize].map;
        if own(map, &mut self.stored).insert(fd, descriptor).is_none() {
            counters.n_fds += 1;
            self.stored += 1;
        }
        true
    }

    pub(crate) fn remove(&mut self, id: FilesId, fd: i64, counters: &mut Counters) {
        let map = &mut self.tables[id.0 as usize].map;
        // Contents that are shared stay so when there is nothing to remove.
        let mut removed = None;
        if Rc::strong_count(map) == 1 || map.contains_key(&fd) {
            removed = own(map, &mut self.stored).remove(&fd);
        }
        if removed.is_some() {
            self.stored -= 1;
            counters.n_removed_fds += 1;
            counters.n_fds = counters.n_fds.saturating_sub(1);
        }
    }

    /// Removes the descriptors that `doomed` picks. Contents that are shared stay shared when
    /// nothing is to be removed.
    pub(crate) fn remove_if(
        &mut self,
        id: FilesId,
        counters: &mut Counters,
        doomed: impl Fn(i64, &Descriptor) -> bool,
    ) {
        let map = &mut self.tables[id.0 as usize].map;
        let count = map
            .iter()
            .filter(|(fd, descriptor)| doomed(**fd, descriptor))
            .count() as u64;
        if count == 0 {
            return;
        }
        counters.n_removed_fds += count;
        counters.n_fds = counters.n_fds.saturating_sub(count);
        match Rc::get_mut(map) {
            Some(map) => {
                map.retain(|fd, descriptor| !doomed(*fd, descriptor));
                // What was a large table may be a small one for the rest of its life.
                if map.len() < map.capacity() / 8 {
                    map.shrink_to_fit();
                }
                self.stored -= count as usize;
            }
            None => {
                self.stored += map.len() - count as usize;
                let kept = map
                    .iter()
                    .filter(|(fd, descriptor)| !doomed(**fd, descriptor));
                *map = Rc::new(
                    kept.map(|(fd, descriptor)| (*fd, descriptor.clone()))
                        .collect(),
                );
            }
        }
    }

    /// Sets or clears `O_CLOEXEC` on the descriptors from `first` to `last`.
    pub(crate) fn set_cloexec(&mut self, id: FilesId, first: i64, last: i64, on: bool) {
        let map = &mut self.tables[id.0 as usize].map;
        let picked = |fd: &i64| (first..=last).contains(fd);
        if map
            .iter()
            .any(|(fd, descriptor)| picked(fd) && descriptor.is_cloexec() != on)
        {
            for (fd, descriptor) in own(map, &mut self.stored).iter_mut() {
                if picked(fd) {
                    descriptor.set_cloexec(on);
                }
            }
        }
    }

    fn make_real(&mut self, id: &mut FilesId) {
        if *id == FilesId::default() {
            *id = self.add(Rc::default());
        }
    }

    fn add(&mut self, map: Rc<Map>) -> FilesId {
        let table = Table { users: 1, map };
        if let Some(id) = self.free.pop() {
            self.tables[id.0 as usize] = table;
            return id;
        }
        self.tables.push(table);
        FilesId(u32::try_from(self.tables.len() - 1).expect("fewer tables than threads"))
    }
}

/// A descriptor that can make room for another one: never a standard stream or a socket that
/// listens, and rather one that was opened long ago. Numbers are given out in order, so that those
/// as many numbers below as there are descriptors are a good guess.
fn least_useful(map: &Map, fd: i64) -> Option<i64> {
    let can_go = |fd: &i64| {
        *fd > LAST_STANDARD_STREAM
            && map.get(fd).is_some_and(|descriptor| {
                !matches!(descriptor.kind, crate::DescriptorKind::InetServer(_))
            })
    };
    let long_ago = fd.saturating_sub(i64::try_from(map.len()).unwrap_or(i64::MAX));
    (long_ago..=long_ago.saturating_add(LAST_STANDARD_STREAM + 1))
        .chain(map.keys().take(CANDIDATES).copied())
        .find(can_go)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DescriptorKind;

    /// What is stored, counted anew: every allocation once.
    fn recount(files: &Files) -> usize {
        let mut seen = rustc_hash::FxHashSet::default();
        let tables = files.tables.iter();
        tables
            .filter(|table| seen.insert(Rc::as_ptr(&table.map)))
            .map(|table| table.map.len())
            .sum()
    }

    #[test]
    fn what_is_stored_is_counted_through_forks_and_changes() {
        let mut files = Files::new(20, 60);
        let mut counters = Counters::default();
        let mut ids = vec![FilesId::default()];
        let mut seed = 7_u64;
        let mut random = |bound: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % bound
        };
        let file = || Descriptor::new(DescriptorKind::File);
        for _ in 0..20_000 {
            let at = random(ids.len() as u64) as usize;
            let fd = random(40) as i64;
            match random(9) {
                0 if ids.len() < 30 => {
                    let copy = files.fork(ids[at], &mut counters);
                    ids.push(copy);
                }
                1 if ids.len() < 30 => {
                    let mut id = ids[at];
                    let shared = files.share(&mut id);
                    ids[at] = id;
                    ids.push(shared);
                }
                2 if ids.len() > 1 => {
                    let id = ids.swap_remove(at);
                    files.release(id, &mut counters);
                }
                3 => files.remove(ids[at], fd, &mut counters),
                4 => files.remove_if(ids[at], &mut counters, |known, _| known < fd / 4),
                5 => files.set_cloexec(ids[at], fd, fd + 3, random(2) == 0),
                6 => files.unshare(&mut ids[at], &mut counters),
                7 => {
                    if let Some(known) = files.get_mut(ids[at], fd) {
                        known.ino += 1;
                    }
                }
                _ => {
                    let mut id = ids[at];
                    files.insert(&mut id, fd, file(), &mut counters);
                    ids[at] = id;
                }
            }
            assert_eq!(files.stored, recount(&files));
        }
        assert!(counters.n_evicted_fds > 0);
        for id in ids {
            files.release(id, &mut counters);
        }
        assert_eq!((files.stored, counters.n_fds), (0, 0));
    }
}
