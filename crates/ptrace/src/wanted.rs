//! What is wanted of a traced command, and what must stop for it.

use event::{Syscall, SyscallCode, SyscallCodeSet};

use crate::call::{IA32_SOCKETCALL, is_socketcall};
use crate::filter::Stops;

/// Calls that never return to where they were made: a stop would only cost time.
const NEVER_RETURN: [&str; 4] = ["exit", "exit_group", "rt_sigreturn", "sigreturn"];

/// Calls that always stop: a child may ask not to be traced, which it must not get.
const ALWAYS: [&str; 2] = ["clone", "clone3"];

/// What is wanted.
#[derive(Clone, Default, Debug)]
pub(crate) struct Wanted {
    codes: SyscallCodeSet,
    pub(crate) exec: bool,
    pub(crate) exit: bool,
    pub(crate) signals: bool,
}

fn of_name(name: &str) -> Option<SyscallCode> {
    Syscall::by_name(name).map(|syscall| syscall.code)
}

impl Wanted {
    pub(crate) fn new(codes: &SyscallCodeSet) -> Self {
        let has = |name| of_name(name).is_some_and(|code| codes.contains(code));
        let mut codes = *codes;
        for code in NEVER_RETURN.into_iter().filter_map(of_name) {
            codes.remove(code);
        }
        Self {
            exec: has("execve") || has("execveat"),
            exit: has("sched_process_exit"),
            signals: has("signal_deliver"),
            codes,
        }
    }

    pub(crate) fn has(&self, syscall: &Syscall) -> bool {
        self.codes.contains(syscall.code)
    }

    /// What must stop.
    pub(crate) fn stops(&self) -> Stops {
        let mut stops = Stops::default();
        let always = ALWAYS.into_iter().filter_map(of_name);
        for syscall in self
            .codes
            .iter()
            .chain(always)
            .filter_map(SyscallCode::info)
        {
            set(&mut stops.native, syscall.native());
            for &number in syscall.ia32 {
                set(&mut stops.ia32, Some(number));
            }
            if is_socketcall(syscall.name) {
                set(&mut stops.ia32, Some(IA32_SOCKETCALL));
            }
        }
        stops
    }

    /// Those of `others` that do not stop now and cannot be made to.
    pub(crate) fn missing(&self, others: &Self) -> Vec<&'static str> {
        let others = others.codes.difference(&self.codes);
        others
            .iter()
            .filter_map(SyscallCode::info)
            .filter(|syscall| syscall.native().is_some() && !ALWAYS.contains(&syscall.name))
            .map(|syscall| syscall.name)
            .collect()
    }
}

fn set(words: &mut [u64; 8], number: Option<u16>) {
    let Some(number) = number else { return };
    if let Some(word) = words.get_mut(usize::from(number) / 64) {
        *word |= 1 << (number % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::has;

    fn codes(names: &[&str]) -> SyscallCodeSet {
        names.iter().filter_map(|name| of_name(name)).collect()
    }

    #[test]
    fn only_what_is_wanted_stops_and_what_makes_threads() {
        let wanted = Wanted::new(&codes(&[
            "openat",
            "exit_group",
            "accept",
            "sched_process_exit",
        ]));
        let stops = wanted.stops();
        let native = |name: &str| {
            let number = Syscall::by_name(name).unwrap().native().unwrap();
            has(&stops.native, u64::from(number))
        };
        assert!(native("openat") && native("clone") && native("clone3"));
        assert!(!native("exit_group") && !native("read") && !native("execve"));
        assert!(has(&stops.ia32, 295), "openat of 32-bit programs");
        assert!(has(&stops.ia32, 102), "socketcall");
        assert!(wanted.exit && !wanted.exec && !wanted.signals);
        let more = Wanted::new(&codes(&["openat", "close"]));
        assert_eq!(wanted.missing(&more), ["close"]);
    }
}
