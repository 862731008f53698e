//! Copies of descriptors, pipes, and the descriptors that are not files.

use std::sync::Arc;

use event::{EventType as T, EventView};

use super::Created;
use crate::descriptor::O_CLOEXEC;
use crate::{Descriptor, DescriptorKind as Kind, State, ThreadFlags};

// Portable fcntl commands.
const F_DUPFD: u64 = 1;
const F_SETFD: u64 = 3;
const F_DUPFD_CLOEXEC: u64 = 26;
/// The one bit of `F_SETFD`.
const FD_CLOEXEC: u64 = 1;

/// `SOCK_CLOEXEC`, `EFD_CLOEXEC` and so on, as the kernel has them.
pub(super) const NATIVE_CLOEXEC: u64 = 0o2_000_000;

/// The bpf commands that return a descriptor.
const BPF_MAKERS: [u64; 12] = [0, 5, 7, 13, 14, 17, 18, 19, 28, 30, 32, 33];

impl State {
    pub(super) fn dup(&mut self, event: &EventView<'_>) -> Created {
        let (new, old) = (event.i64(0).filter(|fd| *fd >= 0)?, event.i64(1)?);
        let cloexec = event.event_type() == T::SYSCALL_DUP3_X
            && event.u32(3).is_some_and(|flags| flags & O_CLOEXEC != 0);
        if new != old {
            self.copy_descriptor(event.tid(), old, new, cloexec);
        }
        Some(new)
    }

    pub(super) fn fcntl(&mut self, event: &EventView<'_>) -> Created {
        let (tid, res) = (event.tid(), event.i64(0).filter(|res| *res >= 0)?);
        let (fd, command) = (event.i64(1)?, event.u64(2)?);
        match command {
            F_DUPFD | F_DUPFD_CLOEXEC => {
                self.copy_descriptor(tid, fd, res, command == F_DUPFD_CLOEXEC);
                return Some(res);
            }
            F_SETFD => {
                if let (Some(arg), Some(thread)) = (event.u64(3), self.threads.get(tid)) {
                    self.files
                        .set_cloexec(thread.files, fd, fd, arg & FD_CLOEXEC != 0);
                }
            }
            _ => {}
        }
        None
    }

    /// Enters a copy of a descriptor; a number whose origin is not known loses what was known.
    fn copy_descriptor(&mut self, tid: i64, old: i64, new: i64, cloexec: bool) {
        let Some(thread) = self.threads.get_quietly(tid) else {
            return;
        };
        let Some(descriptor) = self.files.get(thread.files, old) else {
            self.files.remove(thread.files, new, &mut self.counters);
            return;
        };
        let mut copy = descriptor.clone();
        copy.set_cloexec(cloexec);
        if copy.kind == Kind::Fifo {
            thread.flags |= match new {
                0 => ThreadFlags::PIPE_DST,
                1 => ThreadFlags::PIPE_SRC,
                _ => 0,
            };
        }
        self.files
            .insert(&mut thread.files, new, copy, &mut self.counters);
    }

    /// Both ends; the event is about the second.
    pub(super) fn pipe(&mut self, event: &EventView<'_>) -> Created {
        event.i64(0).filter(|res| *res >= 0)?;
        let (first, second) = (event.i64(1)?, event.i64(2)?);
        let mut descriptor = Descriptor::new(Kind::Fifo);
        descriptor.ino = event.u64(3).unwrap_or(0);
        descriptor.open_flags = event.u32(4).unwrap_or(0);
        self.add_descriptor(event.tid(), first, descriptor.clone());
        self.add_descriptor(event.tid(), second, descriptor);
        Some(second)
    }

    /// Calls that return a descriptor of a kind of its own.
    pub(super) fn create_special(&mut self, event: &EventView<'_>) -> Created {
        let fd = event.i64(0).filter(|fd| *fd >= 0)?;
        let portable = |index| {
            event
                .u64(index)
                .is_some_and(|f| f & u64::from(O_CLOEXEC) != 0)
        };
        let native = |index| event.u64(index).is_some_and(|f| f & NATIVE_CLOEXEC != 0);
        let first_bit = |index| event.u64(index).is_some_and(|flags| flags & 1 != 0);
        let (kind, cloexec) = match event.event_type() {
            T::SYSCALL_EVENTFD_X => (Kind::Event, native(2)),
            T::SYSCALL_EVENTFD2_X => (Kind::Event, portable(1)),
            T::SYSCALL_SIGNALFD_X => (Kind::Signal, false),
            T::SYSCALL_SIGNALFD4_X => (Kind::Signal, portable(1)),
            // The flags of this one are cut to eight bits, and the mark with them.
            T::SYSCALL_TIMERFD_CREATE_X => (Kind::Timer, false),
            T::SYSCALL_INOTIFY_INIT_X => (Kind::Inotify, false),
            T::SYSCALL_INOTIFY_INIT1_X => (Kind::Inotify, portable(1)),
            T::SYSCALL_EPOLL_CREATE_X => (Kind::EventPoll, false),
            T::SYSCALL_EPOLL_CREATE1_X => (Kind::EventPoll, first_bit(1)),
            T::SYSCALL_USERFAULTFD_X => (Kind::Userfault, portable(1)),
            // The kernel always sets the mark on these two.
            T::SYSCALL_IO_URING_SETUP_X => (Kind::IoUring, true),
            T::SYSCALL_PIDFD_OPEN_X => (Kind::Pidfd, true),
            T::SYSCALL_MEMFD_CREATE_X => (Kind::Memfd, first_bit(2)),
            T::SYSCALL_BPF_2_X => {
                let makes = event
                    .u64(1)
                    .is_none_or(|command| BPF_MAKERS.contains(&command));
                if !makes {
                    return None;
                }
                (Kind::Bpf, true)
            }
            _ => return None,
        };
        let mut descriptor = Descriptor::new(kind);
        descriptor.set_cloexec(cloexec);
        match kind {
            Kind::Memfd => descriptor.name = event.str(1).map(Arc::from).unwrap_or_default(),
            Kind::Pidfd => descriptor.pid = event.i64(1).unwrap_or(0),
            _ => {}
        }
        self.add_descriptor(event.tid(), fd, descriptor);
        Some(fd)
    }

    /// The copy of another process's descriptor.
    pub(super) fn pidfd_getfd(&mut self, event: &EventView<'_>) -> Created {
        let fd = event.i64(0).filter(|fd| *fd >= 0)?;
        let copy = || {
            let thread = self.threads.get(event.tid())?;
            let pidfd = self.files.get(thread.files, event.i64(1)?)?;
            let target = self.threads.get(pidfd.pid)?;
            self.files.get(target.files, event.i64(2)?).cloned()
        };
        let mut descriptor = copy().unwrap_or_else(|| Descriptor::new(Kind::Unknown));
        descriptor.set_cloexec(true);
        self.add_descriptor(event.tid(), fd, descriptor);
        Some(fd)
    }
}
