//! Alerts that are rendered at once, without an [`Alert`] in between.
//!
//! Most of an alert is the same each time its rule matches: names, tags, priority. A [`Stencil`] has
//! that rendered in advance. What differs, the values of fields and the text made of them, is put
//! into a [`Draft`], whose memory is used again for the next. So an alert costs no allocation.

use std::ops::Range;
use std::sync::Arc;

use crate::{Alert, FieldValue, Priority};

/// What is the same in all alerts of a rule. Made by [`Renderer::stencil`](crate::Renderer::stencil)
/// for one format.
#[derive(Clone, Debug)]
pub struct Stencil {
    pub(crate) subject: StencilSubject,
    pub(crate) json: StencilJson,
    /// The number of the field before which the time belongs, unless it is among the fields.
    pub(crate) time_at: Option<usize>,
}

/// What a [`Stencil`] is made of.
#[derive(Clone, Debug)]
pub struct StencilSubject {
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Priority of the rule.
    pub priority: Priority,
    /// `syscall`, or the name of a plugin's source.
    pub source: Arc<str>,
    /// Tags, sorted.
    pub tags: Arc<[String]>,
    /// Name of the machine.
    pub hostname: Arc<str>,
    /// Names of the fields, in order (by bytes), each once.
    pub names: Box<[Box<str>]>,
}

/// Parts of the JSON form.
#[derive(Clone, Default, Debug)]
pub(crate) struct StencilJson {
    /// From the start to the value of `hostname`.
    pub(crate) head: Box<str>,
    /// `"name":` for each field.
    pub(crate) names: Box<[Box<str>]>,
    /// From the end of the fields to the time.
    pub(crate) tail: Box<str>,
}

impl Stencil {
    /// What it was made of.
    pub fn subject(&self) -> &StencilSubject {
        &self.subject
    }
}

/// How the value of a field was written into a [`Draft`].
#[derive(Clone, PartialEq, Debug)]
pub enum DraftValue {
    /// Not at all: it is absent.
    Null,
    /// As text.
    Text,
    /// As a number or a truth value, whose text is also its JSON.
    Plain,
    /// Not at all: here it is.
    Other(FieldValue),
}

/// What differs from alert to alert of a rule. Its memory is used again.
#[derive(Clone, Default, Debug)]
pub struct Draft {
    ts: u64,
    text: String,
    fields: Vec<(DraftValue, Range<usize>)>,
    output: Range<usize>,
}

impl Draft {
    /// An empty draft.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins an alert of this moment, in nanoseconds since the epoch.
    pub fn begin(&mut self, ts: u64) {
        self.ts = ts;
        self.text.clear();
        self.fields.clear();
        self.output = 0..0;
    }

    /// Adds the value of the next field, in the order of the names of the stencil. `write` appends
    /// it to the text and says in which form.
    pub fn add_field(&mut self, write: impl FnOnce(&mut String) -> DraftValue) {
        let start = self.text.len();
        let value = write(&mut self.text);
        self.fields.push((value, start..self.text.len()));
    }

    /// Makes the output, without time and priority. `write` appends it to the text; it may copy the
    /// fields that have been added.
    pub fn set_output(&mut self, write: impl FnOnce(&mut String, &DraftFields<'_>)) {
        let start = self.text.len();
        write(&mut self.text, &DraftFields(&self.fields));
        self.output = start..self.text.len();
    }

    /// When the event happened, in nanoseconds since the epoch.
    pub fn ts(&self) -> u64 {
        self.ts
    }

    /// The output, without time and priority.
    pub fn output(&self) -> &str {
        &self.text[self.output.clone()]
    }

    /// The fields, in the order of the names of the stencil: the form and, where it has one, the
    /// text.
    pub fn fields(&self) -> impl Iterator<Item = (&DraftValue, &str)> {
        self.fields
            .iter()
            .map(|(value, range)| (value, &self.text[range.clone()]))
    }

    /// The alert by itself, for those who keep it.
    pub fn to_alert(&self, stencil: &Stencil) -> Alert {
        let subject = &stencil.subject;
        let fields = subject.names.iter().zip(self.fields());
        let fields = fields.map(|(name, (value, text))| {
            let value = match value {
                DraftValue::Null => FieldValue::Null,
                DraftValue::Text => FieldValue::String(text.to_owned()),
                DraftValue::Other(value) => value.clone(),
                DraftValue::Plain => match text {
                    "true" => FieldValue::Bool(true),
                    "false" => FieldValue::Bool(false),
                    _ => match text.parse() {
                        Ok(number) => FieldValue::U64(number),
                        Err(_) => text.parse().map_or(FieldValue::Null, FieldValue::I64),
                    },
                },
            };
            (name.to_string().into(), value)
        });
        Alert {
            ts: self.ts,
            rule: Arc::clone(&subject.rule),
            priority: subject.priority,
            source: Arc::clone(&subject.source),
            output: self.output().to_owned(),
            fields: fields.collect(),
            tags: Some(Arc::clone(&subject.tags)),
            hostname: Arc::clone(&subject.hostname),
        }
    }
}

/// The fields that have been added to a [`Draft`].
#[derive(Debug)]
pub struct DraftFields<'a>(&'a [(DraftValue, Range<usize>)]);

impl DraftFields<'_> {
    /// Appends the text of a field once more, or `absent`. False when it has none.
    pub fn copy(&self, field: usize, text: &mut String, absent: &str) -> bool {
        match self.0.get(field) {
            Some((DraftValue::Null, _)) => text.push_str(absent),
            Some((DraftValue::Text | DraftValue::Plain, range)) => {
                text.extend_from_within(range.clone());
            }
            Some((DraftValue::Other(_), _)) | None => return false,
        }
        true
    }
}
