//! What extractors see: one event, and the state around it.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use condition::Value;
use container::ContainerId;
use event::render::BufferFormat;
use event::{EventFlags, EventView, Origin};
use jiff::tz::TimeZone;
use state::{Descriptor, State, Subject, Thread};

use crate::metadata::{ContainerInfo, ContainerMetadata};

/// What is the same in all events of a source.
#[derive(Clone)]
pub struct Surroundings {
    /// Name of the event source (`evt.source`).
    pub source: Box<str>,
    /// Name of the plugin that the events come from, if they do (`evt.pluginname`).
    pub plugin: Option<Box<str>>,
    /// Name of the machine (`evt.hostname`).
    pub hostname: Box<str>,
    /// What local times are local to.
    pub zone: TimeZone,
    /// How data that was read or written is shown.
    pub buffers: BufferFormat,
    /// What is known about containers beyond their ids, if anything is.
    pub containers: Option<Arc<dyn ContainerMetadata>>,
}

impl Surroundings {
    /// The system calls of a machine with this name; times in UTC, no metadata.
    pub fn new(hostname: &str) -> Self {
        Self {
            source: "syscall".into(),
            plugin: None,
            hostname: hostname.into(),
            zone: TimeZone::UTC,
            buffers: BufferFormat::Printable,
            containers: None,
        }
    }
}

/// One event, with all that its fields are made from. State must have seen it already.
#[derive(Clone, Copy)]
pub struct Occurrence<'a> {
    /// The event.
    pub event: &'a EventView<'a>,
    /// Its number, from 1.
    pub number: u64,
    /// The CPU that it happened on, if known.
    pub cpu: Option<u16>,
    /// Time of the first event, in nanoseconds since the epoch (`evt.reltime`).
    pub first_ts: u64,
    /// Time of the event before, in nanoseconds since the epoch (`evt.deltatime`).
    pub previous_ts: u64,
    /// The state.
    pub state: &'a State,
    /// What [`State::apply`] said of the event.
    pub subject: Subject,
    /// What is the same in all events.
    pub surroundings: &'a Surroundings,
}

/// An [`Occurrence`] with the look-ups that most fields start from.
pub(crate) struct View<'a> {
    pub(crate) now: Occurrence<'a>,
    pub(crate) event: &'a EventView<'a>,
    pub(crate) state: &'a State,
    thread: OnceCell<Option<&'a Thread>>,
    descriptor: OnceCell<Option<&'a Descriptor>>,
    container: OnceCell<Option<Arc<ContainerInfo>>>,
    /// Where paths are put together.
    pub(crate) paths: &'a Cell<Vec<u8>>,
    /// How often `util.cnt` was looked at.
    pub(crate) looks: &'a Cell<u64>,
}

impl<'a> View<'a> {
    pub(crate) fn new(now: Occurrence<'a>, paths: &'a Cell<Vec<u8>>, looks: &'a Cell<u64>) -> Self {
        Self {
            now,
            event: now.event,
            state: now.state,
            thread: OnceCell::new(),
            descriptor: OnceCell::new(),
            container: OnceCell::new(),
            paths,
            looks,
        }
    }

    /// The thread that caused the event.
    pub(crate) fn thread(&self) -> Option<&'a Thread> {
        *self
            .thread
            .get_or_init(|| self.state.thread(self.now.subject.tid))
    }

    /// The main thread of its process.
    pub(crate) fn main(&self) -> Option<&'a Thread> {
        self.state.main_thread(self.thread()?)
    }

    /// The descriptor that the event is about.
    pub(crate) fn descriptor(&self) -> Option<&'a Descriptor> {
        *self.descriptor.get_or_init(|| {
            self.state
                .descriptor(self.thread()?, self.now.subject.fd.filter(|fd| *fd >= 0)?)
        })
    }

    /// The container that the thread runs in.
    pub(crate) fn container_id(&self) -> Option<ContainerId> {
        Some(self.state.container(self.thread()?)?.0)
    }

    /// What a runtime said of the container.
    pub(crate) fn container(&self) -> Option<&ContainerInfo> {
        self.container
            .get_or_init(|| {
                self.now
                    .surroundings
                    .containers
                    .as_ref()?
                    .container(&self.container_id()?)
            })
            .as_deref()
    }

    /// Whether the event has one of these flags.
    pub(crate) fn has(&self, flags: EventFlags) -> bool {
        self.event.info().flags.intersects(flags)
    }

    /// The result of a call, on events that end one and say how.
    pub(crate) fn result(&self) -> Option<i64> {
        let info = self.event.info();
        let ends_call = info.origin == Some(Origin::Syscall)
            && info.event_type.is_exit()
            && info.event_type != event::EventType::GENERIC_X;
        if ends_call { self.event.i64(0) } else { None }
    }
}

/// What an extractor found.
pub(crate) enum Extracted<'a> {
    /// Nothing.
    Absent,
    /// A value that lies in the event or in state, or that costs nothing to make.
    Value(Value<'a>),
    /// Text, which is now in the buffer that the extractor was given.
    Written,
}

impl<'a> Extracted<'a> {
    pub(crate) fn bytes(bytes: &'a [u8]) -> Self {
        Self::Value(Value::Bytes(bytes))
    }

    pub(crate) fn text(text: &'a str) -> Self {
        Self::bytes(text.as_bytes())
    }

    pub(crate) fn bool(value: bool) -> Self {
        Self::Value(Value::Bool(value))
    }

    pub(crate) fn u64(value: u64) -> Self {
        Self::Value(Value::U64(value))
    }

    pub(crate) fn i64(value: i64) -> Self {
        Self::Value(Value::I64(value))
    }

    /// Text that was written, or nothing was there to write.
    pub(crate) fn written(written: bool) -> Self {
        if written { Self::Written } else { Self::Absent }
    }

    /// Nothing, or what `make` makes of the value.
    pub(crate) fn of<T>(value: Option<T>, make: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Absent, make)
    }
}
