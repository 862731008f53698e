//! Facts from outside the events: `/proc`, or the head of a capture.

use crate::files::FilesId;
use crate::{
    Descriptor, DescriptorKind, Found, Group, Interface, L4Proto, SocketRole, SocketTuple, State,
    Thread, User,
};

impl State {
    /// Adds a thread from outside the events. Its container is found from its cgroups when it is
    /// not set. An entry with the same id is replaced, its descriptors are forgotten.
    ///
    /// Threads of one process share descriptors and directories, in whichever order they come.
    /// When the table is full, nothing happens but a count.
    pub fn seed_thread(&mut self, mut thread: Thread) {
        let tid = thread.tid;
        if self.threads.contains(tid) {
            self.bury(tid);
        }
        for bytes in [&mut thread.args, &mut thread.env, &mut thread.cgroups] {
            let kept = self.cut(bytes).len();
            if kept < bytes.len() {
                *bytes = bytes[..kept].into();
            }
        }
        if thread.container.is_none() {
            thread.container = self.containers.identify(&thread.cgroups);
        }
        thread.dead = false;
        thread.files = FilesId::default();
        thread.fs = self.new_fs();
        let relative = self.threads.of_process(thread.pid).first().copied();
        if let Some(relative) = relative.and_then(|tid| self.threads.get_mut(tid)) {
            thread.files = self.files.share(&mut relative.files);
            thread.fs = relative.fs;
        }
        if thread.last_seen == 0 {
            thread.last_seen = thread.clone_ts;
        }
        let now = thread.last_seen;
        self.add_thread(thread, now);
    }

    /// Adds a descriptor of a thread from outside the events. Nothing happens when the thread is
    /// not known.
    ///
    /// Nobody who lists sockets says which end is the client's. An internet socket whose role is
    /// not known is given one before the next event: one from a port that a seeded socket listens
    /// on is a server's, any other a client's.
    pub fn seed_descriptor(&mut self, tid: i64, fd: i64, descriptor: Descriptor) {
        match descriptor.kind {
            DescriptorKind::InetServer(endpoint) => {
                self.server_ports.insert(endpoint.port);
            }
            DescriptorKind::Inet(tuple) if tuple.role == SocketRole::Unknown => {
                self.without_role.push((tid, fd));
            }
            _ => {}
        }
        self.add_descriptor(tid, fd, descriptor);
    }

    /// Gives seeded sockets their roles.
    pub(crate) fn assign_roles(&mut self) {
        for (tid, fd) in std::mem::take(&mut self.without_role) {
            let Some(thread) = self.threads.get(tid) else {
                continue;
            };
            let Some(descriptor) = self.files.get_mut(thread.files, fd) else {
                continue;
            };
            let DescriptorKind::Inet(mut tuple) = descriptor.kind else {
                continue;
            };
            if tuple.role != SocketRole::Unknown {
                continue;
            }
            self.interfaces.complete(&mut tuple);
            tuple.role = SocketRole::Client;
            if self.server_ports.contains(&tuple.source_port) {
                tuple = SocketTuple {
                    role: SocketRole::Server,
                    ..tuple.swapped()
                };
            }
            descriptor.kind = DescriptorKind::Inet(tuple);
            descriptor.connected |= tuple.l4 == L4Proto::Tcp;
        }
    }

    /// Adds a user of the host.
    pub fn seed_user(&mut self, user: User) {
        self.accounts.add_user(None, user);
    }

    /// Adds a group of the host.
    pub fn seed_group(&mut self, group: Group) {
        self.accounts.add_group(None, group);
    }

    /// Replaces all users and groups of the host, after they have changed.
    pub fn replace_accounts(&mut self, users: Vec<User>, groups: Vec<Group>) {
        self.accounts.replace(None, users, groups);
    }

    /// Replaces all addresses of the host, after they have changed.
    pub fn replace_interfaces(&mut self, interfaces: Vec<Interface>) {
        self.interfaces.replace(interfaces);
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
