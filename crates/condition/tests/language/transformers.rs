//! What transformers make of their arguments.

use std::ops::ControlFlow;
use std::sync::Arc;

use condition::{Evaluator, ParseOptions, PoolBuilder, Shape, Value, ValueType, parse_operand};

use crate::support::mock::{MockCatalog, MockEvent, Owned};

/// The values of an operand, as text; nothing when it is absent.
fn values(text: &str) -> Vec<String> {
    let fields = [
        ("p.name", ValueType::String, Shape::Scalar),
        ("p.path", ValueType::Path, Shape::Scalar),
        ("p.pid", ValueType::Int(64), Shape::Scalar),
        ("p.load", ValueType::Double, Shape::Scalar),
        ("p.b64", ValueType::String, Shape::Scalar),
        ("p.buffer", ValueType::Buffer, Shape::Scalar),
        ("p.argv", ValueType::String, Shape::List),
        ("p.absent", ValueType::String, Shape::Scalar),
    ];
    let mut catalog = MockCatalog::with(&fields);
    let mut event = MockEvent::default();
    event.set(&mut catalog, "p.name", &[Owned::text("Nginx")]);
    event.set(&mut catalog, "p.path", &[Owned::text("/usr/sbin/nginx")]);
    event.set(&mut catalog, "p.pid", &[Owned::Other(Value::I64(-12))]);
    event.set(&mut catalog, "p.load", &[Owned::Other(Value::F64(0.25))]);
    event.set(&mut catalog, "p.b64", &[Owned::text("aGVsbG8")]);
    event.set(&mut catalog, "p.buffer", &[Owned::Bytes(b"aGk=".to_vec())]);
    event.set(
        &mut catalog,
        "p.argv",
        &["-nt", "5", "--x", "-q", "rest"].map(Owned::text),
    );
    let (operand, length) = parse_operand(text, ParseOptions::default()).unwrap();
    assert_eq!(length, text.len());
    let mut builder = PoolBuilder::new();
    let operand = builder.add_operand(&operand, &mut catalog).unwrap();
    let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
    let mut found = Vec::new();
    for _ in 0..2 {
        found.clear();
        evaluator.begin_event();
        let present = evaluator.each_value(operand, &mut event, &mut |value| {
            found.push(match value {
                Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => format!("{other:?}"),
            });
            ControlFlow::Continue(())
        });
        assert_eq!(present, !found.is_empty());
    }
    found
}

#[test]
fn texts() {
    assert_eq!(values("tolower(p.name)"), ["nginx"]);
    assert_eq!(values("toupper(tolower(p.name))"), ["NGINX"]);
    assert_eq!(values("toupper(\"constant\")"), ["CONSTANT"]);
    assert_eq!(values("basename(p.path)"), ["nginx"]);
    assert_eq!(values("basename(p.name)"), ["Nginx"]);
    assert_eq!(values("basename('/usr/')"), [""]);
    assert_eq!(values("b64(p.b64)"), ["hello"]);
    assert_eq!(values("toupper(b64(p.b64))"), ["HELLO"]);
    assert_eq!(values("b64(p.buffer)"), ["hi"]);
    assert!(values("b64(p.name)").is_empty());
    assert!(values("tolower(p.absent)").is_empty());
}

#[test]
fn lengths() {
    assert_eq!(values("len(p.name)"), ["U64(5)"]);
    assert_eq!(values("len(p.buffer)"), ["U64(4)"]);
    assert_eq!(values("len(p.argv)"), ["U64(5)"]);
    assert_eq!(values("len(('a', p.name))"), ["U64(2)"]);
    assert_eq!(values("len(())"), ["U64(0)"]);
    assert!(values("len(p.absent)").is_empty());
}

#[test]
fn joining() {
    assert_eq!(
        values("join(',', (p.name, p.pid, p.load, \"x\", 5))"),
        ["Nginx,-12,0.2,x,5"]
    );
    assert_eq!(values("join('', p.argv)"), ["-nt5--x-qrest"]);
    assert_eq!(values("join('-->', (p.name))"), ["Nginx"]);
    assert_eq!(values("join('-', ())"), [""]);
    assert_eq!(
        values("join('-', (toupper(p.name), p.name))"),
        ["NGINX-Nginx"]
    );
    assert!(values("join('-', (p.name, p.absent))").is_empty());
    assert_eq!(
        values("concat(p.name, ':', p.path)"),
        ["Nginx:/usr/sbin/nginx"]
    );
    assert_eq!(
        values("concat(basename(p.path), join('', (p.pid)))"),
        ["nginx-12"]
    );
    assert!(values("concat(p.name, p.absent)").is_empty());
}

#[test]
fn lists_are_transformed_value_by_value() {
    assert_eq!(values("toupper(p.argv)"), ["-NT", "5", "--X", "-Q", "REST"]);
    assert_eq!(values("len(toupper(p.argv))"), ["U64(5)"]);
}

#[test]
fn options() {
    assert_eq!(values("getopt(p.argv, 'nt:q')"), ["n", "t", "5", "q"]);
    assert_eq!(values("getopt(p.argv, 'nt:')"), ["n", "t", "5", "?"]);
    assert_eq!(values("getopt(p.argv, 'nt:')[t]"), ["5"]);
    assert_eq!(values("getopt(('-a', '-b', p.name), 'ab:')[b]"), ["Nginx"]);
    assert!(values("getopt(p.argv, 'nt:')[q]").is_empty());
}
