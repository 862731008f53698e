//! Conditions for one type of event.
//!
//! The index has looked at the type of the event before a condition is evaluated, so the checks of
//! it need not be evaluated again. What is left is smaller, and it is often the same for all types
//! that a rule names: `evt.type in (open, openat) and fd.name = x` is `fd.name = x` for both. Only
//! where the name of the event is that of its type in the table does this hold; the generic events,
//! and those that plugins inject, keep the whole condition.

use condition::{Check, Expr, ExprKind, OperandKind, Operator, Right, ValuesKind};

/// What is left of a condition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Rest {
    /// Nothing, it holds.
    Always,
    /// Nothing, it does not hold.
    Never,
    /// This.
    Expr(Expr),
}

/// What is left of a condition in events of a system call, or of another event, of this name.
pub(crate) fn specialize(expr: &Expr, name: &str) -> Rest {
    match &expr.kind {
        ExprKind::And(operands) => join(expr, operands, name, true),
        ExprKind::Or(operands) => join(expr, operands, name, false),
        ExprKind::Not(operand) => match specialize(operand, name) {
            Rest::Always => Rest::Never,
            Rest::Never => Rest::Always,
            Rest::Expr(rest) => Rest::Expr(Expr {
                kind: ExprKind::Not(Box::new(rest)),
                span: expr.span,
            }),
        },
        ExprKind::Check(check) => match known(check, name) {
            Some(true) => Rest::Always,
            Some(false) => Rest::Never,
            None => Rest::Expr(expr.clone()),
        },
        ExprKind::Macro(_) | ExprKind::Hole => Rest::Expr(expr.clone()),
    }
}

fn join(whole: &Expr, operands: &[Expr], name: &str, and: bool) -> Rest {
    let (neutral, absorbing) = if and {
        (Rest::Always, Rest::Never)
    } else {
        (Rest::Never, Rest::Always)
    };
    let mut left = Vec::new();
    for operand in operands {
        match specialize(operand, name) {
            rest if rest == neutral => {}
            rest if rest == absorbing => return absorbing,
            Rest::Expr(rest) => left.push(rest),
            Rest::Always | Rest::Never => {}
        }
    }
    match left.len() {
        0 => neutral,
        1 => left.pop().map_or(neutral, Rest::Expr),
        _ => {
            let kind = if and {
                ExprKind::And(left)
            } else {
                ExprKind::Or(left)
            };
            Rest::Expr(Expr {
                kind,
                span: whole.span,
            })
        }
    }
}

/// Whether a check holds in events of this name; `None` when that depends on more.
fn known(check: &Check, name: &str) -> Option<bool> {
    let OperandKind::Field(field) = &check.left.kind else {
        return None;
    };
    // `syscall.type` is absent in events that are no system calls; only `evt.type` always is there.
    if field.name != "evt.type" || field.argument.is_some() {
        return None;
    }
    let listed = match &check.right {
        Right::Nothing => return Some(true),
        Right::Value(value) => value.bytes == name.as_bytes(),
        Right::Values(values) => match &values.kind {
            ValuesKind::List(list) => list.iter().any(|value| value.bytes == name.as_bytes()),
            ValuesKind::Named(_) => return None,
        },
        Right::Quantified(..) | Right::Operand(_) => return None,
    };
    match check.operator {
        Operator::Eq | Operator::In => Some(listed),
        Operator::Ne => Some(!listed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_of_the_type_go_away() {
        let rest = |text: &str| match specialize(&condition::parse(text).unwrap(), "openat") {
            Rest::Always => "always".to_owned(),
            Rest::Never => "never".to_owned(),
            Rest::Expr(expr) => expr.to_string(),
        };
        for (text, expected) in [
            ("evt.type = openat", "always"),
            ("evt.type != openat", "never"),
            ("not evt.type in (open, openat)", "never"),
            ("evt.type in (open, openat) and fd.num > 1", "fd.num > 1"),
            ("evt.type = open and fd.num > 1", "never"),
            ("evt.type = open or fd.num > 1", "fd.num > 1"),
            (
                "evt.type = creat or evt.is_open_write = true",
                "evt.is_open_write = true",
            ),
            (
                "(evt.type = openat or fd.num > 1) and proc.name = a",
                "proc.name = a",
            ),
            ("not (evt.type = openat and fd.num > 1)", "not fd.num > 1"),
            (
                "evt.type startswith open and fd.num > 1",
                "evt.type startswith open and fd.num > 1",
            ),
            ("syscall.type = openat", "syscall.type = openat"),
            (
                "evt.type exists and evt.num > 1 and fd.num > 1",
                "evt.num > 1 and fd.num > 1",
            ),
        ] {
            assert_eq!(rest(text), expected, "{text}");
        }
    }
}
