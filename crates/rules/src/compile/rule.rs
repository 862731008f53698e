//! One rule: its condition with exceptions, lists and macros, its events, its output.

use std::collections::BTreeSet;

use condition::{
    Catalog, Check, CompileError, CondId, Expr, FieldRef, Literal, OperandKind, ParseOptions,
    PoolBuilder, Right, ValuesKind, expand_macros, parse_recovering,
};
use event::EventType;
use field::{FieldFlags, Fields, field_info};

use super::exceptions::with_exceptions;
use super::lists::{Insertion, Lists, enclosing};
use super::macros::{Macros, keep_macros, names_no_macro, undefined};
use super::{CompiledRule, Details, Texts, messages};
use crate::collect::{DEFAULT_SOURCE, Definitions, RuleDef};
use crate::diagnostic::{Code, Diagnostic, Location, Place};
use crate::infer::{self, EventTypes};
use crate::load::Settings;
use crate::source::Span;
use crate::specialize::{Rest, specialize};

/// A rule that is evaluated for more types of events than this is worth a warning.
const MANY_EVENT_TYPES: usize = 100;

/// A rule that names more types of events than this is not specialised for each.
const MANY_NAMES: usize = 24;

/// Compiles rules one after another into a pool for each source.
pub(super) struct Compiler<'a> {
    pub(super) definitions: &'a Definitions,
    pub(super) lists: &'a Lists,
    pub(super) macros: &'a Macros,
    pub(super) texts: &'a mut Texts,
    pub(super) pools: Vec<PoolBuilder>,
    pub(super) settings: &'a Settings,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    pub(super) settings_problems: Vec<String>,
}

impl Compiler<'_> {
    pub(super) fn rule(
        &mut self,
        index: usize,
        rule: &RuleDef,
        source: usize,
        fields: &mut Fields,
    ) -> Option<CompiledRule> {
        let before = self.diagnostics.len();
        let chain = step(&rule.chain, Place::RuleCondition, rule.condition.whole());
        let (expr, mut details) = self.expression(rule, &chain, fields)?;
        let events = self.event_types(&expr, rule, &chain);
        let compiled = self.pools.get_mut(source)?.add(&expr, fields);
        let condition = match compiled {
            Ok(compiled) => {
                for warning in &compiled.warnings {
                    let span = self.texts.span(warning.span).unwrap_or(rule.name.span);
                    self.diagnostics
                        .push(messages::warning(warning, span, &chain));
                }
                Some(compiled.condition)
            }
            Err(errors) => {
                if self.is_skipped(rule, &errors, before, &chain) {
                    return None;
                }
                for error in errors {
                    let span = self.texts.span(error.span).unwrap_or(rule.name.span);
                    self.diagnostics
                        .extend(messages::compile_error(&error, span, &chain));
                }
                None
            }
        };
        self.field_warnings(&expr, rule, &chain);
        let output = self.output(rule, source, fields, before)?;
        if self
            .diagnostics
            .iter()
            .skip(before)
            .any(Diagnostic::is_error)
        {
            return None;
        }
        if rule.warn_evttypes
            && rule.source == DEFAULT_SOURCE
            && infer::breadth(&events) > MANY_EVENT_TYPES
        {
            let message = "Rule matches too many evt.type values. This has a significant performance penalty.";
            let span = rule.condition.whole().unwrap_or(rule.name.span);
            let diagnostic = Diagnostic::new(Code::NoEventType, message, span, &chain)
                .with_help("start the condition with `evt.type = …` or `evt.type in (…)`");
            self.diagnostics.push(diagnostic);
        }
        let mut used = BTreeSet::new();
        expr.for_each_field(&mut |field, _| {
            used.extend(
                fields
                    .resolve(&field.name, field.argument.as_deref())
                    .map(|desc| desc.id),
            );
        });
        details.compiled = expr.to_string();
        let condition = condition?;
        let by_name = match rule.source == DEFAULT_SOURCE {
            true => self.specialized(&expr, condition, &events, source, fields),
            false => Vec::new(),
        };
        Some(CompiledRule {
            definition: index,
            source,
            condition,
            events,
            by_name,
            output,
            fields: used,
            details,
        })
    }

    /// What is left of a condition for each type of event it can match, where that is a handful.
    fn specialized(
        &mut self,
        expr: &Expr,
        whole: CondId,
        events: &EventTypes,
        source: usize,
        fields: &mut Fields,
    ) -> Vec<(&'static str, Option<CondId>)> {
        let types = events.events.iter().filter_map(EventType::info);
        let own = types.filter(|info| {
            let shared = [
                EventType::GENERIC_E,
                EventType::GENERIC_X,
                EventType::ASYNCEVENT_E,
            ];
            !shared.contains(&info.event_type) && !info.is_unused()
        });
        let names: BTreeSet<&'static str> = own.map(|info| info.name).collect();
        if names.len() > MANY_NAMES {
            return Vec::new();
        }
        let mut known: Vec<(Rest, Option<CondId>)> = Vec::new();
        let mut out = Vec::new();
        for name in names {
            let rest = specialize(expr, name);
            let found = known
                .iter()
                .find(|(other, _)| *other == rest)
                .map(|(_, found)| *found);
            let condition = found.unwrap_or_else(|| match &rest {
                Rest::Never => None,
                Rest::Always => Some(whole),
                Rest::Expr(rest) => {
                    let pool = self.pools.get_mut(source);
                    let added = pool.and_then(|pool| pool.add(rest, fields).ok());
                    Some(added.map_or(whole, |compiled| compiled.condition))
                }
            });
            known.push((rest, condition));
            out.push((name, condition));
        }
        out
    }

    /// The condition with everything put in. What is broken is reported and left as a hole.
    fn expression(
        &mut self,
        rule: &RuleDef,
        chain: &[Location],
        fields: &mut Fields,
    ) -> Option<(Expr, Details)> {
        let text = with_exceptions(&rule.condition, &rule.exceptions, fields, self.diagnostics);
        let (text, insertions, result) = self.lists.substitute(&text);
        if result.is_err() {
            self.diagnostics
                .push(messages::too_long(rule.name.span, chain));
            return None;
        }
        let source = self.texts.add(text.clone());
        let options = ParseOptions {
            source,
            ..ParseOptions::default()
        };
        let (mut expr, errors) = parse_recovering(text.as_str(), options);
        for error in &errors {
            let span = self.texts.span(error.span).unwrap_or(rule.name.span);
            if names_no_macro(&expr, &insertions, self.definitions, error.span) {
                continue;
            }
            let diagnostic = messages::parse_error(error, span, chain);
            let insertion = enclosing(&insertions, error.span);
            let diagnostic = messages::from_list(diagnostic, insertion, self.definitions);
            self.diagnostics.push(diagnostic);
        }
        self.check_references(&mut expr, rule, chain, &insertions);
        let (closure, inner_lists) = self.macros.closure(&expr);
        let mut details = describe(&expr);
        let list_names: Vec<&str> = self
            .definitions
            .lists
            .iter()
            .map(|list| list.name.as_str())
            .collect();
        let lists = insertions.iter().map(|insertion| insertion.list);
        let all_lists = lists.chain(inner_lists);
        details.lists = all_lists
            .filter_map(|list| list_names.get(list))
            .map(|name| (*name).to_owned())
            .collect();
        for &index in &closure {
            self.macros.use_(index);
            let name = self.definitions.macros.iter().nth(index);
            details
                .macros
                .extend(name.map(|item| item.name.as_str().to_owned()));
        }
        let macros = self.macros;
        match expand_macros(&expr, &mut |name| macros.get(name)) {
            Ok(expanded) => {
                let inner = describe(&expanded);
                details.operators = inner.operators;
                details.fields = inner.fields;
                Some((expanded, details))
            }
            Err(errors) => {
                for error in errors {
                    let span = self.texts.span(error.span()).unwrap_or(rule.name.span);
                    let message = error.to_string();
                    self.diagnostics
                        .push(Diagnostic::new(Code::Validate, message, span, chain));
                }
                None
            }
        }
    }

    /// Reports macros that are not there when a rule names them. All macros of the file that names
    /// them, and of the files before, are.
    fn check_references(
        &mut self,
        expr: &mut Expr,
        rule: &RuleDef,
        chain: &[Location],
        insertions: &[Insertion],
    ) {
        let (definitions, texts) = (self.definitions, &*self.texts);
        let mut found = Vec::new();
        keep_macros(expr, &mut |name, at| {
            let span = texts.span(at).unwrap_or(rule.name.span);
            let other = definitions.macros.get(name);
            if other.is_some_and(|other| other.first.file <= span.file) {
                return true;
            }
            found.extend(match enclosing(insertions, at) {
                Some(insertion) => messages::list_as_condition(name, insertion, chain, definitions),
                None => undefined(name, span, chain, definitions, other),
            });
            false
        });
        self.diagnostics.append(&mut found);
    }

    fn event_types(&mut self, expr: &Expr, rule: &RuleDef, chain: &[Location]) -> EventTypes {
        let mut errors = Vec::new();
        let events = infer::event_types(expr, &mut errors);
        for error in errors {
            let span = self.texts.span(error.span).unwrap_or(rule.name.span);
            let chain = step(chain, Place::ConditionExpression, Some(span));
            let diagnostic = Diagnostic::new(Code::CompileCondition, error.message, span, &chain);
            self.diagnostics.push(diagnostic);
        }
        events
    }

    /// Whether nothing but unknown names is wrong with a rule that asked to be skipped then.
    fn is_skipped(
        &mut self,
        rule: &RuleDef,
        errors: &[CompileError],
        before: usize,
        chain: &[Location],
    ) -> bool {
        let is_sound = !self
            .diagnostics
            .iter()
            .skip(before)
            .any(Diagnostic::is_error);
        let skips =
            rule.skip_if_unknown_filter && is_sound && errors.iter().all(messages::is_unknown);
        if !skips {
            return false;
        }
        for error in errors {
            let span = self.texts.span(error.span).unwrap_or(rule.name.span);
            if let Some(diagnostic) = messages::compile_error(error, span, chain) {
                self.diagnostics.push(Diagnostic {
                    code: Code::UnknownFilter,
                    ..diagnostic
                });
            }
        }
        true
    }

    fn field_warnings(&mut self, expr: &Expr, rule: &RuleDef, chain: &[Location]) {
        let mut found: Vec<Diagnostic> = Vec::new();
        expr.for_each_field(&mut |field, span| {
            let span = self.texts.span(span).unwrap_or(rule.name.span);
            if is_deprecated(field) {
                let chain = step(chain, Place::ConditionExpression, Some(span));
                found.push(deprecated_field(&field.name, span, &chain));
            }
        });
        expr.for_each_check(&mut |check| {
            if let Some(literal) = unsafe_absent(check) {
                let span = self.texts.span(literal.span).unwrap_or(rule.name.span);
                let message = "comparing a field value with <NA> is unsafe and can lead to \
                               unpredictable behavior of the rule condition";
                let chain = step(chain, Place::ConditionExpression, Some(span));
                let help = "to ask whether the field has a value, write `<field> exists`";
                found.push(
                    Diagnostic::new(Code::UnsafeNaCheck, message, span, &chain).with_help(help),
                );
            }
        });
        found.dedup();
        self.diagnostics.append(&mut found);
    }
}

/// Adds a step to a chain of locations.
pub(super) fn step(chain: &[Location], place: Place, span: Option<Span>) -> Vec<Location> {
    let mut chain = chain.to_vec();
    chain.extend(span.map(|span| Location {
        place,
        name: String::new(),
        span,
    }));
    chain
}

pub(super) fn is_deprecated(field: &FieldRef) -> bool {
    field_info(&field.name).is_some_and(|info| info.is(FieldFlags::DEPRECATED))
}

pub(super) fn deprecated_field(name: &str, span: Span, chain: &[Location]) -> Diagnostic {
    let message = format!("usage of deprecated field '{name}' has been detected");
    let mut diagnostic = Diagnostic::new(Code::DeprecatedItem, message, span, chain);
    diagnostic.deprecated_field = Some(name.to_owned());
    diagnostic
}

/// The text of an absent value, where fields of plugins are compared with it. They are never
/// that text.
fn unsafe_absent(check: &Check) -> Option<&Literal> {
    let OperandKind::Field(field) = &check.left.kind else {
        return None;
    };
    if !field.name.starts_with("ka.") && !field.name.starts_with("jevt.") {
        return None;
    }
    let literals = match &check.right {
        Right::Value(literal) => std::slice::from_ref(literal),
        Right::Values(values) | Right::Quantified(_, values) => match &values.kind {
            ValuesKind::List(list) => list.as_slice(),
            ValuesKind::Named(_) => &[],
        },
        _ => &[],
    };
    literals.iter().find(|literal| literal.bytes == b"<NA>")
}

/// The names that a condition is made of.
pub(super) fn describe(expr: &Expr) -> Details {
    let mut details = Details::default();
    expr.for_each_check(&mut |check| {
        details.operators.insert(check.operator.to_string());
    });
    expr.for_each_field(&mut |field, _| {
        details.fields.insert(match &field.argument {
            Some(argument) => format!("{}[{argument}]", field.name),
            None => field.name.clone(),
        });
    });
    expr.for_each_macro(&mut |name, _| {
        details.macros.insert(name.to_owned());
    });
    details.compiled = expr.to_string();
    details
}
