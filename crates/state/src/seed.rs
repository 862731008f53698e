//! Facts from outside the events: `/proc`, or the head of a capture.

use crate::{Descriptor, Found, Group, Interface, State, Thread, User};

impl State {
    /// Adds a thread from outside the events. Its container is found from its cgroups when it is
    /// not set. An entry with the same id is replaced, its descriptors are forgotten.
    ///
    /// Threads of one process share descriptors: seed the main thread first. When the table is
    /// full, nothing happens but a count.
    pub fn seed_thread(&mut self, mut thread: Thread) {
        let tid = thread.tid;
        if self.threads.contains(tid) {
            self.bury(tid);
        }
        if thread.container.is_none() {
            thread.container = self.containers.identify(&thread.cgroups);
        }
        thread.dead = false;
        thread.files = Default::default();
        if !thread.is_main()
            && let Some(main) = self.threads.get_mut(thread.pid)
        {
            thread.files = self.files.share(&mut main.files);
            thread.fs = main.fs;
        } else {
            thread.fs = self.new_fs();
        }
        if thread.last_seen == 0 {
            thread.last_seen = thread.clone_ts;
        }
        let now = thread.last_seen;
        self.add_thread(thread, now);
    }

    /// Adds a descriptor of a thread from outside the events. Nothing happens when the thread is
    /// not known.
    pub fn seed_descriptor(&mut self, tid: i64, fd: i64, descriptor: Descriptor) {
        self.add_descriptor(tid, fd, descriptor);
    }

    /// Adds a user of the host.
    pub fn seed_user(&mut self, user: User) {
        self.accounts.add_user(None, user);
    }

    /// Adds a group of the host.
    pub fn seed_group(&mut self, group: Group) {
        self.accounts.add_group(None, group);
    }

    /// Adds an address of the host.
    pub fn seed_interface(&mut self, interface: Interface) {
        self.interfaces.add(interface);
    }

    /// Takes over what a look-up found.
    pub(crate) fn seed_found(&mut self, found: Found, now: u64) {
        let Found {
            mut thread,
            main,
            descriptors,
        } = found;
        thread.last_seen = now;
        let pid = thread.pid;
        if let Some(mut main) = main
            && !self.threads.contains(pid)
        {
            main.last_seen = now;
            self.seed_thread(main);
        }
        let is_new = !self.threads.contains(pid) || self.descriptors_known(pid) == 0;
        self.seed_thread(thread);
        if is_new {
            for (fd, descriptor) in descriptors {
                self.seed_descriptor(pid, fd, descriptor);
            }
        }
    }

    fn descriptors_known(&self, tid: i64) -> usize {
        self.threads
            .get(tid)
            .map_or(0, |thread| self.files.map(thread.files).len())
    }
}
