//! Definitions → conditions that can be evaluated: lists are put in, macros expanded, names
//! resolved, types checked.

mod correlate;
mod exceptions;
mod lists;
mod macros;
mod messages;
mod output;
mod rule;

use std::collections::BTreeSet;

use condition::{CondId, FieldId, PoolBuilder, SourceId};
use field::Fields;

use crate::collect::Definitions;
use crate::diagnostic::{Code, Diagnostic};
use crate::infer::EventTypes;
use crate::load::{EventSource, Settings};
use crate::source::Span;
use crate::text::Text;
use lists::Lists;
use macros::Macros;

pub(crate) use correlate::CompiledCorrelation;
pub(crate) use output::CompiledOutput;

/// A rule that compiled.
#[derive(Debug)]
pub(crate) struct CompiledRule {
    /// Which of the definitions.
    pub(crate) definition: usize,
    /// Which of the sources.
    pub(crate) source: usize,
    pub(crate) condition: CondId,
    pub(crate) events: EventTypes,
    /// For some types of events by name what is left of the condition; nothing when it never
    /// holds for them.
    pub(crate) by_name: Vec<(&'static str, Option<CondId>)>,
    pub(crate) output: CompiledOutput,
    /// The fields that the condition names.
    pub(crate) fields: BTreeSet<FieldId>,
    pub(crate) details: Details,
}

/// What descriptions say of a condition, beyond what is needed to evaluate it.
#[derive(Clone, Default, Debug)]
pub(crate) struct Details {
    pub(crate) lists: BTreeSet<String>,
    pub(crate) macros: BTreeSet<String>,
    pub(crate) operators: BTreeSet<String>,
    pub(crate) fields: BTreeSet<String>,
    /// The condition with everything put in.
    pub(crate) compiled: String,
    /// The events that it can match; only of macros, rules know theirs.
    pub(crate) events: Option<EventTypes>,
}

/// Everything that compiled, and what did not.
pub(crate) struct Compilation {
    pub(crate) rules: Vec<CompiledRule>,
    pub(crate) correlations: Vec<CompiledCorrelation>,
    pub(crate) macros: Vec<Details>,
    pub(crate) macros_used: Vec<bool>,
    pub(crate) lists_used: Vec<bool>,
    pub(crate) pools: Vec<PoolBuilder>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Problems that are not in a rules file but in the settings.
    pub(crate) settings_problems: Vec<String>,
}

/// The texts that were parsed, by the number that their spans carry.
#[derive(Default)]
struct Texts(Vec<Text>);

impl Texts {
    fn add(&mut self, text: Text) -> SourceId {
        let id = SourceId(self.0.len() as u32);
        self.0.push(text);
        id
    }

    fn text(&self, source: SourceId) -> Option<&Text> {
        self.0.get(source.0 as usize)
    }

    /// The place in a file that a place in a text stands for.
    fn span(&self, span: condition::Span) -> Option<Span> {
        self.text(span.source)?.span(span.range())
    }
}

/// Compiles all definitions. `is_broken` says that some could not even be read.
pub(crate) fn compile(
    definitions: &Definitions,
    sources: &mut [EventSource],
    settings: &Settings,
    is_broken: bool,
) -> Compilation {
    let mut diagnostics = Vec::new();
    let mut texts = Texts::default();
    let lists = Lists::resolve(&definitions.lists);
    let macros = Macros::resolve(definitions, &lists, &mut texts, &mut diagnostics);
    let mut compiler = rule::Compiler {
        definitions,
        lists: &lists,
        macros: &macros,
        texts: &mut texts,
        pools: sources.iter().map(|_| PoolBuilder::new()).collect(),
        settings,
        diagnostics: &mut diagnostics,
        settings_problems: Vec::new(),
    };
    let mut rules = Vec::new();
    for (index, rule) in definitions.rules.iter().enumerate() {
        let Some(source) = sources.iter().position(|source| source.name == rule.source) else {
            continue;
        };
        if rule.is_skipped || !rule.priority.at_least(settings.minimum_priority) {
            continue;
        }
        let fields: &mut Fields = &mut sources[source].fields;
        rules.extend(compiler.rule(index, rule, source, fields));
    }
    let mut correlations = Vec::new();
    for item in definitions.correlations.iter() {
        correlations.extend(compiler.correlation(item, sources));
    }
    let pools = std::mem::take(&mut compiler.pools);
    let settings_problems = std::mem::take(&mut compiler.settings_problems);
    let lists_used: Vec<bool> = (0..definitions.lists.len())
        .map(|index| lists.is_used(index))
        .collect();
    let macros_used: Vec<bool> = (0..definitions.macros.len())
        .map(|index| macros.is_used(index))
        .collect();
    // Where something is broken, what it refers to is not known, and "unused" would mislead.
    if !is_broken && !diagnostics.iter().any(Diagnostic::is_error) {
        unused(definitions, &lists_used, &macros_used, &mut diagnostics);
    }
    let macros = macros.details(definitions);
    Compilation {
        rules,
        correlations,
        macros,
        macros_used,
        lists_used,
        pools,
        diagnostics,
        settings_problems,
    }
}

fn unused(
    definitions: &Definitions,
    lists_used: &[bool],
    macros_used: &[bool],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (item, _) in definitions
        .macros
        .iter()
        .zip(macros_used)
        .filter(|(_, used)| !**used)
    {
        let message = "Macro not referred to by any other rule/macro";
        let diagnostic = Diagnostic::new(Code::UnusedMacro, message, item.name.span, &item.chain);
        diagnostics.push(diagnostic);
    }
    for (list, _) in definitions
        .lists
        .iter()
        .zip(lists_used)
        .filter(|(_, used)| !**used)
    {
        let message = "List not referred to by any other rule/macro/list";
        let diagnostic = Diagnostic::new(Code::UnusedList, message, list.name.span, &list.chain);
        diagnostics.push(diagnostic);
    }
}
