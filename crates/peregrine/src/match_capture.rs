//! `capture`: a recording of what follows a match.
//!
//! One recording at a time. A match of a rule that asks for one starts it; from then on a match of
//! any rule moves its end. The file begins with the state at that moment and the event that
//! matched, so that it can be replayed on its own.

use std::borrow::Cow;
use std::sync::Arc;

use alert::{Alert, FieldValue, Priority};
use capture::{EventDumpFlags, MachineInfo};
use config::{CaptureConfig, CaptureMode};
use event::{EventType as T, EventView};
use output::Outputs;
use rules::Rule;
use state::State;

use crate::picture::{Before, Directories, Picture};
use crate::recorder::Recorder;

const MIB: u64 = 1 << 20;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// What became of the recordings so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Counters {
    /// Recordings that were started.
    pub(crate) started: u64,
    /// Recordings that are complete.
    pub(crate) completed: u64,
    /// Recordings that could not be started, or broke off.
    pub(crate) failed: u64,
    /// Recordings that ended at a limit and not at their time.
    pub(crate) cut_short: u64,
    /// Matches that asked for a recording when `max_files` had been made.
    pub(crate) refused: u64,
    /// Events in recordings.
    pub(crate) events: u64,
    /// Events that belong into a recording and could not be written.
    pub(crate) lost: u64,
    /// Bytes in complete recordings.
    pub(crate) bytes: u64,
}

/// Starts, fills and ends recordings.
pub(crate) struct MatchCapture {
    config: CaptureConfig,
    recording: Option<Recording>,
    counters: Counters,
    before: Before,
}

struct Recording {
    recorder: Recorder,
    /// Time of the last event that belongs to it, ns since the epoch.
    deadline: u64,
}

/// What the rules that an event matched ask for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// Whether a recording is to be started if there is none.
    start: bool,
    /// How long from now, ns.
    duration: u64,
    /// How many rules matched.
    matches: u32,
}

/// An event and where it happened.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) cpu: u16,
    pub(crate) flags: EventDumpFlags,
    pub(crate) record: &'a [u8],
    pub(crate) ts: u64,
    pub(crate) number: u64,
}

impl MatchCapture {
    pub(crate) fn new(config: CaptureConfig) -> Self {
        Self {
            config,
            recording: None,
            counters: Counters::default(),
            before: Before::default(),
        }
    }

    /// What became of the recordings so far, the present one included.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.counters;
        if let Some(recording) = &self.recording {
            counters.events += recording.recorder.events;
            counters.lost += recording.recorder.lost;
        }
        counters
    }

    /// Keeps what an event is about to change for good, in case it starts a recording. To be called
    /// with every event before state takes it over.
    pub(crate) fn before(&mut self, event: &EventView<'_>, state: &State) {
        if self.recording.is_some() {
            return;
        }
        self.before.directories = None;
        self.before.enter.clear();
        match event.event_type() {
            T::SYSCALL_CHDIR_X | T::SYSCALL_CHROOT_X => {
                let thread = state.thread(event.tid());
                self.before.directories = thread.map(|thread| Directories {
                    pid: thread.pid,
                    cwd: Arc::clone(&thread.cwd),
                    root: Arc::clone(&thread.root),
                });
            }
            T::SYSCALL_OPEN_X
            | T::SYSCALL_CREAT_X
            | T::SYSCALL_OPENAT_2_X
            | T::SYSCALL_OPENAT2_X
            | T::SOCKET_CONNECT_X => {
                if let Some(enter) = state.waiting_enter(event.tid()) {
                    self.before.enter.extend_from_slice(enter);
                }
            }
            _ => {}
        }
    }

    /// Adds what a rule that matched asks for.
    pub(crate) fn add(&self, wanted: &mut Wanted, rule: &Rule) {
        let millis = match rule.capture_duration() {
            0 => u64::try_from(self.config.default_duration.as_millis()).unwrap_or(u64::MAX),
            millis => millis,
        };
        wanted.matches += 1;
        wanted.duration = wanted.duration.max(millis.saturating_mul(NANOS_PER_MILLI));
        wanted.start |= match self.config.mode {
            CaptureMode::AllRules => true,
            CaptureMode::Rules => rule.capture().is_some(),
        };
    }

    /// Takes an event that state and rules have seen: into the recording that is under way, or
    /// into a new one if the rules ask for it.
    pub(crate) fn take(
        &mut self,
        moment: &Moment<'_>,
        wanted: Wanted,
        machine: &MachineInfo,
        state: &State,
        say: &dyn Fn(Alert),
        hostname: &Arc<str>,
    ) {
        self.expire(moment.ts, machine, state);
        if self.recording.is_none() {
            if !wanted.start {
                return;
            }
            self.start(moment);
        }
        let before = Some(&self.before);
        let picture = Picture {
            machine,
            state,
            before,
        };
        let Some(recording) = &mut self.recording else {
            return;
        };
        if wanted.matches > 0 {
            let until = moment.ts.saturating_add(wanted.duration);
            recording.deadline = recording.deadline.max(until);
        }
        let recorder = &mut recording.recorder;
        recorder.event(moment.cpu, moment.flags, moment.record, &picture);
        let (bytes, events) = (recorder.written(), recorder.events);
        let (max_mb, max_events) = (self.config.max_file_size_mb, self.config.max_file_events);
        if recorder.has_failed() {
            self.end(machine, state);
        } else if max_mb > 0 && bytes >= max_mb.saturating_mul(MIB) {
            let fields = [("max_file_size_mb", max_mb), ("written_bytes", bytes)];
            self.cut("size", &fields, moment.ts, say, hostname);
            self.end(machine, state);
        } else if max_events > 0 && events >= max_events {
            let fields = [("max_file_events", max_events), ("written_events", events)];
            self.cut("event", &fields, moment.ts, say, hostname);
            self.end(machine, state);
        }
    }

    /// Ends the recording if its time is over at `now`, ns since the epoch.
    pub(crate) fn expire(&mut self, now: u64, machine: &MachineInfo, state: &State) {
        let recording = self.recording.as_ref();
        if recording.is_some_and(|recording| now > recording.deadline) {
            self.end(machine, state);
        }
    }

    /// Ends the recording if there is one.
    pub(crate) fn end(&mut self, machine: &MachineInfo, state: &State) {
        let Some(Recording { recorder, .. }) = self.recording.take() else {
            return;
        };
        self.counters.events += recorder.events;
        self.counters.lost += recorder.lost;
        let path = recorder.path().to_owned();
        let events = recorder.events;
        let picture = Picture {
            machine,
            state,
            before: None,
        };
        match recorder.finish(&picture) {
            Ok(written) => {
                self.counters.completed += 1;
                self.counters.bytes += written.bytes;
                tracing::info!("Recorded {events} events into {}", path.display());
            }
            Err(err) => {
                self.counters.failed += 1;
                tracing::error!("A recording of a match was lost: {err:#}");
            }
        }
    }

    fn start(&mut self, moment: &Moment<'_>) {
        if self.config.max_files > 0 && self.counters.started >= self.config.max_files {
            if self.counters.refused == 0 {
                tracing::warn!(
                    "{} recordings of matches were made, and no more will be \
                     (`capture.max_files`)",
                    self.counters.started
                );
            }
            self.counters.refused += 1;
            return;
        }
        let path = format!(
            "{}_{:020}_{:020}.scap",
            self.config.path_prefix, moment.ts, moment.number
        );
        match Recorder::create_private(path.as_ref()) {
            Ok(recorder) => {
                self.counters.started += 1;
                self.recording = Some(Recording {
                    recorder,
                    deadline: 0,
                });
            }
            Err(err) => {
                // A folder that is not there would be said at every match.
                if self.counters.failed == 0 {
                    tracing::error!("A match cannot be recorded: {err:#}");
                }
                self.counters.failed += 1;
                self.counters.lost += 1;
            }
        }
    }

    /// Says that a recording ends before its time.
    fn cut(
        &mut self,
        what: &str,
        fields: &[(&'static str, u64)],
        ts: u64,
        say: &dyn Fn(Alert),
        hostname: &Arc<str>,
    ) {
        self.counters.cut_short += 1;
        let rule = format!("Falco internal: capture {what} limit reached");
        let path = self.recording.as_ref().map(|now| now.recorder.path());
        let path = path.map(|path| path.display().to_string());
        let message = format!("{rule}. The recording {} ends.", path.unwrap_or_default());
        let fields = fields
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), FieldValue::U64(*value)))
            .collect();
        say(Alert::internal(
            ts,
            rule,
            Priority::Informational,
            message,
            fields,
            Arc::clone(hostname),
        ));
    }
}

/// Logs what could not be recorded.
pub(crate) fn log(counters: &Counters) {
    let Counters {
        started,
        completed,
        failed,
        cut_short,
        refused,
        events,
        lost,
        bytes,
    } = counters;
    if *started > 0 {
        tracing::info!(
            "{completed} of {started} recordings of matches are complete: {events} events, {bytes} \
             bytes; {cut_short} ended at a limit"
        );
    }
    if *failed > 0 || *lost > 0 {
        tracing::error!(
            "{failed} recordings of matches failed, {lost} events are missing in recordings"
        );
    }
    if *refused > 0 {
        tracing::warn!("{refused} matches were not recorded because of `capture.max_files`");
    }
}

/// Sends a message of the engine about itself.
pub(crate) fn say(outputs: &Outputs) -> impl Fn(Alert) + '_ {
    |alert| {
        outputs.send(alert);
    }
}
