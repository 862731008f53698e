//! The byte stream under a capture: plain or compressed, read once from front to back.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

const GZIP_MAGIC: u8 = 0x1F;
const BUFFER: usize = 64 << 10;

/// A stream that counts what was taken from it.
pub(crate) struct Source<R: Read> {
    stream: Stream<R>,
    offset: u64,
}

enum Stream<R: Read> {
    Plain(BufReader<R>),
    Gzip(Box<BufReader<MultiGzDecoder<BufReader<R>>>>),
}

impl<R: Read> Source<R> {
    /// Looks at the first byte to tell whether the stream is compressed.
    pub(crate) fn new(inner: R) -> io::Result<Self> {
        let mut inner = BufReader::with_capacity(BUFFER, inner);
        // One byte is enough to tell the two forms apart, and a short read may give no more.
        let is_gzip = inner.fill_buf()?.first() == Some(&GZIP_MAGIC);
        let stream = if is_gzip {
            let plain = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(inner));
            Stream::Gzip(Box::new(plain))
        } else {
            Stream::Plain(inner)
        };
        Ok(Self { stream, offset: 0 })
    }

    /// How many bytes were taken so far, after decompression.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Appends up to `len` bytes to `out` and tells how many; fewer at the end of the stream.
    /// Memory grows with what the stream gives, not with what it promises. A compressed stream that
    /// breaks off counts as ended.
    pub(crate) fn take(&mut self, len: usize, out: &mut Vec<u8>) -> io::Result<usize> {
        let mut taken = 0;
        while taken < len {
            let chunk = match self.fill() {
                Ok([]) => break,
                Ok(chunk) => &chunk[..chunk.len().min(len - taken)],
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(err) => return Err(err),
            };
            out.extend_from_slice(chunk);
            let got = chunk.len();
            match &mut self.stream {
                Stream::Plain(inner) => inner.consume(got),
                Stream::Gzip(inner) => inner.consume(got),
            }
            taken += got;
            self.offset += got as u64;
        }
        Ok(taken)
    }

    fn fill(&mut self) -> io::Result<&[u8]> {
        match &mut self.stream {
            Stream::Plain(inner) => inner.fill_buf(),
            Stream::Gzip(inner) => inner.fill_buf(),
        }
    }
}
