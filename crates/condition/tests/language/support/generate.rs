//! Random trees, and random events for those of them that have a meaning.

use condition::{
    Call, Check, Expr, ExprKind, FieldRef, Literal, Operand, OperandKind, Operator, Quantifier,
    Right, Shape, Span, Transformer, Value, ValueType, Values, ValuesKind,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::mock::{MockCatalog, MockEvent, Owned};
use crate::naive::{Event, Naive};

fn expr(kind: ExprKind) -> Expr {
    Expr {
        kind,
        span: Span::default(),
    }
}

fn operand(kind: OperandKind) -> Operand {
    Operand {
        kind,
        span: Span::default(),
    }
}

fn literal(bytes: Vec<u8>) -> Literal {
    Literal {
        bytes,
        span: Span::default(),
    }
}

fn list(items: Vec<Literal>) -> Values {
    Values {
        kind: ValuesKind::List(items),
        span: Span::default(),
    }
}

fn field(name: &str, argument: Option<String>) -> Operand {
    operand(OperandKind::Field(FieldRef {
        name: name.to_owned(),
        argument,
    }))
}

fn call(transformer: Transformer, arguments: Vec<Operand>, selector: Option<String>) -> Operand {
    operand(OperandKind::Call(Call {
        transformer,
        arguments,
        selector,
    }))
}

fn check(left: Operand, operator: Operator, right: Right) -> Expr {
    let operator_span = Span::default();
    expr(ExprKind::Check(Box::new(Check {
        left,
        operator,
        operator_span,
        right,
    })))
}

/// Puts `and`, `or` and `not` around leaves. Nothing that the parser would not give: `and` and `or`
/// have at least two operands.
fn tree(leaf: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    leaf.prop_recursive(5, 40, 4, |inner| {
        let several = vec(inner.clone(), 2..5);
        prop_oneof![
            several
                .clone()
                .prop_map(|operands| expr(ExprKind::And(operands))),
            several.prop_map(|operands| expr(ExprKind::Or(operands))),
            inner.prop_map(|operand| expr(ExprKind::Not(Box::new(operand)))),
        ]
    })
    .boxed()
}

/// Any tree that the parser can give, whether it has a meaning or not.
pub(crate) fn any_tree() -> BoxedStrategy<Expr> {
    let name = "[a-zA-Z][a-zA-Z0-9_]{0,6}".prop_filter("a keyword", |name| {
        !["and", "or", "not"].contains(&name.as_str())
    });
    let macros = name.prop_map(|name| expr(ExprKind::Macro(name)));
    tree(prop_oneof![macros, any_check()].boxed())
}

fn any_field() -> BoxedStrategy<Operand> {
    let name = "[a-z][a-z0-9_]{0,4}(\\.[a-z][a-z0-9_]{0,4}){1,3}";
    let argument = prop_oneof![any::<String>(), "[0-9a-z/=,()]{0,5}"];
    (name, option::of(argument))
        .prop_map(|(name, argument)| field(&name, argument))
        .boxed()
}

fn any_bytes() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..6),
        "[a-z/.*]{1,8}".prop_map(String::into_bytes),
        "[\\\\'\"()=, xn]{0,6}".prop_map(String::into_bytes),
        select(vec![
            "oneof", "and", "or", "not", "exists", "val", "tolower", "0x1", "-1"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
    .boxed()
}

fn any_call() -> BoxedStrategy<Operand> {
    let constant = any_bytes().prop_map(|bytes| operand(OperandKind::Constant(bytes)));
    let item = prop_oneof![any_field(), constant].boxed();
    let calls = item.prop_recursive(3, 12, 3, |inner| {
        let list = vec(inner.clone(), 0..3).prop_map(|items| operand(OperandKind::List(items)));
        // Lists do not stand in lists.
        let flat = inner.prop_filter("a list", |operand| {
            !matches!(operand.kind, OperandKind::List(_))
        });
        let arguments = vec(prop_oneof![3 => flat, 1 => list], 1..4);
        let transformer = select(Transformer::ALL.to_vec());
        (transformer, arguments, option::of(any::<String>())).prop_map(
            |(transformer, arguments, selector)| {
                let flatten = |argument: Operand| match argument.kind {
                    OperandKind::List(items) => operand(OperandKind::List(
                        items
                            .into_iter()
                            .filter(|item| !matches!(item.kind, OperandKind::List(_)))
                            .collect(),
                    )),
                    _ => argument,
                };
                call(
                    transformer,
                    arguments.into_iter().map(flatten).collect(),
                    selector,
                )
            },
        )
    });
    calls
        .prop_filter("not a call", |operand| {
            matches!(operand.kind, OperandKind::Call(_))
        })
        .boxed()
}

fn any_check() -> BoxedStrategy<Expr> {
    let operands = || prop_oneof![3 => any_field(), 1 => any_call()];
    let values = || {
        let named = "[a-z][a-z_-]{0,6}".prop_filter("a keyword", |name| {
            !["and", "or", "not"].contains(&name.as_str())
        });
        prop_oneof![
            vec(any_bytes().prop_map(literal), 0..4).prop_map(list),
            named.prop_map(|name| Values {
                kind: ValuesKind::Named(name),
                span: Span::default()
            }),
        ]
    };
    let operator = select(Operator::ALL.to_vec());
    (operands(), operator)
        .prop_flat_map(move |(left, operator)| {
            let right = if operator == Operator::Exists {
                Just(Right::Nothing).boxed()
            } else if operator.takes_list() {
                prop_oneof![3 => values().prop_map(Right::Values), 1 => operands().prop_map(Right::Operand)].boxed()
            } else if operator.orders() {
                let number = "[+-]?[0-9]{1,3}(\\.[0-9]{0,2})?|0x[0-9a-f]{1,4}";
                number.prop_map(|text| Right::Value(literal(text.into_bytes()))).boxed()
            } else {
                prop_oneof![
                    any_bytes().prop_map(|bytes| Right::Value(literal(bytes))),
                    (select(Quantifier::ALL.to_vec()), values())
                        .prop_map(|(quantifier, values)| Right::Quantified(quantifier, values)),
                    operands().prop_map(Right::Operand),
                ]
                .boxed()
            };
            right.prop_map(move |right| check(left.clone(), operator, right))
        })
        .boxed()
}

const TEXTS: &[&str] = &["t.text", "t.other", "t.any"];

/// The fields that [`typed_tree`] uses.
pub(crate) fn catalog() -> MockCatalog {
    MockCatalog::with(&[
        ("t.text", ValueType::String, Shape::Scalar),
        ("t.other", ValueType::Path, Shape::Scalar),
        ("t.any", ValueType::String, Shape::Any),
        ("t.list", ValueType::String, Shape::List),
        ("n.one", ValueType::Int(64), Shape::Scalar),
        ("n.any", ValueType::Int(64), Shape::Any),
        ("i.any", ValueType::IpAddr, Shape::Any),
    ])
}

/// Few different texts, so that checks often hold.
fn small_text() -> BoxedStrategy<Vec<u8>> {
    "(/[aAb]{1,2}){0,3}|[aAb]{0,3}"
        .prop_map(String::into_bytes)
        .boxed()
}

fn address() -> BoxedStrategy<&'static str> {
    select(vec!["10.0.0.1", "10.0.0.2", "::1", "fe80::1"]).boxed()
}

/// A tree whose checks all have a meaning on the fields of [`catalog`].
pub(crate) fn typed_tree() -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![4 => text_check(), 1 => list_check(), 2 => number_check(), 1 => address_check()];
    tree(leaf.boxed())
}

fn text_operand() -> BoxedStrategy<Operand> {
    let plain = select(TEXTS.to_vec()).prop_map(|name| field(name, None));
    let scalar = select(TEXTS[..2].to_vec()).prop_map(|name| field(name, None));
    let transformers = vec![
        Transformer::ToLower,
        Transformer::ToUpper,
        Transformer::BaseName,
    ];
    let transformed = (select(transformers), plain.clone())
        .prop_map(|(transformer, argument)| call(transformer, vec![argument], None));
    let concatenated = (scalar, small_text()).prop_map(|(argument, text)| {
        call(
            Transformer::Concat,
            vec![argument, operand(OperandKind::Constant(text))],
            None,
        )
    });
    prop_oneof![4 => plain, 2 => transformed, 1 => concatenated].boxed()
}

fn text_check() -> BoxedStrategy<Expr> {
    use Operator as Op;
    let comparing = vec![
        Op::Eq,
        Op::Ne,
        Op::Contains,
        Op::IContains,
        Op::StartsWith,
        Op::EndsWith,
        Op::Glob,
        Op::IGlob,
        Op::Regex,
    ];
    let pattern = |operator: Op| match operator {
        Op::Glob | Op::IGlob => "[aAb/*?]{0,5}".prop_map(String::into_bytes).boxed(),
        Op::Regex => "([aAb/]|\\.\\*){0,5}".prop_map(String::into_bytes).boxed(),
        _ => small_text(),
    };
    let value = select(comparing.clone()).prop_flat_map(move |operator| {
        let literals = pattern(operator).prop_map(literal);
        let right = prop_oneof![
            literals.clone().prop_map(Right::Value),
            (select(Quantifier::ALL.to_vec()), vec(literals, 0..4))
                .prop_map(|(quantifier, items)| Right::Quantified(quantifier, list(items))),
        ];
        right.prop_map(move |right| (operator, right))
    });
    let path = "(/[aAb]{1,2}){1,2}".prop_map(|path| literal(path.into_bytes()));
    let below = vec(path, 0..4).prop_map(|items| (Op::PMatch, Right::Values(list(items))));
    let set = (
        select(vec![Op::In, Op::Intersects]),
        vec(small_text().prop_map(literal), 0..4),
    )
        .prop_map(|(operator, items)| (operator, Right::Values(list(items))));
    let comparable: Vec<_> = comparing
        .into_iter()
        .filter(|&op| op != Op::Regex)
        .collect();
    let both = (select(comparable), text_operand())
        .prop_map(|(operator, right)| (operator, Right::Operand(right)));
    let ordering = (select(vec![Op::Lt, Op::Le, Op::Gt, Op::Ge]), "[0-9]{1,2}")
        .prop_map(|(operator, number)| (operator, Right::Value(literal(number.into_bytes()))));
    let exists = Just((Op::Exists, Right::Nothing));
    let rest = prop_oneof![4 => value, 1 => below, 3 => set, 2 => both, 1 => ordering, 1 => exists];
    (text_operand(), rest)
        .prop_map(|(left, (operator, right))| check(left, operator, right))
        .boxed()
}

fn list_check() -> BoxedStrategy<Expr> {
    let set = vec(small_text().prop_map(literal), 0..6);
    let operator = select(vec![Operator::In, Operator::Intersects]);
    let left = prop_oneof![
        Just(field("t.list", None)),
        Just(call(
            Transformer::ToLower,
            vec![field("t.list", None)],
            None
        )),
    ];
    (left, operator, set)
        .prop_map(|(left, operator, items)| check(left, operator, Right::Values(list(items))))
        .boxed()
}

fn number_check() -> BoxedStrategy<Expr> {
    use Operator as Op;
    let number = (-2_i64..4).prop_map(|number| literal(number.to_string().into_bytes()));
    let value = (
        select(vec![Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge]),
        number.clone(),
    )
        .prop_map(|(operator, number)| (operator, Right::Value(number)));
    let set = (
        select(vec![Op::In, Op::Intersects]),
        vec(number.clone(), 0..4),
    )
        .prop_map(|(operator, items)| (operator, Right::Values(list(items))));
    let quantified = (
        select(vec![Op::Eq, Op::Ne]),
        select(Quantifier::ALL.to_vec()),
        vec(number, 0..4),
    )
        .prop_map(|(operator, quantifier, items)| {
            (operator, Right::Quantified(quantifier, list(items)))
        });
    let both = (
        select(vec![Op::Eq, Op::Ne, Op::Lt, Op::Ge]),
        select(vec!["n.one", "n.any"]),
    )
        .prop_map(|(operator, name)| (operator, Right::Operand(field(name, None))));
    (
        select(vec!["n.one", "n.any"]),
        prop_oneof![value, set, quantified, both],
    )
        .prop_map(|(name, (operator, right))| check(field(name, None), operator, right))
        .boxed()
}

fn address_check() -> BoxedStrategy<Expr> {
    let constant = || address().prop_map(|text| literal(text.as_bytes().to_vec()));
    let value = (select(vec![Operator::Eq, Operator::Ne]), constant())
        .prop_map(|(operator, constant)| (operator, Right::Value(constant)));
    let set = vec(constant(), 0..3).prop_map(|items| (Operator::In, Right::Values(list(items))));
    prop_oneof![value, set]
        .prop_map(|(operator, right)| check(field("i.any", None), operator, right))
        .boxed()
}

/// Values for the fields of [`catalog`]; any may be absent.
pub(crate) fn event() -> BoxedStrategy<Event> {
    let text = || small_text().prop_map(Naive::Text);
    let number = || (-2_i64..4).prop_map(Naive::Number);
    let address = address().prop_map(|text| Naive::Address(text.parse().unwrap()));
    (
        vec(text(), 0..=1),
        vec(text(), 0..=1),
        vec(text(), 0..4),
        vec(text(), 0..4),
        vec(number(), 0..=1),
        vec(number(), 0..3),
        vec(address, 0..3),
    )
        .prop_map(|(text, other, any, list, one, numbers, addresses)| {
            Event::from([
                ("t.text", text),
                ("t.other", other),
                ("t.any", any),
                ("t.list", list),
                ("n.one", one),
                ("n.any", numbers),
                ("i.any", addresses),
            ])
        })
        .boxed()
}

/// The same event for the evaluator.
pub(crate) fn context(values: &Event, catalog: &mut MockCatalog) -> MockEvent {
    let mut event = MockEvent::default();
    for (name, values) in values {
        let owned = |value: &Naive| match value {
            Naive::Text(text) => Owned::Bytes(text.clone()),
            Naive::Number(number) => Owned::Other(Value::I64(*number)),
            Naive::Address(address) => Owned::Other(Value::Ip(*address)),
        };
        let values: Vec<_> = values.iter().map(owned).collect();
        event.set(catalog, name, &values);
    }
    event
}
