//! YAML as a tree whose every node knows its place.
//!
//! Rules files are not deserialised into types: a message about a condition must point into the
//! middle of a folded scalar, unknown keys and duplicate keys are warnings that name their place,
//! and one broken item must not hide the errors of the next. So the tree is built from the
//! parser's events, and read by hand.

mod build;
mod scalar;

use std::rc::Rc;

pub(crate) use build::parse;

use crate::source::Span;
use crate::text::Text;

/// A node and the bytes that it was written with.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// Text with its mapping to the source; numbers and booleans are text as well.
    Scalar { text: Text, plain: bool },
    /// A sequence.
    Sequence(Vec<Rc<Node>>),
    /// A mapping, merge keys resolved.
    Mapping(Vec<Entry>),
}

/// A key of a mapping and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Rc<Node>,
    pub(crate) value: Rc<Node>,
}

impl Node {
    /// The text of a scalar.
    pub(crate) fn scalar(&self) -> Option<&Text> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// What messages call it.
    pub(crate) fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Scalar { .. } => "a scalar",
            Kind::Sequence(_) => "a sequence",
            Kind::Mapping(_) => "a mapping",
        }
    }
}
