//! The eBPF probe: kernel programs, their loader, per-CPU rings and kernel counters.
//!
//! # Shape
//!
//! The probe hooks system calls where they *return*. One program on `sys_exit` tests a bit of a
//! map that user space shares with it, leaves at once when nobody asked for this call, and
//! otherwise jumps (a tail call) to the filler of the call. A filler writes one record, already in
//! the layout of the event table and of capture files, into the ring of its own CPU. So nothing is
//! converted between kernel and rules, and a recording is a copy.
//!
//! The fillers are C with CO-RE, in `bpf/`, one file per family of calls, compiled into one object
//! by the build script. What they know of events — type codes, number and width of parameters,
//! system call numbers of the target — comes from the `event` crate through a generated header, so
//! that it is written once, and a filler that writes the wrong number of parameters, or of bytes
//! where all are of fixed size, does not compile. A filler is found by name: `sys_openat` fills
//! `openat`, whatever has no filler goes to `sys_generic`. Adding a call is adding a function.
//!
//! # Costs that made it so
//!
//! Every hook costs each system call of the whole machine about 90 ns, so there is one, not two.
//! Helpers that read kernel memory cost 28 ns each, plain loads almost nothing: the programs cast
//! kernel pointers to their BTF type (`bpf_rdonly_cast`) and load, and fall back to the helper on
//! kernels before 6.2. A wake-up per record would double its price, so rings never wake anybody:
//! the reader comes by on its own clock.
//!
//! # Order and time
//!
//! Records carry wall-clock time: the boot clock, which runs through suspend, plus an offset that
//! the [`Reader`] refreshes every second. Each ring is in time order; the reader merges them with a
//! heap of ring heads, up to a moment shortly before it looked, so that a record which another CPU
//! was about to publish is not overtaken.
//!
//! # Limits
//!
//! * What a caller points to is noted at the entry of opens, connects and execs; for other calls it
//!   is read when the call returns, and another thread of the caller may have changed it by then.
//!   Descriptors, inodes, socket tuples, the path of a started program and everything else that the
//!   kernel holds itself cannot be faked. `docs/probe.md` has the whole of it.
//! * Strings end after 4096 bytes, argument and environment areas too; data after
//!   [`Options::snaplen`]. Of vectors the first 32 parts are looked at, of `poll` the first 16
//!   descriptors, of `sendmmsg` and `recvmmsg` the first 16 messages (the others count as lost), of
//!   the arguments of a program that could not be started the first 16.
//! * Calls of 32-bit programs are translated on x86-64, and skipped and counted on aarch64.
//! * Whether the running user may write to a started program is decided by owner, mode, groups and
//!   capabilities, not by access control lists.
//!
//! # Losses
//!
//! What does not fit is counted where it is lost, by CPU and reason ([`Counters`]): a full ring (by
//! category of event), a record over 64 KiB, a CPU without a ring, a call of a foreign ABI, a
//! program that the kernel skipped. `events` counts every attempt, so delivered = events − drops.

mod check;
mod control;
mod counters;
mod cpus;
mod entries;
mod error;
mod facts;
mod features;
pub mod filter;
mod info;
mod iterators;
mod kernel;
mod loader;
mod log;
mod noisy;
mod object;
mod options;
mod programs;
mod reader;
mod selection;

pub use check::{CheckError, Missing};
pub use counters::{Counters, CpuCounters, RingFull};
pub use error::Error;
pub use facts::{Known, Place};
pub use info::ProgramRuns;
pub use iterators::OpenFile;
pub use loader::{Prepared, Probe};
pub use noisy::{Noisy, Spender};
pub use options::{DynamicSnaplen, LogHook, LogLevel, Options, RING_PRESETS};
pub use reader::Reader;
/// Rings in memory, for tests and benches.
#[cfg(any(test, feature = "memory-rings"))]
pub mod memory {
    pub use crate::reader::memory::Rings;
}
