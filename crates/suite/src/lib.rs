//! Declarative tests of detection: what a suite file may say, what is wrong with one, and what its
//! tests are to do. Nothing is done here.
//!
//! A file goes through four steps, and each collects all that is wrong instead of stopping at the
//! first mistake:
//!
//! 1. `yaml`: text → a tree whose every node knows its bytes;
//! 2. `template`: a test with `cases` → one tree a case;
//! 3. `check`: the tree against [`schema`], the one table of keys, types, defaults and documentation;
//! 4. `read` and `bind`: the tree → [`Test`], and whether every `${…}` refers to something earlier.
//!
//! **One table.** [`schema::ROOT`] says what may stand where. Validation, the documentation that
//! [`explain`] prints, the list of system calls and how each one's arguments get into registers all
//! come from it. Names and meanings are those of the original event generator; what it does not have
//! is marked as ours.
//!
//! **Unknown keys are errors.** The original ignores them, so that a misspelt `expectedOutcom` makes
//! a test that verifies less than it says. Here the message names the nearest key that exists.

mod arguments;
mod bind;
mod capability;
mod check;
mod diagnostic;
mod explain;
mod load;
mod model;
mod outcome;
mod read;
mod reference;
pub mod schema;
mod template;
mod yaml;

pub use arguments::split as split_arguments;
pub use capability::{Capabilities, name as capability_name};
pub use diagnostic::{Problem, Source, Span, render};
pub use explain::{Format, UnknownPath, explain};
pub use load::{Loaded, load};
pub use model::{
    Argument, Container, Count, Errno, Http, Outcome, Process, Protocol, Resource, ResourceKind,
    Step, StepKind, Test,
};
pub use outcome::{Alert, Mismatch, Verdict, priority_rank, same_priority, same_value, verify};
pub use reference::reference;
