//! Which events are needed for what the engine must know of processes, beside those that rules can
//! match.
//!
//! Processes, threads, working directories and ids are always followed: their events are rare and
//! nearly every rule reads them. Descriptors are another matter. To know every descriptor, every
//! `open`, `close` and `dup` of the machine must reach user space, which is most of what a filter in
//! the kernel could save. So they are followed by kind:
//!
//! * **Directories** always: a path that is relative to one is resolved through it. The probe passes
//!   a successful `open` of a directory, and a `dup` of one, whatever the rules say.
//! * **Sockets** when rules read `fd.*` in events of sockets. What a socket is, the kernel can say at
//!   any time, so that `socket`, and the `connect` of a datagram socket, need not pass: the probe
//!   tells of the socket right before each call on it that does pass. What the kernel forgets is
//!   still followed: who of the two ends called (`connect` and `accept` of streams), which sockets
//!   were bound by their program, with whom a datagram socket without another end spoke last, and
//!   copies of descriptors. All sockets are followed only where a rule reads something that is not
//!   told.
//! * **Everything else** only when a rule reads `fd.*` in an event that did not open the descriptor
//!   itself, and that the kernel does not know to be about a socket.
//!
//! What is not followed is not asked for either: a stale entry of a number that was used again is
//! replaced by the next descriptor of a followed kind, and events about others do not reach rules.

use std::collections::BTreeSet;

use condition::FieldId;
use event::{EventFlags, EventInfo, ParamType, Syscall, SyscallCode, SyscallSet};
use rules::{Rule, Ruleset, SourceRules};

use crate::call;
use crate::formula::{Atom, Formula, Test, kind};
use crate::translate::Translator;

/// Which descriptors have to be followed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Follow {
    /// Directories.
    Directories,
    /// Directories, and of sockets what cannot be told of later.
    Connections,
    /// Directories and sockets.
    Sockets,
    /// All.
    All,
}

/// Why some descriptors have to be followed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Reader {
    /// The rule that reads them.
    pub rule: String,
    /// Through which field.
    pub field: String,
    /// In events of which call.
    pub call: &'static str,
}

/// What rules need to be known of descriptors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Needs {
    /// Which are followed.
    pub follow: Follow,
    /// Who reads sockets.
    pub socket_readers: BTreeSet<Reader>,
    /// Who reads descriptors of all kinds.
    pub all_readers: BTreeSet<Reader>,
    /// Who reads sockets of which the probe can tell right before the call.
    pub told_readers: BTreeSet<Reader>,
    /// Who only shows the descriptor that a call works on: the probe tells of it right before the
    /// call.
    pub noted_readers: BTreeSet<Reader>,
    /// Whether a rule reads parameters of `connect`, among which is the address as it was passed.
    pub reads_connect: bool,
}

impl Needs {
    /// Everything is followed, whatever the rules read.
    pub fn everything() -> Self {
        Self {
            follow: Follow::All,
            socket_readers: BTreeSet::new(),
            told_readers: BTreeSet::new(),
            all_readers: BTreeSet::new(),
            noted_readers: BTreeSet::new(),
            reads_connect: true,
        }
    }

    /// What the probe tells of before a call that passes: bits of [`pass`].
    pub fn told(&self, call: &str) -> u32 {
        let reads = |readers: &BTreeSet<Reader>| readers.iter().any(|reader| reader.call == call);
        let mut bits = 0;
        if self.follow != Follow::All && reads(&self.noted_readers) {
            bits |= pass::NOTE;
        }
        if self.follow == Follow::Connections {
            // What is followed of sockets is about what was told of them.
            if matches!(call, "connect" | "bind") || is_transfer(call) || is_dup(call) {
                bits |= pass::NOTE_SOCKET;
            }
            // A file may have the number that a socket had.
            if reads(&self.told_readers) {
                bits |= pass::NOTE_SOCKET | pass::NOTE;
            }
        }
        bits
    }

    /// What the rules of a source that are switched on read, in conditions and outputs.
    pub fn of(ruleset: &Ruleset, source: &SourceRules) -> Self {
        let mut needs = Self {
            follow: Follow::Directories,
            reads_connect: false,
            ..Self::everything()
        };
        for (rule, shown) in ruleset.watched_with_fields(source.name()) {
            for syscall in Syscall::all() {
                let Some(event) = exit_event(syscall) else {
                    continue;
                };
                if rule.events().events.contains(event.event_type)
                    && rule.events().syscalls.contains(syscall.code)
                {
                    needs.add(rule, &shown, source, syscall, event);
                }
            }
        }
        if !needs.told_readers.is_empty() {
            needs.follow = Follow::Connections;
        }
        if !needs.socket_readers.is_empty() {
            needs.follow = Follow::Sockets;
        }
        if !needs.all_readers.is_empty() {
            needs.follow = Follow::All;
        }
        needs
    }

    fn add(
        &mut self,
        rule: &Rule,
        shown: &BTreeSet<FieldId>,
        source: &SourceRules,
        syscall: &'static Syscall,
        event: &'static EventInfo,
    ) {
        let Some(condition) = rule.condition_for(event.event_type) else {
            return;
        };
        let fields = source.fields();
        let in_condition: BTreeSet<FieldId> = source.pool().fields(condition).into_iter().collect();
        let mut read = shown.clone();
        read.extend(&in_condition);
        for id in read {
            let field = fields.expression(id);
            self.reads_connect |= syscall.name == "connect" && reads_parameters(field);
            if !reads_descriptor(field, event) {
                continue;
            }
            let reader = Reader {
                rule: rule.name().to_string(),
                field: field.to_owned(),
                call: syscall.name,
            };
            let translator = Translator {
                pool: source.pool(),
                fields,
                syscall,
                event,
            };
            let formula = translator.formula(condition, &mut BTreeSet::new());
            let only_sockets = is_about_sockets(syscall) || asks_for_a_socket(&formula);
            if formula == Formula::False {
                continue;
            }
            if only_sockets && !is_of_process(field) {
                if is_told(field, syscall.name) {
                    self.told_readers.insert(reader);
                } else {
                    self.socket_readers.insert(reader);
                }
            } else if !in_condition.contains(&id)
                && !is_of_process(field)
                && call::descriptor(syscall.name) == Some(0)
            {
                self.noted_readers.insert(reader);
            } else {
                self.all_readers.insert(reader);
            }
        }
    }
}

/// The event that a call is reported as when it ends.
pub(crate) fn exit_event(syscall: &Syscall) -> Option<&'static EventInfo> {
    syscall.exit.and_then(event::EventType::info)
}

/// Fields that show descriptors of the process, whatever the event is about.
fn is_of_process(field: &str) -> bool {
    [
        "proc.stdin",
        "proc.stdout",
        "proc.stderr",
        "proc.fdopencount",
        "proc.fdusage",
        "fd.types",
    ]
    .iter()
    .any(|start| field.starts_with(start))
}

/// Whether a field may show parameters of the event.
fn reads_parameters(field: &str) -> bool {
    let starts = [
        "evt.arg",
        "evt.rawarg",
        "evt.info",
        "evt.abspath",
        "evt.buffer",
        "fs.",
    ];
    starts.iter().any(|start| field.starts_with(start))
}

/// Whether a field shows, in events of this kind, what is known of a descriptor from other events.
fn reads_descriptor(field: &str, event: &EventInfo) -> bool {
    if is_of_process(field) {
        return true;
    }
    let on_descriptors = EventFlags::from_bits(
        EventFlags::CREATES_FD.bits() | EventFlags::USES_FD.bits() | EventFlags::DESTROYS_FD.bits(),
    );
    let opens = call::opening(event.name).is_some() || event.name == "open_by_handle_at";
    let by_class = [
        "fd.",
        "evt.category",
        "evt.is_syslog",
        "evt.buflen.",
        "evt.count.error.",
    ];
    if by_class.iter().any(|start| field.starts_with(start)) && field != "fd.num" {
        let used = event.used_fd.and_then(|index| event.params.get(index));
        let is_directory = used.is_some_and(|param| param.name.contains("dir"));
        return !opens && !is_directory && event.flags.intersects(on_descriptors);
    }
    // Parameters that are descriptors are shown with their names; those that paths are relative to
    // are directories, which are always known.
    let shows_name = |param: &event::ParamInfo| {
        param.ty == ParamType::Fd && !param.name.contains("dir") && !(opens && param.name == "fd")
    };
    match field {
        "evt.args" | "evt.info" => event.params.iter().any(shows_name),
        _ => {
            let Some(argument) = field.strip_prefix("evt.arg") else {
                return false;
            };
            let name = argument.trim_matches(['.', '[', ']']);
            match name.parse::<usize>() {
                Ok(index) => event.params.get(index).is_some_and(shows_name),
                Err(_) => event
                    .param(name)
                    .is_some_and(|(_, param)| shows_name(param)),
            }
        }
    }
}

/// Whether a field shows the same in events of a call when the probe has told of its socket, as when
/// that was followed. Calls that make a socket tell of it themselves.
fn is_told(field: &str, call: &str) -> bool {
    let makes = matches!(call, "socket" | "socketpair" | "accept" | "accept4");
    if !makes && !is_dup(call) && call::descriptor(call) != Some(0) {
        return false;
    }
    let Some(property) = field.strip_prefix("fd.") else {
        return field == "evt.category" || field == "evt.info" || field.starts_with("evt.arg");
    };
    let of_end = |rest: &str| matches!(rest, "ip" | "ip.name" | "port" | "proto" | "net");
    matches!(
        property,
        "type" | "typechar" | "name" | "l4proto" | "sockfamily" | "is_server" | "uid" | "connected"
    ) || (property == "name_changed" && call != "connect")
        || of_end(property)
        || property
            .strip_prefix(['c', 's', 'l', 'r'])
            .is_some_and(of_end)
}

/// Calls that make a copy of a descriptor, which their first argument is.
fn is_dup(call: &str) -> bool {
    matches!(call, "dup" | "dup2" | "dup3" | "fcntl" | "fcntl64")
}

/// Calls that fail on anything but a socket.
pub(crate) fn is_about_sockets(syscall: &Syscall) -> bool {
    matches!(
        syscall.name,
        "socket"
            | "socketpair"
            | "bind"
            | "connect"
            | "listen"
            | "accept"
            | "accept4"
            | "shutdown"
            | "getsockopt"
            | "setsockopt"
            | "getsockname"
            | "getpeername"
    ) || is_transfer(syscall.name)
}

/// Calls that send to or receive from a socket.
fn is_transfer(call: &str) -> bool {
    matches!(
        call,
        "sendto" | "sendmsg" | "sendmmsg" | "recvfrom" | "recvmsg" | "recvmmsg" | "send" | "recv"
    )
}

/// Whether a formula holds for calls on sockets only.
fn asks_for_a_socket(formula: &Formula) -> bool {
    let allowed = kind::SOCKET | kind::NONE;
    match formula {
        Formula::Is(Atom::Test(Test::Descriptor { kinds, .. })) => kinds & !allowed == 0,
        Formula::And(parts) => parts.iter().any(asks_for_a_socket),
        Formula::Or(parts) => parts.iter().all(asks_for_a_socket),
        _ => false,
    }
}

/// What of a call passes for the sake of state, whatever rules say, as bits.
pub mod pass {
    /// Everything.
    pub const ALWAYS: u32 = 1;
    /// Calls whose result is a directory.
    pub const DIRECTORY: u32 = 2;
    /// Calls whose result is a socket.
    pub const SOCKET: u32 = 4;
    /// The two only for the commands of `fcntl` that make a descriptor.
    pub const FCNTL: u32 = 8;
    /// Calls on a datagram socket.
    pub const DATAGRAM: u32 = 16;
    /// Nothing passes, but before a call that does the probe tells what file its descriptor is.
    pub const NOTE: u32 = 32;
    /// The same of sockets.
    pub const NOTE_SOCKET: u32 = 64;
    /// New sockets of families that cannot be told of.
    pub const FAMILY: u32 = 128;
    /// Connections of streams, of unix sockets, and those that take another end away.
    pub const CONNECTION: u32 = 256;
    /// Calls on a datagram socket that has no other end.
    pub const UNCONNECTED: u32 = 512;
}

/// Calls that only tell of descriptors that are neither directories nor sockets.
const OF_OTHERS: [&str; 18] = [
    "close",
    "close_range",
    "pipe",
    "pipe2",
    "epoll_create",
    "epoll_create1",
    "inotify_init",
    "inotify_init1",
    "signalfd",
    "signalfd4",
    "timerfd_create",
    "eventfd",
    "eventfd2",
    "userfaultfd",
    "memfd_create",
    "io_uring_setup",
    "pidfd_open",
    "bpf",
];

/// Whether a call must be traced for the sake of state.
pub fn is_needed_for_state(code: SyscallCode, follow: Follow) -> bool {
    code.info()
        .is_some_and(|syscall| syscall.is_in(SyscallSet::SinspState))
        && pass_for_state(code, follow) != 0
}

/// What of a call passes for the sake of state: bits of [`pass`].
pub fn pass_for_state(code: SyscallCode, follow: Follow) -> u32 {
    let Some(syscall) = code.info() else {
        return 0;
    };
    if !syscall.is_in(SyscallSet::SinspState) && code != SyscallCode::SCHED_PROCESS_EXIT {
        return 0;
    }
    if follow == Follow::All {
        return pass::ALWAYS;
    }
    let (sockets, messages) = match follow {
        Follow::Directories => (0, 0),
        Follow::Connections => (pass::SOCKET, pass::UNCONNECTED),
        Follow::Sockets | Follow::All => (pass::SOCKET, pass::DATAGRAM),
    };
    match syscall.name {
        "open" | "openat" | "openat2" | "open_by_handle_at" => pass::DIRECTORY,
        "creat" => 0,
        "dup" | "dup2" | "dup3" => pass::DIRECTORY | sockets,
        "fcntl" | "fcntl64" => pass::DIRECTORY | pass::FCNTL | sockets,
        name if OF_OTHERS.contains(&name) => 0,
        name if is_transfer(name) && sockets != 0 => messages,
        _ if is_about_sockets(syscall) && sockets == 0 => 0,
        "socket" if follow == Follow::Connections => pass::FAMILY,
        "connect" if follow == Follow::Connections => pass::CONNECTION,
        // Nothing is learned of a socket from these.
        "shutdown" | "getsockopt" | "setsockopt" | "listen" if follow == Follow::Connections => 0,
        _ => pass::ALWAYS,
    }
}
