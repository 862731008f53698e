//! How traced threads begin, change and end.

use std::time::{Duration, Instant};

use event::EventType;

use crate::call::Call;
use crate::calls::exec_started;
use crate::entry::Inputs;
use crate::facts::process::{Stat, Status};
use crate::flags::{CLONE_PARENT, CLONE_THREAD};
use crate::sys::{self, Tid};
use crate::tracer::{Changed, Each, Pending, Thread, Tracer, put_back};

/// What the child's side of a call tells, and is put back in the child.
#[derive(Clone, Debug)]
pub(crate) struct Birth {
    call: Call,
    inputs: Inputs,
    wanted: bool,
    changed: Option<Changed>,
}

/// A thread that has left, but not its children: who takes them is known only when it is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Leaving {
    status: i32,
    children: Vec<Tid>,
}

/// Who takes the children of a thread that leaves.
enum Reaper {
    Known(i64),
    Later(Vec<Tid>),
}

/// A maker tells of a new thread right after it was made, if it lives.
const TIME_TO_TELL: Duration = Duration::from_secs(1);

/// Not even found out afterwards.
const UNKNOWN: i64 = -1;

fn is_group_stop(signal: i32) -> bool {
    matches!(
        signal,
        libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU
    )
}

impl Tracer {
    /// A thread that is traced, whether or not its beginning was seen.
    pub(crate) fn known(&mut self, tid: Tid) -> &mut Thread {
        self.threads.entry(tid).or_insert_with(|| Thread {
            tgid: group_of(tid),
            maker: 0,
            pending: None,
            birth: None,
            left: false,
        })
    }

    /// A thread has made another one.
    pub(crate) fn made_child(&mut self, tid: Tid, event: i32, each: Each<'_>) {
        let child = sys::event_message(tid).unwrap_or(0) as Tid;
        let maker = self.known(tid);
        let (tgid, own_maker) = (maker.tgid, maker.maker);
        let pending = maker.pending.clone();
        let flags = pending
            .as_ref()
            .map_or(0, |pending| pending.inputs.clone_flags);
        let is_thread = event == sys::EVENT_CLONE && flags & CLONE_THREAD != 0;
        let birth = pending.map(|pending| Birth {
            call: Call {
                ret: 0,
                ..pending.call
            },
            inputs: pending.inputs,
            wanted: pending.wanted,
            // Memory that is shared is put back by the maker, and a copy of it is the child's.
            changed: pending.changed,
        });
        if child > 0 {
            let thread = Thread {
                tgid: if is_thread { tgid } else { child },
                maker: if flags & (CLONE_PARENT | CLONE_THREAD) != 0 {
                    own_maker
                } else {
                    tid
                },
                pending: None,
                birth,
                left: false,
            };
            self.threads.insert(child, thread);
            if self.early.remove(&child).is_some() {
                self.begin(child, libc::SIGTRAP, each);
            }
        }
        self.resume(tid, 0);
    }

    /// A thread has stopped: at its beginning, with its process, or for no reason of ours.
    pub(crate) fn stopped(&mut self, tid: Tid, signal: i32, each: Each<'_>) {
        match self.threads.get(&tid) {
            Some(thread) if thread.birth.is_some() => self.begin(tid, signal, each),
            Some(_) => self.go_on_or_stay(tid, signal),
            None => _ = self.early.insert(tid, Instant::now()),
        }
    }

    fn go_on_or_stay(&self, tid: Tid, signal: i32) {
        if is_group_stop(signal) {
            let _ = sys::listen(tid);
        } else {
            self.resume(tid, 0);
        }
    }

    /// A new thread's first moment: it comes back through the call that made it.
    fn begin(&mut self, tid: Tid, signal: i32, each: Each<'_>) {
        let birth = self
            .threads
            .get_mut(&tid)
            .and_then(|thread| thread.birth.take());
        if let Some(birth) = birth {
            if let Some(changed) = birth.changed {
                put_back(tid, changed, birth.call.compat);
            }
            // On aarch64 the probe tells of a child from elsewhere, always as clone; the record of
            // the call says the same and more.
            if birth.wanted {
                self.tell(tid, &birth.call, &birth.inputs, each);
            }
        }
        self.go_on_or_stay(tid, signal);
    }

    /// Lets new threads go whose makers were killed before they could tell of them: somebody else
    /// is their parent by now.
    pub(crate) fn release_orphans(&mut self) {
        let late: Vec<Tid> = self
            .early
            .iter()
            .filter(|(_, since)| since.elapsed() > TIME_TO_TELL)
            .map(|(tid, _)| *tid)
            .collect();
        for tid in late {
            let parent = Status::of(tid).parent;
            if self.threads.values().any(|thread| thread.tgid == parent) {
                continue;
            }
            self.early.remove(&tid);
            self.known(tid);
            self.resume(tid, 0);
        }
    }

    /// A process has a new program. If another thread than the first one did it, it has taken the
    /// first one's number, and all others have ended.
    pub(crate) fn changed_program(&mut self, tid: Tid, each: Each<'_>) {
        self.started = true;
        let former = sys::event_message(tid).map_or(tid, |former| former as Tid);
        if former != tid
            && let Some(mut thread) = self.threads.remove(&former)
        {
            thread.tgid = tid;
            if let Some(first) = self.threads.get(&tid) {
                thread.maker = first.maker;
            }
            self.threads.insert(tid, thread);
        }
        let thread = self.known(tid);
        thread.left = false;
        let pending = thread.pending.take();
        if self.wanted.exec {
            let (call, inputs) = match pending {
                Some(Pending { call, inputs, .. }) => (call, inputs),
                None => (nothing(), Inputs::default()),
            };
            let event = EventType::SYSCALL_EXECVE_19_X;
            self.record(tid, event, &call, &inputs, exec_started, each);
        }
        self.resume(tid, 0);
    }

    /// A signal reaches a thread.
    pub(crate) fn signalled(&mut self, tid: Tid, signal: i32, each: Each<'_>) {
        if self.wanted.signals {
            let (code, pid) = sys::signal_sender(tid).unwrap_or((1, 0));
            // Only what another process or thread caused says who it was.
            let sender = if signal == libc::SIGCHLD || code <= 0 {
                pid
            } else {
                0
            };
            self.tell_signal(tid, sender, signal, each);
        }
        self.resume(tid, signal);
    }

    fn tell_signal(&mut self, tid: Tid, sender: i32, signal: i32, each: Each<'_>) {
        let fill = |record: &mut event::Encoder| {
            record.i64(i64::from(sender));
            record.i64(i64::from(tid));
            record.u8(signal as u8);
        };
        self.plain(tid, EventType::SIGNALDELIVER_E, fill, each);
    }

    /// A thread is about to end.
    pub(crate) fn leaves(&mut self, tid: Tid, each: Each<'_>) {
        let status = sys::event_message(tid).unwrap_or(0) as i32;
        let thread = self.known(tid);
        let tgid = thread.tgid;
        let told = std::mem::replace(&mut thread.left, true);
        // The one signal that does not stop at its tracer; the kernel does not keep its sender.
        if self.wanted.signals && !told && status & 0x7f == libc::SIGKILL {
            self.tell_signal(tid, 0, libc::SIGKILL, each);
        }
        if self.wanted.exit && !told {
            match self.reaper(tid, tgid) {
                Reaper::Known(reaper) => self.tell_exit(tid, status, reaper, each),
                Reaper::Later(children) => {
                    self.leaving.insert(tid, Leaving { status, children });
                }
            }
        }
        self.resume(tid, 0);
    }

    /// Who takes the children of a thread: nobody when there are none, another thread of its
    /// process, or somebody whom only the kernel knows by now.
    fn reaper(&self, tid: Tid, tgid: Tid) -> Reaper {
        let children = children_of(tgid, tid);
        if children.is_empty() {
            return Reaper::Known(0);
        }
        let leaving = |other: Tid| self.threads.get(&other).is_some_and(|thread| thread.left);
        let other = threads_of(tgid)
            .into_iter()
            .find(|&other| other != tid && !leaving(other) && Stat::of(tgid, other).is_living());
        match other {
            Some(other) => Reaper::Known(i64::from(other)),
            None => Reaper::Later(children),
        }
    }

    fn tell_exit(&mut self, tid: Tid, status: i32, reaper: i64, each: Each<'_>) {
        let fill = |record: &mut event::Encoder| {
            record.i64(i64::from(status));
            record.i64(i64::from(status >> 8 & 0xff));
            record.u8((status & 0x7f) as u8);
            record.u8(u8::from(status & 0x80 != 0));
            record.i64(reaper);
        };
        self.plain(tid, EventType::PROCEXIT_1_E, fill, each);
    }

    /// A thread is gone.
    pub(crate) fn gone(&mut self, tid: Tid, status: i32, each: Each<'_>) {
        let thread = self.threads.remove(&tid);
        self.early.remove(&tid);
        if let Some(Leaving { status, children }) = self.leaving.remove(&tid) {
            let reaper = children.iter().find_map(|&child| parent_thread(child));
            self.tell_exit(tid, status, reaper.unwrap_or(UNKNOWN), each);
        } else if self.wanted.exit && thread.is_some_and(|thread| !thread.left) {
            // It was killed on its way out.
            self.tell_exit(tid, status, UNKNOWN, each);
        }
        if tid == self.pid() {
            self.status = Some(status);
        }
    }
}

/// A call of which nothing is known.
fn nothing() -> Call {
    Call {
        args: [0; 6],
        ret: 0,
        number: 0,
        compat: false,
    }
}

fn group_of(tid: Tid) -> Tid {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    line.and_then(|id| id.trim().parse().ok()).unwrap_or(tid)
}

/// The children that a thread itself has made, and those that were given to it.
fn children_of(tgid: Tid, tid: Tid) -> Vec<Tid> {
    let path = format!("/proc/{tgid}/task/{tid}/children");
    let list = std::fs::read_to_string(path).unwrap_or_default();
    list.split_ascii_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// The threads of a process, in the kernel's order.
fn threads_of(tgid: Tid) -> Vec<Tid> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{tgid}/task")) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// The thread that a process is a child of now.
fn parent_thread(child: Tid) -> Option<i64> {
    let parent = Status::of(child).parent;
    if parent == 0 {
        return None;
    }
    let thread = threads_of(parent)
        .into_iter()
        .find(|&thread| children_of(parent, thread).contains(&child));
    Some(i64::from(thread.unwrap_or(parent)))
}
