//! Any text is given to the parser of conditions; what parses is printed, parsed again, compiled
//! and evaluated.

#![no_main]

use std::ops::ControlFlow;
use std::sync::Arc;

use condition::{
    Catalog, Context, Evaluator, FieldDesc, FieldError, FieldId, ParseOptions, PoolBuilder, Shape,
    Value, ValueType, parse_operand, parse_recovering,
};
use libfuzzer_sys::fuzz_target;

/// The first letter of a field's name decides its type, the second its shape.
struct Fields;

const TYPES: [ValueType; 12] = [
    ValueType::String,
    ValueType::Path,
    ValueType::Buffer,
    ValueType::Int(64),
    ValueType::Uint(32),
    ValueType::Double,
    ValueType::Bool,
    ValueType::RelTime,
    ValueType::AbsTime,
    ValueType::Port,
    ValueType::IpAddr,
    ValueType::IpNet,
];

const SHAPES: [Shape; 3] = [Shape::Scalar, Shape::Any, Shape::List];

impl Catalog for Fields {
    fn resolve(&mut self, name: &str, argument: Option<&str>) -> Result<FieldDesc, FieldError> {
        if argument == Some("x") {
            return Err(FieldError::ArgumentNotAllowed);
        }
        let name = name.as_bytes();
        let (ty, shape) = (
            usize::from(name[0]) % TYPES.len(),
            usize::from(name[1]) % SHAPES.len(),
        );
        Ok(FieldDesc {
            id: FieldId((ty * SHAPES.len() + shape) as u32),
            ty: TYPES[ty],
            shape: SHAPES[shape],
            rhs_allowed: true,
            transformers_allowed: true,
        })
    }

    fn is_field_name(&self, text: &str) -> bool {
        text.contains('.')
    }
}

/// Every field has values, and not all of them are of its type.
struct Event;

const VALUES: [Value<'static>; 5] = [
    Value::Bytes(b"/usr/bin/\xff\xc3\xa9"),
    Value::I64(-1),
    Value::U64(u64::MAX),
    Value::F64(f64::NAN),
    Value::Bool(true),
];

impl Context for Event {
    fn value(&mut self, field: FieldId) -> Option<Value<'_>> {
        VALUES.get(field.0 as usize % 6).copied()
    }

    fn each(&mut self, _: FieldId, visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) -> bool {
        let _ = VALUES.into_iter().try_for_each(visit);
        true
    }
}

fuzz_target!(|text: &str| {
    let (tree, errors) = parse_recovering(text, ParseOptions::default());
    for error in &errors {
        assert!(text.get(error.span.range()).is_some());
        let _ = (error.to_string(), error.kind.help());
    }
    if let Ok((_, length)) = parse_operand(text, ParseOptions::default()) {
        assert!(text.is_char_boundary(length));
    }
    if errors.is_empty() {
        let printed = tree.to_string();
        let (again, errors) = parse_recovering(&printed, ParseOptions::default());
        assert!(errors.is_empty(), "{printed}");
        assert_eq!(again.to_string(), printed);
    }
    let mut builder = PoolBuilder::new();
    match builder.add(&tree, &mut Fields) {
        Ok(compiled) => {
            let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
            let first = evaluator.matches(compiled.condition, &mut Event);
            evaluator.begin_event();
            assert_eq!(evaluator.matches(compiled.condition, &mut Event), first);
        }
        Err(errors) => {
            for error in errors {
                assert!(text.get(error.span.range()).is_some());
                let _ = error.to_string();
            }
        }
    }
});
