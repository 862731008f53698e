//! Capture files (`.scap`), read and written.
//!
//! A capture is a recording of a machine: a picture of its processes, descriptors, users and
//! network interfaces, then every event. Replaying one takes the same path as live events, so the
//! two hand out the same records; what differs is that a capture may be ten years old. Three parts
//! follow from that:
//!
//! - [`Reader`] takes blocks off a stream, plain or compressed, of every version that was ever
//!   written, and hands out [`Block`]s. It owns no opinion of state: processes and descriptors come
//!   as neutral structs ([`Process`], [`Descriptor`], …) for whoever keeps state.
//! - [`Converter`] turns events of old types into current ones, so that everything behind it sees
//!   one schema: exit events that carry all parameters. The reader applies it unless told not to.
//! - [`Writer`] writes the current form only.
//!
//! A capture is somebody's input. Lengths in it are never trusted: nothing is allocated that the
//! stream does not fill, every count and length is checked against what is there, and an error says
//! where and what was expected.

mod block;
mod converter;
mod cursor;
mod error;
mod model;
mod reader;
mod section;
mod source;
mod v1;
mod writer;

pub use converter::{ConvertError, Converted, Converter};
pub use error::{Error, SectionError};
pub use model::{
    Account, Descriptor, DescriptorKind, Group, Interface, InterfaceAddress, MachineInfo,
    NamedKind, Process, Transport, User,
};
pub use reader::{Block, Event, EventDumpFlags, Options, Reader};
pub use writer::{Compression, WriteError, Writer};
