//! Reading and writing fields of a block.

use crate::error::SectionError;

/// Takes fields off the front of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

type Result<T> = std::result::Result<T, SectionError>;

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether another entry follows. What is shorter than any entry is padding.
    pub(crate) fn has_entry(&self) -> bool {
        self.rest.len() > 3
    }

    pub(crate) fn bytes(&mut self, field: &'static str, len: usize) -> Result<&'a [u8]> {
        let too_short = SectionError::TooShort {
            field,
            needed: len,
            available: self.rest.len(),
        };
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(too_short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N]> {
        let too_short = SectionError::TooShort {
            field,
            needed: N,
            available: self.rest.len(),
        };
        let (taken, rest) = self.rest.split_first_chunk().ok_or(too_short)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8> {
        Ok(self.array::<1>(field)?[0])
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64> {
        self.array(field).map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64> {
        self.array(field).map(i64::from_le_bytes)
    }

    /// A string behind its length (u16).
    pub(crate) fn string(&mut self, field: &'static str, max: usize) -> Result<Vec<u8>> {
        let len = usize::from(self.u16(field)?);
        if len > max {
            return Err(SectionError::TooLong { field, len, max });
        }
        self.bytes(field, len).map(<[u8]>::to_vec)
    }

    /// The entry behind its length (u32). `counts_itself` tells whether the length field is part
    /// of the length.
    pub(crate) fn entry(&mut self, counts_itself: bool) -> Result<Self> {
        const FIELD: &str = "entry length";
        let len = self.u32(FIELD)? as usize;
        let len = if counts_itself {
            let available = self.rest.len();
            len.checked_sub(4).ok_or(SectionError::TooShort {
                field: FIELD,
                needed: 4,
                available,
            })?
        } else {
            len
        };
        self.bytes("entry", len).map(Self::new)
    }
}

/// Appends fields to a block.
#[derive(Default, Debug)]
pub(crate) struct Fields {
    pub(crate) bytes: Vec<u8>,
}

impl Fields {
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.raw(&value.to_le_bytes());
    }

    /// A string behind its length (u16), cut to `max` bytes, which is what readers take.
    pub(crate) fn string(&mut self, value: &[u8], max: usize) {
        let value = &value[..value.len().min(max).min(usize::from(u16::MAX))];
        self.u16(value.len() as u16);
        self.raw(value);
    }

    /// An entry behind its length (u32), which `counts_itself` or not.
    pub(crate) fn entry(&mut self, counts_itself: bool, write: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(0);
        write(self);
        let extra = if counts_itself { 0 } else { 4 };
        let len = (self.bytes.len() - start - extra) as u32;
        self.bytes[start..start + 4].copy_from_slice(&len.to_le_bytes());
    }
}
