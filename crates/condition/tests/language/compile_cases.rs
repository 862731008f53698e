//! The conditions of `language/compile.json`: which have a meaning, with how many warnings, and
//! what comes out.

use std::sync::Arc;

use crate::support::mock::{MockCatalog, MockEvent, MockField, Owned};
use condition::{Compiled, Evaluator, PoolBuilder, Shape, ValueType, parse};
use serde_json::Value;

fn mock_fields() -> MockCatalog {
    let fields = ["c.true", "c.false", "c.singlequote", "c.doublequote"];
    let others = ["evt.source", "evt.plugininfo"];
    let texts = fields.iter().chain(&others);
    let mut fields: Vec<_> = texts
        .map(|&name| (name, ValueType::String, Shape::Scalar))
        .collect();
    fields.push(("c.buffer", ValueType::Buffer, Shape::Scalar));
    MockCatalog::with(&fields)
}

/// The fields of the reference, with their types.
fn built_in_fields() -> Option<MockCatalog> {
    let document = crate::support::shared("reference/data/fields.json")?;
    let mut catalog = MockCatalog::default();
    for class in document["classes"].as_array().unwrap() {
        for field in class["fields"].as_array().unwrap() {
            let ty = match field["type"].as_str().unwrap() {
                "PT_CHARBUF" => ValueType::String,
                "PT_BYTEBUF" => ValueType::Buffer,
                "PT_BOOL" => ValueType::Bool,
                "PT_INT16" => ValueType::Int(16),
                "PT_INT32" => ValueType::Int(32),
                "PT_INT64" => ValueType::Int(64),
                "PT_UINT32" => ValueType::Uint(32),
                "PT_UINT64" => ValueType::Uint(64),
                "PT_DOUBLE" => ValueType::Double,
                "PT_RELTIME" => ValueType::RelTime,
                "PT_ABSTIME" => ValueType::AbsTime,
                "PT_PORT" => ValueType::Port,
                "PT_IPADDR" => ValueType::IpAddr,
                "PT_IPNET" => ValueType::IpNet,
                "PT_DYN" => continue,
                other => panic!("unknown type {other}"),
            };
            let list = field["list"].as_bool().unwrap();
            let mut mock = MockField::new(ty, if list { Shape::List } else { Shape::Scalar });
            mock.rhs_allowed = field["rhs_allowed"].as_bool().unwrap();
            mock.transformers_allowed = field["transformers_allowed"].as_bool().unwrap();
            catalog.insert(field["name"].as_str().unwrap(), mock);
        }
    }
    Some(catalog)
}

fn compile(filter: &str, catalog: &mut MockCatalog) -> Result<Compiled, Vec<String>> {
    let text = |error: &dyn ToString| error.to_string();
    let expr =
        parse(filter).map_err(|errors| errors.iter().map(|e| text(e)).collect::<Vec<_>>())?;
    PoolBuilder::new()
        .add(&expr, catalog)
        .map_err(|errors| errors.iter().map(|e| text(e)).collect())
}

#[test]
fn types_and_warnings() {
    let Some(document) = crate::support::language("compile.json") else {
        return;
    };
    let Some(mut built_in) = built_in_fields() else {
        return;
    };
    for case in document["compile"].as_array().unwrap() {
        let filter = case["filter"].as_str().unwrap();
        let mock = case["mock_fields"].as_bool().unwrap();
        let mut mocks = mock_fields();
        let catalog = if mock { &mut mocks } else { &mut built_in };
        match (compile(filter, catalog), case["ok"].as_bool().unwrap()) {
            (Ok(compiled), true) => {
                if let Some(warnings) = case["warnings"].as_u64() {
                    assert_eq!(compiled.warnings.len() as u64, warnings, "{filter}");
                }
            }
            (Err(_), false) => {}
            (result, _) => panic!("{filter}: {result:?}"),
        }
    }
}

#[test]
fn pinned_messages() {
    let Some(document) = crate::support::language("compile.json") else {
        return;
    };
    let Some(mut built_in) = built_in_fields() else {
        return;
    };
    for case in document["compile_messages"].as_array().unwrap() {
        let errors = compile(case["filter"].as_str().unwrap(), &mut built_in).unwrap_err();
        assert_eq!(
            format!("filter error: {}", errors[0]),
            case["error_message"].as_str().unwrap()
        );
    }
}

#[test]
fn boolean_structure() {
    let Some(document) = crate::support::language("compile.json") else {
        return;
    };
    let mut catalog = mock_fields();
    let mut event = MockEvent::default();
    event.set(&mut catalog, "c.true", &[Owned::text("1")]);
    event.set(&mut catalog, "c.false", &[Owned::text("0")]);
    event.set(
        &mut catalog,
        "c.singlequote",
        &[Owned::text("hello 'quoted'")],
    );
    event.set(
        &mut catalog,
        "c.doublequote",
        &[Owned::text("hello \"quoted\"")],
    );
    let mut builder = PoolBuilder::new();
    let mut expected = Vec::new();
    for case in document["run"].as_array().unwrap() {
        let filter = case["filter"].as_str().unwrap();
        let compiled = builder.add(&parse(filter).unwrap(), &mut catalog).unwrap();
        expected.push((filter, compiled.condition, &case["result"]));
    }
    let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
    for (filter, condition, result) in expected {
        let matches = evaluator.matches(condition, &mut event);
        assert_eq!(Value::Bool(matches), *result, "{filter}");
    }
}
