//! System calls under their portable codes.

use crate::table::{BY_AARCH64, BY_CODE, BY_IA32, BY_X86_64, EventType, SYSCALLS, bit_set};

/// Stands in the number arrays where no system call has the number.
pub(crate) const NO_ROW: u16 = u16::MAX;

fn row(table: &[u16], number: u16) -> Option<&'static Syscall> {
    // `NO_ROW` is beyond the end of the table, so that a hole needs no test of its own.
    SYSCALLS.get(usize::from(*table.get(usize::from(number))?))
}

/// The portable code of a system call (or of one of the tracepoints that stand beside them).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SyscallCode(pub u16);

impl SyscallCode {
    /// The row of this code.
    pub fn info(self) -> Option<&'static Syscall> {
        row(&BY_CODE, self.0)
    }

    /// The name; `None` for a code that the table does not have.
    pub fn name(self) -> Option<&'static str> {
        self.info().map(|syscall| syscall.name)
    }

    /// The event types that carry it; none for an unknown code.
    pub fn events(self) -> &'static [EventType] {
        self.info().map_or(&[], |syscall| syscall.events)
    }
}

/// One system call.
#[derive(Debug)]
pub struct Syscall {
    /// The portable code.
    pub code: SyscallCode,
    /// The name, lower case.
    pub name: &'static str,
    /// The native number on x86-64.
    pub x86_64: Option<u16>,
    /// The native number on aarch64.
    pub aarch64: Option<u16>,
    /// The numbers on 32-bit x86.
    pub ia32: &'static [u16],
    /// The enter event, if there is one.
    pub enter: Option<EventType>,
    /// The exit event; [`EventType::GENERIC_X`] for a call without one of its own.
    pub exit: Option<EventType>,
    /// Every event type that carries it, the ones of older writers included, in code order.
    pub events: &'static [EventType],
    /// Hints for sampling.
    pub flags: SyscallFlags,
    /// The groups it belongs to.
    pub sets: &'static [SyscallSet],
}

impl Syscall {
    /// All system calls in code order.
    pub fn all() -> &'static [Self] {
        &SYSCALLS
    }

    /// The call with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        SYSCALLS.iter().find(|syscall| syscall.name == name)
    }

    /// The native number on the architecture that this program was built for.
    pub fn native(&self) -> Option<u16> {
        if cfg!(target_arch = "x86_64") {
            self.x86_64
        } else if cfg!(target_arch = "aarch64") {
            self.aarch64
        } else {
            None
        }
    }

    /// The call with this native number on the architecture that this program was built for.
    pub fn by_native(number: u16) -> Option<&'static Self> {
        if cfg!(target_arch = "x86_64") {
            Self::by_x86_64(number)
        } else if cfg!(target_arch = "aarch64") {
            Self::by_aarch64(number)
        } else {
            None
        }
    }

    /// The call with this number on x86-64.
    pub fn by_x86_64(number: u16) -> Option<&'static Self> {
        row(&BY_X86_64, number)
    }

    /// The call with this number on aarch64.
    pub fn by_aarch64(number: u16) -> Option<&'static Self> {
        row(&BY_AARCH64, number)
    }

    /// The call with this number on 32-bit x86.
    pub fn by_ia32(number: u16) -> Option<&'static Self> {
        row(&BY_IA32, number)
    }

    /// Whether it is delivered as the generic event, without its own parameters.
    pub fn is_generic(&self) -> bool {
        self.events.contains(&EventType::GENERIC_X)
    }

    /// Whether it belongs to a group.
    pub fn is_in(&self, set: SyscallSet) -> bool {
        self.sets.contains(&set)
    }
}

/// Groups of system calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SyscallSet {
    /// What the state of processes and descriptors is made of.
    SinspState,
    /// Everything that is cheap enough to be traced by default.
    Simple,
    /// The smallest set that keeps process state right.
    RepairBase,
    /// Reads and writes.
    Io,
    /// Other work on descriptors.
    IoOther,
    /// Files.
    File,
    /// Networks.
    Net,
    /// Processes.
    Proc,
    /// The system as a whole.
    Sys,
}

bit_set! {
    /// Hints for sampling.
    SyscallFlags: u32 {
        /// In use.
        USED = 1,
        /// Kept when the rest is sampled.
        NEVER_DROP = 2,
        /// Left out when the rest is sampled.
        ALWAYS_DROP = 4,
        /// Cannot be interrupted.
        ATOMIC = 16,
    }
}
