//! The items of a rules file as they are written, before they change one another.

use crate::correlate::Pattern;
use crate::diagnostic::Location;
use crate::source::Span;
use crate::text::Text;
use crate::version::Version;

/// A scalar value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Word {
    pub(crate) text: Text,
    pub(crate) span: Span,
}

impl Word {
    pub(crate) fn as_str(&self) -> &str {
        self.text.as_str()
    }
}

/// A value that is not text, and where it was written.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// One item.
#[derive(Debug)]
pub(crate) enum Item {
    EngineVersion(EngineVersion),
    PluginVersions(Vec<PluginRequirement>),
    List(ListItem),
    Macro(MacroItem),
    Rule(Box<RuleItem>),
    Correlate(Box<CorrelateItem>),
}

/// `required_engine_version`.
#[derive(Debug)]
pub(crate) struct EngineVersion {
    pub(crate) version: Version,
    pub(crate) span: Span,
    pub(crate) chain: Vec<Location>,
}

/// An entry of `required_plugin_versions`: one of these must be loaded.
#[derive(Debug)]
pub(crate) struct PluginRequirement {
    pub(crate) choices: Vec<PluginChoice>,
    pub(crate) chain: Vec<Location>,
}

/// A plugin that would do.
#[derive(Debug)]
pub(crate) struct PluginChoice {
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) span: Span,
}

/// What an item does with an earlier one of the same name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Takes its place.
    Define,
    /// Adds to it (`append: true`).
    Append,
    /// Changes some of its keys.
    Override,
    /// Only switches it on or off (a rule with nothing but `enabled`).
    Toggle,
}

/// What `override` says of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    Append,
    Replace,
}

/// A value with what is to be done with it; under [`Mode::Define`] that is always `Replace`.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Changed<T> {
    pub(crate) value: T,
    pub(crate) change: Change,
}

/// `list`.
#[derive(Debug)]
pub(crate) struct ListItem {
    pub(crate) name: Word,
    pub(crate) items: Changed<Vec<Word>>,
    pub(crate) chain: Vec<Location>,
}

/// `macro`.
#[derive(Debug)]
pub(crate) struct MacroItem {
    pub(crate) name: Word,
    pub(crate) condition: Changed<Word>,
    pub(crate) chain: Vec<Location>,
}

/// `rule`.
#[derive(Debug)]
pub(crate) struct RuleItem {
    pub(crate) name: Word,
    pub(crate) mode: Mode,
    pub(crate) source: Option<Word>,
    pub(crate) condition: Option<Changed<Word>>,
    pub(crate) output: Option<Changed<Word>>,
    pub(crate) desc: Option<Changed<Word>>,
    pub(crate) tags: Option<Changed<Vec<Word>>>,
    pub(crate) exceptions: Option<Changed<Vec<ExceptionItem>>>,
    pub(crate) priority: Option<Spanned<alert::Priority>>,
    pub(crate) enabled: Option<bool>,
    pub(crate) capture: Option<bool>,
    pub(crate) capture_duration: Option<u64>,
    pub(crate) warn_evttypes: Option<bool>,
    pub(crate) skip_if_unknown_filter: Option<bool>,
    pub(crate) chain: Vec<Location>,
}

/// `correlate`.
#[derive(Debug)]
pub(crate) struct CorrelateItem {
    pub(crate) name: Word,
    pub(crate) source: Option<Word>,
    pub(crate) output: Word,
    pub(crate) desc: Word,
    pub(crate) tags: Vec<Word>,
    pub(crate) priority: alert::Priority,
    pub(crate) enabled: bool,
    pub(crate) max_groups: usize,
    pub(crate) pattern: Pattern,
    /// Nanoseconds.
    pub(crate) within: u64,
    pub(crate) window: Word,
    pub(crate) steps: Vec<StepItem>,
    pub(crate) chain: Vec<Location>,
}

/// A step of a `correlate` item.
#[derive(Debug)]
pub(crate) struct StepItem {
    pub(crate) condition: Word,
    pub(crate) by: Vec<Word>,
    pub(crate) span: Span,
    pub(crate) chain: Vec<Location>,
}

/// An entry of `exceptions`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExceptionItem {
    pub(crate) name: Word,
    pub(crate) fields: Option<Names>,
    pub(crate) comps: Option<Names>,
    pub(crate) values: Vec<Entry>,
    pub(crate) chain: Vec<Location>,
}

/// `fields` and `comps` are one name or a list of names; the form decides what `values` means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Names {
    One(Word),
    Many(Vec<Word>, Span),
}

impl Names {
    pub(crate) fn words(&self) -> &[Word] {
        match self {
            Self::One(word) => std::slice::from_ref(word),
            Self::Many(words, _) => words,
        }
    }

    pub(crate) fn span(&self) -> Span {
        match self {
            Self::One(word) => word.span,
            Self::Many(_, span) => *span,
        }
    }

    pub(crate) fn is_one(&self) -> bool {
        matches!(self, Self::One(_))
    }
}

/// A part of `values`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    One(Word),
    Many(Vec<Entry>, Span),
}

impl Entry {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::One(word) => word.span,
            Self::Many(_, span) => *span,
        }
    }
}
