//! The reader against rings that this test writes itself, laid out as the kernel lays them out.

use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::memory::Producer;
use super::merge::{COMPARISONS, Merger};
use super::ring::Ring;

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

fn ring(cpu: u16, size: usize) -> (Producer, Ring) {
    Producer::new(cpu, size).unwrap()
}

/// Writes an event, as far as there is room.
fn put(producer: &mut Producer, time: u64, tag: u64, padding: usize) -> bool {
    producer.write(&event(time, tag, padding), 0).is_some()
}

/// A record that starts with a time, as events do.
fn event(time: u64, tag: u64, padding: usize) -> Vec<u8> {
    let mut record = time.to_le_bytes().to_vec();
    record.extend(tag.to_le_bytes());
    record.resize(16 + padding, 0xaa);
    record
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
    let (mut first, ring_1) = ring(0, 8192);
    let (mut second, ring_2) = ring(5, 8192);
    let mut rings = [ring_1, ring_2];
    for time in [1, 4, 5, 9] {
        assert!(put(&mut first, time, 0, 0));
    }
    for time in [2, 3, 7] {
        assert!(put(&mut second, time, 0, 3));
    }
    let drained = drain(&mut Merger::default(), &mut rings, 100, 0);
    assert_eq!(times(&drained), [1, 2, 3, 4, 5, 7, 9]);
    assert_eq!(drained[1].0, 5);
}

#[test]
fn what_is_too_new_waits() {
    let (mut producer, ring) = ring(0, 8192);
    let mut rings = [ring];
    let mut merger = Merger::default();
    for time in [10, 20, 30] {
        put(&mut producer, time, 0, 0);
    }
    assert_eq!(times(&drain(&mut merger, &mut rings, 20, 0)), [10, 20]);
    assert!(rings[0].has_data());
    assert_eq!(times(&drain(&mut merger, &mut rings, 20, 0)), []);
    assert_eq!(times(&drain(&mut merger, &mut rings, 30, 0)), [30]);
    assert!(!rings[0].has_data());
}

#[test]
fn a_record_over_the_edge_is_whole() {
    let (mut producer, ring) = ring(0, 4096);
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
    let (mut producer, ring) = ring(0, 4096);
    let mut rings = [ring];
    producer.write(&event(1, 0, 0), DISCARDED);
    put(&mut producer, 2, 0, 0);
    producer.write(&event(3, 0, 100), DISCARDED);
    producer.write(&event(4, 0, 1), DISCARDED);
    let mut merger = Merger::default();
    assert_eq!(times(&drain(&mut merger, &mut rings, 100, 0)), [2]);
    assert!(!rings[0].has_data());
}

#[test]
fn nothing_overtakes_an_unfinished_record_until_patience_ends() {
    let (mut slow, ring_1) = ring(0, 4096);
    let (mut fast, ring_2) = ring(1, 4096);
    let mut rings = [ring_1, ring_2];
    let mut merger = Merger::default();
    put(&mut slow, 1, 0, 0);
    let unfinished = slow.write(&event(5, 0, 0), BUSY).unwrap();
    put(&mut slow, 8, 0, 0);
    put(&mut fast, 2, 0, 0);
    put(&mut fast, 6, 0, 0);
    // 1 is out; then the ring of CPU 0 is stuck, and 2 might be newer than what it holds.
    assert_eq!(times(&drain(&mut merger, &mut rings, 100, 1_000)), [1]);
    assert_eq!(times(&drain(&mut merger, &mut rings, 100, 2_000_000)), []);
    slow.header(unfinished).fetch_and(!BUSY, Ordering::Release);
    assert_eq!(
        times(&drain(&mut merger, &mut rings, 100, 2_000_500)),
        [2, 5, 6, 8]
    );

    slow.write(&event(9, 0, 0), BUSY);
    put(&mut fast, 10, 0, 0);
    assert_eq!(times(&drain(&mut merger, &mut rings, 100, 3_000_000)), []);
    assert_eq!(times(&drain(&mut merger, &mut rings, 100, 6_000_000)), [10]);
}

#[test]
fn space_comes_back_during_a_long_batch() {
    let (mut producer, ring) = ring(0, 8192);
    let mut rings = [ring];
    let mut written = 0;
    while put(&mut producer, written, 0, 0) {
        written += 1;
    }
    // What is written during the drain lies beyond its end and comes with the next one.
    let mut merger = Merger::default();
    let mut during = 0;
    let count = merger.drain(&mut rings, u64::MAX, 0, |_, _| {
        during += u64::from(put(&mut producer, written + during, 0, 0));
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
    let (mut producer, ring) = ring(0, 4096);
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
            (0..6).map(|cpu| ring(cpu, 4096)).unzip();
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

/// Merges records that come from `cpus` CPUs, `turn` in a row from each, and counts how many times
/// of records were compared for each record.
fn comparisons_per_record(cpus: u16, turn: u64) -> f64 {
    const RECORDS: u64 = 8192;
    let (mut producers, mut rings): (Vec<_>, Vec<_>) =
        (0..cpus).map(|cpu| ring(cpu, 1 << 19)).unzip();
    for time in 0..RECORDS {
        let cpu = (time / turn) as usize % producers.len();
        assert!(put(&mut producers[cpu], time, 0, 0));
    }
    let before = COMPARISONS.get();
    let drained = drain(&mut Merger::default(), &mut rings, u64::MAX, 0);
    assert!(times(&drained).into_iter().eq(0..RECORDS));
    (COMPARISONS.get() - before) as f64 / RECORDS as f64
}

/// Counted, not timed: the cost of a record must not grow with the number of CPUs, only with its
/// logarithm, and hardly at all while one CPU goes on.
#[test]
fn merging_many_rings_costs_few_comparisons() {
    for cpus in [1, 2, 4, 16, 64, 256] {
        let levels = f64::from(cpus).log2();
        // To put a head in its place takes two comparisons a level down, one a level up, and the
        // first look at each ring one more.
        let in_turns = comparisons_per_record(cpus, 1);
        assert!(
            in_turns <= 2.0 * levels + 1.0,
            "{cpus} CPUs in turns: {in_turns} comparisons a record"
        );
        let in_bursts = comparisons_per_record(cpus, 32);
        let bound = 2.0 + (2.0 * levels + 1.0) / 32.0;
        assert!(
            in_bursts <= bound,
            "{cpus} CPUs in bursts: {in_bursts} comparisons a record, not {bound}"
        );
    }
}
