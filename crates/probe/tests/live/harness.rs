//! Doing system calls for real and reading back what a source of events says of them.
//!
//! Every source of the project is held to the same cases: this probe's, and the tracer of the
//! `ptrace` crate, whose tests include these files.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use event::{EventView, Syscall, SyscallCode};

/// Makes a system call. Hands back what the kernel does: a result, or minus an error number.
pub(crate) fn call<const N: usize>(number: libc::c_long, args: [usize; N]) -> i64 {
    let arg = |index: usize| args.get(index).copied().unwrap_or(0);
    // SAFETY: the tests pass pointers only to memory that outlives the call and that the call may
    // use in the way it does; calls that change the process are made in threads or children of
    // their own.
    let result = unsafe { libc::syscall(number, arg(0), arg(1), arg(2), arg(3), arg(4), arg(5)) };
    if result == -1 {
        -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
    } else {
        result
    }
}

/// The address of something, as a system call argument.
pub(crate) fn at<T: ?Sized>(value: &T) -> usize {
    std::ptr::from_ref(value).cast::<u8>() as usize
}

/// A C string as a system call argument.
pub(crate) fn text(value: &std::ffi::CStr) -> usize {
    value.as_ptr() as usize
}

/// A number that is negative in C as a system call argument.
pub(crate) fn minus(value: isize) -> usize {
    -value as usize
}

/// What a parameter should be.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Number(i64),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    Empty,
    /// Cannot be known beforehand, or is checked otherwise.
    Any,
}

macro_rules! numbers {
    ($($from:ty),*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::Number(value as i64)
            }
        }
    )*};
}
numbers!(i64, i32, u64, u32, u8, u16, usize);

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone().into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

/// A record that the probe delivered.
#[derive(Clone)]
pub(crate) struct Event {
    record: Vec<u8>,
}

impl Event {
    fn new(record: &[u8]) -> Self {
        let event = Self {
            record: record.to_vec(),
        };
        event.check_shape();
        event
    }

    pub(crate) fn view(&self) -> EventView<'_> {
        EventView::parse(&self.record).expect("a valid record")
    }

    /// The table's number of parameters, each of the table's size.
    fn check_shape(&self) {
        let view = self.view();
        let info = view.info();
        assert_eq!(
            view.record().len(),
            self.record.len(),
            "{}: trailing bytes",
            info.ident
        );
        assert_eq!(
            view.param_count(),
            info.params.len(),
            "{}: parameters",
            info.ident
        );
        for (param, bytes) in info.params.iter().zip(view.params()) {
            if let Some(size) = param.ty.wire_size() {
                assert_eq!(bytes.len(), size, "{}: size of {}", info.ident, param.name);
            }
        }
    }

    pub(crate) fn tid(&self) -> i64 {
        self.view().tid()
    }

    pub(crate) fn ident(&self) -> &'static str {
        self.view().info().ident
    }

    fn index(&self, name: &str) -> usize {
        let info = self.view().info();
        info.param(name)
            .unwrap_or_else(|| panic!("{} has no parameter {name}", info.ident))
            .0
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        let index = self.index(name);
        let view = self.view();
        // Unsigned where the table says so, so that ids and flags are what they look like.
        use event::ParamType as T;
        match view.info().params[index].ty {
            T::Errno | T::Pid | T::Fd | T::Int64 | T::Int32 | T::Int16 | T::Int8 => view.i64(index),
            _ => view.u64(index).map(|value| value as i64),
        }
        .unwrap_or_else(|| panic!("{}: {name} is no number: {view:?}", self.ident()))
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        self.view()
            .param(self.index(name))
            .expect("checked before")
            .to_vec()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        let bytes = self.bytes(name);
        let (last, text) = bytes
            .split_last()
            .unwrap_or_else(|| panic!("{name} is empty"));
        assert_eq!(*last, 0, "{name} ends with a NUL");
        String::from_utf8_lossy(text).into_owned()
    }

    /// Compares all parameters; they must be named in order, none left out.
    pub(crate) fn check(&self, expected: &[(&str, Value)]) {
        let info = self.view().info();
        let names: Vec<&str> = info.params.iter().map(|param| param.name).collect();
        let given: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
        assert_eq!(given, names, "{}: all parameters in order", info.ident);
        for (name, value) in expected {
            let ident = info.ident;
            match value {
                Value::Number(value) => assert_eq!(self.number(name), *value, "{ident}: {name}"),
                Value::Text(value) => {
                    assert_eq!(
                        self.text(name),
                        String::from_utf8_lossy(value),
                        "{ident}: {name}"
                    );
                }
                Value::Bytes(value) => assert_eq!(self.bytes(name), *value, "{ident}: {name}"),
                Value::Empty => assert_eq!(self.bytes(name), [0; 0], "{ident}: {name} is empty"),
                Value::Any => {}
            }
        }
    }
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(f)
    }
}

/// Checks all parameters of an event, by name, in order.
macro_rules! check {
    ($event:expr, $($name:tt: $value:expr),* $(,)?) => {
        $event.check(&[$((stringify!($name), $crate::harness::Value::from($value))),*])
    };
}
pub(crate) use check;

/// Where events come from.
pub(crate) trait Source {
    /// Traces these calls, and no others, from now on.
    fn select(&mut self, codes: &[SyscallCode]);

    /// Hands out the records that there are.
    fn drain(&mut self, each: &mut dyn FnMut(&[u8]));

    /// Whether there are records that [`drain`](Self::drain) does not hand out yet.
    fn has_data(&self) -> bool;

    /// Whether it sees what only the kernel knows: addresses of its objects, layers of overlays,
    /// page faults, switches. A tracer does not.
    fn knows_the_kernel(&self) -> bool;

    /// Follows changes of the machine.
    fn keep_up(&mut self) {}
}

/// A source, and what the process may do that makes the calls.
pub(crate) struct Harness {
    source: Box<dyn Source>,
    privileged: bool,
}

impl Harness {
    pub(crate) fn new(source: impl Source + 'static) -> Self {
        Self {
            source: Box::new(source),
            privileged: is_privileged(),
        }
    }

    /// Whether this process has all rights: an ordinary user's calls are refused, and told all the
    /// same.
    pub(crate) fn privileged(&self) -> bool {
        self.privileged
    }

    /// Whether the source sees what only the kernel knows.
    pub(crate) fn knows_the_kernel(&self) -> bool {
        self.source.knows_the_kernel()
    }

    /// Checks the result of a call that succeeds with all rights, and fails without.
    pub(crate) fn needs_rights(&self, result: i64) {
        if self.privileged {
            assert!(result >= 0, "{result}");
        }
    }

    pub(crate) fn keep_up(&mut self) {
        self.source.keep_up();
    }

    fn select(&mut self, names: &[&str]) {
        let codes: Vec<SyscallCode> = names
            .iter()
            .map(|name| {
                Syscall::by_name(name)
                    .unwrap_or_else(|| panic!("no call {name}"))
                    .code
            })
            .collect();
        self.source.select(&codes);
    }

    fn drain(&mut self, into: &mut Vec<Event>) {
        self.source
            .drain(&mut |record| into.push(Event::new(record)));
    }

    /// Runs `action` in a thread of its own, with the given calls traced, and hands back its result,
    /// the thread's id and all events of all threads meanwhile.
    pub(crate) fn run<T: Send>(
        &mut self,
        names: &[&str],
        action: impl FnOnce() -> T + Send,
    ) -> (T, i64, Vec<Event>) {
        let mut events = Vec::new();
        self.select(&[]);
        self.drain(&mut events);
        events.clear();
        let (result, tid) = thread::scope(|scope| {
            let (ready, wait_for_ready) = mpsc::channel();
            let (start, wait_for_start) = mpsc::channel();
            let (done, wait_for_done) = mpsc::channel();
            let (end, wait_for_end) = mpsc::channel::<()>();
            let thread = scope.spawn(move || {
                // What the thread does to come to life is over when this arrives.
                let tid = call(libc::SYS_gettid, []);
                ready.send(()).expect("the test goes on");
                wait_for_start.recv().expect("the test goes on");
                let result = action();
                done.send(()).expect("the test goes on");
                // And what it does to end comes after the test has stopped looking.
                let _ = wait_for_end.recv();
                (result, tid)
            });
            wait_for_ready.recv().expect("the thread is there");
            self.select(names);
            start.send(()).expect("the thread is there");
            // If the action panics, joining says so.
            let _ = wait_for_done.recv();
            self.select(&[]);
            drop(end);
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            self.drain(&mut events);
            thread::sleep(Duration::from_millis(1));
            if !self.source.has_data() || Instant::now() > deadline {
                break;
            }
        }
        (result, tid, events)
    }

    /// Runs `action`, which makes the named call, and hands back its result and the event.
    pub(crate) fn one(&mut self, name: &str, action: impl FnOnce() -> i64 + Send) -> (i64, Event) {
        let (result, mut events) = self.all(name, action);
        assert!(!events.is_empty(), "{name}: no event");
        (result, events.remove(0))
    }

    /// The same for a call of which there may be several, or none.
    pub(crate) fn all(
        &mut self,
        name: &str,
        action: impl FnOnce() -> i64 + Send,
    ) -> (i64, Vec<Event>) {
        let exit = Syscall::by_name(name)
            .and_then(|call| call.exit)
            .expect("it has an event");
        let before = now();
        let (result, tid, mut events) = self.run(&[name], action);
        let after = now();
        events.retain(|event| event.tid() == tid && event.view().event_type() == exit);
        for event in &events {
            let ts = event.view().ts();
            // The two clocks are compared to each other now and then only.
            let margin = 1_000_000;
            assert!(
                before - margin <= ts && ts <= after + margin,
                "{name}: time {ts} is not between {before} and {after}"
            );
        }
        (result, events)
    }
}

/// Effective user and group of this thread.
pub(crate) fn own_ids() -> (i64, i64) {
    (call(libc::SYS_geteuid, []), call(libc::SYS_getegid, []))
}

/// Whether the effective capabilities are all that there are.
fn is_privileged() -> bool {
    const CAP_SYS_ADMIN: u32 = 21;
    let status = std::fs::read_to_string("/proc/self/status").expect("there is one");
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    set.is_some_and(|set| set >> CAP_SYS_ADMIN & 1 == 1)
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970")
        .as_nanos() as u64
}
