//! Macros: parsed once, checked once, expanded wherever they are named.

use std::cell::Cell;
use std::collections::HashMap;

use condition::{Expr, ExprKind, ParseOptions, expand_macros, parse_recovering};

use super::lists::{Insertion, Lists, enclosing};
use super::{Details, Texts, messages};
use crate::collect::{Definitions, MacroDef};
use crate::diagnostic::{Code, Diagnostic, Location, Place};
use crate::infer;
use crate::source::Span;

/// All macros. What could not be understood of them has been reported and is a hole.
pub(crate) struct Macros {
    macros: Vec<Macro>,
    by_name: HashMap<String, usize>,
}

struct Macro {
    expr: Expr,
    insertions: Vec<Insertion>,
    /// Something in it, or in a macro that it uses, is broken.
    is_broken: bool,
    used: Cell<bool>,
}

impl Macros {
    pub(super) fn resolve(
        definitions: &Definitions,
        lists: &Lists,
        texts: &mut Texts,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut macros = Vec::new();
        for definition in definitions.macros.iter() {
            let chain = condition_chain(definition);
            let (text, insertions, result) = lists.substitute(&definition.condition);

            let before = diagnostics.len();
            if result.is_err() {
                diagnostics.push(messages::too_long(definition.name.span, &chain));
            }
            let source = texts.add(text.clone());
            let options = ParseOptions {
                source,
                ..ParseOptions::default()
            };
            let (expr, errors) = parse_recovering(text.as_str(), options);
            for error in errors {
                let span = texts.span(error.span).unwrap_or(definition.name.span);
                if names_no_macro(&expr, &insertions, definitions, error.span) {
                    continue;
                }
                let diagnostic = messages::parse_error(&error, span, &chain);
                let insertion = enclosing(&insertions, error.span);
                diagnostics.push(messages::from_list(diagnostic, insertion, definitions));
            }
            let is_broken = diagnostics.len() > before;
            macros.push(Macro {
                expr,
                insertions,
                is_broken,
                used: Cell::new(false),
            });
        }
        let names = definitions.macros.iter().enumerate();
        let by_name = names
            .map(|(index, item)| (item.name.as_str().to_owned(), index))
            .collect();
        let mut this = Self { macros, by_name };
        for (index, definition) in definitions.macros.iter().enumerate() {
            this.check_references(index, definition, definitions, texts, diagnostics);
        }
        this.find_loops(definitions, texts, diagnostics);
        this.spread_broken();
        this
    }

    pub(super) fn is_used(&self, index: usize) -> bool {
        self.macros.get(index).is_some_and(|item| item.used.get())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Expr> {
        self.by_name
            .get(name)
            .and_then(|&index| self.macros.get(index))
            .map(|item| &item.expr)
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(super) fn use_(&self, index: usize) {
        if let Some(item) = self.macros.get(index) {
            item.used.set(true);
        }
    }

    pub(super) fn is_broken(&self, index: usize) -> bool {
        self.macros.get(index).is_some_and(|item| item.is_broken)
    }

    /// The macros that a condition uses, directly or through others, and the lists of those.
    pub(super) fn closure(&self, expr: &Expr) -> (Vec<usize>, Vec<usize>) {
        let mut seen = vec![false; self.macros.len()];
        let mut lists = Vec::new();
        let mut open = self.references(expr);
        while let Some(index) = open.pop() {
            let Some(item) = self.macros.get(index) else {
                continue;
            };
            if !std::mem::replace(&mut seen[index], true) {
                lists.extend(item.insertions.iter().map(|insertion| insertion.list));
                open.extend(self.references(&item.expr));
            }
        }
        let found = seen
            .iter()
            .enumerate()
            .filter(|(_, seen)| **seen)
            .map(|(index, _)| index);
        (found.collect(), lists)
    }

    fn references(&self, expr: &Expr) -> Vec<usize> {
        let mut out = Vec::new();
        expr.for_each_macro(&mut |name, _| out.extend(self.index(name)));
        out
    }

    /// Makes holes of names that mean nothing, or that mean something only later.
    fn check_references(
        &mut self,
        index: usize,
        definition: &MacroDef,
        definitions: &Definitions,
        texts: &Texts,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let chain = condition_chain(definition);
        let Some(item) = self.macros.get(index) else {
            return;
        };
        let mut expr = item.expr.clone();
        let mut is_broken = false;
        keep_macros(&mut expr, &mut |name, at| {
            let span = texts.span(at).unwrap_or(definition.name.span);
            let other = definitions.macros.get(name);
            if other.is_some_and(|other| other.order.defined < definition.order.touched)
                || name == definition.name.as_str()
            {
                if name != definition.name.as_str()
                    && let Some(other) = self.index(name)
                {
                    self.use_(other);
                }
                return true;
            }
            is_broken = true;
            diagnostics.extend(match enclosing(&item.insertions, at) {
                Some(insertion) => {
                    messages::list_as_condition(name, insertion, &chain, definitions)
                }
                None => undefined(name, span, &chain, definitions, other),
            });
            false
        });
        if let Some(item) = self.macros.get_mut(index) {
            item.expr = expr;
            item.is_broken |= is_broken;
        }
    }

    /// Cuts each loop at the reference that closes it.
    fn find_loops(
        &mut self,
        definitions: &Definitions,
        texts: &Texts,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut states = vec![State::New; self.macros.len()];
        for start in 0..self.macros.len() {
            // Depth first, with a stack of our own: a chain of macros may be long.
            let mut stack = vec![(start, 0)];
            while let Some((index, next)) = stack.pop() {
                if next == 0 {
                    if states[index] != State::New {
                        continue;
                    }
                    states[index] = State::Open;
                }
                let references = self.references(&self.macros[index].expr);
                let Some(&target) = references.get(next) else {
                    states[index] = State::Done;
                    continue;
                };
                if states[target] == State::Open {
                    self.cut(index, target, definitions, texts, diagnostics);
                    // The reference is gone, so the next one has its number.
                    stack.push((index, next));
                    if next == 0 {
                        states[index] = State::New;
                    }
                    continue;
                }
                stack.push((index, next + 1));
                if states[target] == State::New {
                    stack.push((target, 0));
                }
            }
        }
    }

    fn cut(
        &mut self,
        index: usize,
        target: usize,
        definitions: &Definitions,
        texts: &Texts,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let by_index = |index: usize| definitions.macros.iter().nth(index);
        let (Some(definition), Some(other)) = (by_index(index), by_index(target)) else {
            return;
        };
        let name = other.name.as_str();
        let Some(item) = self.macros.get_mut(index) else {
            return;
        };
        keep_macros(&mut item.expr, &mut |found, span| {
            if found != name {
                return true;
            }
            let span = texts.span(span).unwrap_or(definition.name.span);
            let message = format!("reference loop in macro '{name}'");
            let chain = condition_chain(definition);
            let mut diagnostic = Diagnostic::new(Code::Validate, message, span, &chain)
                .with_label("refers back to where it came from");
            if index != target {
                diagnostic =
                    diagnostic.with_related(other.name.span, format!("`{name}` leads here"));
            }
            diagnostics.push(diagnostic);
            false
        });
        item.is_broken = true;
    }

    fn spread_broken(&mut self) {
        loop {
            let spread: Vec<usize> = (0..self.macros.len())
                .filter(|&index| !self.is_broken(index))
                .filter(|&index| {
                    let references = self.references(&self.macros[index].expr);
                    references.into_iter().any(|other| self.is_broken(other))
                })
                .collect();
            if spread.is_empty() {
                return;
            }
            for index in spread {
                self.macros[index].is_broken = true;
            }
        }
    }

    /// What descriptions say of each macro.
    pub(super) fn details(&self, definitions: &Definitions) -> Vec<Details> {
        let list_names: Vec<&str> = definitions
            .lists
            .iter()
            .map(|list| list.name.as_str())
            .collect();
        let named = |item: &Macro| {
            let lists = item
                .insertions
                .iter()
                .filter_map(|found| list_names.get(found.list));
            lists.map(|name| (*name).to_owned()).collect()
        };
        let describe = |item: &Macro| {
            let mut details = super::rule::describe(&item.expr);
            details.lists = named(item);
            let expanded = expand_macros(&item.expr, &mut |name| self.get(name));
            if let Ok(expanded) = expanded {
                details.events = Some(infer::event_types(&expanded, &mut Vec::new()));
                details.compiled = expanded.to_string();
            }
            details
        };
        self.macros.iter().map(describe).collect()
    }
}

fn condition_chain(definition: &MacroDef) -> Vec<Location> {
    let mut chain = definition.chain.clone();
    if let Some(span) = definition.condition.whole() {
        chain.push(Location {
            place: Place::MacroCondition,
            name: String::new(),
            span,
        });
    }
    chain
}

/// Replaces the references to macros that `keep` refuses by holes.
pub(super) fn keep_macros(expr: &mut Expr, keep: &mut dyn FnMut(&str, condition::Span) -> bool) {
    match &mut expr.kind {
        ExprKind::And(operands) | ExprKind::Or(operands) => {
            for operand in operands {
                keep_macros(operand, keep);
            }
        }
        ExprKind::Not(operand) => keep_macros(operand, keep),
        ExprKind::Macro(name) => {
            if !keep(name, expr.span) {
                expr.kind = ExprKind::Hole;
            }
        }
        ExprKind::Check(_) | ExprKind::Hole => {}
    }
}

/// Whether a list that stands where a condition should is the reason for an error at a place: that
/// is said once, at the list.
pub(super) fn names_no_macro(
    expr: &Expr,
    insertions: &[Insertion],
    definitions: &Definitions,
    at: condition::Span,
) -> bool {
    let Some(insertion) = enclosing(insertions, at) else {
        return false;
    };
    let mut found = false;
    expr.for_each_macro(&mut |name, span| {
        let is_inside = insertion.range.contains(&(span.start as usize));
        found |= is_inside && definitions.macros.get(name).is_none();
    });
    found
}

/// What to say of a macro that is not there, or not yet; nothing when its item could not be read.
pub(super) fn undefined(
    name: &str,
    span: Span,
    chain: &[Location],
    definitions: &Definitions,
    later: Option<&MacroDef>,
) -> Option<Diagnostic> {
    if definitions
        .unreadable
        .iter()
        .any(|unreadable| unreadable == name)
    {
        return None;
    }
    let message = format!("Undefined macro '{name}' used in filter.");
    let diagnostic = Diagnostic::new(Code::Validate, message, span, chain);
    Some(match later {
        Some(later) => diagnostic
            .with_label("not defined yet")
            .with_related(later.first, "defined here")
            .with_help("a macro must stand before the macros, and in no later file than the rules, that use it"),
        None if definitions.lists.get(name).is_some() => diagnostic
            .with_label("is the name of a list")
            .with_help(format!("a list stands to the right of an operator: `… in ({name})`")),
        None => diagnostic
            .with_label("not defined")
            .with_suggestion(suggest::nearest(name, definitions.macros.names())),
    })
}
