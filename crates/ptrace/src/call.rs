//! A system call, without the peculiarities of its ABI.

use event::Syscall;

use crate::filter::{ARCH_AARCH64, ARCH_I386, ARCH_X86_64, X32_BIT};
use crate::memory::Memory;
use crate::sys::Entry;

/// A system call under its native number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// Its arguments.
    pub(crate) args: [u64; 6],
    /// Its result; 0 as long as it has none.
    pub(crate) ret: i64,
    /// The native number.
    pub(crate) number: u16,
    /// Whether pointers and longs of the caller are 32 bits wide.
    pub(crate) compat: bool,
}

/// Numbers of 32-bit x86 whose arguments are not where others have them.
mod ia32 {
    pub(super) const MMAP: u64 = 90;
    pub(super) const SOCKETCALL: u64 = 102;
    pub(super) const LLSEEK: u64 = 140;
    pub(super) const PREAD64: u64 = 180;
    pub(super) const PWRITE64: u64 = 181;
    pub(super) const MMAP2: u64 = 192;

    /// What `socketcall` multiplexes, by its first argument.
    pub(super) const OF_SOCKETCALL: [&str; 21] = [
        "",
        "socket",
        "bind",
        "connect",
        "listen",
        "accept",
        "getsockname",
        "getpeername",
        "socketpair",
        "sendto",
        "recvfrom",
        "sendto",
        "recvfrom",
        "shutdown",
        "setsockopt",
        "getsockopt",
        "sendmsg",
        "recvmsg",
        "accept4",
        "recvmmsg",
        "sendmmsg",
    ];
}

/// Of 32-bit x86: the one call that stands for all of sockets.
pub(crate) const IA32_SOCKETCALL: u16 = ia32::SOCKETCALL as u16;

/// Whether a call can come through `socketcall`.
pub(crate) fn is_socketcall(name: &str) -> bool {
    !name.is_empty() && ia32::OF_SOCKETCALL.contains(&name)
}

impl Call {
    /// The native call that an entry stands for; `None` when there is none.
    pub(crate) fn new(entry: &Entry, memory: &Memory) -> Option<Self> {
        let native = if cfg!(target_arch = "x86_64") {
            ARCH_X86_64
        } else {
            ARCH_AARCH64
        };
        if entry.arch == native {
            let x32 = if cfg!(target_arch = "x86_64") {
                u64::from(X32_BIT)
            } else {
                0
            };
            return Some(Self {
                args: entry.args,
                ret: 0,
                number: u16::try_from(entry.number & !x32).ok()?,
                compat: false,
            });
        }
        if entry.arch == ARCH_I386 {
            return Self::from_ia32(entry, memory);
        }
        None
    }

    fn from_ia32(entry: &Entry, memory: &Memory) -> Option<Self> {
        let mut args = entry.args.map(|arg| u64::from(arg as u32));
        let mut name = None;
        let number = entry.number;
        if number == ia32::SOCKETCALL || number == ia32::MMAP {
            // Both take a pointer to their real arguments.
            let which = args[0];
            let from = if number == ia32::MMAP {
                args[0]
            } else {
                args[1]
            };
            // The tail of the six words may lie beyond what is mapped.
            args = std::array::from_fn(|index| {
                u64::from(memory.u32(from + 4 * index as u64).unwrap_or(0))
            });
            if number == ia32::SOCKETCALL {
                // `send` and `recv` are their longer siblings without an address.
                if which == 9 || which == 10 {
                    (args[4], args[5]) = (0, 0);
                }
                name = Some(*ia32::OF_SOCKETCALL.get(which as usize)?);
            }
        }
        match number {
            ia32::LLSEEK => {
                args[1] = args[1] << 32 | args[2];
                args[2] = args[4];
            }
            ia32::PREAD64 | ia32::PWRITE64 => args[3] |= args[4] << 32,
            ia32::MMAP2 => args[5] <<= 12,
            _ => {}
        }
        let syscall = match name {
            Some(name) => Syscall::by_name(name),
            None => Syscall::by_ia32(u16::try_from(number).ok()?),
        };
        Some(Self {
            args,
            ret: 0,
            number: syscall?.native()?,
            compat: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ia32(number: u64, args: [u64; 6]) -> Option<Call> {
        let memory = Memory::own();
        let entry = Entry {
            arch: ARCH_I386,
            number,
            args,
        };
        Call::new(&entry, &memory)
    }

    #[test]
    fn calls_of_32_bit_programs_stand_for_native_ones() {
        let call = ia32(295, [0xffff_ffff_ffff_ff9c, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(
            call.number,
            Syscall::by_name("openat").unwrap().native().unwrap()
        );
        assert_eq!(call.args, [0xffff_ff9c, 2, 3, 4, 5, 6]);
        assert!(call.compat);
        let seek = ia32(140, [3, 1, 2, 0, 1, 0]).unwrap();
        assert_eq!(seek.args[..3], [3, 1 << 32 | 2, 1]);
        assert!(
            ia32(102, [99, 0, 0, 0, 0, 0]).is_none(),
            "no such socket call"
        );
        assert!(ia32(9999, [0; 6]).is_none());
    }

    #[test]
    fn unknown_machines_have_no_calls() {
        let memory = Memory::own();
        let entry = Entry {
            arch: 7,
            number: 1,
            args: [0; 6],
        };
        assert!(Call::new(&entry, &memory).is_none());
    }
}
