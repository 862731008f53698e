//! Descriptor tables, shared like the kernel shares them.
//!
//! Threads name their table by an index. A thread made with `CLONE_FILES` gets the index of its
//! maker; a fork gets a table of its own, whose contents stay one allocation with the parent's
//! until either side changes something — most children exec or exit before that.

use std::sync::Arc;

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
    map: Arc<Map>,
}

/// All descriptor tables.
#[derive(Debug)]
pub(crate) struct Files {
    tables: Vec<Table>,
    free: Vec<FilesId>,
    limit: usize,
}

impl Files {
    /// No table yet; each will hold at most `limit` descriptors.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            tables: vec![Table::default()],
            free: Vec::new(),
            limit,
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
        Arc::make_mut(map).get_mut(&fd)
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
        let map = Arc::clone(&self.tables[id.0 as usize].map);
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
            table.map = Arc::default();
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

    /// Adds or replaces a descriptor. False when the table is full.
    pub(crate) fn insert(
        &mut self,
        id: &mut FilesId,
        fd: i64,
        descriptor: Descriptor,
        counters: &mut Counters,
    ) -> bool {
        self.make_real(id);
        let map = &mut self.tables[id.0 as usize].map;
        if map.len() >= self.limit && !map.contains_key(&fd) {
            counters.n_drops_full_fdtable += 1;
            return false;
        }
        counters.n_added_fds += 1;
        if Arc::make_mut(map).insert(fd, descriptor).is_none() {
            counters.n_fds += 1;
        }
        true
    }

    pub(crate) fn remove(&mut self, id: FilesId, fd: i64, counters: &mut Counters) {
        let map = &mut self.tables[id.0 as usize].map;
        if map.contains_key(&fd) {
            Arc::make_mut(map).remove(&fd);
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
        match Arc::get_mut(map) {
            Some(map) => map.retain(|fd, descriptor| !doomed(*fd, descriptor)),
            None => {
                let kept = map
                    .iter()
                    .filter(|(fd, descriptor)| !doomed(**fd, descriptor));
                *map = Arc::new(
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
            for (fd, descriptor) in Arc::make_mut(map).iter_mut() {
                if picked(fd) {
                    descriptor.set_cloexec(on);
                }
            }
        }
    }

    fn make_real(&mut self, id: &mut FilesId) {
        if *id == FilesId::default() {
            *id = self.add(Arc::default());
        }
    }

    fn add(&mut self, map: Arc<Map>) -> FilesId {
        let table = Table { users: 1, map };
        if let Some(id) = self.free.pop() {
            self.tables[id.0 as usize] = table;
            return id;
        }
        self.tables.push(table);
        FilesId(u32::try_from(self.tables.len() - 1).expect("fewer tables than threads"))
    }
}
