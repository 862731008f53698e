//! An alert, its text and JSON forms, and the token bucket.
//!
//! An alert is what a rule says about an event: who, when, how bad, and the fields the rule's output
//! names. It is made once, on the thread that reads events, and then only read. This crate does no
//! I/O: it turns alerts into lines, and somebody else carries the lines away.
//!
//! Lines are compatible with Falco 0.44 byte for byte where a consumer can tell the difference:
//!
//! * text: `12:34:56.000000001: Notice something happened (user=root)`
//! * JSON: one compact object with its keys in alphabetical order; the prefix `<time>: <Priority> `
//!   is part of `output` and not of `message`; `time` is UTC whatever the options say.
//!
//! JSON is written straight into a buffer that the caller reuses. A tree of values between an alert
//! and its line would cost more than everything else the engine does for that alert.
//!
//! Where alerts come by the hundred thousand there is not even an [`Alert`]: a [`Draft`] goes straight
//! from the fields of an event into the line.
//!
//! [`Renderer`] keeps the text of the current second, so a busy second converts its time once.

mod bucket;
mod clock;
mod deduplicate;
mod draft;
mod format;
mod json;
mod priority;
mod render;
mod value;

use std::borrow::Cow;
use std::sync::Arc;

pub use bucket::TokenBucket;
pub use deduplicate::{Deduplicate, DeduplicateCounters, Deduplicator};
pub use draft::{Draft, DraftFields, DraftValue, Stencil, StencilSubject};
pub use format::{Format, TimeFormat};
pub use priority::{ParsePriorityError, Priority};
pub use render::Renderer;
pub use value::FieldValue;

/// Event source of the engine's own messages.
pub const INTERNAL_SOURCE: &str = "internal";

/// One alert, as every sink gets it.
#[derive(Clone, PartialEq, Debug)]
pub struct Alert {
    /// When the event happened, in nanoseconds since the epoch.
    pub ts: u64,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Priority of the rule.
    pub priority: Priority,
    /// `syscall`, the name of a plugin's source, or `internal`.
    pub source: Arc<str>,
    /// The formatted output, without time and priority.
    pub output: String,
    /// Fields by name, in the order of their names (by bytes), each name once. The time of the event
    /// need not be among them: the forms add it.
    pub fields: Vec<(Cow<'static, str>, FieldValue)>,
    /// Tags, sorted; `None` for internal messages.
    pub tags: Option<Arc<[String]>>,
    /// Name of the machine.
    pub hostname: Arc<str>,
}

impl Alert {
    /// A message of the engine about itself: source `internal`, no tags. The fields are put in order.
    pub fn internal(
        ts: u64,
        rule: impl Into<Arc<str>>,
        priority: Priority,
        message: impl Into<String>,
        mut fields: Vec<(Cow<'static, str>, FieldValue)>,
        hostname: Arc<str>,
    ) -> Self {
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields.dedup_by(|later, first| later.0 == first.0);
        Self {
            ts,
            rule: rule.into(),
            priority,
            source: INTERNAL_SOURCE.into(),
            output: message.into(),
            fields,
            tags: None,
            hostname,
        }
    }

    /// Whether this is a message of the engine about itself rather than a rule that matched.
    pub fn is_internal(&self) -> bool {
        self.tags.is_none()
    }

    /// Roughly how many bytes of memory the alert takes, for queues that are bounded by bytes.
    /// Strings shared with other alerts (rule, source, host, tags) are not counted.
    pub fn memory(&self) -> usize {
        let fields: usize = self
            .fields
            .iter()
            .map(|(name, value)| {
                let owned = if let Cow::Owned(name) = name {
                    name.capacity()
                } else {
                    0
                };
                size_of::<(Cow<'static, str>, FieldValue)>() + owned + value.heap()
            })
            .sum();
        size_of::<Self>() + self.output.capacity() + fields
    }
}
