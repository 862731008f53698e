//! What happens to an event, wherever it comes from: state, rules, alerts, recording.

use std::borrow::Cow;
use std::sync::Arc;

use alert::{Alert, FieldValue};
use condition::Evaluator;
use event::EventView;
use event::render::BufferFormat;
use field::{EventContext, Occurrence, OutputValue, Scratch, Surroundings};
use output::Outputs;
use rules::{Matcher, Rule, Ruleset, SourceRules, is_for_rules};
use state::State;

use crate::recorder::Recorder;

/// Events of the machine are of this source.
pub(crate) const SOURCE: &str = "syscall";

/// What was done with events so far.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Handled {
    /// Events that came in.
    pub(crate) events: u64,
    /// Records that could not be read; a mistake of the writer.
    pub(crate) malformed: u64,
    /// Matches of rules.
    pub(crate) matches: u64,
}

/// State, rules and outputs, fed one event after another.
pub(crate) struct Engine {
    pub(crate) state: State,
    pub(crate) outputs: Outputs,
    pub(crate) hostname: Arc<str>,
    pub(crate) handled: Handled,
    recorder: Option<Recorder>,
    ruleset: Arc<Ruleset>,
    matcher: Matcher,
    surroundings: Surroundings,
    scratch: Scratch,
    first_ts: u64,
    previous_ts: u64,
}

impl Engine {
    /// `ruleset` must have been loaded for the source of system calls.
    pub(crate) fn new(
        state: State,
        ruleset: Ruleset,
        outputs: Outputs,
        hostname: &str,
        buffers: BufferFormat,
    ) -> Option<Self> {
        let ruleset = Arc::new(ruleset);
        let matcher = Matcher::new(Arc::clone(&ruleset), SOURCE)?;
        let mut surroundings = Surroundings::new(hostname);
        surroundings.zone = jiff::tz::TimeZone::system();
        surroundings.buffers = buffers;
        Some(Self {
            state,
            outputs,
            hostname: hostname.into(),
            handled: Handled::default(),
            recorder: None,
            ruleset,
            matcher,
            surroundings,
            scratch: Scratch::new(),
            first_ts: 0,
            previous_ts: 0,
        })
    }

    /// The rules.
    pub(crate) fn ruleset(&self) -> &Ruleset {
        &self.ruleset
    }

    /// Takes other rules, from the next event on. Without rules for system calls nothing changes.
    pub(crate) fn replace_rules(&mut self, ruleset: Ruleset) {
        let ruleset = Arc::new(ruleset);
        if let Some(matcher) = Matcher::new(Arc::clone(&ruleset), SOURCE) {
            self.ruleset = ruleset;
            self.matcher = matcher;
        }
    }

    /// Records from now on. State must have been seeded: the recording starts with it.
    pub(crate) fn record_into(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Ends the recording, if there is one.
    pub(crate) fn end_recording(&mut self) -> Option<Recorder> {
        self.recorder.take()
    }

    /// Takes one event: state first, then the rules, which alert.
    pub(crate) fn handle(&mut self, cpu: u16, record: &[u8]) {
        self.take(cpu, record, true);
    }

    /// Takes one event for its effect on state only.
    pub(crate) fn handle_for_state(&mut self, cpu: u16, record: &[u8]) {
        self.take(cpu, record, false);
    }

    fn take(&mut self, cpu: u16, record: &[u8], with_rules: bool) {
        let event = match EventView::parse(record) {
            Ok(event) => event,
            Err(err) => {
                if self.handled.malformed == 0 {
                    tracing::error!("A record cannot be read and is left out: {err}");
                }
                self.handled.malformed += 1;
                return;
            }
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.event(cpu, record);
        }
        self.handled.events += 1;
        let ts = event.ts();
        if self.first_ts == 0 {
            (self.first_ts, self.previous_ts) = (ts, ts);
        }
        let subject = self.state.apply(&event);
        if with_rules && is_for_rules(event.info()) {
            let Self {
                state,
                outputs,
                hostname,
                handled,
                ruleset,
                matcher,
                surroundings,
                scratch,
                ..
            } = self;
            let Some(source) = ruleset.sources().first() else {
                return;
            };
            let now = Occurrence {
                event: &event,
                number: handled.events,
                cpu: Some(cpu),
                first_ts: self.first_ts,
                previous_ts: self.previous_ts,
                state,
                subject,
                surroundings,
            };
            let mut context = EventContext::new(source.fields(), now, scratch);
            let found = matcher.matches(
                &mut context,
                event.event_type(),
                &mut |rule, context, evaluator| {
                    if outputs.admit(ts) {
                        outputs.send(make_alert(rule, source, context, evaluator, ts, hostname));
                    }
                },
            );
            handled.matches += found as u64;
        }
        self.previous_ts = ts;
    }
}

fn make_alert(
    rule: &Rule,
    source: &SourceRules,
    context: &mut EventContext<'_>,
    evaluator: &mut Evaluator,
    ts: u64,
    hostname: &Arc<str>,
) -> Alert {
    let mut output = String::with_capacity(256);
    rule.output().render(context, evaluator, &mut output);
    let mut fields: Vec<(Cow<'static, str>, FieldValue)> =
        Vec::with_capacity(rule.output().fields().len() + rule.extra_fields().len());
    rule.output().output_fields(context, |name, value| {
        fields.push((Cow::Owned(name.to_owned()), field_value(value)));
    });
    for extra in rule.extra_fields() {
        let value = match extra.template.fields() {
            [field] if extra.typed => field_value(context.output_value(*field)),
            _ => {
                let mut text = String::new();
                extra.template.render(context, evaluator, &mut text);
                FieldValue::String(text)
            }
        };
        fields.push((Cow::Owned(extra.name.clone()), value));
    }
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields.dedup_by(|later, first| later.0 == first.0);
    Alert {
        ts,
        rule: Arc::clone(rule.name()),
        priority: rule.priority(),
        source: Arc::clone(source.name()),
        output,
        fields,
        tags: Some(Arc::clone(rule.tags())),
        hostname: Arc::clone(hostname),
    }
}

fn field_value(value: OutputValue) -> FieldValue {
    match value {
        OutputValue::Null => FieldValue::Null,
        OutputValue::String(text) => FieldValue::String(text),
        OutputValue::U64(number) => FieldValue::U64(number),
        OutputValue::I64(number) => FieldValue::I64(number),
        OutputValue::F64(number) => FieldValue::F64(number),
        OutputValue::Bool(truth) => FieldValue::Bool(truth),
        OutputValue::List(items) => FieldValue::List(items.into_iter().map(field_value).collect()),
    }
}
