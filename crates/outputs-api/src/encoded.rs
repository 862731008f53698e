//! An alert in the form in which it is sent.

use std::ops::Range;
use std::sync::Arc;

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType};

/// One alert, encoded as an [`outputs::Response`](crate::outputs::Response) inside a buffer that
/// many alerts and many subscribers share. Cloning copies a pointer and two numbers.
#[derive(Clone, Debug, Default)]
pub struct EncodedAlert {
    buffer: Arc<Vec<u8>>,
    start: usize,
    end: usize,
}

impl EncodedAlert {
    /// The alert at `range` of `buffer`.
    ///
    /// # Panics
    /// When the range is not inside the buffer.
    pub fn new(buffer: Arc<Vec<u8>>, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= buffer.len());
        Self {
            buffer,
            start: range.start,
            end: range.end,
        }
    }

    /// The encoded message.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }
}

/// Encoding copies the bytes that are there. An encoded alert is only ever sent, so decoding into
/// one skips what it is given.
impl prost::Message for EncodedAlert {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(self.as_bytes());
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        prost::encoding::skip_field(wire_type, tag, buf, ctx)
    }

    fn encoded_len(&self) -> usize {
        self.end - self.start
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
