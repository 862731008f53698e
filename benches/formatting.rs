//! What it costs to make a line of a match: the fields, the text, the JSON, and its way into a batch.

// The engine is a program, not a library; what it makes of a match is taken from it as it is.
#[expect(dead_code, reason = "the engine also does other things with alerts")]
#[path = "../crates/peregrine/src/alerts.rs"]
mod alerts;
#[expect(dead_code, reason = "as above")]
#[path = "../crates/peregrine/src/drafts.rs"]
mod drafts;

use std::sync::Arc;

use alert::Format;
use benches::{PID, machine, open, ruleset, surrounded};
use condition::Evaluator;
use divan::Bencher;
use event::EventView;
use field::{EventContext, Scratch, Surroundings};
use output::{FileConfig, Outputs, OutputsConfig};

fn main() {
    divan::main();
}

#[divan::bench(args = ["text", "json"])]
fn line(bencher: Bencher, form: &str) {
    let config = OutputsConfig {
        format: Format {
            json: form == "json",
            ..Format::default()
        },
        file: Some(FileConfig {
            path: "/dev/null".into(),
            keep_alive: true,
        }),
        ..OutputsConfig::default()
    };
    let outputs = Outputs::start(&config).expect("/dev/null can be written");
    let ruleset = Arc::new(ruleset(1));
    let (rule, source) = (&ruleset.rules()[0], &ruleset.sources()[0]);
    let mut evaluator = Evaluator::new(Arc::clone(source.pool()));
    let (surroundings, mut scratch) = (Surroundings::new("host"), Scratch::new());
    let mut state = machine();
    let record = open(PID, "/home/anna/notes.txt");
    let event = EventView::parse(&record).expect("benches write good records");
    let subject = state.apply(&event);
    let mut drafts = drafts::Drafts::new(&"host".into());
    let mut writer = outputs.writer();
    bencher.bench_local(|| {
        let now = surrounded(&event, &state, subject, &surroundings);
        let mut context = EventContext::new(source.fields(), now, &mut scratch);
        drafts.write(rule, source, &mut context, &mut evaluator, &mut writer);
    });
    writer.finish();
    outputs.stop(std::time::Duration::from_secs(5));
}
