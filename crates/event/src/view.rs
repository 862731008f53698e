//! Reading a record where it lies.

use crate::syscall::{Syscall, SyscallCode};
use crate::table::{EventInfo, EventType};
use crate::value::NULL_TEXT;

/// The length of the header in bytes: time u64, thread id u64, length u32, type u16, number of
/// parameters u32, packed, little-endian.
pub const HEADER_LEN: usize = 26;

/// No event has more parameters than this.
pub const MAX_PARAMS: usize = 32;

/// Why bytes are not a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ViewError {
    /// Shorter than a header, or than the length in the header.
    Truncated {
        /// How many bytes there must be.
        needed: usize,
        /// How many there are.
        available: usize,
    },
    /// A type code that is not in the table.
    UnknownType(u16),
    /// More parameters than any event has.
    TooManyParams(u32),
    /// The parameter lengths do not add up to the length in the header.
    LengthMismatch {
        /// From the header.
        declared: usize,
        /// Header, length array and parameters.
        computed: usize,
    },
}

impl std::fmt::Display for ViewError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated { needed, available } => {
                write!(
                    f,
                    "record is cut short: {needed} bytes needed, {available} there"
                )
            }
            Self::UnknownType(code) => write!(f, "unknown event type {code}"),
            Self::TooManyParams(count) => {
                write!(f, "{count} parameters, at most {MAX_PARAMS} are possible")
            }
            Self::LengthMismatch { declared, computed } => {
                write!(
                    f,
                    "record length is {declared}, its parts add up to {computed}"
                )
            }
        }
    }
}

impl std::error::Error for ViewError {}

/// A validated record, borrowed. Parameters are found in constant time.
#[derive(Clone, Copy)]
pub struct EventView<'a> {
    record: &'a [u8],
    info: &'static EventInfo,
    count: usize,
    /// Where each parameter starts, and after the last one where the record ends.
    offsets: [u32; MAX_PARAMS + 1],
}

fn read<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

impl<'a> EventView<'a> {
    /// Checks the record at the start of `bytes`; what follows it is left alone.
    ///
    /// # Errors
    ///
    /// When the bytes are not a whole record of a known type.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ViewError> {
        let truncated = |needed| ViewError::Truncated {
            needed,
            available: bytes.len(),
        };
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or_else(|| truncated(HEADER_LEN))?;
        let declared =
            u32::from_le_bytes([header[16], header[17], header[18], header[19]]) as usize;
        let code = u16::from_le_bytes([header[20], header[21]]);
        let count = u32::from_le_bytes([header[22], header[23], header[24], header[25]]);
        if count as usize > MAX_PARAMS {
            return Err(ViewError::TooManyParams(count));
        }
        let count = count as usize;
        let info = EventType(code).info().ok_or(ViewError::UnknownType(code))?;
        let record = bytes.get(..declared).ok_or_else(|| truncated(declared))?;

        let width = if info.is_large() { 4 } else { 2 };
        let start = HEADER_LEN + count * width;
        let lengths = record
            .get(HEADER_LEN..start)
            .ok_or_else(|| truncated(start))?;
        let mut offsets = [0u32; MAX_PARAMS + 1];
        offsets[0] = start as u32;
        // No sum of lengths overflows: there are at most 32, each less than 2³².
        let mut at = start as u64;
        let ends = offsets[1..].iter_mut();
        if width == 2 {
            for (length, end) in lengths.as_chunks().0.iter().zip(ends) {
                at += u64::from(u16::from_le_bytes(*length));
                *end = at as u32;
            }
        } else {
            for (length, end) in lengths.as_chunks().0.iter().zip(ends) {
                at += u64::from(u32::from_le_bytes(*length));
                *end = at as u32;
            }
        }
        // Each part ends before the next: if the last one ends with the record, so do the others.
        if at != declared as u64 {
            return Err(ViewError::LengthMismatch {
                declared,
                computed: usize::try_from(at).unwrap_or(usize::MAX),
            });
        }
        Ok(Self {
            record,
            info,
            count,
            offsets,
        })
    }

    /// The bytes of the record, header included.
    #[inline]
    pub fn record(&self) -> &'a [u8] {
        self.record
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub fn ts(&self) -> u64 {
        read(self.record, 0).map_or(0, u64::from_le_bytes)
    }

    /// The thread that caused it, as numbered in the initial pid namespace; -1 when there is none.
    #[inline]
    pub fn tid(&self) -> i64 {
        read(self.record, 8).map_or(-1, i64::from_le_bytes)
    }

    /// The type code.
    #[inline]
    pub fn event_type(&self) -> EventType {
        self.info.event_type
    }

    /// The row of the event table.
    #[inline]
    pub fn info(&self) -> &'static EventInfo {
        self.info
    }

    /// The system call: the one that a generic event names, by portable code or, in captures whose
    /// writer did not know the code yet, by native number; else the one that the type carries (the
    /// first, where it carries two twins). `None` for what is no system call.
    pub fn syscall(&self) -> Option<&'static Syscall> {
        if matches!(
            self.event_type(),
            EventType::GENERIC_E | EventType::GENERIC_X
        ) {
            let number = |index| {
                self.u64(index)
                    .and_then(|number| u16::try_from(number).ok())
            };
            return match number(0).map(SyscallCode) {
                Some(SyscallCode::UNKNOWN) | None => Syscall::by_native(number(1)?),
                Some(code) => code.info(),
            };
        }
        self.event_type().syscalls().first()?.info()
    }

    /// How many parameters the record has. May differ from the table's: older writers knew fewer.
    #[inline]
    pub fn param_count(&self) -> usize {
        self.count
    }

    /// The bytes of a parameter; `None` when the record does not have it. Empty means that the
    /// writer could not read it (a null or unreadable pointer).
    #[inline]
    pub fn param(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.count {
            return None;
        }
        self.record
            .get(self.offsets[index] as usize..self.offsets[index + 1] as usize)
    }

    /// The bytes of the parameter with this name.
    pub fn param_by_name(&self, name: &str) -> Option<&'a [u8]> {
        self.param(self.info.param(name)?.0)
    }

    /// A parameter as a signed number of its own width, sign-extended.
    #[inline]
    pub fn i64(&self, index: usize) -> Option<i64> {
        let bytes = self.param(index)?;
        match bytes.len() {
            8 => read(bytes, 0).map(i64::from_le_bytes),
            4 => read(bytes, 0).map(|b| i64::from(i32::from_le_bytes(b))),
            2 => read(bytes, 0).map(|b| i64::from(i16::from_le_bytes(b))),
            1 => read(bytes, 0).map(|b| i64::from(i8::from_le_bytes(b))),
            _ => None,
        }
    }

    /// A parameter as an unsigned number of its own width.
    #[inline]
    pub fn u64(&self, index: usize) -> Option<u64> {
        let bytes = self.param(index)?;
        match bytes.len() {
            8 => read(bytes, 0).map(u64::from_le_bytes),
            4 => read(bytes, 0).map(|b| u64::from(u32::from_le_bytes(b))),
            2 => read(bytes, 0).map(|b| u64::from(u16::from_le_bytes(b))),
            1 => read(bytes, 0).map(|b| u64::from(u8::from_le_bytes(b))),
            _ => None,
        }
    }

    /// A parameter as an unsigned 32-bit number.
    #[inline]
    pub fn u32(&self, index: usize) -> Option<u32> {
        u32::try_from(self.u64(index)?).ok()
    }

    /// A string parameter without its trailing NUL; `None` when it is absent or empty (a null
    /// pointer, or one that could not be read), or what old writers stored for that.
    #[inline]
    pub fn str(&self, index: usize) -> Option<&'a [u8]> {
        let bytes = self.param(index)?;
        if bytes == NULL_TEXT {
            return None;
        }
        match bytes.split_last()? {
            (0, text) => Some(text),
            _ => Some(bytes),
        }
    }

    /// All parameters in order.
    pub fn params(&self) -> Params<'a, '_> {
        Params {
            view: self,
            next: 0,
        }
    }
}

impl std::fmt::Debug for EventView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventView")
            .field("type", &self.info.ident)
            .field("ts", &self.ts())
            .field("tid", &self.tid())
            .field("params", &self.params().collect::<Vec<_>>())
            .finish()
    }
}

/// Iterator over the parameters of a record.
pub struct Params<'a, 'v> {
    view: &'v EventView<'a>,
    next: usize,
}

impl<'a> Iterator for Params<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let param = self.view.param(self.next)?;
        self.next += 1;
        Some(param)
    }
}
