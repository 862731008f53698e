//! What happens to an event, wherever it comes from: state, rules, alerts, recording.

use std::sync::Arc;

use alert::{Alert, Deduplicate, Deduplicator};
use event::EventView;
use event::render::BufferFormat;
use field::{EventContext, Occurrence, Scratch, Surroundings};
use output::{AlertWriter, Outputs};
use rules::{Correlator, Matcher, Ruleset, is_for_rules};
use state::State;

use crate::alerts::{correlated, send};
use crate::drafts::Drafts;
use crate::recorder::Recorder;

/// Events of the machine are of this source.
pub(crate) const SOURCE: &str = "syscall";

/// Alerts are handed out at the latest after so many events.
const FLUSH_AFTER: u64 = 4096;

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
    correlator: Option<Correlator<Alert>>,
    deduplicator: Option<Deduplicator>,
    /// Must be [flushed](Self::flush) whenever there is a pause.
    writer: AlertWriter,
    drafts: Drafts,
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
        let hostname = hostname.into();
        Some(Self {
            state,
            writer: outputs.writer(),
            drafts: Drafts::new(&hostname),
            outputs,
            hostname,
            handled: Handled::default(),
            recorder: None,
            correlator: Correlator::new(Arc::clone(&ruleset)),
            deduplicator: None,
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
    /// What `correlate` items have under way is forgotten.
    pub(crate) fn replace_rules(&mut self, ruleset: Ruleset) {
        let ruleset = Arc::new(ruleset);
        if let Some(matcher) = Matcher::new(Arc::clone(&ruleset), SOURCE) {
            self.correlator = Correlator::new(Arc::clone(&ruleset));
            self.ruleset = ruleset;
            self.matcher = matcher;
            self.drafts.clear();
        }
    }

    /// Sends equal alerts once per window from now on.
    pub(crate) fn deduplicate(&mut self, settings: Deduplicate) {
        self.deduplicator = Some(Deduplicator::new(settings));
    }

    /// What `correlate` items have under way, if the rules have any.
    pub(crate) fn correlator(&self) -> Option<&Correlator<Alert>> {
        self.correlator.as_ref()
    }

    /// What was done with equal alerts, if that was asked for.
    pub(crate) fn deduplicator(&self) -> Option<&Deduplicator> {
        self.deduplicator.as_ref()
    }

    /// Lets time pass up to `now`, ns since the epoch, before which all events have been taken:
    /// what should have followed by then and did not is said, and so is how often equal alerts
    /// came.
    pub(crate) fn pass_time(&mut self, now: u64) {
        let Self {
            outputs,
            handled,
            correlator,
            deduplicator,
            writer,
            ..
        } = self;
        if let Some(correlator) = correlator
            && correlator.is_due(now)
        {
            correlator.advance(now, &mut |at, mut alert| {
                alert.ts = at;
                handled.matches += 1;
                send(outputs, writer, deduplicator.as_mut(), at, alert);
            });
        }
        if let Some(deduplicator) = deduplicator {
            deduplicator.advance(now, &mut |alert| {
                if outputs.admit(now) {
                    writer.add_alert(&alert);
                }
            });
        }
    }

    /// Hands out the alerts that were made. To be called whenever there is a pause.
    pub(crate) fn flush(&mut self) {
        self.writer.flush();
    }

    /// Forgets what is known of the machine, because other events of another time begin.
    pub(crate) fn begin_again(&mut self, state: State) {
        self.state = state;
        if let Some(correlator) = &mut self.correlator {
            correlator.clear();
        }
    }

    /// Sends what was counted of equal alerts, at the end.
    pub(crate) fn finish(&mut self) {
        let (outputs, writer, now) = (&self.outputs, &mut self.writer, self.previous_ts);
        if let Some(deduplicator) = &mut self.deduplicator {
            deduplicator.finish(&mut |alert| {
                if outputs.admit(now) {
                    writer.add_alert(&alert);
                }
            });
        }
        writer.finish();
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
        self.pass_time(ts);
        let subject = self.state.apply(&event);
        if with_rules && is_for_rules(event.info()) {
            let Self {
                state,
                outputs,
                writer,
                drafts,
                hostname,
                handled,
                ruleset,
                matcher,
                correlator,
                deduplicator,
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
                    if deduplicator.is_some() {
                        let alert = drafts.alert(rule, source, context, evaluator, writer);
                        send(outputs, writer, deduplicator.as_mut(), ts, alert);
                    } else if outputs.admit(ts) {
                        drafts.write(rule, source, context, evaluator, writer);
                    }
                },
            );
            handled.matches += found as u64;
            if let Some(correlator) = correlator {
                let event_type = event.event_type();
                matcher.steps(&mut context, event_type, &mut |id, context, evaluator| {
                    let Some(item) = ruleset.correlations().get(id.correlation as usize) else {
                        return;
                    };
                    let alert = correlator.observe(id, ts, context, &mut |facts, context| {
                        correlated(item, facts, source, context, evaluator, ts, hostname)
                    });
                    if let Some(alert) = alert {
                        handled.matches += 1;
                        send(outputs, writer, deduplicator.as_mut(), ts, alert);
                    }
                });
            }
        }
        self.previous_ts = ts;
        // A ring can be long, and a replay has no pause at all.
        if self.handled.events.is_multiple_of(FLUSH_AFTER) {
            self.writer.flush();
        }
    }
}
