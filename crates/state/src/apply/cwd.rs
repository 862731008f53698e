//! Working and root directories.

use std::sync::Arc;

use event::EventView;
use rustc_hash::FxHashSet;

use crate::state::MIN_SHARED_FS;
use crate::{SharedBytes, State};

impl State {
    pub(super) fn chdir(&mut self, event: &EventView<'_>) {
        if event.i64(0).is_none_or(|res| res < 0) {
            return;
        }
        let Some(path) = event.str(1) else { return };
        let Some(thread) = self.threads.get(event.tid()) else {
            return;
        };
        let mut cwd = std::mem::take(&mut self.scratch);
        crate::path::concatenate(&thread.cwd, path, &mut cwd);
        self.set_cwd(event.tid(), &mut cwd);
        self.scratch = cwd;
    }

    pub(super) fn fchdir(&mut self, event: &EventView<'_>) {
        if event.i64(0).is_none_or(|res| res < 0) {
            return;
        }
        let name = || {
            let thread = self.threads.get(event.tid())?;
            self.files
                .get(thread.files, event.i64(1)?)
                .map(|directory| Arc::clone(&directory.name))
        };
        if let Some(name) = name().filter(|name| !name.is_empty()) {
            let mut cwd = name.to_vec();
            self.set_cwd(event.tid(), &mut cwd);
        }
    }

    /// What the program is told is also news to us when a change was missed.
    pub(super) fn getcwd(&mut self, event: &EventView<'_>) {
        if event.i64(0).is_none_or(|res| res < 0) {
            return;
        }
        if let Some(path) = event.str(1).filter(|path| path.first() == Some(&b'/')) {
            let mut cwd = std::mem::take(&mut self.scratch);
            cwd.clear();
            cwd.extend_from_slice(path);
            self.set_cwd(event.tid(), &mut cwd);
            self.scratch = cwd;
        }
    }

    /// The root seen from outside: a change of root starts from the present one.
    pub(super) fn chroot(&mut self, event: &EventView<'_>) {
        if event.i64(0).is_none_or(|res| res < 0) {
            return;
        }
        let Some(path) = event.str(1) else { return };
        let Some(thread) = self.threads.get(event.tid()) else {
            return;
        };
        let mut inside = Vec::new();
        crate::path::concatenate(&thread.cwd, path, &mut inside);
        let mut root = thread.root.to_vec();
        while root.last() == Some(&b'/') {
            root.pop();
        }
        root.extend_from_slice(&inside);
        if root.len() > crate::PATH_MAX {
            root = crate::PATH_TOO_LONG.to_vec();
            self.counters.n_cut_strings += 1;
        }
        let root: SharedBytes = Arc::from(root);
        self.for_sharers(event.tid(), |thread| thread.root = Arc::clone(&root));
    }

    /// Sets the working directory of a thread and of all that share it. `cwd` gets its slash.
    pub(super) fn set_cwd(&mut self, tid: i64, cwd: &mut Vec<u8>) {
        if cwd.last() != Some(&b'/') {
            cwd.push(b'/');
        }
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        if *thread.cwd == **cwd {
            return;
        }
        let cwd: SharedBytes = Arc::from(cwd.as_slice());
        self.for_sharers(tid, |thread| thread.cwd = Arc::clone(&cwd));
    }

    /// Notes that a working directory is not one process's alone.
    pub(super) fn share_fs(&mut self, fs: u32) {
        if !self.shared_fs.insert(fs) || self.shared_fs.len() < self.max_shared_fs {
            return;
        }
        let used: FxHashSet<u32> = self.threads.iter().map(|thread| thread.fs).collect();
        self.shared_fs
            .retain(|known| *known == fs || used.contains(known));
        self.max_shared_fs = MIN_SHARED_FS.max(self.shared_fs.len() * 2);
    }

    /// Does something to a thread and to all that share its directories: those of its process,
    /// and in the rare case of `CLONE_FS` without `CLONE_THREAD` those of other processes.
    fn for_sharers(&mut self, tid: i64, mut change: impl FnMut(&mut crate::Thread)) {
        let Some(thread) = self.threads.get(tid) else {
            return;
        };
        let (fs, pid) = (thread.fs, thread.pid);
        if self.shared_fs.contains(&fs) {
            self.threads
                .iter_mut()
                .filter(|thread| thread.fs == fs)
                .for_each(change);
            return;
        }
        if self.threads.of_process(pid).len() <= 1 {
            if let Some(thread) = self.threads.get_mut(tid) {
                change(thread);
            }
            return;
        }
        for tid in self.threads.of_process(pid).to_vec() {
            if let Some(thread) = self.threads.get_mut(tid).filter(|thread| thread.fs == fs) {
                change(thread);
            }
        }
    }
}
