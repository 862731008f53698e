//! From text to tree.

mod check;
mod cursor;
mod error;
mod expression;
mod literal;
mod operand;

pub use error::{Found, ParseError, ParseErrorKind};

pub(crate) use cursor::is_bare;
pub(crate) use literal::number_length;
pub(crate) use operand::is_argument;

use cursor::Cursor;

use crate::ast::{Expr, ExprKind, Operand};
use crate::span::{SourceId, Span};

/// How to parse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseOptions {
    /// The number of the text, for its spans.
    pub source: SourceId,
    /// How many levels of parentheses and transformers may nest.
    pub max_depth: usize,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            source: SourceId(0),
            max_depth: 1000,
        }
    }
}

/// Parses a condition.
///
/// # Errors
///
/// All mistakes in the text, in its order.
pub fn parse(text: &str) -> Result<Expr, Vec<ParseError>> {
    parse_with(text, ParseOptions::default())
}

/// Parses a condition with options.
///
/// # Errors
///
/// All mistakes in the text, in its order.
pub fn parse_with(text: &str, options: ParseOptions) -> Result<Expr, Vec<ParseError>> {
    let (expr, errors) = parse_recovering(text, options);
    if errors.is_empty() {
        Ok(expr)
    } else {
        Err(errors)
    }
}

/// Parses a condition and returns what could be understood, with holes, together with all
/// mistakes in the order of the text.
pub fn parse_recovering(text: &str, options: ParseOptions) -> (Expr, Vec<ParseError>) {
    if let Err(error) = check_length(text, options) {
        return (
            Expr {
                kind: ExprKind::Hole,
                span: error.span,
            },
            vec![error],
        );
    }
    expression::parse(text, options)
}

/// Parses the field, with its argument, or the transformer that a text begins with:
/// `proc.name`, `proc.aname[2]`, `toupper(proc.name)`. Returns it with the number of bytes it
/// takes; what follows is not looked at. A name is as long as the grammar allows, so a caller that
/// does not know the field `proc.name.` + `x` should try again with the text cut before the dot.
///
/// # Errors
///
/// When the text does not begin with a field or a transformer.
pub fn parse_operand(text: &str, options: ParseOptions) -> Result<(Operand, usize), ParseError> {
    check_length(text, options)?;
    let mut cursor = Cursor::new(text, options.source);
    let operand = operand::field_or_call(&mut cursor, 0)?;
    Ok((operand, cursor.at()))
}

fn check_length(text: &str, options: ParseOptions) -> Result<(), ParseError> {
    match u32::try_from(text.len()) {
        Ok(_) => Ok(()),
        Err(_) => {
            let span = Span {
                source: options.source,
                start: 0,
                end: 0,
            };
            Err(ParseError {
                span,
                kind: ParseErrorKind::TooLong,
            })
        }
    }
}
