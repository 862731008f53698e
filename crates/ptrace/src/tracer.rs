//! Following a command and all it starts, from stop to stop.

use std::ffi::OsString;
use std::io;
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use event::{Encoder, EventType, SyscallCodeSet};
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use signal_hook::SigId;

use crate::call::Call;
use crate::calls::{Filler, Fillers, MAX_MESSAGES, one_of_many};
use crate::counters::Counters;
use crate::entry::Inputs;
use crate::error::Error;
use crate::facts::machine::{Machine, now};
use crate::facts::process::Stat;
use crate::filter::program;
use crate::life::{Birth, Leaving};
use crate::memory::{Memory, Way};
use crate::options::Options;
use crate::record::{Caller, Record};
use crate::spawn::{self, Child};
use crate::sys::{self, Change, Registers, Tid};
use crate::wanted::Wanted;

/// So many changes are handled before [`Tracer::poll`] comes back, however many there are.
const BATCH: usize = 512;

/// Receives records: the CPU that the thread ran on last, and the bytes.
pub(crate) type Each<'a> = &'a mut dyn FnMut(u16, &[u8]);

/// A thread that is traced.
#[derive(Debug)]
pub(crate) struct Thread {
    /// Its process.
    pub(crate) tgid: Tid,
    /// The thread whose child its process is; 0 when not known.
    pub(crate) maker: Tid,
    /// The call that it is in, if its end is wanted.
    pub(crate) pending: Option<Pending>,
    /// What is to be told when it comes to life.
    pub(crate) birth: Option<Birth>,
    /// Whether its end was told.
    pub(crate) left: bool,
}

/// A call under way.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) call: Call,
    pub(crate) inputs: Inputs,
    /// Whether its end gives an event; if not, it is here for another reason.
    pub(crate) wanted: bool,
    /// What was changed in the call, and is put back at its end.
    pub(crate) changed: Option<Changed>,
}

/// A change of a call: a child may not ask to stay untraced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Changed {
    /// The first argument was this.
    Argument(u64),
    /// The word at this address was that.
    Word(u64, u64),
}

/// How far watching has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Threads are running, or about to.
    Running {
        /// How many changes of threads were handled: 0 means that nothing happened in time.
        handled: usize,
    },
    /// Nobody is left.
    Ended,
}

/// A command under watch. It must stay in the thread that made it.
pub struct Tracer {
    pub(crate) threads: FxHashMap<Tid, Thread>,
    /// New threads that stopped before their makers told of them.
    pub(crate) early: FxHashMap<Tid, Instant>,
    /// Threads that have left and whose children are being given away.
    pub(crate) leaving: FxHashMap<Tid, Leaving>,
    pub(crate) wanted: Wanted,
    /// What stops, which cannot be changed any more.
    stopping: Wanted,
    fillers: Fillers,
    machine: Machine,
    options: Options,
    way: Way,
    encoder: Encoder,
    pub(crate) counters: Counters,
    child: Child,
    command: OsString,
    pub(crate) status: Option<i32>,
    /// Whether the child has become the command.
    pub(crate) started: bool,
    wake: UnixStream,
    handler: SigId,
    /// The kernel lets only the thread that made it trace.
    stays: PhantomData<*const ()>,
}

impl Tracer {
    /// Whether tracing can work here, found out by doing it.
    ///
    /// # Errors
    ///
    /// With what stands in the way.
    pub fn check() -> Result<(), Error> {
        let codes = SyscallCodeSet::all();
        let command = ["/proc/self/exe".into()];
        let mut tracer = Self::prepare(&command, &codes, Options::default())?;
        tracer.start()?;
        // The first call that stops is the one that would start the program: that far, and no
        // further.
        while tracer.counters.call_stops == 0 {
            let progress = tracer.poll_until(Duration::from_secs(1), &mut |_, _| (), true)?;
            if progress == Progress::Ended {
                break;
            }
        }
        Ok(())
    }

    /// Makes a process for the command, traced, which waits for [`start`](Self::start). Of all
    /// system calls these stop, now and ever.
    ///
    /// # Errors
    ///
    /// When the command cannot be found, or tracing is not allowed.
    pub fn prepare(
        command: &[OsString],
        syscalls: &SyscallCodeSet,
        options: Options,
    ) -> Result<Self, Error> {
        if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            return Err(Error::Architecture);
        }
        check_proc()?;
        let system = |what| move |source: io::Error| Error::System { what, source };
        let (wake, signalled) = UnixStream::pair().map_err(system("make a pair of sockets"))?;
        wake.set_nonblocking(true)
            .map_err(system("make a pair of sockets"))?;
        let handler = signal_hook::low_level::pipe::register(libc::SIGCHLD, signalled)
            .map_err(system("install a signal handler"))?;
        let wanted = Wanted::new(syscalls);
        let child = spawn::spawn(command, &program(&wanted.stops())).inspect_err(|_| {
            signal_hook::low_level::unregister(handler);
        })?;
        let root = Thread {
            tgid: child.pid,
            maker: rustix::thread::gettid().as_raw_nonzero().get(),
            pending: None,
            birth: None,
            left: false,
        };
        Ok(Self {
            threads: [(child.pid, root)].into_iter().collect(),
            early: FxHashMap::default(),
            leaving: FxHashMap::default(),
            stopping: wanted.clone(),
            wanted,
            fillers: Fillers::new(),
            machine: Machine::new(),
            options,
            way: Way::find(),
            encoder: Encoder::new(),
            counters: Counters::default(),
            child,
            command: command.first().cloned().unwrap_or_default(),
            status: None,
            started: false,
            wake,
            handler,
            stays: PhantomData,
        })
    }

    /// The process of the command.
    pub fn pid(&self) -> i32 {
        self.child.pid
    }

    /// What has been counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How the command ended, as `wait` tells it; `None` while it runs.
    pub fn status(&self) -> Option<i32> {
        self.status
    }

    /// Lets the command begin.
    ///
    /// # Errors
    ///
    /// When the process has gone meanwhile.
    pub fn start(&mut self) -> Result<(), Error> {
        self.child.go()
    }

    /// Takes other wishes. Only calls that stop already can be wanted; hands back the others.
    pub fn set_syscalls(&mut self, syscalls: &SyscallCodeSet) -> Vec<&'static str> {
        let wanted = Wanted::new(syscalls);
        let missing = self.stopping.missing(&wanted);
        self.wanted = wanted;
        missing
    }

    /// Hands out the events of what happens until nothing more does, or after a batch of it. When
    /// nothing has happened yet, waits up to `wait` for it. Threads go on only after their event
    /// was handed out.
    ///
    /// # Errors
    ///
    /// When the command could not be started after all, or the kernel refuses to tell anything.
    pub fn poll(
        &mut self,
        wait: Duration,
        mut each: impl FnMut(u16, &[u8]),
    ) -> Result<Progress, Error> {
        self.poll_until(wait, &mut each, false)
    }

    fn poll_until(
        &mut self,
        wait: Duration,
        each: Each<'_>,
        only_one: bool,
    ) -> Result<Progress, Error> {
        let mut handled = 0;
        let mut waited = false;
        self.release_orphans();
        loop {
            match sys::next_change() {
                Ok(Some((tid, change))) => {
                    handled += 1;
                    self.counters.changes += 1;
                    self.take(tid, change, each);
                    self.fail_if_not_started()?;
                    if handled == BATCH || only_one {
                        return Ok(Progress::Running { handled });
                    }
                }
                Ok(None) if handled > 0 => return Ok(Progress::Running { handled }),
                // There may be children that this program has inherited and knows nothing of.
                Ok(None) if self.threads.is_empty() && self.early.is_empty() => {
                    return Ok(Progress::Ended);
                }
                Ok(None) if waited => return Ok(Progress::Running { handled }),
                Ok(None) => {
                    self.wait(wait);
                    waited = true;
                }
                Err(err) if err.raw_os_error() == Some(libc::ECHILD) => return Ok(Progress::Ended),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Error::System {
                        what: "wait for the command",
                        source,
                    });
                }
            }
        }
    }

    /// Waits until a child has news, but not for longer than this.
    fn wait(&self, most: Duration) {
        let limit = Timespec::try_from(most).ok();
        let mut fds = [PollFd::new(&self.wake, PollFlags::IN)];
        if poll(&mut fds, limit.as_ref()).is_ok_and(|ready| ready > 0) {
            // One look takes all news, however many times it was announced.
            let mut scrap = [0u8; 256];
            while io::Read::read(&mut &self.wake, &mut scrap).is_ok_and(|len| len == scrap.len()) {}
        }
    }

    fn fail_if_not_started(&mut self) -> Result<(), Error> {
        if self.started || self.status.is_none() {
            return Ok(());
        }
        match self.child.failure(&self.command) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Asks the command to end, as SIGTERM does.
    pub fn terminate(&self) {
        if self.status.is_none() {
            sys::kill(self.child.pid, libc::SIGTERM);
        }
    }

    /// Ends everything that is traced. Their ends are still told by [`poll`](Self::poll).
    pub fn kill(&self) {
        let processes: FxHashSet<Tid> = self.threads.values().map(|thread| thread.tgid).collect();
        for tgid in processes.into_iter().chain(self.early.keys().copied()) {
            sys::kill(tgid, libc::SIGKILL);
        }
    }

    fn take(&mut self, tid: Tid, change: Change, each: Each<'_>) {
        match change {
            Change::Gone { status } => self.gone(tid, status, each),
            Change::Stopped { signal, event } => match event {
                sys::EVENT_SECCOMP => self.entry(tid, each),
                sys::EVENT_FORK | sys::EVENT_VFORK | sys::EVENT_CLONE => {
                    self.made_child(tid, event, each);
                }
                sys::EVENT_EXEC => self.changed_program(tid, each),
                sys::EVENT_EXIT => self.leaves(tid, each),
                sys::EVENT_STOP => self.stopped(tid, signal, each),
                0 if signal == sys::SYSCALL_STOP => self.exit(tid, each),
                0 => self.signalled(tid, signal, each),
                // An event that was not asked for.
                _ => self.resume(tid, 0),
            },
        }
    }

    /// Lets a thread go on: to the end of the call that it is in, if that is wanted.
    pub(crate) fn resume(&self, tid: Tid, signal: i32) {
        let to_exit = self
            .threads
            .get(&tid)
            .is_some_and(|thread| thread.pending.is_some());
        // One that was killed meanwhile is not there to go on, and its end will be told.
        let _ = sys::resume(tid, to_exit, signal);
    }

    /// A thread is about to make a call.
    fn entry(&mut self, tid: Tid, _: Each<'_>) {
        self.counters.call_stops += 1;
        let memory = self.memory(tid);
        let entry = sys::syscall_entry(tid).ok().flatten();
        let call = entry.and_then(|entry| Call::new(&entry, &memory));
        let found = call.and_then(|call| Some((call, self.fillers.get(call.number)?)));
        let Some((call, filler)) = found else {
            self.counters.unwanted_stops += 1;
            self.resume(tid, 0);
            return;
        };
        let name = filler.syscall.name;
        let wanted = self.wanted.has(filler.syscall);
        let makes_thread = matches!(name, "clone" | "clone3");
        if !wanted && !makes_thread {
            self.counters.unwanted_stops += 1;
            self.resume(tid, 0);
            return;
        }
        let inputs = Inputs::take(name, filler.inputs, &call, tid, &memory);
        let changed = if makes_thread {
            insist_on_tracing(tid, name, &call, &inputs)
        } else {
            None
        };
        self.known(tid).pending = Some(Pending {
            call,
            inputs,
            wanted,
            changed,
        });
        self.resume(tid, 0);
    }

    /// A thread's call has ended.
    fn exit(&mut self, tid: Tid, each: Each<'_>) {
        let pending = self
            .threads
            .get_mut(&tid)
            .and_then(|thread| thread.pending.take());
        if let Some(mut pending) = pending {
            self.counters.call_stops += 1;
            if let Ok(Some(result)) = sys::syscall_result(tid) {
                pending.call.ret = result;
                if let Some(changed) = pending.changed {
                    put_back(tid, changed, pending.call.compat);
                }
                if pending.wanted && !(self.options.drop_failed && result < 0) {
                    self.tell(tid, &pending.call, &pending.inputs, each);
                }
            }
        }
        self.resume(tid, 0);
    }

    /// The event, or the events, of a call that has ended.
    pub(crate) fn tell(&mut self, tid: Tid, call: &Call, inputs: &Inputs, each: Each<'_>) {
        let Some(Filler {
            syscall,
            event,
            fill,
            ..
        }) = self.fillers.get(call.number).copied()
        else {
            return;
        };
        match syscall.name {
            // That a program was started has been told by then.
            "execve" | "execveat" if call.ret >= 0 => {}
            "sendmmsg" | "recvmmsg" => {
                let sending = syscall.name == "sendmmsg";
                let messages = call.ret.max(1);
                let looked_at = messages.min(MAX_MESSAGES);
                for index in 0..looked_at {
                    let one = |r: &mut Record<'_>| one_of_many(r, index as u64, sending);
                    self.record(tid, event, call, inputs, one, each);
                }
                let others = (messages - looked_at) as u64;
                self.counters.events += others;
                self.counters.too_big += others;
            }
            _ => self.record(tid, event, call, inputs, fill, each),
        }
    }

    /// Writes one record and hands it out.
    pub(crate) fn record(
        &mut self,
        tid: Tid,
        event: EventType,
        call: &Call,
        inputs: &Inputs,
        fill: impl FnOnce(&mut Record<'_>),
        each: Each<'_>,
    ) {
        let thread = self.threads.get(&tid);
        let memory = self.memory(tid);
        let caller = Caller {
            tid,
            tgid: thread.map_or(tid, |thread| thread.tgid),
            maker: thread.map_or(0, |thread| thread.maker),
            memory: &memory,
            inputs,
            machine: &self.machine,
            snaplen: usize::from(self.options.snaplen),
        };
        self.encoder.begin(event, now(), i64::from(tid));
        fill(&mut Record {
            call,
            caller: &caller,
            out: &mut self.encoder,
        });
        self.counters.events += 1;
        let cpu = sys::last_cpu(tid).unwrap_or_else(|| last_cpu(tid));
        match self.encoder.finish() {
            Ok(record) => each(cpu, record),
            Err(_) => self.counters.too_big += 1,
        }
    }

    /// A record of fixed parameters, which needs no call.
    pub(crate) fn plain(
        &mut self,
        tid: Tid,
        event: EventType,
        fill: impl FnOnce(&mut Encoder),
        each: Each<'_>,
    ) {
        self.encoder.begin(event, now(), i64::from(tid));
        fill(&mut self.encoder);
        self.counters.events += 1;
        let cpu = sys::last_cpu(tid).unwrap_or_else(|| last_cpu(tid));
        match self.encoder.finish() {
            Ok(record) => each(cpu, record),
            Err(_) => self.counters.too_big += 1,
        }
    }

    pub(crate) fn memory(&self, tid: Tid) -> Memory {
        Memory::of(tid, self.way)
    }
}

impl Drop for Tracer {
    /// Ends what is still traced, and waits for it.
    fn drop(&mut self) {
        self.kill();
        while !matches!(
            self.poll_until(Duration::from_millis(10), &mut |_, _| (), false),
            Ok(Progress::Ended)
        ) {
            self.kill();
        }
        signal_hook::low_level::unregister(self.handler);
    }
}

/// Takes the wish to stay untraced out of a call that makes a thread: without a tracer, a child
/// with our filter could make none of the wanted calls.
fn insist_on_tracing(tid: Tid, name: &str, call: &Call, inputs: &Inputs) -> Option<Changed> {
    let flags = inputs.clone_flags;
    if flags & crate::flags::CLONE_UNTRACED == 0 {
        return None;
    }
    let without = flags & !crate::flags::CLONE_UNTRACED;
    if name == "clone3" {
        sys::poke(tid, call.args[0], without).ok()?;
        return Some(Changed::Word(call.args[0], flags));
    }
    let argument = call.args[0];
    set_first_argument(tid, call.compat, argument & !crate::flags::CLONE_UNTRACED)?;
    Some(Changed::Argument(argument))
}

/// Puts back what was changed. A thread that was killed has nothing left to put it in.
pub(crate) fn put_back(tid: Tid, changed: Changed, compat: bool) {
    match changed {
        Changed::Argument(value) => _ = set_first_argument(tid, compat, value),
        Changed::Word(address, word) => _ = sys::poke(tid, address, word),
    }
}

fn set_first_argument(tid: Tid, compat: bool, value: u64) -> Option<()> {
    let mut registers: Registers = sys::registers(tid).ok()?;
    registers.set_first_argument(compat, value)?;
    registers.store(tid).ok()
}

/// The CPU that a thread ran on last, as `/proc` has it.
fn last_cpu(tid: Tid) -> u16 {
    Stat::of(tid, tid).cpu
}

/// Whether `/proc` shows what this process sees of others.
fn check_proc() -> Result<(), Error> {
    let own = std::fs::read_link("/proc/self").map_err(|_| Error::Proc {
        problem: "is not mounted",
    })?;
    if own.as_os_str() == std::process::id().to_string().as_str() {
        Ok(())
    } else {
        Err(Error::Proc {
            problem: "belongs to another pid namespace",
        })
    }
}
