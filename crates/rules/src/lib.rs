//! Rules files → ruleset.
//!
//! A rules file is written by people who are not programmers of this engine, and a mistake in it is
//! a hole in the watch. So two things matter more here than elsewhere: that every file which loads
//! in Falco 0.44 loads here and means the same, and that a file which does not load says so with
//! every mistake at once, each at its line and column, also when the place is in the middle of a
//! folded scalar or came out of a list in another file.
//!
//! The way of a file, each step a module that knows only the one before it:
//!
//! 1. `yaml`: events of the parser → a tree in which every character knows its place;
//! 2. `read`: tree → items; unknown keys, missing keys, wrong forms;
//! 3. `collect`: items → definitions; what replaces, appends, overrides what;
//! 4. `compile`: definitions → conditions; exceptions, lists, macros, names, types, outputs;
//! 5. [`Ruleset`]: the rules by type of event, and [`Matcher`], which finds those an event matches.
//!
//! No step stops at an error. The pieces a condition is made of are kept apart from each other by
//! [`Text`], which is what makes the places right.
//!
//! Beside the way of a file stands [`examples`]: events that a rules author writes down, to see that
//! rules find what they are for and nothing else.
//!
//! This crate does no I/O: the caller reads files and prints what [`report`] makes of problems.

mod collect;
mod compile;
mod correlate;
mod cost;
pub mod describe;
mod diagnostic;
pub mod examples;
mod infer;
mod item;
mod load;
mod matcher;
mod plan;
mod read;
pub mod report;
mod ruleset;
mod selection;
mod source;
mod specialize;
mod text;
mod version;
mod yaml;

pub use correlate::{
    Correlation, CorrelationCounters, Correlator, Facts, OutputPart, Pattern, StepId,
};
pub use cost::{Costs, RuleCost};
pub use diagnostic::{Code, Diagnostic, Label, Location, Place};
pub use infer::EventTypes;
pub use load::{AppendOutput, EventSource, ExtraField, Loaded, Settings, load};
pub use matcher::{Matcher, is_for_rules};
pub use ruleset::{ExtraOutput, Matching, Rule, RuleId, Ruleset, SourceRules};
pub use selection::{Pick, Selection};
pub use source::{FileId, Position, Source, Sources, Span};
pub use text::Text;
pub use version::{PluginVersion, Version};

/// The JSON schema (draft 6) of a rules file, for editors: which items and keys there are and what
/// they look like. What a condition may say is beyond it.
pub const SCHEMA: &str = include_str!("rules.schema.json");
