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
//! * **Sockets** when rules read `fd.*` in events of sockets.
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
    /// Who only shows the descriptor that a call works on: the probe tells of it right before the
    /// call.
    pub noted_readers: BTreeSet<Reader>,
}

impl Needs {
    /// Everything is followed, whatever the rules read.
    pub fn everything() -> Self {
        Self {
            follow: Follow::All,
            socket_readers: BTreeSet::new(),
            all_readers: BTreeSet::new(),
            noted_readers: BTreeSet::new(),
        }
    }

    /// Whether the probe tells of the descriptor that a call works on.
    pub fn is_noted(&self, call: &str) -> bool {
        self.follow != Follow::All && self.noted_readers.iter().any(|reader| reader.call == call)
    }

    /// What the rules of a source that are switched on read, in conditions and outputs.
    pub fn of(ruleset: &Ruleset, source: &SourceRules) -> Self {
        let mut needs = Self {
            follow: Follow::Directories,
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
                self.socket_readers.insert(reader);
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
    ) || is_transfer(syscall)
}

/// Calls that send to or receive from a socket.
fn is_transfer(syscall: &Syscall) -> bool {
    matches!(
        syscall.name,
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
    /// Nothing passes, but before a call that does the probe tells what its descriptor is.
    pub const NOTE: u32 = 32;
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
    let sockets = if follow == Follow::Sockets {
        pass::SOCKET
    } else {
        0
    };
    match syscall.name {
        "open" | "openat" | "openat2" | "open_by_handle_at" => pass::DIRECTORY,
        "creat" => 0,
        "dup" | "dup2" | "dup3" => pass::DIRECTORY | sockets,
        "fcntl" | "fcntl64" => pass::DIRECTORY | pass::FCNTL | sockets,
        name if OF_OTHERS.contains(&name) => 0,
        _ if is_transfer(syscall) && sockets != 0 => pass::DATAGRAM,
        _ if is_about_sockets(syscall) && sockets == 0 => 0,
        _ => pass::ALWAYS,
    }
}
