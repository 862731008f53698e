//! New threads and processes.
//!
//! A clone returns twice, in the parent and in the child, and on several processors the two events
//! come in either order. The first one makes the entry. The parent's can only do so when it tells
//! the child's id as the initial pid namespace counts, and when the child is certainly the
//! caller's; the child's own event always can.

use std::sync::Arc;

use event::EventView;

use crate::recent::WINDOW;
use crate::thread::share;
use crate::{Group, State, Thread, ThreadFlags as F, User};

/// Clone events have the same parameters: 0 result, 1 exe, 2 args, 3 tid, 4 pid, 5 ptid, 6 cwd,
/// 7 fdlimit, 8 and 9 page faults, 10 to 12 memory, 13 comm, 14 cgroups, 15 flags, 16 uid, 17 gid,
/// 18 vtid, 19 vpid, 20 start of the pid namespace.
impl State {
    pub(super) fn clone_exit(&mut self, event: &EventView<'_>) {
        match event.i64(0) {
            Some(0) => self.clone_in_child(event),
            Some(child) if child > 0 => self.clone_in_parent(event, child),
            _ => {}
        }
    }

    fn clone_in_parent(&mut self, event: &EventView<'_>, child: i64) {
        let (caller, ts) = (event.tid(), event.ts());
        let flags = event.u32(15).unwrap_or(0);
        self.meet_caller(event);

        let child_tells = F::CHILD_IN_PIDNS | F::CLONE_NEWPID | F::CLONE_PARENT | F::CLONE_VFORK;
        let other_ids = event.i64(18).is_some_and(|vtid| vtid > 0 && vtid != caller);
        if flags & child_tells != 0 || other_ids {
            return;
        }
        if let Some(known) = self.threads.get(child) {
            let came_first = known.flags & F::INVERTED != 0 || is_recent(known.clone_ts, ts);
            if came_first && !known.is_placeholder() {
                return;
            }
        }
        let Some(parent) = self.threads.get(caller) else {
            return;
        };
        let ptid = if flags & F::CLONE_THREAD == 0 {
            parent.pid
        } else {
            parent.ptid
        };
        if !self.threads.contains(child) && self.recent.contains(ptid, child, ts) {
            return;
        }
        let mut thread = parent.clone();
        thread.tid = child;
        thread.vtid = child;
        if flags & F::CLONE_THREAD == 0 {
            thread.pid = child;
            thread.vpid = child;
            thread.ptid = ptid;
        }
        thread.flags = flags;
        (thread.pf_major, thread.pf_minor) = (0, 0);
        self.read_clone(&mut thread, event);
        self.enter(thread, Some(caller), ts);
    }

    fn clone_in_child(&mut self, event: &EventView<'_>) {
        let (tid, ts) = (event.tid(), event.ts());
        if let Some(known) = self.threads.get_mut(tid)
            && !known.is_placeholder()
            && is_recent(known.clone_ts, ts)
        {
            let is_newest = known.last_seen <= ts;
            known.last_seen = ts;
            if is_newest {
                self.read_again(tid, event);
            }
            return;
        }
        let flags = event.u32(15).unwrap_or(0);
        let pid = event.i64(4).filter(|pid| *pid > 0).unwrap_or(tid);
        let ptid = event.i64(5).unwrap_or(-1);
        let maker = if pid == tid { ptid } else { pid };
        if maker != tid && !self.threads.contains(maker) {
            self.look_up(maker, ts);
        }

        let maker = self.threads.get(maker).filter(|maker| maker.tid != tid);
        let mut thread = match maker {
            Some(maker) if !maker.is_placeholder() => maker.clone(),
            _ => Thread::new(tid, pid),
        };
        let maker = maker.map(|maker| maker.tid);
        thread.tid = tid;
        thread.pid = pid;
        thread.ptid = self.process_of(ptid);
        thread.vtid = event.i64(18).unwrap_or(tid);
        thread.vpid = event.i64(19).unwrap_or(pid);
        thread.flags = flags | F::INVERTED;
        thread.pf_major = event.u64(8).unwrap_or(0);
        thread.pf_minor = event.u64(9).unwrap_or(0);
        self.read_clone(&mut thread, event);
        self.enter(thread, maker, ts);
    }

    /// The parent's event describes the caller as well, which helps when it is not known.
    fn meet_caller(&mut self, event: &EventView<'_>) {
        let (tid, ts) = (event.tid(), event.ts());
        if tid <= 0
            || self
                .threads
                .get(tid)
                .is_some_and(|known| !known.is_placeholder())
        {
            return;
        }
        if !self.threads.contains(tid) && self.look_up(tid, ts) {
            return;
        }
        let mut thread = Thread::new(tid, event.i64(4).filter(|pid| *pid > 0).unwrap_or(tid));
        if let Some(known) = self.threads.get(tid) {
            // A placeholder may have descriptors by now.
            thread.files = known.files;
            self.threads.remove(tid);
            self.counters.n_removed_threads += 1;
        }
        thread.ptid = self.process_of(event.i64(5).unwrap_or(-1));
        thread.vtid = event.i64(18).unwrap_or(tid);
        thread.vpid = event.i64(19).unwrap_or(thread.pid);
        thread.fs = self.new_fs();
        self.read_clone(&mut thread, event);
        self.add_thread(thread, ts);
    }

    /// Takes over the parameters that mean the same in the parent's and in the child's event.
    fn read_clone(&mut self, thread: &mut Thread, event: &EventView<'_>) {
        if let Some(exe) = event.str(1) {
            share(&mut thread.exe, exe);
        }
        if let Some(args) = event.param(2) {
            share(&mut thread.args, self.cut(args));
        }
        if thread.cwd.is_empty()
            && let Some(cwd) = event.str(6).filter(|cwd| !cwd.is_empty())
        {
            let slash = if cwd.last() == Some(&b'/') { "" } else { "/" };
            thread.cwd = Arc::from([cwd, slash.as_bytes()].concat());
        }
        thread.fd_limit = event.i64(7).unwrap_or(thread.fd_limit);
        thread.vm_size = event.u32(10).unwrap_or(thread.vm_size);
        thread.vm_rss = event.u32(11).unwrap_or(thread.vm_rss);
        thread.vm_swap = event.u32(12).unwrap_or(thread.vm_swap);
        if let Some(comm) = event.str(13) {
            share(&mut thread.comm, comm);
        }
        if let Some(cgroups) = event.param(14) {
            self.set_cgroups(thread, cgroups);
        }
        thread.uid = event.u32(16).unwrap_or(thread.uid);
        thread.gid = event.u32(17).unwrap_or(thread.gid);
        thread.pidns_init_start_ts = event.u64(20).unwrap_or(thread.pidns_init_start_ts);
    }

    /// Takes from the child's own event what it knows best, when its parent's or `/proc` came first:
    /// it may have been made in other cgroups, or been moved before it ran. The probe has it from
    /// there as well.
    fn read_again(&mut self, tid: i64, event: &EventView<'_>) {
        let (Some(comm), Some(cgroups)) = (event.str(13), event.param(14)) else {
            return;
        };
        let Some(known) = self.threads.get(tid) else {
            return;
        };
        // One that came too late tells of the program before an exec.
        let is_same_program = event.str(1).is_some_and(|exe| *exe == *known.exe);
        if !is_same_program || (*known.comm == *comm && *known.cgroups == *cgroups) {
            return;
        }
        let mut thread = known.clone();
        share(&mut thread.comm, comm);
        self.set_cgroups(&mut thread, cgroups);
        if let Some(slot) = self.threads.get_mut(tid) {
            *slot = thread;
        }
        self.learn_accounts(tid);
    }

    /// Sets the cgroups of a thread, and with them its container.
    pub(super) fn set_cgroups(&mut self, thread: &mut Thread, cgroups: &[u8]) {
        let cgroups = self.cut(cgroups);
        if *thread.cgroups != *cgroups {
            thread.cgroups = Arc::from(cgroups);
            thread.container = self.containers.identify(&thread.cgroups);
        }
    }

    /// Enters a new thread, which shares with its maker what the flags say.
    fn enter(&mut self, mut thread: Thread, maker: Option<i64>, ts: u64) {
        self.bury(thread.tid);
        let flags = thread.flags;
        let own_fs = self.new_fs();
        thread.dead = false;
        thread.files = Default::default();
        thread.fs = own_fs;
        let mut shared_fs = None;
        if let Some(maker) = maker.and_then(|maker| self.threads.get_mut(maker)) {
            if flags & F::CLONE_FILES != 0 {
                thread.files = self.files.share(&mut maker.files);
            } else {
                thread.files = self.files.fork(maker.files, &mut self.counters);
            }
            if flags & F::CLONE_FS != 0 {
                thread.fs = maker.fs;
                shared_fs = Some(maker.fs).filter(|_| maker.pid != thread.pid);
            }
        }
        if let Some(fs) = shared_fs {
            self.share_fs(fs);
        }
        thread.clone_ts = ts;
        thread.last_seen = ts;
        let tid = thread.tid;
        if self.add_thread(thread, ts) {
            self.learn_accounts(tid);
        }
    }

    /// The process of a thread; the id itself when the thread is not known.
    pub(super) fn process_of(&self, tid: i64) -> i64 {
        self.threads
            .get(tid)
            .filter(|thread| thread.pid > 0)
            .map_or(tid, |thread| thread.pid)
    }

    /// Reads the users of a container when its first process turns up.
    pub(crate) fn learn_accounts(&mut self, tid: i64) {
        let Some(mut lookup) = self.lookup.take() else {
            return;
        };
        self.learn_accounts_from(tid, |pid| lookup.users(pid));
        self.lookup = Some(lookup);
    }

    pub(crate) fn learn_accounts_from(
        &mut self,
        tid: i64,
        read: impl FnOnce(i64) -> Option<(Vec<User>, Vec<Group>)>,
    ) {
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        let Some((container, _)) = thread.container else {
            return;
        };
        if self.accounts.knows(container) {
            return;
        }
        let pid = thread.pid;
        if self.accounts.is_full() {
            self.forget_containers();
        }
        if let Some((users, groups)) = read(pid) {
            self.accounts.replace(Some(container), users, groups);
        }
    }
}

fn is_recent(clone_ts: u64, now: u64) -> bool {
    clone_ts != 0 && now.abs_diff(clone_ts) <= WINDOW
}
