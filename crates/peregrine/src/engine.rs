//! What happens to an event, wherever it comes from: state, rules, alerts, recording.

use std::sync::Arc;

use alert::{Alert, Deduplicate, Deduplicator};
use anyhow::Result;
use capture::{EventDumpFlags, MachineInfo};
use event::EventView;
use event::render::BufferFormat;
use field::{EventContext, Occurrence, Scratch, Surroundings};
use output::{AlertWriter, Outputs};
use rules::{Correlator, Matcher, Ruleset, is_for_rules};
use state::State;

use crate::activity::{self, Activity};
use crate::alerts::{correlated, send};
use crate::drafts::Drafts;
use crate::match_capture::{self, MatchCapture, Moment, Wanted};
use crate::picture::Picture;
use crate::recorder::{Recorder, this_machine};
use crate::top::Report;

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
    /// What captures say of the machine that the events come from.
    pub(crate) machine: MachineInfo,
    recorder: Option<Recorder>,
    match_capture: Option<MatchCapture>,
    ruleset: Arc<Ruleset>,
    matcher: Matcher,
    correlator: Option<Correlator<Alert>>,
    deduplicator: Option<Deduplicator>,
    /// Must be [flushed](Self::flush) whenever there is a pause.
    writer: AlertWriter,
    drafts: Drafts,
    activity: Activity,
    surroundings: Surroundings,
    scratch: Scratch,
    noted_drops: u64,
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
        let machine = this_machine(hostname);
        let hostname: Arc<str> = hostname.into();
        Some(Self {
            state,
            writer: outputs.writer(),
            drafts: Drafts::new(&hostname),
            activity: Activity::new(),
            outputs,
            hostname,
            handled: Handled::default(),
            machine,
            recorder: None,
            match_capture: None,
            correlator: Correlator::new(Arc::clone(&ruleset)),
            deduplicator: None,
            ruleset,
            matcher,
            surroundings,
            scratch: Scratch::new(),
            noted_drops: 0,
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

    /// Takes what the source of events has lost so far: when that has grown by `now`, ns since the
    /// epoch, what is known is looked at again.
    pub(crate) fn note_drops(&mut self, drops: u64, now: u64) {
        if drops > self.noted_drops {
            self.noted_drops = drops;
            self.state.note_gap(now);
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
        if let Some(captures) = &mut self.match_capture {
            captures.expire(now, &self.machine, &self.state);
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

    /// What it was busy with so far, as far as this side of the source of events knows.
    pub(crate) fn report(&self) -> Report {
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            events: self.handled.events,
            matches: self.handled.matches,
            alerts_dropped: self.outputs.counters().queue_drops(),
            rules: activity::rules(&self.matcher, &self.ruleset),
            syscalls: self.activity.syscalls(),
            processes: self.activity.processes(),
            ..Report::default()
        }
    }

    /// Forgets what is known of the machine, because other events of another time begin.
    pub(crate) fn begin_again(&mut self, state: State) {
        if let Some(captures) = &mut self.match_capture {
            captures.end(&self.machine, &self.state);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.begin_again();
        }
        self.state = state;
        if let Some(correlator) = &mut self.correlator {
            correlator.clear();
        }
    }

    /// Sends what was counted of equal alerts, and ends the recording of a match, at the end.
    pub(crate) fn finish(&mut self) {
        if let Some(captures) = &mut self.match_capture {
            captures.end(&self.machine, &self.state);
        }
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

    /// Records every event from now on. The recording starts with the state at the first of them.
    pub(crate) fn record_into(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Ends the recording, if there is one.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    pub(crate) fn end_recording(&mut self) -> Result<()> {
        let Some(recorder) = self.recorder.take() else {
            return Ok(());
        };
        let picture = Picture {
            machine: &self.machine,
            state: &self.state,
            before: None,
        };
        recorder.finish(&picture).map(drop)
    }

    /// Records what follows matches from now on.
    pub(crate) fn capture_matches(&mut self, captures: MatchCapture) {
        self.match_capture = Some(captures);
    }

    /// What became of the recordings of matches, if that was asked for.
    pub(crate) fn match_captures(&self) -> Option<match_capture::Counters> {
        self.match_capture.as_ref().map(MatchCapture::counters)
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
        let flags = if with_rules {
            EventDumpFlags::default()
        } else {
            EventDumpFlags::STATE_ONLY
        };
        if let Some(recorder) = &mut self.recorder {
            let picture = Picture {
                machine: &self.machine,
                state: &self.state,
                before: None,
            };
            recorder.event(cpu, flags, record, &picture);
        }
        if let Some(captures) = &mut self.match_capture {
            captures.before(&event, &self.state);
        }
        self.handled.events += 1;
        let mut wanted = Wanted::default();
        let ts = event.ts();
        if self.first_ts == 0 {
            (self.first_ts, self.previous_ts) = (ts, ts);
        }
        let timed = self.activity.begin(event.event_type());
        if timed.is_some() {
            self.matcher.time_next(activity::clock);
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
                match_capture,
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
                    if let Some(captures) = match_capture {
                        captures.add(&mut wanted, rule);
                    }
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
        if let Some(captures) = &mut self.match_capture {
            let moment = Moment {
                cpu,
                flags,
                record,
                ts,
                number: self.handled.events,
            };
            let say = match_capture::say(&self.outputs);
            captures.take(
                &moment,
                wanted,
                &self.machine,
                &self.state,
                &say,
                &self.hostname,
            );
        }
        self.previous_ts = ts;
        if let Some(began) = timed {
            let (event_type, tid) = (event.event_type(), event.tid());
            self.activity.end(began, event_type, tid, &self.state);
        }
        // A ring can be long, and a replay has no pause at all.
        if self.handled.events.is_multiple_of(FLUSH_AFTER) {
            self.writer.flush();
        }
    }
}
