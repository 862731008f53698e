//! What it costs to look at a record, and to find a parameter in it.

use benches::{PID, clone, exec, open};
use divan::Bencher;
use event::EventView;

fn main() {
    divan::main();
}

#[divan::bench(args = ["open", "clone", "exec"])]
fn parse(bencher: Bencher, kind: &str) {
    let record = match kind {
        "open" => open(PID, "/home/anna/notes.txt"),
        "clone" => clone(60, PID, 1),
        _ => exec(PID, 60),
    };
    bencher.bench(|| EventView::parse(divan::black_box(&record)).map(|view| view.param_count()));
}

#[divan::bench]
fn parameter(bencher: Bencher) {
    let record = open(PID, "/home/anna/notes.txt");
    let Ok(view) = EventView::parse(&record) else {
        panic!("a record of the benches cannot be read");
    };
    bencher.bench(|| (view.i64(0), divan::black_box(&view).str(2)));
}
