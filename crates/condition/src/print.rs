//! From tree back to text, in one canonical form: single blanks, no needless parentheses, quotes
//! only where they are needed. Parsing the text gives the same tree.

use std::fmt::{Display, Formatter, Result, Write};

use crate::ast::{
    Call, Check, Expr, ExprKind, FieldRef, Literal, Operand, OperandKind, Quantifier, Right,
    Values, ValuesKind,
};
use crate::parse::{is_argument, is_bare, number_length};
use crate::quote::escape;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            ExprKind::And(operands) => join(f, operands, " and ", |f, operand| {
                let group = matches!(operand.kind, ExprKind::And(_) | ExprKind::Or(_));
                grouped(f, operand, group)
            }),
            ExprKind::Or(operands) => join(f, operands, " or ", |f, operand| {
                grouped(f, operand, matches!(operand.kind, ExprKind::Or(_)))
            }),
            ExprKind::Not(operand) => {
                f.write_str("not ")?;
                let kind = &operand.kind;
                let group = matches!(kind, ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not(_));
                grouped(f, operand, group)
            }
            ExprKind::Macro(name) => f.write_str(name),
            ExprKind::Check(check) => check.fmt(f),
            ExprKind::Hole => f.write_str("…"),
        }
    }
}

impl Display for Check {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {}", self.left, self.operator)?;
        match &self.right {
            Right::Nothing => Ok(()),
            Right::Value(literal) => write!(f, " {literal}"),
            Right::Values(values) => write!(f, " {values}"),
            Right::Quantified(quantifier, values) => write!(f, " {quantifier} {values}"),
            Right::Operand(Operand {
                kind: OperandKind::Field(field),
                ..
            }) => {
                write!(f, " val({field})")
            }
            Right::Operand(operand) => write!(f, " {operand}"),
        }
    }
}

impl Display for Values {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            ValuesKind::List(items) => {
                f.write_char('(')?;
                join(f, items, ", ", |f, item| item.fmt(f))?;
                f.write_char(')')
            }
            ValuesKind::Named(name) => f.write_str(name),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) if is_plain(text) && Quantifier::from_name(text).is_none() => {
                f.write_str(text)
            }
            _ => f.write_str(&escape(&self.bytes)),
        }
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            OperandKind::Field(field) => field.fmt(f),
            OperandKind::Call(call) => call.fmt(f),
            OperandKind::Constant(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if !text.is_empty() && number_length(bytes) == bytes.len() => {
                    f.write_str(text)
                }
                _ => f.write_str(&escape(bytes)),
            },
            OperandKind::List(items) => {
                f.write_char('(')?;
                join(f, items, ", ", |f, item| item.fmt(f))?;
                f.write_char(')')
            }
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}(", self.transformer)?;
        join(f, &self.arguments, ", ", |f, argument| argument.fmt(f))?;
        f.write_char(')')?;
        bracketed(f, self.selector.as_deref())
    }
}

impl Display for FieldRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.name)?;
        bracketed(f, self.argument.as_deref())
    }
}

fn bracketed(f: &mut Formatter<'_>, argument: Option<&str>) -> Result {
    match argument {
        None => Ok(()),
        Some(text) if !text.is_empty() && text.bytes().all(is_argument) => {
            write!(f, "[{text}]")
        }
        Some(text) => write!(f, "[{}]", escape(text.as_bytes())),
    }
}

/// Whether a text can stand without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| is_bare(byte) && !byte.is_ascii_control())
}

fn grouped(f: &mut Formatter<'_>, operand: &Expr, group: bool) -> Result {
    if group {
        write!(f, "({operand})")
    } else {
        operand.fmt(f)
    }
}

fn join<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    separator: &str,
    mut write: impl FnMut(&mut Formatter<'_>, &T) -> Result,
) -> Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write(f, item)?;
    }
    Ok(())
}
