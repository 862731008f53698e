//! The meaning of conditions written down as plainly as possible, to compare the program with.

use std::collections::HashMap;
use std::net::IpAddr;

use condition::{
    Check, Expr, ExprKind, Literal, Operand, OperandKind, Operator, Quantifier, Right, Transformer,
    ValuesKind,
};

/// A value of the naive world.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Naive {
    Text(Vec<u8>),
    Number(i64),
    Address(IpAddr),
}

/// The values of each field; none when it is absent.
pub(crate) type Event = HashMap<&'static str, Vec<Naive>>;

pub(crate) fn holds(expr: &Expr, event: &Event) -> bool {
    match &expr.kind {
        ExprKind::And(operands) => operands.iter().all(|operand| holds(operand, event)),
        ExprKind::Or(operands) => operands.iter().any(|operand| holds(operand, event)),
        ExprKind::Not(operand) => !holds(operand, event),
        ExprKind::Check(check) => check_holds(check, event),
        ExprKind::Macro(_) | ExprKind::Hole => panic!("not generated"),
    }
}

fn check_holds(check: &Check, event: &Event) -> bool {
    let left = values(&check.left, event);
    if left.is_empty() {
        return false;
    }
    let list = check.left.to_string().contains("t.list");
    match &check.right {
        Right::Nothing => true,
        Right::Value(literal) => holds_for(check.operator, &left, &|value| {
            constant_holds(check.operator, value, literal)
        }),
        Right::Operand(operand) => {
            let right = values(operand, event);
            !right.is_empty()
                && holds_for(check.operator, &left, &|value| {
                    right
                        .iter()
                        .any(|right| compare(check.operator, value, right))
                })
        }
        Right::Values(list_values) => {
            let literals = literals(&list_values.kind);
            let in_set = |value: &Naive| {
                literals
                    .iter()
                    .any(|literal| constant_holds(check.operator, value, literal))
            };
            match check.operator {
                Operator::In if list => left.iter().all(in_set),
                _ => left.iter().any(in_set),
            }
        }
        Right::Quantified(quantifier, list_values) => {
            let satisfied = |literal: &&Literal| {
                holds_for(check.operator, &left, &|value| {
                    constant_holds(check.operator, value, literal)
                })
            };
            let literals = literals(&list_values.kind);
            let count = literals.iter().filter(|literal| satisfied(literal)).count();
            match quantifier {
                Quantifier::OneOf => count == 1,
                Quantifier::AnyOf => count > 0,
                Quantifier::AllOf => count > 0 && count == literals.len(),
            }
        }
    }
}

/// `!=` asks for no value, everything else for one.
fn holds_for(operator: Operator, values: &[Naive], test: &dyn Fn(&Naive) -> bool) -> bool {
    let some = values.iter().any(test);
    if operator == Operator::Ne {
        !some
    } else {
        some
    }
}

fn literals(kind: &ValuesKind) -> Vec<&Literal> {
    match kind {
        ValuesKind::List(items) => items.iter().collect(),
        ValuesKind::Named(_) => panic!("not generated"),
    }
}

fn constant_holds(operator: Operator, value: &Naive, literal: &Literal) -> bool {
    let text = || std::str::from_utf8(&literal.bytes).unwrap();
    match value {
        Naive::Text(_) => compare(operator, value, &Naive::Text(literal.bytes.clone())),
        Naive::Number(_) => compare(operator, value, &Naive::Number(text().parse().unwrap())),
        Naive::Address(_) => compare(operator, value, &Naive::Address(text().parse().unwrap())),
    }
}

fn compare(operator: Operator, left: &Naive, right: &Naive) -> bool {
    match (left, right) {
        (Naive::Text(left), Naive::Text(right)) => compare_texts(operator, left, right),
        (Naive::Number(left), Naive::Number(right)) => match operator {
            Operator::Lt => left < right,
            Operator::Le => left <= right,
            Operator::Gt => left > right,
            Operator::Ge => left >= right,
            _ => left == right,
        },
        (left, right) => left == right,
    }
}

fn compare_texts(operator: Operator, left: &[u8], right: &[u8]) -> bool {
    let lower = |text: &[u8]| text.to_ascii_lowercase();
    let contains = |text: &[u8], other: &[u8]| {
        other.is_empty() || text.windows(other.len()).any(|window| window == other)
    };
    match operator {
        Operator::Lt => left < right,
        Operator::Le => left <= right,
        Operator::Gt => left > right,
        Operator::Ge => left >= right,
        Operator::Contains => contains(left, right),
        Operator::IContains => contains(&lower(left), &lower(right)),
        Operator::StartsWith => left.starts_with(right),
        Operator::EndsWith => left.ends_with(right),
        Operator::Glob => glob(right, left),
        Operator::IGlob => glob(&lower(right), &lower(left)),
        // Generated regular expressions are literals with `.*`.
        Operator::Regex => {
            let text = std::str::from_utf8(right).unwrap().replace(".*", "*");
            glob(text.as_bytes(), left)
        }
        Operator::PMatch => {
            left == right
                || left
                    .strip_prefix(right)
                    .is_some_and(|rest| rest.starts_with(b"/"))
        }
        _ => left == right,
    }
}

/// Stars and question marks only.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        ([b'*', pattern @ ..], text) => (0..=text.len()).any(|skip| glob(pattern, &text[skip..])),
        ([b'?', pattern @ ..], [_, text @ ..]) => glob(pattern, text),
        ([wanted, pattern @ ..], [byte, text @ ..]) => wanted == byte && glob(pattern, text),
        (_, []) => false,
    }
}

fn values(operand: &Operand, event: &Event) -> Vec<Naive> {
    match &operand.kind {
        OperandKind::Field(field) => event[field.name.as_str()].clone(),
        OperandKind::Constant(bytes) => vec![Naive::Text(bytes.clone())],
        OperandKind::List(_) => panic!("only join has lists"),
        OperandKind::Call(call) => {
            let first = &call.arguments[0];
            let texts = |change: fn(&[u8]) -> Vec<u8>| {
                let change = |value| match value {
                    Naive::Text(text) => Naive::Text(change(&text)),
                    other => other,
                };
                values(first, event).into_iter().map(change).collect()
            };
            match call.transformer {
                Transformer::ToLower => texts(<[u8]>::to_ascii_lowercase),
                Transformer::ToUpper => texts(<[u8]>::to_ascii_uppercase),
                Transformer::BaseName => {
                    texts(|path| path.rsplit(|&byte| byte == b'/').next().unwrap().to_vec())
                }
                Transformer::Concat => {
                    let parts: Option<Vec<_>> = call
                        .arguments
                        .iter()
                        .map(|argument| values(argument, event).into_iter().next())
                        .collect();
                    let Some(parts) = parts else {
                        return Vec::new();
                    };
                    let text = |part: &Naive| match part {
                        Naive::Text(text) => text.clone(),
                        other => panic!("{other:?}"),
                    };
                    vec![Naive::Text(parts.iter().flat_map(text).collect())]
                }
                other => panic!("{other} is not generated"),
            }
        }
    }
}
