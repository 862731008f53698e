//! Rings in memory, laid out as the kernel lays them out, for tests and benches: what they write
//! takes the same way to the engine as what the kernel writes.

#![expect(unsafe_code, reason = "plays the kernel's part in shared memory")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::mapping::{Mapping, Protection, page_size};
use super::merge::Merger;
use super::ring::Ring;

/// The kernel's side of a ring in a memfd.
pub(crate) struct Producer {
    consumer: Mapping,
    memory: Mapping,
    size: u64,
    position: u64,
}

impl Producer {
    /// A ring of `size` bytes, a power of two, and the reader's side of it.
    pub(crate) fn new(cpu: u16, size: usize) -> io::Result<(Self, Ring)> {
        let page = page_size();
        // SAFETY: the name is NUL-terminated.
        let fd = unsafe { libc::memfd_create(c"ring".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor has no other owner.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        File::from(fd.try_clone()?).set_len((2 * page + size) as u64)?;
        let consumer = || Mapping::new(fd.as_fd(), 0, page, Protection::ReadWrite);
        let once = Mapping::new(fd.as_fd(), page, page + size, Protection::ReadOnly)?;
        let ring = Ring::new(consumer()?, once, cpu, size);
        let producer = Self {
            consumer: consumer()?,
            memory: twice_mapped(&fd, size)?,
            size: size as u64,
            position: 0,
        };
        Ok((producer, ring))
    }

    /// Writes a record and its header, as far as there is room; `flags` are the header's top bits.
    /// Hands back where its header is.
    pub(crate) fn write(&mut self, record: &[u8], flags: u32) -> Option<usize> {
        let total = (record.len() as u64 + 8).next_multiple_of(8);
        // SAFETY: the page starts with this word.
        let consumed = unsafe { &*self.consumer.start().cast::<AtomicU64>() };
        if self.position + total - consumed.load(Ordering::Acquire) > self.size {
            return None;
        }
        let at = (self.position & (self.size - 1)) as usize;
        // SAFETY: `at` is below the size and the data is mapped twice, so the record fits.
        unsafe {
            let to = self.memory.start().add(page_size() + at + 8);
            std::ptr::copy_nonoverlapping(record.as_ptr(), to, record.len());
        }
        self.header(at)
            .store(record.len() as u32 | flags, Ordering::Release);
        self.position += total;
        // SAFETY: the page starts with this word.
        let produced = unsafe { &*self.memory.start().cast::<AtomicU64>() };
        produced.store(self.position, Ordering::Release);
        Some(at)
    }

    /// The header word at an offset that [`write`](Self::write) has handed back.
    pub(crate) fn header(&self, at: usize) -> &AtomicU32 {
        // SAFETY: headers are 8-byte aligned inside the data.
        unsafe {
            &*self
                .memory
                .start()
                .add(page_size() + at)
                .cast::<AtomicU32>()
        }
    }
}

/// The producer's page and, twice in a row, the data.
fn twice_mapped(fd: &OwnedFd, size: usize) -> io::Result<Mapping> {
    let page = page_size();
    let len = page + 2 * size;
    let map = |at: *mut libc::c_void, len, offset: usize, fixed| {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | fixed;
        // SAFETY: fixed mappings go into the reservation made first.
        let start = unsafe {
            libc::mmap(
                at,
                len,
                access,
                flags,
                fd.as_raw_fd(),
                offset as libc::off_t,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(start)
    };
    let start = map(std::ptr::null_mut(), len, 0, 0)?;
    let whole = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at null"))?;
    // SAFETY: the whole range was mapped above and belongs to nobody else.
    let whole = unsafe { Mapping::from_raw(whole, len) };
    map(start, page + size, page, libc::MAP_FIXED)?;
    // SAFETY: inside the reservation.
    let second = unsafe { start.byte_add(page + size) };
    map(second, size, 2 * page, libc::MAP_FIXED)?;
    Ok(whole)
}

/// The rings of some CPUs, with both of their sides.
pub struct Rings {
    producers: Vec<Producer>,
    rings: Vec<Ring>,
    merger: Merger,
}

impl Rings {
    /// A ring of `size` bytes, a power of two and at least a page, for each of `cpus` CPUs.
    ///
    /// # Errors
    ///
    /// When the memory cannot be had.
    pub fn new(cpus: usize, size: usize) -> io::Result<Self> {
        let all = (0..cpus).map(|cpu| Producer::new(cpu as u16, size));
        let (producers, rings) = all.collect::<io::Result<Vec<_>>>()?.into_iter().unzip();
        Ok(Self {
            producers,
            rings,
            merger: Merger::default(),
        })
    }

    /// Writes a record, which starts with its time, into the ring of a CPU. False when there is no
    /// room, or no such CPU.
    pub fn write(&mut self, cpu: usize, record: &[u8]) -> bool {
        let producer = self.producers.get_mut(cpu);
        producer.is_some_and(|producer| producer.write(record, 0).is_some())
    }

    /// As [`Reader::drain`](crate::Reader::drain), up to the time `limit`.
    pub fn drain(&mut self, limit: u64, each: impl FnMut(u16, &[u8])) -> usize {
        self.merger.drain(&mut self.rings, limit, 0, each)
    }
}
