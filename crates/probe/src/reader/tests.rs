//! The reader against rings that this test writes itself, laid out as the kernel lays them out.

#![expect(unsafe_code, reason = "plays the kernel's part in shared memory")]

use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use proptest::prelude::*;

use super::mapping::{Mapping, Protection, page_size};
use super::merge::Merger;
use super::ring::Ring;

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

/// The kernel's side of a ring in a memfd.
struct Producer {
    consumer: Mapping,
    memory: Mapping,
    size: u64,
    position: u64,
}

impl Producer {
    /// A ring of `size` bytes, and the reader's side of it.
    fn new(cpu: u16, size: usize) -> (Self, Ring) {
        let page = page_size();
        // SAFETY: the name is NUL-terminated, and a new descriptor has no other owner.
        let fd = unsafe { OwnedFd::from_raw_fd(libc::memfd_create(c"ring".as_ptr(), 0)) };
        std::fs::File::from(fd.try_clone().unwrap())
            .set_len((2 * page + size) as u64)
            .unwrap();
        let consumer = || Mapping::new(fd.as_fd(), 0, page, Protection::ReadWrite).unwrap();
        let once = Mapping::new(fd.as_fd(), page, page + size, Protection::ReadOnly).unwrap();
        let ring = Ring::new(consumer(), once, cpu, size);
        let producer = Self {
            consumer: consumer(),
            memory: twice_mapped(&fd, size),
            size: size as u64,
            position: 0,
        };
        (producer, ring)
    }

    /// Writes a record and its header, as far as there is room; `flags` are the header's top bits.
    /// Hands back where its header is.
    fn write(&mut self, record: &[u8], flags: u32) -> Option<usize> {
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

    fn header(&self, at: usize) -> &AtomicU32 {
        // SAFETY: headers are 8-byte aligned inside the data.
        unsafe {
            &*self
                .memory
                .start()
                .add(page_size() + at)
                .cast::<AtomicU32>()
        }
    }

    fn event(&mut self, time: u64, tag: u64, padding: usize) -> bool {
        self.write(&event(time, tag, padding), 0).is_some()
    }
}

/// A record that starts with a time, as events do.
fn event(time: u64, tag: u64, padding: usize) -> Vec<u8> {
    let mut record = time.to_le_bytes().to_vec();
    record.extend(tag.to_le_bytes());
    record.resize(16 + padding, 0xaa);
    record
}

/// The producer's page and, twice in a row, the data.
fn twice_mapped(fd: &OwnedFd, size: usize) -> Mapping {
    use std::os::fd::AsRawFd;
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
        assert_ne!(start, libc::MAP_FAILED);
        start
    };
    let start = map(std::ptr::null_mut(), len, 0, 0);
    map(start, page + size, page, libc::MAP_FIXED);
    // SAFETY: inside the reservation.
    let second = unsafe { start.byte_add(page + size) };
    map(second, size, 2 * page, libc::MAP_FIXED);
    // SAFETY: the whole range was mapped above and belongs to nobody else.
    unsafe { Mapping::from_raw(NonNull::new(start.cast()).unwrap(), len) }
}

/// Everything that a drain hands out, as (cpu, time, tag).
fn drain(merger: &mut Merger, rings: &mut [Ring], limit: u64, now: u64) -> Vec<(u16, u64, u64)> {
    let mut out = Vec::new();
    let count = merger.drain(rings, limit, now, |cpu, record| {
        let word = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().unwrap());
        out.push((cpu, word(0), word(8)));
    });
    assert_eq!(count, out.len());
    out
}

fn times(drained: &[(u16, u64, u64)]) -> Vec<u64> {
    drained.iter().map(|&(_, time, _)| time).collect()
}

#[test]
fn rings_are_merged_by_time() {
    let (mut first, ring_1) = Producer::new(0, 8192);
    let (mut second, ring_2) = Producer::new(5, 8192);
    let mut rings = [ring_1, ring_2];
    for time in [1, 4, 5, 9] {
        assert!(first.event(time, 0, 0));
    }
    for time in [2, 3, 7] {
        assert!(second.event(time, 0, 3));
    }
    let drained = drain(&mut Merger::default(), &mut rings, 100, 0);
    assert_eq!(times(&drained), [1, 2, 3, 4, 5, 7, 9]);
    assert_eq!(drained[1].0, 5);
}

#[test]
fn what_is_too_new_waits() {
    let (mut producer, ring) = Producer::new(0, 8192);
    let mut rings = [ring];
    let mut merger = Merger::default();
    for time in [10, 20, 30] {
        producer.event(time, 0, 0);
    }
    assert_eq!(times(&drain(&mut merger, &mut rings, 20, 0)), [10, 20]);
    assert!(rings[0].has_data());
    assert_eq!(times(&drain(&mut merger, &mut rings, 20, 0)), []);
    assert_eq!(times(&drain(&mut merger, &mut rings, 30, 0)), [30]);
    assert!(!rings[0].has_data());
}

#[test]
fn a_record_over_the_edge_is_whole() {
    let (mut producer, ring) = Producer::new(0, 4096);
    let mut rings = [ring];
    let mut merger = Merger::default();
    // 1000 bytes and a header do not divide the ring, so the fifth record wraps around.
    for round in 0..50 {
        let mut record = event(round, round, 984);
        record[16..].fill(round as u8);
        assert!(
            producer.write(&record, 0).is_some(),
            "space of round {round} was given back"
        );
        let mut seen = 0;
        merger.drain(&mut rings, u64::MAX, 0, |_, bytes| {
            assert_eq!(bytes, record);
            seen += 1;
        });
        assert_eq!(seen, 1);
    }
}

#[test]
fn discarded_records_are_stepped_over() {
    let (mut producer, ring) = Producer::new(0, 4096);
    let mut rings = [ring];
    producer.write(&event(1, 0, 0), DISCARDED);
    producer.event(2, 0, 0);
    producer.write(&event(3, 0, 100), DISCARDED);
    producer.write(&event(4, 0, 1), DISCARDED);
    let mut merger = Merger::default();
    assert_eq!(times(&drain(&mut merger, &mut rings, 100, 0)), [2]);
    assert!(!rings[0].has_data());
}

#[test]
fn nothing_overtakes_an_unfinished_record_until_patience_ends() {
    let (mut slow, ring_1) = Producer::new(0, 4096);
    let (mut fast, ring_2) = Producer::new(1, 4096);
    let mut rings = [ring_1, ring_2];
    let mut merger = Merger::default();
    slow.event(1, 0, 0);
    let unfinished = slow.write(&event(5, 0, 0), BUSY).unwrap();
    slow.event(8, 0, 0);
    fast.event(2, 0, 0);
    fast.event(6, 0, 0);
    // 1 is out; then the ring of CPU 0 is stuck, and 2 might be newer than what it holds.
    assert_eq!(times(&drain(&mut merger, &mut rings, 100, 1_000)), [1]);
    assert_eq!(times(&drain(&mut merger, &mut rings, 100, 2_000_000)), []);
    slow.header(unfinished).fetch_and(!BUSY, Ordering::Release);
    assert_eq!(
        times(&drain(&mut merger, &mut rings, 100, 2_000_500)),
        [2, 5, 6, 8]
    );

    slow.write(&event(9, 0, 0), BUSY);
    fast.event(10, 0, 0);
    assert_eq!(times(&drain(&mut merger, &mut rings, 100, 3_000_000)), []);
    assert_eq!(times(&drain(&mut merger, &mut rings, 100, 6_000_000)), [10]);
}

#[test]
fn space_comes_back_during_a_long_batch() {
    let (mut producer, ring) = Producer::new(0, 8192);
    let mut rings = [ring];
    let mut written = 0;
    while producer.event(written, 0, 0) {
        written += 1;
    }
    // What is written during the drain lies beyond its end and comes with the next one.
    let mut merger = Merger::default();
    let mut during = 0;
    let count = merger.drain(&mut rings, u64::MAX, 0, |_, _| {
        during += u64::from(producer.event(written + during, 0, 0));
    });
    assert_eq!(count as u64, written);
    assert!(
        during > written / 2,
        "only {during} fitted while {written} were drained"
    );
    assert_eq!(
        drain(&mut merger, &mut rings, u64::MAX, 0).len() as u64,
        during
    );
}

#[test]
fn a_record_too_short_for_a_time_is_handed_out_all_the_same() {
    let (mut producer, ring) = Producer::new(0, 4096);
    producer.write(&[1, 2, 3], 0);
    let mut lengths = Vec::new();
    Merger::default().drain(&mut [ring], 100, 0, |_, record| lengths.push(record.len()));
    assert_eq!(lengths, [3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the rings hold and whenever the reader comes by: every record comes out once, in
    /// the order of its ring, and never before an older one that was in another ring by then.
    #[test]
    fn merging_keeps_every_order(
        steps in prop::collection::vec(
            (0..6usize, 0..4u64, 0..200usize, any::<bool>(), 0..8u64), 1..400,
        ),
    ) {
        let (mut producers, mut rings): (Vec<_>, Vec<_>) =
            (0..6).map(|cpu| Producer::new(cpu, 4096)).unzip();
        let mut merger = Merger::default();
        let mut now = 0;
        let mut written = Vec::new();
        let mut drained = Vec::new();
        for (tag, (cpu, later, padding, discard, drain_now)) in steps.into_iter().enumerate() {
            now += later;
            let tag = tag as u64;
            let record = event(now, tag, padding);
            if producers[cpu].write(&record, if discard { DISCARDED } else { 0 }).is_some()
                && !discard
            {
                written.push((cpu as u16, now, tag));
            }
            if drain_now == 0 {
                // Up to a little before now, as the live reader does.
                drained.extend(drain(&mut merger, &mut rings, now.saturating_sub(2), 0));
            }
        }
        drained.extend(drain(&mut merger, &mut rings, u64::MAX, 0));
        prop_assert!(times(&drained).is_sorted());
        let by_tag = |mut list: Vec<(u16, u64, u64)>| {
            list.sort_by_key(|&(_, _, tag)| tag);
            list
        };
        for cpu in 0..6 {
            let of_cpu: Vec<_> = drained.iter().filter(|&&(c, ..)| c == cpu).collect();
            prop_assert!(of_cpu.is_sorted_by_key(|&&(_, _, tag)| tag));
        }
        prop_assert_eq!(by_tag(drained), by_tag(written));
    }
}
