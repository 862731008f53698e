//! How the probe is set up.

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
    /// Leave out calls that failed.
    pub drop_failed: bool,
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
            drop_failed: false,
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
