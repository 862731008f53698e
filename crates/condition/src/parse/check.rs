//! Macros, and checks with their right-hand sides.

use super::cursor::{Cursor, is_blank};
use super::error::{ParseError, ParseErrorKind};
use super::{literal, operand};
use crate::ast::{
    Check, Expr, ExprKind, Literal, Operand, OperandKind, Operator, Quantifier, Right, Values,
    ValuesKind,
};

const OPERATOR: &[&str] = &["an operator"];
const VALUE: &[&str] = &["a value", "'val(field)'", "a transformer"];
const NUMBER: &[&str] = &["a number", "'val(field)'", "a transformer"];
const VALUES: &[&str] = &[
    "a list in parentheses",
    "the name of a list",
    "a transformer",
];

/// The operators that are signs; longer ones first.
const SIGNS: &[(&str, Operator)] = &[
    ("<=", Operator::Le),
    ("<", Operator::Lt),
    (">=", Operator::Ge),
    (">", Operator::Gt),
    ("==", Operator::Eq),
    ("=", Operator::Eq),
    ("!=", Operator::Ne),
];

/// Reads a macro or a check.
pub(super) fn operand(
    cursor: &mut Cursor<'_>,
    expected: &'static [&'static str],
) -> Result<Expr, ParseError> {
    let start = cursor.at();
    let (length, dotted) = cursor.dotted_name_length();
    if length == 0 || matches!(&cursor.rest()[..length], b"and" | b"or" | b"not") {
        return Err(cursor.expected(expected));
    }
    if !dotted && cursor.rest().get(length) != Some(&b'(') {
        let name = cursor.take(length).to_owned();
        return Ok(Expr {
            kind: ExprKind::Macro(name),
            span: cursor.span(start),
        });
    }
    let left = operand::field_or_call(cursor, 0)?;
    cursor.blanks();
    let operator_start = cursor.at();
    let operator = operator(cursor)?;
    let operator_span = cursor.span(operator_start);
    let right = right(cursor, operator)?;
    let check = Check {
        left,
        operator,
        operator_span,
        right,
    };
    Ok(Expr {
        kind: ExprKind::Check(Box::new(check)),
        span: cursor.span(start),
    })
}

fn operator(cursor: &mut Cursor<'_>) -> Result<Operator, ParseError> {
    if let Some(&(_, operator)) = SIGNS.iter().find(|(sign, _)| cursor.sign(sign)) {
        return Ok(operator);
    }
    // Only `exists` needs no blank after it: `a.b existsand c`.
    if cursor.sign("exists") {
        return Ok(Operator::Exists);
    }
    let length = cursor.name_length();
    if length == 0 {
        return Err(cursor.expected(OPERATOR));
    }
    let start = cursor.at();
    let word = cursor.take(length);
    match Operator::from_name(word) {
        Some(operator) => match cursor.peek() {
            Some(byte) if is_blank(byte) || (byte == b'(' && operator.takes_list()) => Ok(operator),
            None => Ok(operator),
            Some(_) => Err(cursor.expected(&["a blank after the operator"])),
        },
        None => {
            let kind = ParseErrorKind::UnknownOperator {
                word: word.to_owned(),
            };
            Err(ParseError {
                span: cursor.span(start),
                kind,
            })
        }
    }
}

fn right(cursor: &mut Cursor<'_>, operator: Operator) -> Result<Right, ParseError> {
    if operator == Operator::Exists {
        return Ok(Right::Nothing);
    }
    let blank = cursor.blanks();
    if let Some(operand) = right_operand(cursor)? {
        return Ok(Right::Operand(operand));
    }
    let start = cursor.at();
    if operator.takes_list() {
        return values(cursor).map(Right::Values);
    }
    if operator.orders() {
        let length = literal::number_length(cursor.rest());
        if length == 0 {
            return Err(cursor.expected(NUMBER));
        }
        let bytes = cursor.take(length).into();
        return Ok(Right::Value(Literal {
            bytes,
            span: cursor.span(start),
        }));
    }
    if blank && let Some(quantifier) = quantifier(cursor) {
        return Ok(Right::Quantified(quantifier, values(cursor)?));
    }
    literal::value(cursor, VALUE).map(Right::Value)
}

/// Reads `val(field)` or a transformer.
fn right_operand(cursor: &mut Cursor<'_>) -> Result<Option<Operand>, ParseError> {
    let start = cursor.at();
    let length = cursor.name_length();
    if length == 0 || cursor.rest().get(length) != Some(&b'(') {
        return Ok(None);
    }
    match &cursor.rest()[..length] {
        b"val" => {}
        b"and" | b"or" | b"not" => return Err(cursor.expected(VALUE)),
        _ => return operand::call(cursor, length, 0).map(Some),
    }
    cursor.take(length);
    cursor.sign("(");
    cursor.blanks();
    let (name_length, dotted) = cursor.dotted_name_length();
    if cursor.rest().get(name_length) == Some(&b'(') && name_length > 0 {
        let kind = ParseErrorKind::MisplacedVal;
        return Err(ParseError {
            span: cursor.span(start),
            kind,
        });
    }
    if !dotted {
        return Err(cursor.expected(&["a field"]));
    }
    let field = operand::field(cursor, name_length)?;
    cursor.blanks();
    if !cursor.sign(")") {
        return Err(cursor.expected(&["')'"]));
    }
    Ok(Some(Operand {
        kind: OperandKind::Field(field),
        span: cursor.span(start),
    }))
}

/// Reads `oneof`, `anyof` or `allof` with the blanks after it, if a list or the name of one
/// follows. Otherwise the word is an ordinary value.
fn quantifier(cursor: &mut Cursor<'_>) -> Option<Quantifier> {
    let start = cursor.at();
    let length = cursor.name_length();
    let word = std::str::from_utf8(&cursor.rest()[..length]).ok()?;
    let quantifier = Quantifier::from_name(word)?;
    cursor.take(length);
    let blank = cursor.blanks();
    let list_follows = match cursor.bare_length() {
        0 => cursor.peek() == Some(b'('),
        length => !matches!(&cursor.rest()[..length], b"and" | b"or"),
    };
    if blank && list_follows {
        return Some(quantifier);
    }
    cursor.rewind(start);
    None
}

fn values(cursor: &mut Cursor<'_>) -> Result<Values, ParseError> {
    let start = cursor.at();
    if cursor.sign("(") {
        let mut items = Vec::new();
        cursor.blanks();
        while !cursor.sign(")") {
            if !items.is_empty() {
                if !cursor.sign(",") {
                    return Err(cursor.expected(&["','", "')'"]));
                }
                cursor.blanks();
            }
            items.push(literal::value(cursor, &["a value"])?);
            cursor.blanks();
        }
        return Ok(Values {
            kind: ValuesKind::List(items),
            span: cursor.span(start),
        });
    }
    match cursor.bare_length() {
        0 => Err(cursor.expected(VALUES)),
        length => {
            let name = cursor.take(length).to_owned();
            Ok(Values {
                kind: ValuesKind::Named(name),
                span: cursor.span(start),
            })
        }
    }
}
