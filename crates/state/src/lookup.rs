//! Asking the machine for what events did not tell.

use crate::{Descriptor, Group, Thread, User};

/// What a look-up of a thread found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The thread.
    pub thread: Thread,
    /// The main thread of its process, when the thread is another one.
    pub main: Option<Thread>,
    /// The open descriptors of the process.
    pub descriptors: Vec<(i64, Descriptor)>,
}

/// A source of facts outside the events; live it is `/proc`, a replay has none, a test fakes it.
///
/// Answers describe the machine *now*, which may be later than the event that asks.
pub trait Lookup: Send {
    /// The thread with this id in the initial pid namespace.
    fn thread(&mut self, tid: i64) -> Option<Found>;

    /// Whether the thread still exists.
    fn is_alive(&mut self, tid: i64) -> bool;

    /// The path of what a thread executes; `None` when that cannot be told.
    fn executable(&mut self, _tid: i64) -> Option<Vec<u8>> {
        None
    }

    /// One descriptor of a process.
    fn descriptor(&mut self, pid: i64, fd: i64) -> Option<Descriptor>;

    /// The users and groups that a process in a container sees; `None` when its file system is
    /// not (yet) another one than the host's.
    fn users(&mut self, pid: i64) -> Option<(Vec<User>, Vec<Group>)>;
}
