//! Users and groups, of the host and of containers.

use container::ContainerId;
use rustc_hash::FxHashMap;

use crate::thread::SharedBytes;

/// A user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Login name.
    pub name: SharedBytes,
    /// Home directory.
    pub home: SharedBytes,
    /// Login shell.
    pub shell: SharedBytes,
}

/// A group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Group id.
    pub gid: u32,
    /// Name.
    pub name: SharedBytes,
}

/// Most containers whose accounts are kept; more than that are not running on one host.
const MAX_CONTAINERS: usize = 4096;

/// The accounts of one root file system.
#[derive(Default, Debug)]
struct Table {
    users: FxHashMap<u32, User>,
    groups: FxHashMap<u32, Group>,
}

/// Users and groups of the host (`None`) and of containers.
#[derive(Default, Debug)]
pub(crate) struct Accounts {
    tables: FxHashMap<Option<ContainerId>, Table>,
    /// Most users and most groups per table.
    limit: usize,
    refused: u64,
}

impl Accounts {
    /// None yet; each root file system may have so many users and so many groups.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// How many users and groups were refused because there were too many.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Whether there is no room for another container.
    pub(crate) fn is_full(&self) -> bool {
        self.tables.len() >= MAX_CONTAINERS
    }

    /// Forgets the containers that `is_used` does not know; returns how many.
    pub(crate) fn retain(&mut self, is_used: impl Fn(&ContainerId) -> bool) -> u64 {
        let before = self.tables.len();
        self.tables
            .retain(|container, _| container.as_ref().is_none_or(&is_used));
        (before - self.tables.len()) as u64
    }

    /// Whether anything is known of a container's accounts.
    pub(crate) fn knows(&self, container: ContainerId) -> bool {
        self.tables.contains_key(&Some(container))
    }

    /// The accounts of a container. A number means another user there than on the host, so that
    /// the host's accounts never stand in.
    fn table(&self, container: Option<ContainerId>) -> Option<&Table> {
        self.tables.get(&container)
    }

    fn table_mut(&mut self, container: Option<ContainerId>) -> Option<&mut Table> {
        if self.is_full() && !self.tables.contains_key(&container) {
            self.refused += 1;
            return None;
        }
        Some(self.tables.entry(container).or_default())
    }

    pub(crate) fn user(&self, container: Option<ContainerId>, uid: u32) -> Option<&User> {
        self.table(container)?.users.get(&uid)
    }

    pub(crate) fn group(&self, container: Option<ContainerId>, gid: u32) -> Option<&Group> {
        self.table(container)?.groups.get(&gid)
    }

    pub(crate) fn add_user(&mut self, container: Option<ContainerId>, user: User) {
        let limit = self.limit;
        if let Some(table) = self.table_mut(container) {
            if table.users.len() < limit || table.users.contains_key(&user.uid) {
                table.users.insert(user.uid, user);
            } else {
                self.refused += 1;
            }
        }
    }

    pub(crate) fn add_group(&mut self, container: Option<ContainerId>, group: Group) {
        let limit = self.limit;
        if let Some(table) = self.table_mut(container) {
            if table.groups.len() < limit || table.groups.contains_key(&group.gid) {
                table.groups.insert(group.gid, group);
            } else {
                self.refused += 1;
            }
        }
    }

    /// Sets all accounts of a root file system.
    pub(crate) fn replace(
        &mut self,
        container: Option<ContainerId>,
        users: Vec<User>,
        groups: Vec<Group>,
    ) {
        let limit = self.limit;
        if let Some(table) = self.table_mut(container) {
            let over = users.len().saturating_sub(limit) + groups.len().saturating_sub(limit);
            let users = users.into_iter().take(limit);
            table.users = users.map(|user| (user.uid, user)).collect();
            let groups = groups.into_iter().take(limit);
            table.groups = groups.map(|group| (group.gid, group)).collect();
            self.refused += over as u64;
        }
    }

    pub(crate) fn remove_user(&mut self, container: Option<ContainerId>, uid: u32) {
        if let Some(table) = self.tables.get_mut(&container) {
            table.users.remove(&uid);
        }
    }

    pub(crate) fn remove_group(&mut self, container: Option<ContainerId>, gid: u32) {
        if let Some(table) = self.tables.get_mut(&container) {
            table.groups.remove(&gid);
        }
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = (Option<ContainerId>, &User)> {
        self.tables
            .iter()
            .flat_map(|(container, table)| table.users.values().map(|user| (*container, user)))
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = (Option<ContainerId>, &Group)> {
        self.tables
            .iter()
            .flat_map(|(container, table)| table.groups.values().map(|group| (*container, group)))
    }
}
