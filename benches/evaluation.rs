//! What it costs to find out which of many rules an event breaks: none.

use std::sync::Arc;

use benches::{PID, close, exec, machine, open, ruleset, surrounded};
use divan::Bencher;
use divan::counter::ItemsCount;
use event::EventView;
use field::{EventContext, Scratch, Surroundings};
use rules::Matcher;

fn main() {
    divan::main();
}

const RULES: [usize; 4] = [1, 25, 100, 1000];

#[divan::bench(args = RULES)]
fn open_and_close(bencher: Bencher, rules: usize) {
    evaluate(
        bencher,
        rules,
        &[open(PID, "/home/anna/notes.txt"), close(PID)],
    );
}

#[divan::bench(args = RULES)]
fn start(bencher: Bencher, rules: usize) {
    evaluate(bencher, rules, &[exec(PID, 60)]);
}

/// Evaluates events against so many rules, again and again; state has seen each before the first.
fn evaluate(bencher: Bencher, rules: usize, records: &[Vec<u8>]) {
    let ruleset = Arc::new(ruleset(rules));
    let mut matcher = Matcher::new(Arc::clone(&ruleset), "syscall").expect("there are rules");
    let source = &ruleset.sources()[0];
    let (surroundings, mut scratch) = (Surroundings::new("host"), Scratch::new());
    let mut state = machine();
    let events: Vec<_> = records
        .iter()
        .map(|record| {
            let event = EventView::parse(record).expect("benches write good records");
            let subject = state.apply(&event);
            (event, subject)
        })
        .collect();
    bencher
        .counter(ItemsCount::new(events.len()))
        .bench_local(|| {
            for (event, subject) in &events {
                let now = surrounded(event, &state, *subject, &surroundings);
                let mut context = EventContext::new(source.fields(), now, &mut scratch);
                divan::black_box(matcher.matches(
                    &mut context,
                    event.event_type(),
                    &mut |_, _, _| {},
                ));
            }
        });
}
