//! What it costs to merge the rings of many CPUs into one stream.

use divan::Bencher;
use divan::counter::ItemsCount;
use probe::memory::Rings;

fn main() {
    divan::main();
}

const RECORDS: usize = 4096;

/// `turn`: so many records in a row come from one CPU.
fn merge(bencher: Bencher, cpus: usize, turn: usize) {
    let mut rings = Rings::new(cpus, 1 << 20).expect("memory can be mapped");
    let mut record = [0_u8; 96];
    let mut time = 0_u64;
    bencher
        .counter(ItemsCount::new(RECORDS))
        .with_inputs(|| ())
        .bench_local_values(|()| {
            for n in 0..RECORDS {
                time += 1;
                record[..8].copy_from_slice(&time.to_le_bytes());
                rings.write(n / turn % cpus, &record);
            }
            rings.drain(u64::MAX, |_, record| {
                divan::black_box(record);
            })
        });
}

/// Every record comes from another CPU than the one before. Writing it is part of the cost.
#[divan::bench(args = [1, 2, 8, 64, 256])]
fn in_turns(bencher: Bencher, cpus: usize) {
    merge(bencher, cpus, 1);
}

/// One CPU goes on for a while, as they do.
#[divan::bench(args = [1, 2, 8, 64, 256])]
fn in_bursts(bencher: Bencher, cpus: usize) {
    merge(bencher, cpus, 16);
}
