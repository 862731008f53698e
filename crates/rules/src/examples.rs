//! Rules with examples beside them: what a rule is for, written so that a machine can try it.
//!
//! An example names a rule, a few events, and what should come of them. The events are records as
//! the probe writes them, made from names and values of the event table; the processes that they
//! come from are put into a state of their own. From there on they go the way of live events: state,
//! fields, rules. So an example fails when the rule is wrong, and also when the engine is.
//!
//! Examples stand in files of their own, so that a rules file stays what Falco can load. The way of
//! a file:
//!
//! 1. [`read()`]: text → [`Example`]s and problems with their places, with the `process` and
//!    `params` modules for what an event is made of;
//! 2. [`Trial`]: a state and a matcher, which an example's events go through;
//! 3. [`Example::judge`]: alerts → what is missing and what is too much;
//! 4. [`Coverage`]: which rules have no example.

mod coverage;
mod params;
mod process;
mod read;
mod trial;
mod verdict;
mod why;

use std::sync::Arc;

pub use coverage::Coverage;
pub use read::{Examples, read};
pub use trial::{Raised, Trial};
pub use verdict::{Difference, Sign};
pub use why::conditions_not_met;

use crate::source::Span;
use event::EventType;
use process::Process;

/// A few events and what should come of them.
#[derive(Debug)]
pub struct Example {
    /// What it shows, as a sentence.
    pub name: String,
    /// Where its name stands.
    pub span: Span,
    /// The rule that it is about. Alerts of other rules do not matter then; without it, all do.
    pub rule: Option<Arc<str>>,
    /// What happens.
    pub events: Events,
    /// The alerts that should come; none of them means that there should be none.
    pub expected: Vec<Expected>,
}

/// Where the events of an example come from.
#[derive(Debug)]
pub enum Events {
    /// They are written out.
    Written(Written),
    /// The path of a capture, relative to the file of the example.
    Capture(String),
}

/// Events that are written out.
#[derive(Default, Debug)]
pub struct Written {
    processes: Vec<Process>,
    steps: Vec<Step>,
}

/// One event, encoded but for its time.
#[derive(Debug)]
struct Step {
    event_type: EventType,
    tid: i64,
    params: Vec<Vec<u8>>,
}

/// An alert that should come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// Of which rule.
    pub rule: Arc<str>,
    /// How many of them; at least one when it is not said.
    pub count: Option<u64>,
    /// Texts that the output must contain.
    pub output: Vec<String>,
    /// Fields of the output with their values.
    pub fields: Vec<(String, String)>,
}
