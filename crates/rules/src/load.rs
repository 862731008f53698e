//! From files and settings to a ruleset, or to everything that is wrong.

use std::collections::HashSet;

use alert::Priority;
use field::Fields;

use crate::collect::{Definitions, Requirements};
use crate::compile::{self, Details};
use crate::diagnostic::Diagnostic;
use crate::read;
use crate::ruleset::{Matching, Ruleset};
use crate::selection::Selection;
use crate::source::{FileId, Source, Sources};
use crate::version::{PluginVersion, Version};

/// A source of events that rules can be for, with the fields its events have.
#[derive(Clone, Debug)]
pub struct EventSource {
    /// Its name, as rules write it under `source`.
    pub name: String,
    /// The fields that its rules may name. Loading looks fields up in it and hands it on to the
    /// ruleset.
    pub fields: Fields,
}

impl EventSource {
    /// The system calls of the machine.
    pub fn syscall() -> Self {
        Self {
            name: "syscall".to_owned(),
            fields: Fields::new(),
        }
    }
}

/// What a load depends on beside the files.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The version that `required_engine_version` is compared with.
    pub engine: Version,
    /// What `required_plugin_versions` is compared with. The container fields are built in, so
    /// `container` should be among them ([`Version::CONTAINER`]).
    pub plugins: Vec<PluginVersion>,
    /// Rules less severe than this are left out.
    pub minimum_priority: Priority,
    /// Whether one event can match several rules.
    pub matching: Matching,
    /// Which rules are switched on and off, in order, after what the files say.
    pub selections: Vec<Selection>,
    /// What is appended to outputs.
    pub append_output: Vec<AppendOutput>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: Version::ENGINE,
            plugins: vec![PluginVersion {
                name: "container".to_owned(),
                version: Version::CONTAINER,
            }],
            minimum_priority: Priority::Debug,
            matching: Matching::First,
            selections: Vec::new(),
            append_output: Vec::new(),
        }
    }
}

/// An entry of `append_output`: what is appended to the outputs of the rules that all given
/// conditions hold for.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct AppendOutput {
    /// Only rules of this source.
    pub source: Option<String>,
    /// Only rules with all of these tags.
    pub tags: Vec<String>,
    /// Only the rule of this name.
    pub rule: Option<String>,
    /// Text that is appended after a blank.
    pub extra_output: Option<String>,
    /// Fields that go into the fields of the alert, but not into its text.
    pub extra_fields: Vec<ExtraField>,
    /// Whether the fields that every output should have are appended.
    pub suggested_output: bool,
}

/// An entry of `extra_fields`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExtraField {
    /// A field, under its own name, with its typed value.
    Field(String),
    /// A text with fields in it, under a name of its own.
    Format {
        /// The name.
        name: String,
        /// The text.
        format: String,
    },
}

/// What came of a load.
#[derive(Debug)]
pub struct Loaded {
    /// The files, for the positions of diagnostics.
    pub files: Sources,
    /// Everything that is wrong or doubtful, in the order of files and of places in them.
    pub diagnostics: Vec<Diagnostic>,
    /// What is wrong with the settings, for example a field in `append_output` that is not there.
    pub settings_problems: Vec<String>,
    /// The rules; none when there is any error.
    pub ruleset: Option<Ruleset>,
    /// What the files define, for descriptions.
    pub(crate) description: Description,
}

/// What descriptions are made from.
#[derive(Debug, Default)]
pub(crate) struct Description {
    pub(crate) definitions: Definitions,
    pub(crate) macros: Vec<Details>,
    pub(crate) macros_used: Vec<bool>,
    pub(crate) lists_used: Vec<bool>,
}

impl Loaded {
    /// Whether there is an error, in a file or in the settings.
    pub fn has_errors(&self) -> bool {
        self.ruleset.is_none()
    }

    /// The errors of one file.
    pub fn errors(&self, file: FileId) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(move |found| found.is_error() && found.file() == file)
    }

    /// The warnings of one file.
    pub fn warnings(&self, file: FileId) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(move |found| !found.is_error() && found.file() == file)
    }
}

/// Loads rules files in order, each of which may change what those before it defined. Never stops
/// at an error: all errors of all files are found.
pub fn load(files: Vec<Source>, mut sources: Vec<EventSource>, settings: &Settings) -> Loaded {
    let files = Sources::new(files);
    let mut definitions = Definitions::default();
    let mut diagnostics = Vec::new();
    let mut items = Vec::new();
    for (file, source) in files.iter() {
        let contents = read::read(file, source);
        diagnostics.extend(contents.diagnostics);
        definitions.unreadable.extend(contents.unreadable);
        items.extend(contents.items);
    }
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let requirements = Requirements {
        engine: settings.engine,
        plugins: &settings.plugins,
        sources: &names,
    };
    for item in items {
        definitions.add(item, &requirements);
    }
    diagnostics.append(&mut definitions.diagnostics);
    let is_broken = diagnostics.iter().any(Diagnostic::is_error);
    let mut compiled = compile::compile(&definitions, &mut sources, settings, is_broken);
    diagnostics.append(&mut compiled.diagnostics);
    order(&mut diagnostics);

    let is_broken = diagnostics.iter().any(Diagnostic::is_error);
    let settings_problems = std::mem::take(&mut compiled.settings_problems);
    let description = Description {
        macros: std::mem::take(&mut compiled.macros),
        macros_used: std::mem::take(&mut compiled.macros_used),
        lists_used: std::mem::take(&mut compiled.lists_used),
        definitions,
    };
    let ruleset = (!is_broken && settings_problems.is_empty())
        .then(|| Ruleset::build(compiled, &description.definitions, sources, settings));
    Loaded {
        files,
        diagnostics,
        settings_problems,
        ruleset,
        description,
    }
}

/// Puts diagnostics in the order of their places, errors before warnings at the same place, and
/// drops those that say the same of the same place: two rules that use one broken list, say.
fn order(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by_key(|found| (found.span.file, found.span.start, !found.is_error()));
    let mut seen = HashSet::new();
    diagnostics.retain(|found| seen.insert((found.code, found.span, found.message.clone())));
}
