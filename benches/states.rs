//! What it costs to follow what programs do.

use benches::{PID, clone, close, exec, exit, machine, open, read};
use divan::Bencher;
use divan::counter::ItemsCount;
use event::EventView;

fn main() {
    divan::main();
}

/// Events that end where they began, so that they can be repeated for ever.
fn turn(kind: &str) -> Vec<Vec<u8>> {
    let child = 5000;
    match kind {
        "open, close" => vec![open(PID, "/home/anna/notes.txt"), close(PID)],
        "relative" => vec![open(PID, "../anna/./notes.txt"), close(PID)],
        "read" => vec![read(PID)],
        _ => vec![
            clone(PID, child, 60),
            clone(child, 0, PID),
            exec(child, PID),
            open(child, "/lib/libc.so.6"),
            close(child),
            exit(child, 1),
        ],
    }
}

#[divan::bench(args = ["open, close", "relative", "read", "fork, exec, exit"])]
fn apply(bencher: Bencher, kind: &str) {
    let (mut state, records) = (machine(), turn(kind));
    bencher
        .counter(ItemsCount::new(records.len()))
        .bench_local(|| {
            for record in &records {
                if let Ok(event) = EventView::parse(record) {
                    divan::black_box(state.apply(&event));
                }
            }
        });
}
