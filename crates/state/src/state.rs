//! The state as a whole and what can be asked of it.

use container::{ContainerId, ContainerType};
use event::EventView;
use rustc_hash::FxHashMap;

use crate::files::Files;
use crate::users::Accounts;
use crate::{
    Ancestors, Counters, Descriptor, Group, Interface, Interfaces, Limits, Lookup, Thread, User,
};

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The thread that caused the event.
    pub tid: i64,
    /// Whether the thread is in the table now (perhaps only as a placeholder).
    pub known: bool,
    /// The descriptor number that the event creates, uses or destroys: the value as it stands in
    /// the event, negative when a creating call failed.
    pub fd: Option<i64>,
}

/// Everything that is known about the machine.
pub struct State {
    limits: Limits,
    counters: Counters,
    threads: FxHashMap<i64, Thread>,
    files: Vec<Files>,
    accounts: Accounts,
    interfaces: Interfaces,
    lookup: Option<Box<dyn Lookup>>,
}

impl State {
    /// An empty state without a source of look-ups.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            counters: Counters::default(),
            threads: FxHashMap::default(),
            files: Vec::new(),
            accounts: Accounts::default(),
            interfaces: Interfaces::default(),
            lookup: None,
        }
    }

    /// Sets where missing threads are looked up.
    pub fn set_lookup(&mut self, lookup: Box<dyn Lookup>) {
        self.lookup = Some(lookup);
    }

    /// Takes over what an event says. To be called with every event, in order, before rules look
    /// at it.
    pub fn apply(&mut self, event: &EventView<'_>) -> Subject {
        let _ = &self.limits;
        Subject {
            tid: event.tid(),
            known: self.threads.contains_key(&event.tid()),
            fd: None,
        }
    }

    /// The thread with this id.
    pub fn thread(&self, tid: i64) -> Option<&Thread> {
        self.threads.get(&tid)
    }

    /// The main thread of a thread's process; `None` when it is not known.
    pub fn main_thread<'a>(&'a self, thread: &'a Thread) -> Option<&'a Thread> {
        if thread.is_main() {
            Some(thread)
        } else {
            self.thread(thread.pid)
        }
    }

    /// The main thread of the parent process.
    pub fn parent(&self, thread: &Thread) -> Option<&Thread> {
        let main = if thread.is_main() {
            thread
        } else {
            self.thread(thread.pid)?
        };
        let parent = self.thread(main.ptid)?;
        self.main_thread(parent)
    }

    /// The main threads of the parent process, its parent and so on; ends instead of looping.
    pub fn ancestors<'a>(&'a self, thread: &'a Thread) -> Ancestors<'a> {
        Ancestors::new(self, thread)
    }

    /// An open descriptor of a thread.
    pub fn descriptor(&self, thread: &Thread, fd: i64) -> Option<&Descriptor> {
        self.files.get(thread.files.0 as usize)?.map.get(&fd)
    }

    /// All open descriptors of a thread, in no order.
    pub fn descriptors(&self, thread: &Thread) -> impl Iterator<Item = (i64, &Descriptor)> {
        self.files
            .get(thread.files.0 as usize)
            .into_iter()
            .flat_map(|files| files.map.iter().map(|(fd, descriptor)| (*fd, descriptor)))
    }

    /// How many descriptors are open (`proc.fdopencount`).
    pub fn descriptor_count(&self, thread: &Thread) -> usize {
        self.files
            .get(thread.files.0 as usize)
            .map_or(0, |files| files.map.len())
    }

    /// How many threads of the process live, the main thread included (`proc.nthreads`).
    pub fn thread_count(&self, thread: &Thread) -> usize {
        usize::from(self.threads.contains_key(&thread.pid))
    }

    /// How many threads of the process live, the main thread not included (`proc.nchilds`).
    pub fn other_thread_count(&self, thread: &Thread) -> usize {
        let _ = thread;
        0
    }

    /// All threads, in no order.
    pub fn threads(&self) -> impl Iterator<Item = &Thread> {
        self.threads.values()
    }

    /// A user of the host.
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.accounts.users.get(&(None, uid))
    }

    /// A group of the host.
    pub fn group(&self, gid: u32) -> Option<&Group> {
        self.accounts.groups.get(&(None, gid))
    }

    /// A user as a thread sees it: of its container if it is in one.
    pub fn user_of(&self, thread: &Thread, uid: u32) -> Option<&User> {
        let container = self.container(thread).map(|(id, _)| id);
        self.accounts.users.get(&(container, uid))
    }

    /// A group as a thread sees it: of its container if it is in one.
    pub fn group_of(&self, thread: &Thread, gid: u32) -> Option<&Group> {
        let container = self.container(thread).map(|(id, _)| id);
        self.accounts.groups.get(&(container, gid))
    }

    /// All users with the container they belong to (`None`: the host), in no order.
    pub fn users(&self) -> impl Iterator<Item = (Option<ContainerId>, &User)> {
        self.accounts
            .users
            .iter()
            .map(|((container, _), user)| (*container, user))
    }

    /// All groups with the container they belong to (`None`: the host), in no order.
    pub fn groups(&self) -> impl Iterator<Item = (Option<ContainerId>, &Group)> {
        self.accounts
            .groups
            .iter()
            .map(|((container, _), group)| (*container, group))
    }

    /// The addresses of the host.
    pub fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }

    /// Writes the absolute, normalised form of a path as a thread means it into `out`: relative to
    /// the descriptor `dirfd` or, when that is `AT_FDCWD` (-100), to the working directory. False
    /// (and the path alone in `out`) when the directory is not known.
    pub fn resolve_path(
        &self,
        thread: &Thread,
        dirfd: i64,
        path: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        let _ = (thread, dirfd);
        crate::path::concatenate(b"", path, out);
        false
    }

    /// The container of a thread.
    pub fn container(&self, thread: &Thread) -> Option<(ContainerId, ContainerType)> {
        thread.container
    }

    /// What happened to the tables so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Adds a thread from outside the events. Its container is found from its cgroups when it is
    /// not set. An entry with the same id is replaced.
    pub fn seed_thread(&mut self, thread: Thread) {
        self.threads.insert(thread.tid, thread);
    }

    /// Adds a descriptor of a thread from outside the events. Nothing happens when the thread is
    /// not known.
    pub fn seed_descriptor(&mut self, tid: i64, fd: i64, descriptor: Descriptor) {
        let _ = (tid, fd, descriptor);
    }

    /// Adds a user of the host.
    pub fn seed_user(&mut self, user: User) {
        self.accounts.users.insert((None, user.uid), user);
    }

    /// Adds a group of the host.
    pub fn seed_group(&mut self, group: Group) {
        self.accounts.groups.insert((None, group.gid), group);
    }

    /// Adds an address of the host.
    pub fn seed_interface(&mut self, interface: Interface) {
        self.interfaces.add(interface);
    }
}
