//! What can be wrong with a capture.

use event::ViewError;

use crate::converter::ConvertError;

/// Why a capture cannot be read on. Offsets count bytes of the uncompressed stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stream does not start with a section header.
    #[error(
        "not a capture: block type {found:#010x} at offset {offset}, a section header ({expected:#010x}) expected"
    )]
    NotACapture {
        /// Where.
        offset: u64,
        /// The type found.
        found: u32,
        /// The type of a section header.
        expected: u32,
    },
    /// Written on a machine with the other byte order.
    #[error("capture is big-endian (section header at offset {offset}), which is not supported")]
    ByteOrder {
        /// Where.
        offset: u64,
    },
    /// The section header does not have the magic number.
    #[error("section header at offset {offset} has magic {found:#010x}, {expected:#010x} expected")]
    Magic {
        /// Where.
        offset: u64,
        /// What is there.
        found: u32,
        /// What must be there.
        expected: u32,
    },
    /// A format newer than this.
    #[error(
        "capture format {major}.{minor} (section header at offset {offset}) is too new, at most {supported}.x is supported"
    )]
    Version {
        /// Where.
        offset: u64,
        /// The version found.
        major: u16,
        /// The version found.
        minor: u16,
        /// The highest that can be read.
        supported: u16,
    },
    /// The stream ends inside a block.
    #[error(
        "capture is cut short: {block} block at offset {offset} needs {needed} bytes, {available} are there"
    )]
    Truncated {
        /// Where the block starts.
        offset: u64,
        /// What it is.
        block: &'static str,
        /// Its length.
        needed: u64,
        /// How much of it there is.
        available: u64,
    },
    /// A length that no block can have.
    #[error("{block} block at offset {offset} has length {length}, {expected} expected")]
    Length {
        /// Where the block starts.
        offset: u64,
        /// What it is.
        block: &'static str,
        /// The length found.
        length: u32,
        /// What is possible.
        expected: &'static str,
    },
    /// The length at the end of a block is not the one at its start.
    #[error("{block} block at offset {offset} ends in length {trailer}, {length} expected")]
    Trailer {
        /// Where the block starts.
        offset: u64,
        /// What it is.
        block: &'static str,
        /// The length at its start.
        length: u32,
        /// The length at its end.
        trailer: u32,
    },
    /// The inside of a block does not add up.
    #[error(
        "failed to read {block} block (version {version}) at offset {offset}, entry {entry}: {source}"
    )]
    Section {
        /// Where the block starts.
        offset: u64,
        /// What it is.
        block: &'static str,
        /// Its version.
        version: u8,
        /// Which entry, counted from 0.
        entry: usize,
        /// What is wrong in it.
        source: SectionError,
    },
    /// An event is not a record. Reading may go on behind it.
    #[error("failed to read event at offset {offset}: {source}")]
    Event {
        /// Where its block starts.
        offset: u64,
        /// What is wrong with it.
        source: ViewError,
    },
    /// An event cannot be brought to the current schema. Reading may go on behind it.
    #[error("failed to convert event at offset {offset}: {source}")]
    Convert {
        /// Where its block starts.
        offset: u64,
        /// Why not.
        source: ConvertError,
    },
    /// The capture ends without a single event.
    #[error("capture has no events ({offset} bytes read)")]
    NoEvents {
        /// How long the capture is.
        offset: u64,
    },
    /// Reading failed, or the compressed data is damaged.
    #[error("failed to read capture at offset {offset}")]
    Io {
        /// Where.
        offset: u64,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether only one event is affected, so that reading may go on.
    pub fn is_about_one_event(&self) -> bool {
        matches!(self, Self::Event { .. } | Self::Convert { .. })
    }
}

/// What is wrong inside a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SectionError {
    /// A field reaches beyond the end of its entry.
    #[error("{field} needs {needed} bytes, {available} are left")]
    TooShort {
        /// Which field.
        field: &'static str,
        /// Its length.
        needed: usize,
        /// What is left of the entry.
        available: usize,
    },
    /// A string longer than the format allows.
    #[error("{field} is {len} bytes long, at most {max} are allowed")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A code that says how to read on, and is unknown.
    #[error("{field} is {value}, which is unknown")]
    Unknown {
        /// Which field.
        field: &'static str,
        /// The code.
        value: u32,
    },
}
