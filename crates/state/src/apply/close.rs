//! `close` and `close_range`.

use event::EventView;

use super::pending::Pending;
use crate::State;

const CLOSE_RANGE_UNSHARE: u32 = 1 << 1;
const CLOSE_RANGE_CLOEXEC: u32 = 1 << 2;

impl State {
    /// The kernel lets go of the descriptor whatever a close returns; the one result that says
    /// otherwise is that it was not open, and then it should not be here either.
    pub(super) fn close(&mut self, event: &EventView<'_>) {
        if let Some(fd) = event.i64(1).filter(|fd| *fd >= 0) {
            self.pending.push(Pending::Descriptors {
                tid: event.tid(),
                first: fd,
                last: fd,
            });
        }
    }

    pub(super) fn close_range(&mut self, event: &EventView<'_>) {
        if event.i64(0).is_none_or(|res| res < 0) {
            return;
        }
        let (Some(first), Some(last)) = (event.u32(1), event.u32(2)) else {
            return;
        };
        let (first, last) = (i64::from(first), i64::from(last));
        let flags = event.u32(3).unwrap_or(0);
        let tid = event.tid();
        let Some(thread) = self.threads.get_quietly(tid) else {
            return;
        };
        if flags & CLOSE_RANGE_UNSHARE != 0 {
            self.files.unshare(&mut thread.files, &mut self.counters);
        }
        if flags & CLOSE_RANGE_CLOEXEC != 0 {
            self.files.set_cloexec(thread.files, first, last, true);
        } else {
            self.pending.push(Pending::Descriptors { tid, first, last });
        }
    }
}
