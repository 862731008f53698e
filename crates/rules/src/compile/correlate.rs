//! `correlate` items: each step is compiled like a rule of its own.

use std::collections::BTreeSet;

use alert::Priority;
use condition::{Catalog, FieldId, OperandKind, ParseOptions, Shape, parse_operand};
use field::{Fields, Template, TemplateErrorKind};

use super::rule::Compiler;
use super::{CompiledOutput, CompiledRule, messages};
use crate::collect::{DEFAULT_SOURCE, Order, RuleDef};
use crate::correlate::{OUTPUT_FIELDS, OutputPart, Pattern};
use crate::diagnostic::{Code, Diagnostic, Location};
use crate::item::{CorrelateItem, StepItem, Word};
use crate::load::EventSource;
use crate::ruleset::ExtraOutput;
use crate::text::Text;

/// An item that compiled.
#[derive(Debug)]
pub(crate) struct CompiledCorrelation {
    pub(crate) name: String,
    pub(crate) source: usize,
    pub(crate) pattern: Pattern,
    pub(crate) within: u64,
    pub(crate) window: String,
    pub(crate) max_groups: usize,
    pub(crate) priority: Priority,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) steps: Vec<CompiledStep>,
    pub(crate) output: Vec<OutputPart>,
    pub(crate) extra_fields: Vec<ExtraOutput>,
}

/// A step that compiled.
#[derive(Debug)]
pub(crate) struct CompiledStep {
    pub(crate) definition: RuleDef,
    pub(crate) compiled: CompiledRule,
    pub(crate) by: Box<[FieldId]>,
}

impl Compiler<'_> {
    pub(super) fn correlation(
        &mut self,
        item: &CorrelateItem,
        sources: &mut [EventSource],
    ) -> Option<CompiledCorrelation> {
        let source_name = item.source.as_ref().map_or(DEFAULT_SOURCE, Word::as_str);
        let Some(source) = sources.iter().position(|known| known.name == source_name) else {
            let names: Vec<&str> = sources.iter().map(|known| known.name.as_str()).collect();
            let span = item
                .source
                .as_ref()
                .map_or(item.name.span, |word| word.span);
            let message = format!("Unknown source {source_name}, skipping");
            let diagnostic = Diagnostic::new(Code::UnknownSource, message, span, &item.chain)
                .with_help(format!("sources that are loaded: {}", names.join(", ")))
                .with_suggestion(suggest::nearest(source_name, names.iter().copied()));
            self.diagnostics.push(diagnostic);
            return None;
        };
        if !item.priority.at_least(self.settings.minimum_priority) {
            return None;
        }
        if let Some(rule) = self.definitions.rules.get(item.name.as_str()) {
            let message = "A rule has the same name, and alerts could not be told apart";
            let diagnostic = Diagnostic::new(Code::Validate, message, item.name.span, &item.chain)
                .with_related(rule.name.span, "the rule is defined here");
            self.diagnostics.push(diagnostic);
        }
        let fields = &mut sources.get_mut(source)?.fields;
        let before = self.diagnostics.len();
        let steps: Vec<Option<CompiledStep>> = item
            .steps
            .iter()
            .map(|step| self.step(item, step, source, fields))
            .collect();
        self.check_groups(item);
        let (output, extra_fields) = self.parts(item, source, fields)?;
        let steps: Option<Vec<CompiledStep>> = steps.into_iter().collect();
        let is_sound = !self
            .diagnostics
            .iter()
            .skip(before)
            .any(Diagnostic::is_error);
        Some(CompiledCorrelation {
            name: item.name.as_str().to_owned(),
            source,
            pattern: item.pattern,
            within: item.within,
            window: item.window.as_str().to_owned(),
            max_groups: item.max_groups,
            priority: item.priority,
            tags: tags(item),
            steps: steps.filter(|_| is_sound)?,
            output,
            extra_fields,
        })
    }

    fn step(
        &mut self,
        item: &CorrelateItem,
        step: &StepItem,
        source: usize,
        fields: &mut Fields,
    ) -> Option<CompiledStep> {
        let condition = step.condition.text.trimmed();
        let definition = hidden_rule(item, condition, Text::default(), &step.chain);
        let compiled = self.rule(usize::MAX, &definition, source, fields);
        let by: Vec<Option<FieldId>> = step
            .by
            .iter()
            .map(|word| self.group_field(word, &step.chain, fields))
            .collect();
        let by: Option<Box<[FieldId]>> = by.into_iter().collect();
        Some(CompiledStep {
            definition,
            compiled: compiled?,
            by: by?,
        })
    }

    /// A field of `by`.
    fn group_field(
        &mut self,
        word: &Word,
        chain: &[Location],
        fields: &mut Fields,
    ) -> Option<FieldId> {
        let text = word.as_str().trim();
        let found = match parse_operand(text, ParseOptions::default()) {
            Ok((operand, length)) if length == text.len() => match operand.kind {
                OperandKind::Field(field) => Some(field),
                _ => None,
            },
            _ => None,
        };
        let diagnostic = match found {
            None => Diagnostic::new(Code::Validate, "'by' takes fields only", word.span, chain)
                .with_label("is not the name of a field"),
            Some(field) => match fields.resolve(&field.name, field.argument.as_deref()) {
                Ok(desc) if desc.shape == Shape::Scalar => return Some(desc.id),
                Ok(_) => {
                    let message = format!("field '{}' can have several values", field.name);
                    Diagnostic::new(Code::Validate, message, word.span, chain)
                        .with_label("an event must belong to one group")
                }
                Err(error) => {
                    let kind = TemplateErrorKind::Field {
                        name: field.name,
                        error,
                    };
                    Diagnostic {
                        code: Code::Validate,
                        ..messages::template_error(&kind, word.span, chain)
                    }
                }
            },
        };
        self.diagnostics.push(diagnostic);
        None
    }

    /// Values are paired by their place under `by`, so all steps must have as many.
    fn check_groups(&mut self, item: &CorrelateItem) {
        let Some((first, rest)) = item.steps.split_first() else {
            return;
        };
        for step in rest.iter().filter(|step| step.by.len() != first.by.len()) {
            let message = "All steps need the same number of fields under 'by'";
            let diagnostic = Diagnostic::new(Code::Validate, message, step.span, &step.chain)
                .with_label(format!("has {}", step.by.len()))
                .with_related(first.span, format!("has {}", first.by.len()));
            self.diagnostics.push(diagnostic);
        }
    }

    /// The output, cut at the fields that only these items have.
    fn parts(
        &mut self,
        item: &CorrelateItem,
        source: usize,
        fields: &mut Fields,
    ) -> Option<(Vec<OutputPart>, Vec<ExtraOutput>)> {
        let text = item.output.text.trimmed();
        let mut parts = Vec::new();
        let mut from = 0;
        while let Some((at, end, part)) = next_own_field(text.as_str(), from) {
            let mut piece = Text::default();
            piece.push_range(&text, from..at);
            let compiled = self.piece(item, piece, source, fields)?;
            // What the configuration appends comes once, after the last piece.
            let pool = self.pools.get_mut(source)?;
            // What is wrong with it has been said.
            let template = Template::compile(&compiled.own, fields, pool).unwrap_or_default();
            parts.extend([OutputPart::Template(template), part]);
            from = end;
        }
        let mut piece = Text::default();
        piece.push_range(&text, from..text.as_str().len());
        let CompiledOutput {
            template,
            extra_fields,
            ..
        } = self.piece(item, piece, source, fields)?.output;
        parts.push(OutputPart::Template(template));
        Some((parts, extra_fields))
    }

    fn piece(
        &mut self,
        item: &CorrelateItem,
        piece: Text,
        source: usize,
        fields: &mut Fields,
    ) -> Option<Piece> {
        let before = self.diagnostics.len();
        let own = piece.as_str().to_owned();
        let rule = hidden_rule(item, Text::default(), piece, &item.chain);
        let output = self.output(&rule, source, fields, before)?;
        for diagnostic in self.diagnostics.iter_mut().skip(before) {
            let name = diagnostic.message.strip_prefix("unknown field '");
            let name = name.and_then(|name| name.strip_suffix('\''));
            let Some(name) = name.filter(|name| name.starts_with("correlate")) else {
                continue;
            };
            let names = OUTPUT_FIELDS.iter().map(|(name, _)| *name);
            let help = match suggest::nearest(name, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
            };
            diagnostic.help = vec![help];
        }
        Some(Piece { own, output })
    }
}

/// A piece of an output.
struct Piece {
    /// As the item writes it.
    own: String,
    /// With what the configuration appends.
    output: CompiledOutput,
}

/// The next `%correlate.…` from a byte on: where it is, where it ends, what it stands for.
fn next_own_field(text: &str, from: usize) -> Option<(usize, usize, OutputPart)> {
    let rest = text.get(from..)?;
    rest.match_indices('%').find_map(|(at, _)| {
        let after = rest.get(at + 1..)?;
        let (name, part) = OUTPUT_FIELDS.iter().find(|(name, _)| {
            let end = after.strip_prefix(name);
            let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
            end.is_some_and(|end| !end.starts_with(goes_on))
        })?;
        Some((from + at, from + at + 1 + name.len(), part.clone()))
    })
}

fn tags(item: &CorrelateItem) -> BTreeSet<String> {
    item.tags
        .iter()
        .map(|tag| tag.as_str().to_owned())
        .collect()
}

/// A rule that stands for a step, or for a piece of the output.
fn hidden_rule(item: &CorrelateItem, condition: Text, output: Text, chain: &[Location]) -> RuleDef {
    RuleDef {
        name: item.name.clone(),
        order: Order {
            defined: 0,
            touched: 0,
        },
        source: item
            .source
            .as_ref()
            .map_or(DEFAULT_SOURCE, Word::as_str)
            .to_owned(),
        is_skipped: false,
        condition,
        output,
        desc: item.desc.as_str().to_owned(),
        tags: tags(item),
        exceptions: Vec::new(),
        priority: item.priority,
        enabled: item.enabled,
        capture: false,
        capture_duration: 0,
        warn_evttypes: true,
        skip_if_unknown_filter: false,
        chain: chain.to_vec(),
    }
}
