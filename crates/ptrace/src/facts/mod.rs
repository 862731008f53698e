//! What a tracer without rights finds out about a stopped thread beyond its call: from `/proc`, and
//! from copies of its descriptors.
//!
//! The probe reads kernel memory for the same. What the kernel does not show to others stays
//! unknown here, and is never guessed.

pub(crate) mod address;
pub(crate) mod executable;
pub(crate) mod files;
pub(crate) mod machine;
pub(crate) mod process;
pub(crate) mod sockets;
mod tables;
mod unix;
