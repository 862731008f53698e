//! One ring, as the kernel lays it out.
//!
//! A `BPF_MAP_TYPE_RINGBUF` maps as one page with the consumer's position, one with the producer's,
//! and the data, twice in a row, so that a record which wraps around is still one slice. Here the data
//! is only mapped once, because each mapping counts as resident memory from the beginning: the few
//! records that wrap around are copied. Positions count bytes and never wrap. A record starts on 8 bytes with a header: its length, whose two top
//! bits say "still being written" and "never mind", and a word for the kernel itself.

#![expect(unsafe_code, reason = "memory shared with the kernel programs")]

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::reader::mapping::{Mapping, Protection, page_size};

const HEADER: u64 = 8;
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

/// Consumed space is given back to the producer at the latest after so many bytes, so that a long
/// batch does not starve it; and after a quarter of the ring, where that is less.
const RELEASE_AFTER: u64 = 256 << 10;

/// How often a record that is being written is looked at again before the reader gives up for now.
/// Writing one takes a few dozen nanoseconds.
const BUSY_SPINS: u32 = 64;

/// What lies at the reading position.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head<'a> {
    /// A record.
    Record(&'a [u8]),
    /// A record that is still being written.
    Busy,
    /// Nothing, up to the end that was last looked at.
    Empty,
}

/// One ring and the place up to which it has been read.
pub(crate) struct Ring {
    consumer: Mapping,
    producer: Mapping,
    cpu: u16,
    /// Where the data starts in `producer`, after a page.
    data: usize,
    size: u64,
    /// Where the next record starts.
    position: u64,
    /// What the producer has been told of `position`.
    released: u64,
    /// Up to where this round reads.
    end: u64,
    /// A record that wraps around, in one piece.
    whole: Vec<u8>,
}

impl Ring {
    /// Maps the ring of a BPF map that holds `size` bytes.
    pub(crate) fn map(fd: BorrowedFd<'_>, cpu: u16, size: usize) -> io::Result<Self> {
        let page = page_size();
        let consumer = Mapping::new(fd, 0, page, Protection::ReadWrite)?;
        let producer = Mapping::new(fd, page, page + size, Protection::ReadOnly)?;
        Ok(Self::new(consumer, producer, cpu, size))
    }

    /// `producer` covers the producer's page and `size` bytes of data.
    pub(crate) fn new(consumer: Mapping, producer: Mapping, cpu: u16, size: usize) -> Self {
        assert!(size.is_power_of_two(), "the kernel makes no other rings");
        let mut ring = Self {
            consumer,
            producer,
            cpu,
            data: page_size(),
            size: size as u64,
            position: 0,
            released: 0,
            end: 0,
            whole: Vec::new(),
        };
        ring.position = ring.consumer_position().load(Ordering::Relaxed);
        ring.released = ring.position;
        ring.end = ring.position;
        ring
    }

    pub(crate) fn cpu(&self) -> u16 {
        self.cpu
    }

    /// Where the next record starts; only ever compared.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether the producer has written past the reading position.
    pub(crate) fn has_data(&self) -> bool {
        self.producer_position().load(Ordering::Relaxed) != self.position
    }

    /// Looks where the producer is now: the round reads up to there.
    pub(crate) fn look(&mut self) {
        self.end = self.producer_position().load(Ordering::Acquire);
    }

    /// What lies at the reading position. Steps over discarded records.
    pub(crate) fn head(&mut self) -> Head<'_> {
        loop {
            if self.position >= self.end {
                return Head::Empty;
            }
            let offset = self.position & (self.size - 1);
            let Some(header) = self.settled_header(offset) else {
                return Head::Busy;
            };
            let len = u64::from(header & !(BUSY | DISCARDED));
            if header & DISCARDED != 0 {
                self.position += occupied(len);
                continue;
            }
            return Head::Record(self.record(offset + HEADER, len));
        }
    }

    /// Steps over the record at the reading position, which [`head`](Self::head) has just shown to
    /// be `len` bytes long.
    pub(crate) fn advance(&mut self, len: usize) {
        self.position += occupied(len as u64);
        if self.position - self.released >= RELEASE_AFTER.min(self.size / 4) {
            self.release();
        }
    }

    /// Gives what has been read back to the producer.
    pub(crate) fn release(&mut self) {
        if self.released != self.position {
            // Release: the record's bytes were read before the producer may write over them.
            self.consumer_position()
                .store(self.position, Ordering::Release);
            self.released = self.position;
        }
    }

    /// The header word at `offset`, unless it stays busy.
    fn settled_header(&self, offset: u64) -> Option<u32> {
        let word = self.header(offset);
        for _ in 0..BUSY_SPINS {
            // Acquire: whoever cleared the busy bit wrote the record before.
            let header = word.load(Ordering::Acquire);
            if header & BUSY == 0 {
                return Some(header);
            }
            std::hint::spin_loop();
        }
        None
    }

    fn header(&self, offset: u64) -> &AtomicU32 {
        debug_assert!(offset < self.size && offset.is_multiple_of(8));
        // SAFETY: `offset` is below the size and a multiple of 8, so the word lies aligned inside
        // the data, which starts a page into the mapping. The kernel changes it atomically.
        unsafe {
            &*self
                .producer
                .start()
                .add(self.data + offset as usize)
                .cast::<AtomicU32>()
        }
    }

    /// The bytes of a record that starts at `offset`, which is at most the size.
    fn record(&mut self, offset: u64, len: u64) -> &[u8] {
        // The length comes from the kernel, but what it says must not take us out of the mapping.
        let len = len.min(self.size - HEADER);
        // A header can be the last of the data; then all of its record is at the start.
        let offset = offset & (self.size - 1);
        let before = len.min(self.size - offset);
        if before == len {
            return self.bytes(offset, len);
        }
        let mut whole = std::mem::take(&mut self.whole);
        whole.clear();
        // In steps, so that the longest of common records does not make it grow again and again.
        whole.reserve_exact((len as usize).next_multiple_of(page_size()));
        whole.extend_from_slice(self.bytes(offset, before));
        whole.extend_from_slice(self.bytes(0, len - before));
        self.whole = whole;
        &self.whole
    }

    fn bytes(&self, offset: u64, len: u64) -> &[u8] {
        debug_assert!(offset + len <= self.size);
        // SAFETY: the caller stays below the size, and so inside the mapping. The busy bit was seen
        // cleared (acquire), and the producer does not write there again before `release` gives the
        // bytes back, which needs `&mut self` and so ends this borrow.
        unsafe {
            std::slice::from_raw_parts(
                self.producer.start().add(self.data + offset as usize),
                len as usize,
            )
        }
    }

    fn consumer_position(&self) -> &AtomicU64 {
        // SAFETY: the mapping starts with the aligned word, and both sides use it atomically.
        unsafe { &*self.consumer.start().cast::<AtomicU64>() }
    }

    fn producer_position(&self) -> &AtomicU64 {
        // SAFETY: the mapping starts with the aligned word, which only the kernel writes.
        unsafe { &*self.producer.start().cast::<AtomicU64>() }
    }
}

/// How much of the ring a record of `len` bytes takes.
fn occupied(len: u64) -> u64 {
    (len + HEADER).next_multiple_of(8)
}
