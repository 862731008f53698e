//! All numbers of one moment.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::names::{Description, Unit};

/// The value of a metric.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    U64(u64),
    /// A number.
    F64(f64),
    /// Text; what Prometheus puts into a label.
    Text(String),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::U64(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::F64(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A field of a metrics alert: its name, and its value.
pub type Field = (Cow<'static, str>, Value);

/// All numbers of one moment, in the order in which they were added.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Snapshot {
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sample {
    pub(crate) description: &'static Description,
    pub(crate) labels: Vec<(Cow<'static, str>, String)>,
    pub(crate) value: Value,
}

impl Snapshot {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value, in the unit that Prometheus has it in: bytes, ratios from 0 to 1.
    pub fn add(&mut self, description: &'static Description, value: impl Into<Value>) {
        self.add_labelled(description, Vec::new(), value);
    }

    /// Adds one of several values of the same metric. The first label's value takes the place of `{}`
    /// in the field's name.
    pub fn add_labelled(
        &mut self,
        description: &'static Description,
        labels: Vec<(Cow<'static, str>, String)>,
        value: impl Into<Value>,
    ) {
        self.samples.push(Sample {
            description,
            labels,
            value: value.into(),
        });
    }

    /// The fields of a metrics alert, in the order of their names. `megabytes`: sizes in MB rather
    /// than kB, which their names then say; `empty`: also those that are zero or empty.
    pub fn fields(&self, megabytes: bool, empty: bool) -> Vec<Field> {
        let mut fields: Vec<Field> = self
            .samples
            .iter()
            .filter(|sample| empty || !sample.is_empty())
            .filter_map(|sample| sample.field(megabytes))
            .collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields
    }
}

/// Writes the metrics file: a line of JSON for each snapshot.
#[derive(Debug)]
pub struct SnapshotWriter<W> {
    out: W,
    sample: u64,
}

impl SnapshotWriter<File> {
    /// Appends to a file.
    ///
    /// # Errors
    /// When the file cannot be opened or made.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self::new(file))
    }
}

impl<W: Write> SnapshotWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, sample: 0 }
    }

    /// Writes a line, in one piece, and flushes it.
    ///
    /// # Errors
    /// When writing fails. The number of the line is then the next one's.
    pub fn write(&mut self, fields: &[Field]) -> io::Result<()> {
        let fields: BTreeMap<&str, &Value> = fields
            .iter()
            .map(|(name, value)| (name.as_ref(), value))
            .collect();
        let line = serde_json::json!({"output_fields": fields, "sample": self.sample + 1});
        self.out.write_all(format!("{line}\n").as_bytes())?;
        self.out.flush()?;
        self.sample += 1;
        Ok(())
    }
}

impl Sample {
    fn is_empty(&self) -> bool {
        match &self.value {
            Value::U64(number) => *number == 0,
            Value::F64(number) => *number == 0.0,
            Value::Text(text) => text.is_empty(),
        }
    }

    fn field(&self, megabytes: bool) -> Option<Field> {
        let template = self.description.field?;
        let label = self.labels.first().map_or("", |(_, value)| value.as_str());
        let mut name = if let Some((before, after)) = template.split_once("{}") {
            Cow::Owned(format!("{before}{}{after}", sanitized(label)))
        } else if let Some((before, after)) = template.split_once("{stem}") {
            let stem = label.rsplit_once('.').map_or(label, |(stem, _)| stem);
            Cow::Owned(format!("{before}{}{after}", sanitized(stem)))
        } else {
            Cow::Borrowed(template)
        };
        let value = match (self.description.unit, &self.value) {
            (Unit::Ratio, Value::F64(ratio)) => Value::F64(round_tenth(ratio * 100.0)),
            (Unit::Bytes | Unit::WholeBytes, Value::U64(bytes)) if megabytes => {
                name.to_mut().push_str("_mb");
                Value::F64(round_tenth(*bytes as f64 / 1024.0 / 1024.0))
            }
            (Unit::Bytes, Value::U64(bytes)) => {
                name.to_mut().push_str("_kb");
                Value::U64(bytes / 1024)
            }
            (Unit::WholeBytes, value) => {
                name.to_mut().push_str("_bytes");
                value.clone()
            }
            (_, value) => value.clone(),
        };
        Some((name, value))
    }
}

/// One decimal is as much as percentages and megabytes mean.
fn round_tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// A label as part of a name: letters, digits and underscores.
fn sanitized(label: &str) -> String {
    label
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}
