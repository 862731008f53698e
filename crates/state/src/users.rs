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

/// Users and groups of the host (`None`) and of containers.
#[derive(Default, Debug)]
pub(crate) struct Accounts {
    pub(crate) users: FxHashMap<(Option<ContainerId>, u32), User>,
    pub(crate) groups: FxHashMap<(Option<ContainerId>, u32), Group>,
}
