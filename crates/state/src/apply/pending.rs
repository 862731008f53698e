//! What goes at the next event, so that rules still see it at the one that destroys it.

use crate::State;

/// Something that the last event destroyed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pending {
    /// Descriptors of a thread's table, from a number to another.
    Descriptors { tid: i64, first: i64, last: i64 },
    /// A thread that exited; who adopts its children, as the kernel says.
    Thread { tid: i64, reaper: Option<i64> },
}

impl State {
    /// Does what the last event left to do.
    pub(crate) fn settle(&mut self) {
        if let Some((files, fd)) = self.renamed.take()
            && let Some(descriptor) = self.files.get_mut(files, fd)
        {
            descriptor.name_changed = false;
        }
        while let Some(pending) = self.pending.pop() {
            match pending {
                Pending::Descriptors { tid, first, last } => {
                    let Some(thread) = self.threads.get(tid) else {
                        continue;
                    };
                    let files = thread.files;
                    if first == last {
                        self.files.remove(files, first, &mut self.counters);
                    } else {
                        self.files.remove_if(files, &mut self.counters, |fd, _| {
                            (first..=last).contains(&fd)
                        });
                    }
                }
                Pending::Thread { tid, reaper } => self.remove_exited(tid, reaper),
            }
        }
    }
}
