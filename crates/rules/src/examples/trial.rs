//! Events of an example through state and rules.

use std::sync::Arc;

use event::{Encoder, EventView};
use field::{EventContext, Occurrence, OutputValue, Scratch, Surroundings};
use state::{Limits, State};

use super::{Written, process};
use crate::matcher::{Matcher, is_for_rules};
use crate::ruleset::Ruleset;

/// The time of the first event; any will do.
const NOW: u64 = 1_700_000_000_000_000_000;

/// Between two events, ns.
const STEP: u64 = 1_000_000;

/// An alert that was raised.
#[derive(Clone, PartialEq, Debug)]
pub struct Raised {
    /// The number of its event, from 1.
    pub event: u64,
    /// Its rule.
    pub rule: Arc<str>,
    /// The text.
    pub output: String,
    /// The fields of the output, as text.
    pub fields: Vec<(String, String)>,
}

/// A state and a matcher that nobody else uses.
pub struct Trial {
    /// What is known before the next event: captures are put in here.
    pub state: State,
    /// The alerts so far.
    pub raised: Vec<Raised>,
    matcher: Matcher,
    surroundings: Surroundings,
    scratch: Scratch,
    number: u64,
    first_ts: u64,
    previous_ts: u64,
}

impl Trial {
    /// An empty state before some rules, which should have been loaded with
    /// [`Matching::All`](crate::Matching::All) so that each is tried by itself. `None` when there
    /// are none for system calls.
    pub fn new(ruleset: &Arc<Ruleset>) -> Option<Self> {
        Some(Self {
            state: State::new(Limits::default()),
            raised: Vec::new(),
            matcher: Matcher::new(Arc::clone(ruleset), "syscall")?,
            surroundings: Surroundings::new("localhost"),
            scratch: Scratch::new(),
            number: 0,
            first_ts: 0,
            previous_ts: 0,
        })
    }

    /// Puts the processes of an example into the state, then sends its events.
    pub fn run(&mut self, written: &Written) {
        process::seed_init(&mut self.state, NOW);
        for process in &written.processes {
            process.seed(&mut self.state, NOW);
        }
        let mut encoder = Encoder::new();
        for (number, step) in (1..).zip(&written.steps) {
            encoder.begin(step.event_type, NOW + number * STEP, step.tid);
            for param in &step.params {
                encoder.bytes(param);
            }
            // Parameters of the table fit it; one that is too long is as good as unreadable.
            if let Ok(record) = encoder.finish() {
                self.record(record, true);
            }
        }
    }

    /// Takes a record. Without `with_rules`, only state sees it. One that cannot be read is left
    /// out.
    pub fn record(&mut self, record: &[u8], with_rules: bool) {
        let Ok(event) = EventView::parse(record) else {
            return;
        };
        self.number += 1;
        let ts = event.ts();
        if self.first_ts == 0 {
            (self.first_ts, self.previous_ts) = (ts, ts);
        }
        let subject = self.state.apply(&event);
        if with_rules && is_for_rules(event.info()) {
            let ruleset = Arc::clone(self.matcher.ruleset());
            let Some(source) = ruleset.sources().first() else {
                return;
            };
            let now = Occurrence {
                event: &event,
                number: self.number,
                cpu: None,
                first_ts: self.first_ts,
                previous_ts: self.previous_ts,
                state: &self.state,
                subject,
                surroundings: &self.surroundings,
            };
            let mut context = EventContext::new(source.fields(), now, &mut self.scratch);
            let (raised, number) = (&mut self.raised, self.number);
            self.matcher.matches(
                &mut context,
                event.event_type(),
                &mut |rule, context, evaluator| {
                    let mut output = String::new();
                    rule.output().render(context, evaluator, &mut output);
                    let mut fields = Vec::new();
                    rule.output().output_fields(context, |name, value| {
                        fields.push((name.to_owned(), text(&value)));
                    });
                    raised.push(Raised {
                        event: number,
                        rule: Arc::clone(rule.name()),
                        output,
                        fields,
                    });
                },
            );
        }
        self.previous_ts = ts;
    }
}

fn text(value: &OutputValue) -> String {
    match value {
        OutputValue::Null => "<NA>".to_owned(),
        OutputValue::String(text) => text.clone(),
        OutputValue::U64(number) => number.to_string(),
        OutputValue::I64(number) => number.to_string(),
        OutputValue::F64(number) => number.to_string(),
        OutputValue::Bool(truth) => truth.to_string(),
        OutputValue::List(items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            items.join(",")
        }
    }
}
