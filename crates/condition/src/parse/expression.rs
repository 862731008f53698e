//! `and`, `or`, `not` and parentheses.
//!
//! The levels of parentheses are kept on a stack of our own, so that no text can exhaust the
//! stack of the thread.

use std::mem;

use super::cursor::Cursor;
use super::error::{ParseError, ParseErrorKind};
use super::{ParseOptions, check};
use crate::ast::{Expr, ExprKind};
use crate::span::Span;

const OPERAND: &[&str] = &[
    "a field",
    "a transformer",
    "a macro",
    "'not'",
    "a condition in parentheses",
];

/// One level of parentheses that is not closed yet.
struct Level {
    /// Where its parenthesis stands.
    open: usize,
    /// Where the `not` before its parenthesis stands, if there is one.
    not: Option<usize>,
    /// Where the parser began to look for its content.
    start: usize,
    /// The finished operands of its `or`.
    alternatives: Vec<Expr>,
    /// The operands of the `and` that is being read.
    conjuncts: Vec<Expr>,
}

impl Level {
    fn new(open: usize, not: Option<usize>, start: usize) -> Self {
        Self {
            open,
            not,
            start,
            alternatives: Vec::new(),
            conjuncts: Vec::new(),
        }
    }

    fn finish_and(&mut self) {
        let conjuncts = mem::take(&mut self.conjuncts);
        self.alternatives.push(join(conjuncts, None, ExprKind::And));
    }

    fn finish(mut self, cursor: &Cursor<'_>) -> Expr {
        self.finish_and();
        let start = cursor.span_of(self.start..self.start);
        join(self.alternatives, Some(start), ExprKind::Or)
    }
}

/// Puts the operands under one node, unless there is only one.
fn join(mut operands: Vec<Expr>, start: Option<Span>, kind: fn(Vec<Expr>) -> ExprKind) -> Expr {
    let last = operands
        .pop()
        .expect("each level reads at least one operand");
    let Some(first) = operands.first() else {
        return last;
    };
    let span = Span {
        end: last.span.end,
        ..start.unwrap_or(first.span)
    };
    operands.push(last);
    Expr {
        kind: kind(operands),
        span,
    }
}

pub(super) fn parse(text: &str, options: ParseOptions) -> (Expr, Vec<ParseError>) {
    let mut cursor = Cursor::new(text, options.source);
    let mut errors = Vec::new();
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::new(0, None, 0);
    loop {
        // Before an operand.
        cursor.blanks();
        let not = negations(&mut cursor);
        let open = cursor.at();
        if cursor.peek() == Some(b'(') {
            if outer.len() < options.max_depth {
                cursor.sign("(");
                outer.push(mem::replace(&mut level, Level::new(open, not, cursor.at())));
                continue;
            }
            let kind = ParseErrorKind::TooDeep(options.max_depth);
            errors.push(ParseError {
                span: cursor.span_of(open..open + 1),
                kind,
            });
            let hole = skip_hole(&mut cursor, open);
            level.conjuncts.push(negate(hole, not));
        } else {
            let operand = check::operand(&mut cursor, OPERAND).unwrap_or_else(|error| {
                errors.push(error);
                cursor.rewind(open);
                skip_hole(&mut cursor, open)
            });
            level.conjuncts.push(negate(operand, not));
        }
        // After an operand.
        loop {
            cursor.blanks();
            if cursor.at_keyword("and") {
                cursor.sign("and");
                break;
            }
            if cursor.at_keyword("or") {
                cursor.sign("or");
                level.finish_and();
                break;
            }
            match (cursor.peek(), outer.pop()) {
                (Some(b')'), Some(before)) => {
                    let Level { not, .. } = level;
                    let content = mem::replace(&mut level, before).finish(&cursor);
                    cursor.sign(")");
                    level.conjuncts.push(negate_at(content, not, &cursor));
                }
                (Some(b')'), None) => {
                    cursor.sign(")");
                    let span = cursor.span(cursor.at() - 1);
                    errors.push(ParseError {
                        span,
                        kind: ParseErrorKind::UnopenedParenthesis,
                    });
                }
                (None, Some(before)) => {
                    let span = cursor.span_of(level.open..level.open + 1);
                    errors.push(ParseError {
                        span,
                        kind: ParseErrorKind::UnclosedParenthesis,
                    });
                    let Level { not, .. } = level;
                    let content = mem::replace(&mut level, before).finish(&cursor);
                    level.conjuncts.push(negate_at(content, not, &cursor));
                }
                (None, None) => {
                    errors.sort_by_key(|error: &ParseError| error.span);
                    return (level.finish(&cursor), errors);
                }
                (Some(_), before) => {
                    outer.extend(before);
                    errors.push(unexpected(&cursor));
                    cursor.skip_to_boundary();
                }
            }
        }
    }
}

/// Reads `not not …`; each undoes the one before. Returns where the first stands if an odd number
/// was read.
fn negations(cursor: &mut Cursor<'_>) -> Option<usize> {
    let start = cursor.at();
    let mut negated = false;
    while cursor.at_keyword("not") {
        cursor.sign("not");
        cursor.blanks();
        negated = !negated;
    }
    negated.then_some(start)
}

fn negate(operand: Expr, not: Option<usize>) -> Expr {
    let end = operand.span.end;
    negate_until(operand, not, end)
}

fn negate_at(operand: Expr, not: Option<usize>, cursor: &Cursor<'_>) -> Expr {
    let end = cursor.span(cursor.at()).end;
    negate_until(operand, not, end)
}

fn negate_until(operand: Expr, not: Option<usize>, end: u32) -> Expr {
    let Some(start) = not else { return operand };
    let start = u32::try_from(start).expect("the length of the text fits into 32 bits");
    let span = Span {
        start,
        end,
        ..operand.span
    };
    Expr {
        kind: ExprKind::Not(Box::new(operand)),
        span,
    }
}

fn skip_hole(cursor: &mut Cursor<'_>, start: usize) -> Expr {
    cursor.skip_to_boundary();
    Expr {
        kind: ExprKind::Hole,
        span: cursor.span(start),
    }
}

fn unexpected(cursor: &Cursor<'_>) -> ParseError {
    let (found, span) = cursor.found();
    let after = cursor.last().to_owned();
    ParseError {
        span,
        kind: ParseErrorKind::UnexpectedToken { after, found },
    }
}
