//! Fields and transformers.

use super::cursor::{Cursor, is_bare};
use super::error::{ParseError, ParseErrorKind};
use super::literal;
use crate::ast::{Call, FieldRef, Operand, OperandKind, Quantifier, Transformer};

/// How deeply transformers may nest. Far less than parentheses: nobody writes more than a few, and
/// each level takes stack.
pub(super) const MAX_CALL_DEPTH: usize = 64;

const ARGUMENT: &[&str] = &[
    "a field",
    "a transformer",
    "a text in quotes",
    "a number",
    "a list in parentheses",
];
const ITEM: &[&str] = &["a field", "a transformer", "a text in quotes", "a number"];

/// Reads a field, or a transformer with its arguments.
pub(super) fn field_or_call(cursor: &mut Cursor<'_>, depth: usize) -> Result<Operand, ParseError> {
    let start = cursor.at();
    let (length, dotted) = cursor.dotted_name_length();
    if !dotted && length > 0 && cursor.rest().get(length) == Some(&b'(') {
        return call(cursor, length, depth);
    }
    if !dotted {
        return Err(cursor.expected(&["a field", "a transformer"]));
    }
    let field = field(cursor, length)?;
    Ok(Operand {
        kind: OperandKind::Field(field),
        span: cursor.span(start),
    })
}

/// Reads a field whose name has this length.
pub(super) fn field(cursor: &mut Cursor<'_>, length: usize) -> Result<FieldRef, ParseError> {
    let name = cursor.take(length).to_owned();
    let argument = bracketed(cursor)?;
    Ok(FieldRef { name, argument })
}

/// Reads the argument in brackets, if there is one.
fn bracketed(cursor: &mut Cursor<'_>) -> Result<Option<String>, ParseError> {
    let start = cursor.at();
    if !cursor.sign("[") {
        return Ok(None);
    }
    let argument = match cursor.peek() {
        Some(b'"' | b'\'') => literal::quoted(cursor)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok()),
        _ => {
            let length = cursor
                .rest()
                .iter()
                .take_while(|&&byte| is_argument(byte))
                .count();
            (length > 0).then(|| cursor.take(length).to_owned())
        }
    };
    match argument {
        Some(argument) if cursor.sign("]") => Ok(Some(argument)),
        _ => Err(ParseError {
            span: cursor.span(start),
            kind: ParseErrorKind::FieldArgument,
        }),
    }
}

/// Whether a byte may stand in an argument without quotes.
pub(crate) fn is_argument(byte: u8) -> bool {
    !matches!(byte, b'[' | b']') && (is_bare(byte) || matches!(byte, b'(' | b')' | b'=' | b','))
}

/// Reads a transformer whose name has this length and is followed by a parenthesis.
pub(super) fn call(
    cursor: &mut Cursor<'_>,
    length: usize,
    depth: usize,
) -> Result<Operand, ParseError> {
    let start = cursor.at();
    let name = cursor.take(length);
    let fail = |cursor: &Cursor<'_>, kind| {
        Err(ParseError {
            span: cursor.span(start),
            kind,
        })
    };
    if name == "val" {
        return fail(cursor, ParseErrorKind::MisplacedVal);
    }
    let Some(transformer) = Transformer::from_name(name) else {
        let kind = match Quantifier::from_name(name) {
            Some(quantifier) => ParseErrorKind::QuantifierWithoutBlank(quantifier),
            None => ParseErrorKind::UnknownTransformer {
                name: name.to_owned(),
            },
        };
        return fail(cursor, kind);
    };
    if depth == MAX_CALL_DEPTH {
        return fail(cursor, ParseErrorKind::TooDeep(MAX_CALL_DEPTH));
    }
    cursor.sign("(");
    let mut arguments = Vec::new();
    loop {
        cursor.blanks();
        arguments.push(argument(cursor, depth + 1)?);
        cursor.blanks();
        if cursor.sign(")") {
            break;
        }
        if !cursor.sign(",") {
            return Err(cursor.expected(&["','", "')'"]));
        }
    }
    let selector = bracketed(cursor)?;
    let call = Call {
        transformer,
        arguments,
        selector,
    };
    Ok(Operand {
        kind: OperandKind::Call(call),
        span: cursor.span(start),
    })
}

fn argument(cursor: &mut Cursor<'_>, depth: usize) -> Result<Operand, ParseError> {
    let start = cursor.at();
    if !cursor.sign("(") {
        return item(cursor, depth, ARGUMENT);
    }
    let mut items = Vec::new();
    cursor.blanks();
    while !cursor.sign(")") {
        if !items.is_empty() {
            if !cursor.sign(",") {
                return Err(cursor.expected(&["','", "')'"]));
            }
            cursor.blanks();
        }
        items.push(item(cursor, depth, ITEM)?);
        cursor.blanks();
    }
    Ok(Operand {
        kind: OperandKind::List(items),
        span: cursor.span(start),
    })
}

fn item(
    cursor: &mut Cursor<'_>,
    depth: usize,
    expected: &'static [&'static str],
) -> Result<Operand, ParseError> {
    let start = cursor.at();
    let bytes = match cursor.peek() {
        Some(b'"' | b'\'') => literal::quoted(cursor)?,
        Some(first) if first.is_ascii_alphabetic() => {
            let (length, dotted) = cursor.dotted_name_length();
            if !dotted && cursor.rest().get(length) != Some(&b'(') {
                return Err(cursor.expected(expected));
            }
            return field_or_call(cursor, depth);
        }
        _ => match literal::number_length(cursor.rest()) {
            0 => return Err(cursor.expected(expected)),
            length => cursor.take(length).into(),
        },
    };
    Ok(Operand {
        kind: OperandKind::Constant(bytes),
        span: cursor.span(start),
    })
}
