//! What each event does to the state.

mod accounts;
mod clone;
mod close;
mod cwd;
mod descriptors;
pub(crate) mod entered;
mod exec;
mod exit;
mod ids;
mod note;
mod open;
pub(crate) mod pending;
mod sockets;
mod traffic;
mod tuples;

use event::{EventFlags, EventType as T, EventView, Origin};

use crate::heal::note_event;
use crate::{Descriptor, State, Thread};

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The thread that caused the event.
    pub tid: i64,
    /// Whether the thread is in the table now (perhaps only as a placeholder).
    pub known: bool,
    /// The descriptor number that the event creates, uses or destroys; `None` for events that are
    /// not about descriptors, -1 when one should have been created but was not.
    pub fd: Option<i64>,
}

/// The number of the descriptor that an event made, if it made one.
type Created = Option<i64>;

impl State {
    /// Takes over what an event says. To be called with every event, in order, before rules look
    /// at it.
    pub fn apply(&mut self, event: &EventView<'_>) -> Subject {
        let (info, ts, tid) = (event.info(), event.ts(), event.tid());
        self.settle();
        if !self.without_role.is_empty() {
            self.assign_roles();
        }
        self.purge(ts);
        let of_thread = matches!(info.origin, Some(Origin::Syscall | Origin::Tracepoint))
            && !info.flags.contains(EventFlags::SKIPPARSERESET);
        if of_thread {
            self.meet(event.event_type(), tid, ts);
        }
        let used = info.used_fd.and_then(|index| event.i64(index));
        if let Some(fd) = used
            && self.count_descriptor_lookup(tid, fd)
        {
            self.find_descriptor(event, fd);
        }
        let created = self.dispatch(event);
        let on_descriptors = EventFlags::from_bits(
            EventFlags::CREATES_FD.bits()
                | EventFlags::USES_FD.bits()
                | EventFlags::DESTROYS_FD.bits(),
        );
        let about = info.flags.intersects(on_descriptors);
        Subject {
            tid,
            known: self.threads.contains(tid),
            fd: about.then(|| created.or(used).unwrap_or(-1)),
        }
    }

    fn dispatch(&mut self, event: &EventView<'_>) -> Created {
        match event.event_type() {
            T::SYSCALL_OPEN_E
            | T::SYSCALL_CREAT_E
            | T::SYSCALL_OPENAT_2_E
            | T::SYSCALL_OPENAT2_E
            | T::SOCKET_CONNECT_E => self.keep_entered(event),
            T::SYSCALL_OPEN_X
            | T::SYSCALL_CREAT_X
            | T::SYSCALL_OPENAT_2_X
            | T::SYSCALL_OPENAT2_X
            | T::SYSCALL_OPEN_BY_HANDLE_AT_X => return self.open(event),
            T::ITER_TASK_FILE_REGULAR_E => self.note_file(event),
            T::ITER_TASK_FILE_SOCKET_INET_E
            | T::ITER_TASK_FILE_SOCKET_INET6_E
            | T::ITER_TASK_FILE_SOCKET_UNIX_E
            | T::ITER_TASK_FILE_SOCKET_NETLINK_E => self.note_socket(event),
            T::SYSCALL_DUP_1_X | T::SYSCALL_DUP2_X | T::SYSCALL_DUP3_X => return self.dup(event),
            T::SYSCALL_FCNTL_X => return self.fcntl(event),
            T::SYSCALL_PIPE_X | T::SYSCALL_PIPE2_X => return self.pipe(event),
            T::SOCKET_SOCKETPAIR_X => return self.socketpair(event),
            T::SYSCALL_EVENTFD_X
            | T::SYSCALL_EVENTFD2_X
            | T::SYSCALL_SIGNALFD_X
            | T::SYSCALL_SIGNALFD4_X
            | T::SYSCALL_TIMERFD_CREATE_X
            | T::SYSCALL_INOTIFY_INIT_X
            | T::SYSCALL_INOTIFY_INIT1_X
            | T::SYSCALL_EPOLL_CREATE_X
            | T::SYSCALL_EPOLL_CREATE1_X
            | T::SYSCALL_USERFAULTFD_X
            | T::SYSCALL_IO_URING_SETUP_X
            | T::SYSCALL_MEMFD_CREATE_X
            | T::SYSCALL_BPF_2_X
            | T::SYSCALL_PIDFD_OPEN_X => return self.create_special(event),
            T::SYSCALL_PIDFD_GETFD_X => return self.pidfd_getfd(event),
            T::SYSCALL_CLOSE_X => self.close(event),
            T::SYSCALL_CLOSE_RANGE_X => self.close_range(event),
            T::SOCKET_SOCKET_X => return self.socket(event),
            T::SOCKET_BIND_X => self.bind(event),
            T::SOCKET_CONNECT_X => self.connect(event),
            T::SOCKET_ACCEPT_5_X | T::SOCKET_ACCEPT4_6_X => return self.accept(event),
            T::SOCKET_SEND_X
            | T::SOCKET_SENDTO_X
            | T::SOCKET_SENDMSG_X
            | T::SOCKET_SENDMMSG_X
            | T::SOCKET_RECV_X
            | T::SOCKET_RECVFROM_X
            | T::SOCKET_RECVMSG_X
            | T::SOCKET_RECVMMSG_X => self.transfer(event),
            T::SYSCALL_CLONE_20_X
            | T::SYSCALL_CLONE3_X
            | T::SYSCALL_FORK_20_X
            | T::SYSCALL_VFORK_20_X => self.clone_exit(event),
            T::SYSCALL_EXECVE_19_X | T::SYSCALL_EXECVEAT_X => self.exec(event),
            T::PROCEXIT_1_E => self.exit(event),
            T::SYSCALL_CHDIR_X => self.chdir(event),
            T::SYSCALL_FCHDIR_X => self.fchdir(event),
            T::SYSCALL_GETCWD_X => self.getcwd(event),
            T::SYSCALL_CHROOT_X => self.chroot(event),
            T::USER_ADDED_E => self.user_added(event),
            T::USER_DELETED_E => self.user_deleted(event),
            T::GROUP_ADDED_E => self.group_added(event),
            T::GROUP_DELETED_E => self.group_deleted(event),
            _ => self.change_ids(event),
        }
        None
    }

    /// Makes sure that there is an entry for the thread of an event, and notes that it lives.
    fn meet(&mut self, event_type: T, tid: i64, ts: u64) {
        if tid <= 0 {
            return;
        }
        if tid == self.last_tid {
            self.counters.n_cached_thread_lookups += 1;
        } else {
            self.counters.n_noncached_thread_lookups += 1;
            self.last_tid = tid;
        }
        if let Some(thread) = self.threads.get_quietly(tid) {
            if note_event(thread, self.gap, ts) {
                self.look_again(tid, event_type, ts);
            }
            return;
        }
        self.counters.n_failed_thread_lookups += 1;
        let explains_itself = matches!(
            event_type,
            T::SYSCALL_CLONE_20_X
                | T::SYSCALL_CLONE3_X
                | T::SYSCALL_FORK_20_X
                | T::SYSCALL_VFORK_20_X
                | T::SCHEDSWITCH_6_E
                | T::PROCEXIT_1_E
        );
        if !explains_itself {
            self.find_or_stand_in(tid, ts);
        }
    }

    /// Looks a thread up, and enters a placeholder when that finds nothing.
    fn find_or_stand_in(&mut self, tid: i64, ts: u64) {
        if !self.look_up(tid, ts) {
            let mut thread = Thread::placeholder(tid);
            thread.last_seen = ts;
            self.add_thread(thread, ts);
        }
    }

    /// Asks for a thread that is not in the table. False when it is not there afterwards.
    pub(crate) fn look_up(&mut self, tid: i64, ts: u64) -> bool {
        let Some(lookup) = self.lookup.as_mut().filter(|_| tid > 0) else {
            return false;
        };
        let Some(found) = self.budget.spend(ts, || lookup.thread(tid)) else {
            self.counters.n_proc_lookups_refused += 1;
            return false;
        };
        self.counters.n_proc_lookups += 1;
        let Some(found) = found.filter(|found| found.thread.tid == tid) else {
            return false;
        };
        self.seed_found(found, ts);
        self.assign_roles();
        self.learn_accounts(tid);
        self.threads.contains(tid)
    }

    /// Adds a thread whose id is free, if there is room.
    pub(crate) fn add_thread(&mut self, mut thread: Thread, now: u64) -> bool {
        if self.threads.len() >= self.limits.threads && !self.make_room(now) {
            self.counters.n_drops_full_threadtable += 1;
            self.files.release(thread.files, &mut self.counters);
            return false;
        }
        thread.last_seen = thread.last_seen.max(now);
        self.counters.n_added_threads += 1;
        self.threads.insert(thread);
        true
    }

    /// A number for a working directory of one's own.
    pub(crate) fn new_fs(&mut self) -> u32 {
        self.last_fs = self.last_fs.wrapping_add(1);
        self.last_fs
    }

    /// Adds or replaces a descriptor of a thread's table.
    pub(crate) fn add_descriptor(&mut self, tid: i64, fd: i64, descriptor: Descriptor) -> bool {
        let Some(thread) = self.threads.get_quietly(tid) else {
            return false;
        };
        self.files
            .insert(&mut thread.files, fd, descriptor, &mut self.counters)
    }

    /// The descriptor of a thread, to change.
    fn descriptor_mut(&mut self, tid: i64, fd: i64) -> Option<&mut Descriptor> {
        let files = self.threads.get(tid)?.files;
        self.files.get_mut(files, fd)
    }

    /// Counts the use of a descriptor. True when it is not known.
    fn count_descriptor_lookup(&mut self, tid: i64, fd: i64) -> bool {
        let Some(thread) = self.threads.get(tid) else {
            return false;
        };
        let key = (thread.files, fd);
        if key == self.last_fd {
            self.counters.n_cached_fd_lookups += 1;
        } else {
            self.counters.n_noncached_fd_lookups += 1;
            self.last_fd = key;
        }
        let is_missing = fd >= 0 && self.files.get(thread.files, fd).is_none();
        self.counters.n_failed_fd_lookups += u64::from(is_missing);
        is_missing
    }
}
