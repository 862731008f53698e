//! Events of a command and of all it starts, without any privilege.
//!
//! Where the probe cannot run — no rights, a container's sandbox — a command can still be watched
//! by whoever starts it: as its tracer (`ptrace`). This crate starts a command, stops it at the
//! system calls that somebody wants, and writes the same records that the probe writes, so that
//! state, rules and recordings cannot tell the difference.
//!
//! # Shape
//!
//! - A filter (`filter`) goes into the command before it starts. It stops only wanted calls; all
//!   others run at full speed.
//! - At the start of a call its names and addresses are read (`entry`), at its end the result and
//!   the rest, and a small function per call writes the record (`calls`, `record`). These mirror the
//!   programs of the probe, and one live test holds both to the same table.
//! - What the kernel knows beyond the call — program, directory, control groups, inodes, ends of
//!   sockets — comes from `/proc` and from copies of descriptors (`facts`). What is not shown stays
//!   unknown.
//! - The [`Tracer`] follows threads from their first stop to their end: new threads and processes,
//!   programs that change (also from a thread that is not the first), signals, stops by terminals.
//!
//! Everything happens in one thread, in which the tracer was made: the kernel talks to no other.
//!
//! # What holds
//!
//! * A thread stands still until its event has been handed out. So nothing is lost, and whoever
//!   takes the event can look at the thread as it was.
//! * Whoever is traced ends with the tracer. It has to be so: without a tracer the filtered calls
//!   would fail.
//!
//! # Limits
//!
//! * Another thread of the command can change a name between our look and the kernel's.
//! * What a traced program forbids by a filter of its own is refused before it gets here.
//! * A traced program cannot be traced by another one (`strace`, `gdb`) as well, and programs with
//!   set-user-id run without it, unless the tracer is privileged.
//! * On which layer of an overlay a file is, is not known. Neither is the peer of a unix socket that
//!   has not been accepted yet. Switches of threads and page faults cannot be seen at all.
//! * Of vectors, arguments and messages as much is looked at as by the probe.

mod call;
mod calls;
mod counters;
mod entry;
mod error;
mod facts;
mod filter;
mod flags;
mod life;
mod memory;
mod options;
mod ppm;
mod record;
mod spawn;
mod sys;
mod tracer;
mod wanted;

pub use counters::Counters;
pub use error::Error;
pub use options::Options;
pub use tracer::{Progress, Tracer};
