//! How the probe is set up.

use std::ops::RangeInclusive;

use event::SyscallCodeSet;

/// Sizes of one ring in bytes, by Falco's `buf_size_preset` 1 … 10 (index 0 is preset 1).
pub const RING_PRESETS: [usize; 10] = {
    let mut sizes = [0; 10];
    let mut index = 0;
    while index < sizes.len() {
        sizes[index] = (1 << 20) << index;
        index += 1;
    }
    sizes
};

/// How much a line of libbpf's log matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    /// Something went wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// Everything else.
    Debug,
}

/// Receives libbpf's log, a line at a time. One hook serves the whole process.
pub type LogHook = fn(LogLevel, &str);

/// Which transfers on internet sockets carry more data than [`Options::snaplen`]: up to 512 bytes
/// from and to port 53 (DNS), up to 2000 of what looks like HTTP, or like MySQL, PostgreSQL or
/// MongoDB on their ports, and what is set here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DynamicSnaplen {
    /// Ports of either end with up to 16 000 bytes. Empty unless changed.
    pub full_ports: RangeInclusive<u16>,
    /// The port of statsd: up to 2000 bytes of what is sent there. 8125 unless changed.
    pub statsd_port: u16,
}

impl Default for DynamicSnaplen {
    fn default() -> Self {
        Self {
            #[expect(clippy::reversed_empty_ranges, reason = "no port at all")]
            full_ports: 1..=0,
            statsd_port: 8125,
        }
    }
}

/// How the probe is set up. [`Default`] is what a machine needs that nobody has tuned.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of each CPU's ring: a power of two, at least two pages. 8 MiB unless changed.
    pub buffer_bytes: usize,
    /// Leave out what this process itself does. On unless changed: an engine that reports its own
    /// writes feeds itself.
    pub exclude_own: bool,
    /// How many bytes of data an I/O event carries at most, 0 … 65000.
    pub snaplen: u16,
    /// Carry more data where port or content say that it is worth it; off unless changed.
    pub dynamic_snaplen: Option<DynamicSnaplen>,
    /// Leave out calls that failed.
    pub drop_failed: bool,
    /// Note down where a call begins what its path or address argument points to, and report that:
    /// open, creat, openat, openat2, connect, and execve where it fails. Without it the record
    /// holds what lies there when the call returns. On unless changed; costs each of these calls
    /// about 200 ns, and all others about 30 ns while one of these is traced.
    pub toctou_protection: bool,
    /// The same for 32-bit programs from the start. Otherwise it begins when the first 32-bit call
    /// was seen (see [`Probe::keep_up`](crate::Probe::keep_up)), because it costs every system call
    /// of the machine about 60 ns. x86-64 only.
    pub toctou_protection_ia32: bool,
    /// Tell of opens and connects that come through io_uring, with the events of the system calls
    /// that they stand for. On unless changed; kernels before 6.3 have no way to see them.
    pub io_uring: bool,
    /// Have the kernel list threads and what is open at the start ([`Probe::tasks`],
    /// [`Probe::open_files`]). On unless changed.
    ///
    /// [`Probe::tasks`]: crate::Probe::tasks
    /// [`Probe::open_files`]: crate::Probe::open_files
    pub iterators: bool,
    /// Where libbpf's log goes; nowhere when `None`.
    pub log: Option<LogHook>,
    /// Load the programs for these calls only, which is faster; others are loaded when
    /// [`Probe::set_syscalls`](crate::Probe::set_syscalls) asks for them. All when `None`.
    pub only: Option<SyscallCodeSet>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            buffer_bytes: RING_PRESETS[3],
            exclude_own: true,
            snaplen: 80,
            dynamic_snaplen: None,
            drop_failed: false,
            toctou_protection: true,
            toctou_protection_ia32: false,
            io_uring: true,
            iterators: true,
            log: None,
            only: None,
        }
    }
}

impl Options {
    /// The ring size of a preset, 1 … 10; `None` for any other number.
    pub fn preset_bytes(preset: u8) -> Option<usize> {
        RING_PRESETS
            .get(usize::from(preset).checked_sub(1)?)
            .copied()
    }
}
