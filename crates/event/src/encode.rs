//! Writing a record.

use crate::table::EventType;
use crate::view::{HEADER_LEN, MAX_PARAMS};

/// Why a record cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EncodeError {
    /// A type code that is not in the table.
    UnknownType(u16),
    /// More parameters than any event may have.
    TooManyParams,
    /// A parameter longer than its length field can say.
    ParamTooLong {
        /// Which one.
        index: usize,
        /// Its length in bytes.
        len: usize,
    },
}

impl std::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownType(code) => write!(f, "unknown event type {code}"),
            Self::TooManyParams => write!(f, "more than {MAX_PARAMS} parameters"),
            Self::ParamTooLong { index, len } => {
                write!(
                    f,
                    "parameter {index} is {len} bytes long, which its length cannot say"
                )
            }
        }
    }
}

impl std::error::Error for EncodeError {}

/// Builds records; its buffers are used again, so that a warm encoder does not allocate.
#[derive(Default, Debug)]
pub struct Encoder {
    record: Vec<u8>,
    payload: Vec<u8>,
    lengths: Vec<usize>,
    ts: u64,
    tid: i64,
    event_type: u16,
}

impl Encoder {
    /// An encoder without buffers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a record.
    pub fn begin(&mut self, event_type: EventType, ts: u64, tid: i64) -> &mut Self {
        self.payload.clear();
        self.lengths.clear();
        self.ts = ts;
        self.tid = tid;
        self.event_type = event_type.0;
        self
    }

    /// Appends a parameter as raw bytes.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.payload.extend_from_slice(value);
        self.lengths.push(value.len());
        self
    }

    /// Appends an empty parameter: "could not be read".
    pub fn empty(&mut self) -> &mut Self {
        self.bytes(&[])
    }

    /// Appends a string and its trailing NUL.
    pub fn str(&mut self, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        self.payload.extend_from_slice(value);
        self.payload.push(0);
        self.lengths.push(value.len() + 1);
        self
    }

    /// Appends an 8-bit number.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// Appends a 16-bit number.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a 32-bit number.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a 64-bit number.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a signed 64-bit number.
    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Ends the record and hands it out; it stays valid until the next [`begin`](Self::begin).
    ///
    /// # Errors
    ///
    /// When the type is unknown or the parameters do not fit the format.
    pub fn finish(&mut self) -> Result<&[u8], EncodeError> {
        let info = EventType(self.event_type)
            .info()
            .ok_or(EncodeError::UnknownType(self.event_type))?;
        if self.lengths.len() > MAX_PARAMS {
            return Err(EncodeError::TooManyParams);
        }
        let width = if info.is_large() { 4 } else { 2 };
        let total = HEADER_LEN + self.lengths.len() * width + self.payload.len();
        let too_long = |(index, &len): (usize, &usize)| EncodeError::ParamTooLong { index, len };
        let total = u32::try_from(total).map_err(|_| too_long((0, &self.payload.len())))?;

        self.record.clear();
        self.record.extend_from_slice(&self.ts.to_le_bytes());
        self.record.extend_from_slice(&self.tid.to_le_bytes());
        self.record.extend_from_slice(&total.to_le_bytes());
        self.record
            .extend_from_slice(&self.event_type.to_le_bytes());
        self.record
            .extend_from_slice(&(self.lengths.len() as u32).to_le_bytes());
        for (index, len) in self.lengths.iter().enumerate() {
            if width == 2 {
                let len = u16::try_from(*len).map_err(|_| too_long((index, len)))?;
                self.record.extend_from_slice(&len.to_le_bytes());
            } else {
                // The sum fits 32 bits, so each length does.
                self.record.extend_from_slice(&(*len as u32).to_le_bytes());
            }
        }
        self.record.extend_from_slice(&self.payload);
        Ok(&self.record)
    }
}
