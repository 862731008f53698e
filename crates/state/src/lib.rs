//! What is known about the machine: processes and threads, descriptors, users, interfaces.

mod descriptor;
mod thread;

pub use descriptor::{Descriptor, DescriptorKind, Endpoint, L4Proto, SocketRole, SocketTuple};
pub use thread::{SharedBytes, Thread};
