//! An alert, its text and JSON forms, and the token bucket.

use std::borrow::Cow;
use std::sync::Arc;

/// How bad it is, most severe first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Priority {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Informational,
    Debug,
}

/// A typed value of an output field.
#[derive(Clone, PartialEq, Debug)]
pub enum FieldValue {
    /// Absent.
    Null,
    /// Text.
    String(String),
    /// Unsigned number.
    U64(u64),
    /// Signed number.
    I64(i64),
    /// Floating-point number.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// A list.
    List(Vec<FieldValue>),
}

/// One alert, as every sink gets it.
#[derive(Clone, PartialEq, Debug)]
pub struct Alert {
    /// Nanoseconds since the epoch.
    pub ts: u64,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Priority of the rule.
    pub priority: Priority,
    /// `syscall`, the name of a plugin's source, or `internal`.
    pub source: Arc<str>,
    /// The formatted output, without time and priority.
    pub output: String,
    /// Fields by name, in the order of their names.
    pub fields: Vec<(Cow<'static, str>, FieldValue)>,
    /// Tags, sorted; `None` for internal messages.
    pub tags: Option<Arc<[String]>>,
    /// Name of the machine.
    pub hostname: Arc<str>,
}
