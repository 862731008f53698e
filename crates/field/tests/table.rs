//! The table of fields against the reference: every name, type and argument rule that rules written
//! for Falco may rely on.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests may panic and print"
)]

use std::collections::BTreeMap;
use std::path::Path;

use condition::{Catalog, FieldError, Shape, ValueType};
use field::{ArgumentKind, FieldFlags, Fields, field_info, fields};
use serde_json::Value;

fn reference(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/data")
        .join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(err) => {
            eprintln!("skipped: {}: {err}", path.display());
            None
        }
    }
}

fn value_type(name: &str) -> Option<ValueType> {
    Some(match name {
        "CHARBUF" | "string" => ValueType::String,
        "BYTEBUF" => ValueType::Buffer,
        "INT16" => ValueType::Int(16),
        "INT32" => ValueType::Int(32),
        "INT64" => ValueType::Int(64),
        "UINT32" => ValueType::Uint(32),
        "UINT64" => ValueType::Uint(64),
        "BOOL" | "bool" => ValueType::Bool,
        "DOUBLE" => ValueType::Double,
        "RELTIME" | "reltime" => ValueType::RelTime,
        "ABSTIME" | "abstime" => ValueType::AbsTime,
        "PORT" => ValueType::Port,
        "IPADDR" => ValueType::IpAddr,
        "IPNET" => ValueType::IpNet,
        "DYN" => return None,
        _ => panic!("type {name}"),
    })
}

#[test]
fn builtin_fields_are_those_of_the_reference() {
    let Some(reference) = reference("fields.json") else {
        return;
    };
    let mut expected = 0;
    let classes = reference["classes"].as_array().unwrap().iter();
    // The internal classes are made of placeholders without a usable name.
    let classes = classes.chain(reference["internal_classes"].as_array().unwrap());
    for class in classes {
        for field in class["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap();
            if name == "NA" {
                continue;
            }
            expected += 1;
            let info = field_info(name).unwrap_or_else(|| panic!("{name} is missing"));
            let ty = field["type"].as_str().unwrap().strip_prefix("PT_").unwrap();
            assert_eq!(info.ty, value_type(ty), "{name}");
            assert_eq!(
                info.is(FieldFlags::LIST),
                field["list"].as_bool().unwrap(),
                "{name} list"
            );
            for (key, flag, same) in [
                ("hidden", FieldFlags::HIDDEN, true),
                ("deprecated", FieldFlags::DEPRECATED, true),
                ("filter_only", FieldFlags::FILTER_ONLY, true),
                ("print_only", FieldFlags::PRINT_ONLY, true),
                ("rhs_allowed", FieldFlags::NO_RHS, false),
                ("transformers_allowed", FieldFlags::NO_TRANSFORMER, false),
            ] {
                // Of a hidden class all fields are hidden.
                let hidden = key == "hidden" && class["class_flags"][0] == "FL_HIDDEN";
                let expected = hidden || field[key].as_bool().unwrap() == same;
                assert_eq!(info.is(flag), expected, "{name} {key}");
            }
            let hex = field["format"] == "PF_HEX";
            assert_eq!(info.is(FieldFlags::HEX), hex, "{name} format");
            let padded = field["format"] == "PF_10_PADDED_DEC";
            assert_eq!(info.is(FieldFlags::PADDED), padded, "{name} format");
            let argument = match field["arg"].as_str().unwrap() {
                "none" => None,
                "optional" => Some(false),
                "required" => Some(true),
                other => panic!("{name}: argument {other}"),
            };
            let required = info.argument.map(|rule| rule.required);
            if name == "evt.abspath" {
                // Documented as taking no argument on calls with one path.
                assert_eq!(required, Some(false));
            } else {
                assert_eq!(required, argument, "{name} argument");
            }
        }
    }
    assert_eq!(expected, 233);
    let builtin = fields()
        .iter()
        .filter(|info| info.class().name != "container");
    assert_eq!(builtin.count(), expected);
}

#[test]
fn container_fields_are_those_of_the_reference() {
    let Some(reference) = reference("plugin_fields.json") else {
        return;
    };
    let listed = reference["container"]["fields"].as_array().unwrap();
    let more = self::reference("fields.json").unwrap();
    let flags: BTreeMap<_, _> = more["plugin_fields"]["container"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field["name"].as_str().unwrap(), field))
        .collect();
    for field in listed {
        let name = field["name"].as_str().unwrap();
        let info = field_info(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(
            info.ty,
            value_type(field["type"].as_str().unwrap()),
            "{name}"
        );
        let argument = field["arg"].as_object();
        assert_eq!(
            info.argument.map(|rule| rule.required),
            argument.map(|argument| argument["required"].as_bool().unwrap()),
            "{name} argument"
        );
        let index = argument.is_some_and(|argument| argument["index"].as_bool().unwrap());
        assert_eq!(
            info.argument
                .is_some_and(|rule| rule.kind == ArgumentKind::Item),
            index,
            "{name} index"
        );
        for (key, flag) in [
            ("deprecated", FieldFlags::DEPRECATED),
            ("suggested_output", FieldFlags::SUGGESTED),
        ] {
            assert_eq!(
                info.is(flag),
                flags[name][key].as_bool().unwrap(),
                "{name} {key}"
            );
        }
    }
    assert_eq!(listed.len(), 61);
    assert_eq!(
        fields()
            .iter()
            .filter(|info| info.class().name == "container")
            .count(),
        61
    );
}

#[test]
fn documentation_is_there_and_is_a_sentence() {
    for info in fields() {
        assert!(info.doc.ends_with('.'), "{}", info.name);
    }
}

#[test]
fn names_and_arguments_are_resolved() {
    let mut fields = Fields::new();
    let name = fields.resolve("proc.name", None).unwrap();
    assert_eq!((name.ty, name.shape), (ValueType::String, Shape::Scalar));
    assert_eq!(fields.resolve("proc.name", None).unwrap().id, name.id);

    let any = fields.resolve("proc.aname", None).unwrap();
    let second = fields.resolve("proc.aname", Some("2")).unwrap();
    assert_eq!((any.shape, second.shape), (Shape::Any, Shape::Scalar));
    assert_ne!(any.id, second.id);
    assert!(!second.rhs_allowed && !second.transformers_allowed);
    assert_eq!(fields.expression(second.id), "proc.aname[2]");
    assert_eq!(
        fields.resolve("fd.types", Some("1")).unwrap().shape,
        Shape::List
    );
    assert_eq!(fields.len(), 4);

    for (dotted, ty) in [
        ("evt.arg.fd", ValueType::String),
        ("evt.rawarg.res", ValueType::Int(64)),
        ("evt.rawarg.flags", ValueType::Uint(32)),
        ("thread.cgroup.cpuset", ValueType::String),
        ("evt.abspath.src", ValueType::String),
    ] {
        assert_eq!(fields.resolve(dotted, None).unwrap().ty, ty, "{dotted}");
    }
    fields.resolve("evt.arg", Some("0")).unwrap();
    fields.resolve("evt.abspath", None).unwrap();
    fields
        .resolve("container.mount.dest", Some("/proc"))
        .unwrap();
    fields.resolve("proc.env", Some("PATH")).unwrap();
}

#[test]
fn what_is_wrong_is_said() {
    let mut fields = Fields::new();
    let unknown = |suggestion: Option<&str>| {
        Err(FieldError::Unknown {
            suggestion: suggestion.map(str::to_owned),
        })
    };
    assert_eq!(
        fields.resolve("proc.nmae", None),
        unknown(Some("proc.name"))
    );
    assert_eq!(fields.resolve("no.such.thing", None), unknown(None));
    assert_eq!(
        fields.resolve("evt.arg", None),
        Err(FieldError::ArgumentRequired)
    );
    assert_eq!(
        fields.resolve("proc.name", Some("1")),
        Err(FieldError::ArgumentNotAllowed)
    );
    assert_eq!(
        fields.resolve("evt.arg.fd", Some("1")),
        Err(FieldError::ArgumentNotAllowed)
    );
    for (name, argument) in [
        ("proc.aname", "x"),
        ("proc.aname", "-1"),
        ("proc.aname", "99999999999"),
        ("proc.aname", ""),
        ("evt.arg", "nothing"),
        ("evt.rawarg", "0"),
        ("evt.type.is", "nothing"),
        ("evt.around", "soon"),
        ("evt.abspath", "up"),
    ] {
        let result = fields.resolve(name, Some(argument));
        assert!(
            matches!(result, Err(FieldError::InvalidArgument(_))),
            "{name}[{argument}]: {result:?}"
        );
    }
    assert_eq!(fields.len(), 0);
}

#[test]
fn the_source_of_a_plugin_has_the_general_fields_only() {
    let mut fields = Fields::generic();
    assert!(fields.resolve("evt.time", None).is_ok());
    assert!(matches!(
        fields.resolve("proc.name", None),
        Err(FieldError::Unknown { .. })
    ));
    assert!(matches!(
        fields.resolve("evt.arg.fd", None),
        Err(FieldError::Unknown { .. })
    ));
}

#[test]
fn constants_of_event_types_are_checked() {
    let mut fields = Fields::new();
    let ty = fields.resolve("evt.type", None).unwrap().id;
    let name = fields.resolve("proc.name", None).unwrap().id;
    for known in ["openat", "getppid", "procexit", "switch", "container"] {
        assert_eq!(
            fields.check_constant(ty, known.as_bytes()),
            Ok(()),
            "{known}"
        );
    }
    let error = fields.check_constant(ty, b"opneat").unwrap_err();
    assert!(
        error.contains("opneat") && error.contains("openat"),
        "{error}"
    );
    assert_eq!(fields.check_constant(name, b"opneat"), Ok(()));
    assert!(fields.check_constant(ty, b"my_event").is_err());
    fields.add_event_name("my_event");
    assert_eq!(fields.check_constant(ty, b"my_event"), Ok(()));
}

#[test]
fn static_fields() {
    let mut fields = Fields::new();
    fields.add_static("cluster", "west").unwrap();
    assert!(fields.add_static("cluster", "east").is_err());
    assert!(fields.add_static("1st", "x").is_err());
    assert!(fields.is_field_name("static.cluster"));
    let desc = fields.resolve("static.cluster", None).unwrap();
    assert_eq!(desc.ty, ValueType::String);
    assert_eq!(
        fields.resolve("static.cluster", Some("0")),
        Err(FieldError::ArgumentNotAllowed)
    );
}
