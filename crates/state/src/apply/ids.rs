//! Identities, limits and memory sizes.

use event::{EventType as T, EventView};

use crate::{State, Thread, ThreadFlags};

/// All capabilities that exist (0 … `CAP_CHECKPOINT_RESTORE` = 40), portable bits.
const ALL_CAPABILITIES: u64 = (1 << 41) - 1;
/// `PPM_RLIMIT_NOFILE`.
const RLIMIT_NOFILE: u64 = 7;
const PR_SET_CHILD_SUBREAPER: u64 = 36;
const PR_GET_CHILD_SUBREAPER: u64 = 37;
/// "Leave it as it is" in the set-id calls.
const UNCHANGED: u32 = u32::MAX;

impl State {
    pub(super) fn change_ids(&mut self, event: &EventView<'_>) {
        let tid = event.tid();
        match event.event_type() {
            T::SYSCALL_SETUID_X => self.set_id(event, 1, |thread| &mut thread.uid),
            T::SYSCALL_SETGID_X => self.set_id(event, 1, |thread| &mut thread.gid),
            T::SYSCALL_SETREUID_X | T::SYSCALL_SETRESUID_X => {
                self.set_id(event, 2, |thread| &mut thread.uid);
            }
            T::SYSCALL_SETREGID_X | T::SYSCALL_SETRESGID_X => {
                self.set_id(event, 2, |thread| &mut thread.gid);
            }
            T::SYSCALL_CAPSET_X => self.capset(event),
            T::SYSCALL_SETSID_X => self.setsid(event),
            T::SYSCALL_PRCTL_X => self.prctl(event),
            T::SYSCALL_UNSHARE_X => self.unshare(event),
            T::SYSCALL_SETNS_X => {
                let user = event
                    .u32(2)
                    .is_some_and(|kind| kind & ThreadFlags::CLONE_NEWUSER != 0);
                if user && succeeded(event) {
                    self.all_capabilities(tid);
                }
            }
            T::SYSCALL_GETRLIMIT_X | T::SYSCALL_SETRLIMIT_X
                if succeeded(event) && event.u64(3) == Some(RLIMIT_NOFILE) =>
            {
                self.set_fd_limit(tid, event.i64(1));
            }
            T::SYSCALL_PRLIMIT_X => self.prlimit(event),
            T::SYSCALL_MMAP_X | T::SYSCALL_MMAP2_X | T::SYSCALL_MUNMAP_X | T::SYSCALL_BRK_4_X => {
                self.set_memory(event, 1);
            }
            T::SCHEDSWITCH_6_E => {
                self.set_memory(event, 3);
                if let Some(thread) = self.threads.get_mut(tid) {
                    thread.pf_major = event.u64(1).unwrap_or(thread.pf_major);
                    thread.pf_minor = event.u64(2).unwrap_or(thread.pf_minor);
                }
            }
            _ => {}
        }
    }

    fn set_id(
        &mut self,
        event: &EventView<'_>,
        index: usize,
        field: impl FnOnce(&mut Thread) -> &mut u32,
    ) {
        let id = event
            .u32(index)
            .filter(|id| *id != UNCHANGED && succeeded(event));
        if let (Some(id), Some(thread)) = (id, self.threads.get_mut(event.tid())) {
            *field(thread) = id;
        }
    }

    fn capset(&mut self, event: &EventView<'_>) {
        if let Some(thread) = self
            .threads
            .get_mut(event.tid())
            .filter(|_| succeeded(event))
        {
            thread.cap_inheritable = event.u64(1).unwrap_or(thread.cap_inheritable);
            thread.cap_permitted = event.u64(2).unwrap_or(thread.cap_permitted);
            thread.cap_effective = event.u64(3).unwrap_or(thread.cap_effective);
        }
    }

    /// A new session is a new process group too, and has no terminal. But Falco takes only the
    /// session from the call, of the thread that makes it, and does not look at `setpgid`: process
    /// groups come from the next exec. Its users see the same in the same capture.
    fn setsid(&mut self, event: &EventView<'_>) {
        let sid = event.i64(0).filter(|sid| *sid > 0);
        if let (Some(sid), Some(thread)) = (sid, self.threads.get_mut(event.tid())) {
            thread.sid = sid;
        }
    }

    fn prctl(&mut self, event: &EventView<'_>) {
        let is_subreaper = matches!(
            event.u64(1),
            Some(PR_SET_CHILD_SUBREAPER | PR_GET_CHILD_SUBREAPER)
        );
        if let (true, Some(value)) = (is_subreaper && succeeded(event), event.i64(3))
            && let Some(thread) = self.threads.get(event.tid())
        {
            let pid = thread.pid;
            self.threads.set_reaper(pid, value != 0);
        }
    }

    fn unshare(&mut self, event: &EventView<'_>) {
        let flags = event.u32(1).filter(|_| succeeded(event)).unwrap_or(0);
        if flags & ThreadFlags::CLONE_NEWUSER != 0 {
            self.all_capabilities(event.tid());
        }
        let own_fs = if flags & ThreadFlags::CLONE_FS != 0 {
            Some(self.new_fs())
        } else {
            None
        };
        let Some(thread) = self.threads.get_mut(event.tid()) else {
            return;
        };
        if let Some(fs) = own_fs {
            thread.fs = fs;
        }
        if flags & ThreadFlags::CLONE_FILES != 0 {
            self.files.unshare(&mut thread.files, &mut self.counters);
        }
    }

    /// The first process of a user namespace may do everything in it.
    fn all_capabilities(&mut self, tid: i64) {
        if let Some(thread) = self.threads.get_mut(tid) {
            thread.cap_permitted = ALL_CAPABILITIES;
            thread.cap_effective = ALL_CAPABILITIES;
        }
    }

    fn prlimit(&mut self, event: &EventView<'_>) {
        if !succeeded(event) || event.u64(6) != Some(RLIMIT_NOFILE) {
            return;
        }
        let target = event.i64(5).filter(|pid| *pid > 0).unwrap_or(event.tid());
        let new = event.i64(1).filter(|limit| *limit != -1);
        self.set_fd_limit(target, new.or_else(|| event.i64(3)));
    }

    fn set_fd_limit(&mut self, tid: i64, limit: Option<i64>) {
        if let Some(limit) = limit.filter(|limit| *limit != -1) {
            self.for_process(tid, |thread| thread.fd_limit = limit);
        }
    }

    /// Sizes of virtual, resident and swapped memory, from this parameter on.
    fn set_memory(&mut self, event: &EventView<'_>, first: usize) {
        let Some(pid) = self.threads.get(event.tid()).map(|thread| thread.pid) else {
            return;
        };
        let set = |thread: &mut Thread| {
            thread.vm_size = event.u32(first).unwrap_or(thread.vm_size);
            thread.vm_rss = event.u32(first + 1).unwrap_or(thread.vm_rss);
            thread.vm_swap = event.u32(first + 2).unwrap_or(thread.vm_swap);
        };
        self.threads.get_mut(event.tid()).map(set);
        if pid != event.tid() {
            self.threads.get_mut(pid).map(set);
        }
    }

    /// Does something to all threads of a thread's process.
    fn for_process(&mut self, tid: i64, mut change: impl FnMut(&mut Thread)) {
        let Some(pid) = self.threads.get(tid).map(|thread| thread.pid) else {
            return;
        };
        for index in 0..self.threads.of_process(pid).len() {
            let tid = self.threads.of_process(pid).get(index).copied();
            if let Some(thread) = tid.and_then(|tid| self.threads.get_mut(tid)) {
                change(thread);
            }
        }
    }
}

fn succeeded(event: &EventView<'_>) -> bool {
    event.i64(0).is_some_and(|res| res >= 0)
}
