//! The framing: block types and their versions.

/// A section header block, which starts every capture.
pub(crate) const SECTION_HEADER: u32 = 0x0A0D_0D0A;
/// The byte-order magic in a section header.
pub(crate) const MAGIC: u32 = 0x1A2B_3C4D;
/// The major version of the format.
pub(crate) const MAJOR: u16 = 1;
/// The minor version that this crate writes.
pub(crate) const MINOR: u16 = 2;
/// Type and length in front of a block.
pub(crate) const HEAD: usize = 8;
/// Type, length and repeated length.
pub(crate) const FRAME: usize = 12;

/// Codes that this crate writes.
pub(crate) mod code {
    pub(crate) const MACHINE: u32 = 0x201;
    pub(crate) const EVENT: u32 = 0x216;
    pub(crate) const EVENT_FLAGS: u32 = 0x217;
    pub(crate) const DESCRIPTORS: u32 = 0x218;
    pub(crate) const INTERFACES: u32 = 0x219;
    pub(crate) const ACCOUNTS: u32 = 0x220;
    pub(crate) const EVENT_LARGE: u32 = 0x221;
    pub(crate) const EVENT_FLAGS_LARGE: u32 = 0x222;
    pub(crate) const PROCESSES: u32 = 0x215;
}

/// What is in a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Section,
    Machine,
    /// Versions 1 to 9.
    Processes(u8),
    /// Versions 1 and 2.
    Descriptors(u8),
    /// Versions 1 and 2.
    Interfaces(u8),
    /// Versions 1 and 2.
    Accounts(u8),
    Event {
        /// Version 1 lacks the number of parameters.
        v1: bool,
        /// Has a word of flags after the CPU.
        flags: bool,
    },
    Unknown,
}

impl Kind {
    /// By the code in front of a block. The codes with a high half are the ones that captures of
    /// the first years carry.
    pub(crate) fn of(code: u32) -> Self {
        match code {
            SECTION_HEADER => Self::Section,
            0x201 | 0x8002_ABCD => Self::Machine,
            0x202 | 0x8000_ABCD => Self::Processes(1),
            0x207 | 0x8013_ABCD => Self::Processes(2),
            0x209 | 0x8014_ABCD => Self::Processes(3),
            0x210..=0x215 => Self::Processes((code - 0x210) as u8 + 4),
            0x203 | 0x8001_ABCD => Self::Descriptors(1),
            0x218 => Self::Descriptors(2),
            0x204 | 0x8010_ABCD => Self::Event {
                v1: true,
                flags: false,
            },
            0x208 => Self::Event {
                v1: true,
                flags: true,
            },
            0x216 | 0x221 => Self::Event {
                v1: false,
                flags: false,
            },
            0x217 | 0x222 => Self::Event {
                v1: false,
                flags: true,
            },
            0x205 | 0x8011_ABCD => Self::Interfaces(1),
            0x219 => Self::Interfaces(2),
            0x206 | 0x8012_ABCD => Self::Accounts(1),
            0x220 => Self::Accounts(2),
            _ => Self::Unknown,
        }
    }

    /// For messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Section => "section header",
            Self::Machine => "machine information",
            Self::Processes(_) => "process list",
            Self::Descriptors(_) => "descriptor list",
            Self::Interfaces(_) => "interface list",
            Self::Accounts(_) => "user list",
            Self::Event { .. } => "event",
            Self::Unknown => "unknown",
        }
    }
}

/// How many bytes of padding follow a body of this length.
pub(crate) fn padding(len: usize) -> usize {
    len.wrapping_neg() % 4
}
