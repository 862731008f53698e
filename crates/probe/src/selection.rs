//! What is traced, as the bits that the kernel side tests.

use event::{Syscall, SyscallCode};

use crate::control::NATIVE_MAX;

/// What io_uring can do of which the probe tells.
const THROUGH_IO_URING: &[&str] = &["openat", "openat2", "connect"];

/// The tracepoints beside system calls: the program, the bit (`TRACE_*` of `bpf/maps.h`) and the
/// codes that ask for it.
const TRACEPOINTS: [(&str, u32, &[&str]); 9] = [
    ("sched_exec", 1, &["execve", "execveat"]),
    ("sched_exit", 2, &["sched_process_exit"]),
    ("sched_fork", 4, &["clone", "clone3", "fork", "vfork"]),
    ("signal_deliver", 8, &["signal_deliver"]),
    ("sched_switch", 16, &["sched_switch"]),
    ("page_fault_user", 32, &["page_fault_user"]),
    ("page_fault_kernel", 64, &["page_fault_kernel"]),
    ("uring_submit", 128, THROUGH_IO_URING),
    ("uring_complete", 256, THROUGH_IO_URING),
];

/// On 32-bit x86 one system call stands for all of sockets.
pub(crate) const IA32_SOCKETCALL: u16 = 102;

/// What is traced, as bits.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Selection {
    pub(crate) native: [u64; NATIVE_MAX / 64],
    pub(crate) ia32: [u64; NATIVE_MAX / 64],
    pub(crate) tracepoints: u32,
}

impl Selection {
    pub(crate) fn new(codes: impl IntoIterator<Item = SyscallCode>) -> Self {
        let mut selection = Self::default();
        for syscall in codes.into_iter().filter_map(SyscallCode::info) {
            if let Some(number) = syscall.native() {
                set(&mut selection.native, number);
            }
            for &number in syscall.ia32 {
                set(&mut selection.ia32, number);
            }
            if is_socketcall(syscall) {
                set(&mut selection.ia32, IA32_SOCKETCALL);
            }
            for (program, bit, names) in TRACEPOINTS {
                if is_needed(program) && names.contains(&syscall.name) {
                    selection.tracepoints |= bit;
                }
            }
        }
        selection
    }

    /// The programs that must be attached beside the dispatcher.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &'static str> + use<> {
        let bits = self.tracepoints;
        TRACEPOINTS
            .into_iter()
            .filter(move |(_, bit, _)| bits & bit != 0)
            .map(|(name, ..)| name)
    }
}

/// Whether a program is one of those that are attached beside the dispatcher.
pub(crate) fn is_tracepoint(program: &str) -> bool {
    TRACEPOINTS.iter().any(|(name, ..)| *name == program)
}

/// Whether a tracepoint's program has anything to do on this architecture. Where a child comes back
/// through the exit of the system call that made it, that tells of it already; and only x86-64 has
/// tracepoints for page faults.
pub(crate) fn is_needed(program: &str) -> bool {
    match program {
        "sched_fork" => cfg!(target_arch = "aarch64"),
        "page_fault_user" | "page_fault_kernel" => cfg!(target_arch = "x86_64"),
        _ => true,
    }
}

/// Whether the call can come through `socketcall`.
fn is_socketcall(syscall: &Syscall) -> bool {
    matches!(
        syscall.name,
        "socket"
            | "bind"
            | "connect"
            | "listen"
            | "accept"
            | "getsockname"
            | "getpeername"
            | "socketpair"
            | "sendto"
            | "recvfrom"
            | "shutdown"
            | "setsockopt"
            | "getsockopt"
            | "sendmsg"
            | "recvmsg"
            | "accept4"
            | "recvmmsg"
            | "sendmmsg"
    )
}

pub(crate) fn set(words: &mut [u64; NATIVE_MAX / 64], number: u16) {
    if let Some(word) = words.get_mut(usize::from(number) / 64) {
        *word |= 1 << (number % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(name: &str) -> SyscallCode {
        Syscall::by_name(name).unwrap().code
    }

    #[test]
    fn native_and_ia32_numbers_are_both_set() {
        let selection = Selection::new([code("openat"), code("getppid")]);
        let count = |words: &[u64]| words.iter().map(|word| word.count_ones()).sum::<u32>();
        assert_eq!(count(&selection.native), 2);
        assert_eq!(
            selection.ia32[295 / 64] >> (295 % 64) & 1,
            1,
            "openat is 295 there"
        );
        // It can come through io_uring as well.
        assert_eq!(selection.tracepoints, 128 | 256);
    }

    #[test]
    fn sockets_come_through_one_call_on_ia32() {
        let selection = Selection::new([code("accept")]);
        assert_eq!(selection.ia32[1], 1 << (102 - 64));
    }

    #[test]
    fn tracepoints_have_codes_of_their_own() {
        let selection = Selection::new([code("sched_process_exit"), code("execve")]);
        let programs: Vec<_> = selection.programs().collect();
        assert_eq!(programs, ["sched_exec", "sched_exit"]);
    }

    #[test]
    fn every_program_has_its_own_bit() {
        let all = TRACEPOINTS.iter().fold(0, |all, (_, bit, _)| all | bit);
        assert_eq!(all.count_ones() as usize, TRACEPOINTS.len());
    }

    #[test]
    fn unknown_codes_are_ignored() {
        assert_eq!(Selection::new([SyscallCode(9999)]), Selection::default());
    }
}
