//! What is known about the machine: processes and threads, descriptors, users, interfaces.
//!
//! A rule asks for much that an event does not carry: the name of the process behind a thread id,
//! its ancestors, the file behind a descriptor number, the two ends of a socket. [`State`] keeps
//! these facts. It is seeded once — from `/proc` by [`procfs`], or from the head of a capture —
//! and from then on every event changes it a little: [`State::apply`] is called with each event
//! before rules look at it.
//!
//! * One entry per thread id ([`Thread`]); what threads share they share here as well: byte
//!   strings are reference counted, a descriptor table belongs to all threads that were made with
//!   `CLONE_FILES`, and a fork copies its parent's table only when one of the two changes it.
//! * What an event destroys goes at the *next* event, so that a close still has its descriptor's
//!   name and an exit still has its process.
//! * Events arrive slightly out of order, some get lost, and processes may be older than the
//!   observer. So nothing here trusts that a thread is known: unknown ones get a placeholder, and
//!   live, a budgeted [`Lookup`] asks `/proc`.
//! * Every table has a limit, and everything refused is counted in [`Counters`].

mod ancestors;
mod apply;
mod budget;
mod descriptor;
mod files;
mod heal;
mod interfaces;
mod limits;
mod lookup;
mod names;
mod path;
mod purge;
mod recent;
mod seed;
mod state;
mod thread;
mod threads;
mod users;

pub mod procfs;

pub use ancestors::Ancestors;
pub use apply::Subject;
pub use descriptor::{Descriptor, DescriptorKind, Endpoint, L4Proto, SocketRole, SocketTuple};
pub use interfaces::{Interface, Interfaces};
pub use limits::{Counters, Limits};
pub use lookup::{Found, Lookup};
pub use path::{PATH_MAX, PATH_TOO_LONG, concatenate};
pub use state::State;
pub use thread::{SharedBytes, Thread, ThreadFlags};
pub use users::{Group, User};
