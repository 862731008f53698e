//! Which system calls are traced.
//!
//! What the rules can match, plus what state needs to stay right, minus what the configuration
//! takes out. Reads and writes are left out unless `base_syscalls.all` asks for them: they are most
//! of what a machine does, and no default rule needs them.

use event::{EventSet, Syscall, SyscallCode, SyscallCodeSet, SyscallSet};
use pushdown::Follow;

/// The families of calls that are left out by default, as `-i` prints them. A family holds the
/// calls of its name and their variants.
pub(crate) const IGNORED: [&str; 11] = [
    "pread", "preadv", "pwrite", "pwritev", "read", "readv", "recv", "send", "sendfile", "write",
    "writev",
];

/// What `base_syscalls` says.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Names; a leading `!` takes one out.
    pub(crate) custom_set: Vec<String>,
    /// Trace the smallest set that keeps state right beside what the rules match.
    pub(crate) repair: bool,
    /// Trace reads and writes too.
    pub(crate) all: bool,
    /// Which descriptors state has to know of.
    pub(crate) follow: Follow,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            custom_set: Vec::new(),
            repair: false,
            all: false,
            follow: Follow::All,
        }
    }
}

/// What is traced, and what there is to say about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Selection {
    /// The system calls.
    pub(crate) syscalls: SyscallCodeSet,
    /// Calls that rules match and that are not traced, because they are reads or writes.
    pub(crate) left_out: Vec<&'static str>,
    /// Names of `custom_set` that are no system call.
    pub(crate) unknown: Vec<String>,
}

/// Whether a call belongs to one of the families of [`IGNORED`].
fn is_ignored(syscall: &Syscall) -> bool {
    let family = syscall.name.trim_end_matches("64");
    IGNORED.contains(&family)
}

/// Chooses what is traced.
pub(crate) fn select(rules: &EventSet, wanted: &Wanted) -> Selection {
    let of_rules = rules.syscalls();
    let mut unknown = Vec::new();
    let (mut added, mut removed) = (SyscallCodeSet::new(), SyscallCodeSet::new());
    for entry in &wanted.custom_set {
        let (name, set) = match entry.strip_prefix('!') {
            Some(name) => (name, &mut removed),
            None => (entry.as_str(), &mut added),
        };
        match Syscall::by_name(name) {
            Some(syscall) => _ = set.insert(syscall.code),
            None => unknown.push(name.to_owned()),
        }
    }

    let mut syscalls = if added.is_empty() && !wanted.repair {
        let of_state = SyscallCodeSet::named(SyscallSet::SinspState).iter();
        let needed = of_state.filter(|code| pushdown::is_needed_for_state(*code, wanted.follow));
        of_rules.union(&needed.collect())
    } else {
        of_rules.union(&added)
    };
    if wanted.repair {
        syscalls = syscalls.union(&repair(&syscalls));
    }
    // The end of a process is always needed: without it the table of threads only grows.
    syscalls.insert(SyscallCode::SCHED_PROCESS_EXIT);
    syscalls = syscalls.difference(&removed);

    let mut left_out = Vec::new();
    if !wanted.all {
        for syscall in Syscall::all() {
            if is_ignored(syscall) && !added.contains(syscall.code) {
                let named = of_rules.contains(syscall.code) && names_few(rules);
                if syscalls.remove(syscall.code) && named {
                    left_out.push(syscall.name);
                }
            }
        }
    }
    Selection {
        syscalls,
        left_out,
        unknown,
    }
}

/// Whether the rules ask for particular events. A rule without an event type asks for all, which
/// does not deserve a warning for each read and write.
fn names_few(rules: &EventSet) -> bool {
    rules.len() * 2 < EventSet::all().len()
}

/// What keeps the state right that a set of calls works on (`base_syscalls.repair`).
fn repair(syscalls: &SyscallCodeSet) -> SyscallCodeSet {
    let any = |set| syscalls.intersects(&SyscallCodeSet::named(set));
    let has = |code| syscalls.contains(code);
    let mut needed = SyscallCodeSet::named(SyscallSet::RepairBase);
    let net = any(SyscallSet::Net);
    if net {
        needed.insert(SyscallCode::SOCKET);
        needed.insert(SyscallCode::GETSOCKOPT);
    }
    if has(SyscallCode::ACCEPT) || has(SyscallCode::ACCEPT4) || has(SyscallCode::LISTEN) {
        needed.insert(SyscallCode::BIND);
    }
    if net || any(SyscallSet::File) || any(SyscallSet::Io) || any(SyscallSet::IoOther) {
        needed.insert(SyscallCode::CLOSE);
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(selection: &Selection) -> Vec<&'static str> {
        selection
            .syscalls
            .iter()
            .filter_map(|code| Some(code.info()?.name))
            .collect()
    }

    #[test]
    fn by_default_state_is_traced_beside_the_rules_and_io_is_not() {
        let rules = EventSet::by_name("unlinkat").union(&EventSet::by_name("read"));
        let selection = select(&rules, &Wanted::default());
        let names = names(&selection);
        for name in [
            "unlinkat",
            "execve",
            "close",
            "sched_process_exit",
            "connect",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        assert!(!names.contains(&"read") && !names.contains(&"mkdir"));
        assert_eq!(selection.left_out, ["read"]);

        let all = select(
            &rules,
            &Wanted {
                all: true,
                ..Wanted::default()
            },
        );
        assert!(all.syscalls.contains(SyscallCode::READ) && all.left_out.is_empty());
    }

    #[test]
    fn state_on_demand_leaves_out_what_nobody_reads() {
        let rules = EventSet::by_name("openat");
        let of = |follow| {
            select(
                &rules,
                &Wanted {
                    follow,
                    ..Wanted::default()
                },
            )
        };
        let all = of(Follow::All).syscalls;
        let sockets = of(Follow::Sockets).syscalls;
        let directories = of(Follow::Directories).syscalls;
        let dup = Syscall::by_name("dup").unwrap().code;
        assert!(all.contains(SyscallCode::CLOSE) && !sockets.contains(SyscallCode::CLOSE));
        assert!(sockets.contains(SyscallCode::CONNECT));
        assert!(!directories.contains(SyscallCode::CONNECT) && directories.contains(dup));
        for name in ["openat", "execve", "clone", "chdir", "setuid"] {
            let code = Syscall::by_name(name).unwrap().code;
            assert!(directories.contains(code), "{name}");
        }
    }

    #[test]
    fn a_custom_set_replaces_the_state_set() {
        let rules = EventSet::by_name("unlinkat");
        let custom = |names: &[&str], repair| {
            let custom_set = names.iter().map(|&name| name.to_owned()).collect();
            select(
                &rules,
                &Wanted {
                    custom_set,
                    repair,
                    ..Wanted::default()
                },
            )
        };
        let mut only = names(&custom(&["execve", "nonsense"], false));
        only.sort_unstable();
        assert_eq!(only, ["execve", "sched_process_exit", "unlinkat"]);
        assert_eq!(custom(&["nonsense"], false).unknown, ["nonsense"]);
        // Only negative entries: the default set without them.
        let without = custom(&["!close"], false);
        assert!(!without.syscalls.contains(SyscallCode::CLOSE));
        assert!(without.syscalls.contains(SyscallCode::EXECVE));
    }

    #[test]
    fn repair_adds_what_the_calls_need() {
        let wanted = Wanted {
            repair: true,
            ..Wanted::default()
        };
        let files = select(&EventSet::by_name("unlinkat"), &wanted);
        assert!(files.syscalls.contains(SyscallCode::CLOSE));
        assert!(files.syscalls.contains(SyscallCode::SETUID));
        assert!(!files.syscalls.contains(SyscallCode::SOCKET));
        let net = select(&EventSet::by_name("accept4"), &wanted);
        for code in [
            SyscallCode::SOCKET,
            SyscallCode::GETSOCKOPT,
            SyscallCode::BIND,
        ] {
            assert!(net.syscalls.contains(code));
        }
        assert!(!net.syscalls.contains(SyscallCode::OPENAT));
    }
}
