//! The vocabulary of the project: what can happen on a machine, and how it is written down.
//!
//! Every event has one layout everywhere — in the probe's rings, in a capture file, in what a
//! plugin hands over: a packed little-endian header of 26 bytes, the length of every parameter,
//! then the parameters back to back. [`EventView`] reads such a record where it lies; [`Encoder`]
//! writes one. What the parameters mean is in one table ([`EventInfo`]), made at build time from
//! the text files in `table/`, from which the probe's C header comes as well. A fact about an event,
//! a flag or a system call is added there and nowhere else.
//!
//! Around the table stand:
//!
//! - [`Syscall`]: system calls by portable code, name and native number, each in one look-up;
//! - [`EventSet`] and [`SyscallCodeSet`]: which events a rule can match, which calls must be traced,
//!   and the way from one to the other;
//! - [`ParamValue`], [`SockAddr`], [`SockTuple`]: parameters as values;
//! - [`render`]: parameters as the text that users know.
//!
//! Records are somebody else's input: a probe that was built from another table, a file, a plugin.
//! A record may have fewer parameters than the table (an older writer) or more (a newer one), and a
//! parameter may have the wrong size; readers get `None`, never a panic.
//!
//! This crate does no I/O and knows nothing of the rest of the project.

mod address;
mod encode;
mod names;
pub mod render;
mod set;
mod syscall;
mod table;
mod value;
mod view;

pub use address::{AF_INET, AF_INET6, AF_UNIX, SockAddr, SockTuple};
pub use encode::{EncodeError, Encoder};
pub use names::{errno_name, signal_name};
pub use set::{EventSet, SyscallCodeSet};
pub use syscall::{Syscall, SyscallCode, SyscallFlags, SyscallSet};
pub use table::{
    Category, EventFlags, EventInfo, EventType, Flag, FlagTable, Origin, ParamDetail, ParamInfo,
    ParamType, PrintFormat, Variant, constants, event_names, events, flag_table, flag_tables,
};
pub use value::{FdList, ParamValue, Strings};
pub use view::{EventView, HEADER_LEN, MAX_PARAMS, Params, ViewError};
