//! A process that becomes another program.

use event::{EventType, EventView};

use crate::thread::share;
use crate::{SharedBytes, State, Thread, ThreadFlags};

/// What the kernel appends to the path of a file that is gone.
const DELETED: &[u8] = b" (deleted)";

/// Exec events have the same parameters: 0 result, 1 exe, 2 args, 3 tid, 4 pid, 5 ptid, 6 cwd,
/// 7 fdlimit, 8 and 9 page faults, 10 to 12 memory, 13 comm, 14 cgroups, 15 env, 16 tty, 17 vpgid,
/// 18 loginuid, 19 flags, 20 to 22 capabilities, 23 to 25 the file's inode and times, 26 uid,
/// 27 `trusted_exepath`, 28 pgid, 29 gid, 30 filename (`execve` only). Old captures end sooner.
impl State {
    /// A failed exec changes nothing.
    pub(super) fn exec(&mut self, event: &EventView<'_>) {
        if event.i64(0) != Some(0) {
            return;
        }
        let tid = event.tid();
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        let was_placeholder = thread.is_placeholder();
        let pid = event.i64(4).filter(|pid| *pid > 0).unwrap_or(thread.pid);
        let ptid = event.i64(5).map(|ptid| self.process_of(ptid));
        if thread.pid != pid || ptid.is_some_and(|ptid| ptid != thread.ptid) {
            self.threads.relate(tid, |thread| {
                thread.pid = pid;
                thread.ptid = ptid.unwrap_or(thread.ptid);
            });
        }
        self.end_siblings(tid, pid);

        let Some(mut thread) = self.threads.get(tid).cloned() else {
            return;
        };
        // Where a thread was before it was known is not known; it stays so until it changes.
        if was_placeholder {
            thread.cwd = SharedBytes::default();
            thread.fs = self.new_fs();
            // An exec does not tell the ids in other namespaces; most processes are in none.
            thread.vtid = tid;
            thread.vpid = pid;
        }
        self.read_exec(&mut thread, event, was_placeholder);
        let inside = thread.is_in_pid_namespace();
        thread.flags = if inside {
            ThreadFlags::CHILD_IN_PIDNS
        } else {
            0
        };
        self.files.unshare(&mut thread.files, &mut self.counters);
        let close = |_, descriptor: &crate::Descriptor| descriptor.is_cloexec();
        self.files
            .remove_if(thread.files, &mut self.counters, close);
        if let Some(slot) = self.threads.get_mut(tid) {
            *slot = thread;
        }
        self.learn_accounts(tid);
    }

    /// The other threads end, and the one that is left takes over the main thread's place.
    fn end_siblings(&mut self, tid: i64, pid: i64) {
        for sibling in self.threads.of_process(pid).to_vec() {
            if sibling != tid {
                self.bury(sibling);
            }
        }
        self.threads.set_dead(tid, false);
    }

    fn read_exec(&mut self, thread: &mut Thread, event: &EventView<'_>, was_placeholder: bool) {
        if let Some(exe) = event.str(1) {
            share(&mut thread.exe, exe);
        }
        if let Some(args) = event.param(2) {
            share(&mut thread.args, self.cut(args));
        }
        if !was_placeholder
            && let Some(cwd) = event.str(6).filter(|cwd| !cwd.is_empty())
            && thread.cwd.strip_suffix(b"/").unwrap_or(&thread.cwd) != cwd
        {
            let slash = if cwd.last() == Some(&b'/') { "" } else { "/" };
            share(&mut thread.cwd, &[cwd, slash.as_bytes()].concat());
        }
        thread.fd_limit = event.i64(7).unwrap_or(thread.fd_limit);
        thread.pf_major = event.u64(8).unwrap_or(thread.pf_major);
        thread.pf_minor = event.u64(9).unwrap_or(thread.pf_minor);
        thread.vm_size = event.u32(10).unwrap_or(thread.vm_size);
        thread.vm_rss = event.u32(11).unwrap_or(thread.vm_rss);
        thread.vm_swap = event.u32(12).unwrap_or(thread.vm_swap);
        if let Some(comm) = event.str(13) {
            share(&mut thread.comm, comm);
        }
        if let Some(cgroups) = event.param(14) {
            self.set_cgroups(thread, cgroups);
        }
        if let Some(env) = event.param(15) {
            share(&mut thread.env, self.cut(env));
        }
        thread.tty = event.u32(16).unwrap_or(thread.tty);
        thread.vpgid = event.i64(17).unwrap_or(thread.vpgid);
        thread.loginuid = event.u32(18).unwrap_or(thread.loginuid);
        thread.cap_inheritable = event.u64(20).unwrap_or(thread.cap_inheritable);
        thread.cap_permitted = event.u64(21).unwrap_or(thread.cap_permitted);
        thread.cap_effective = event.u64(22).unwrap_or(thread.cap_effective);
        thread.uid = event.u32(26).unwrap_or(thread.uid);
        thread.pgid = event.i64(28).unwrap_or(thread.pgid);
        thread.gid = event.u32(29).unwrap_or(thread.gid);
        self.read_file(thread, event);
    }

    /// What is executed. It is another file than before, so that what the event does not tell is
    /// not known.
    fn read_file(&mut self, thread: &mut Thread, event: &EventView<'_>) {
        let flags = event.u32(19).unwrap_or(0);
        thread.set_exe_flags(flags);
        thread.exe_ino = event.u64(23).unwrap_or(0);
        thread.exe_ctime = event.u64(24).unwrap_or(0);
        thread.exe_mtime = event.u64(25).unwrap_or(0);
        let has_filename = event.event_type() == EventType::SYSCALL_EXECVE_19_X;
        let filename = || {
            event
                .str(30)
                .filter(|name| has_filename && !name.is_empty())
        };
        match event.str(27).filter(|path| !path.is_empty()) {
            Some(path) => share(
                &mut thread.exepath,
                path.strip_suffix(DELETED).unwrap_or(path),
            ),
            None => match filename() {
                Some(name) => {
                    let mut path = std::mem::take(&mut self.scratch);
                    crate::path::concatenate(&thread.cwd, name, &mut path);
                    share(&mut thread.exepath, &path);
                    self.scratch = path;
                }
                None => thread.exepath = SharedBytes::default(),
            },
        }
    }
}
