//! Lines as consumers read them: golden ones, and any alert against serde_json.

use std::borrow::Cow;
use std::sync::Arc;

use alert::{Alert, FieldValue, Format, Priority, Renderer, TimeFormat};
use jiff::tz;
use proptest::prelude::*;
use serde_json::{Value, json};

const TS: u64 = 1_700_000_000_012_345_678;

fn sample() -> Alert {
    Alert {
        ts: TS,
        rule: "Read sensitive file untrusted".into(),
        priority: Priority::Warning,
        source: "syscall".into(),
        output: "Sensitive file opened | file=/etc/shadow user=\"root\"".into(),
        fields: vec![
            ("container.id".into(), "host".into()),
            ("evt.res".into(), 3i64.into()),
            ("fd.name".into(), "/etc/shadow".into()),
            ("proc.pid".into(), 12_345_678u64.into()),
            ("user.name".into(), FieldValue::Null),
        ],
        tags: Some(Arc::from(["T1555".to_owned(), "host".to_owned()])),
        hostname: "node-1".into(),
    }
}

fn json_format() -> Format {
    Format {
        json: true,
        ..Format::default()
    }
}

fn line(format: Format, alert: &Alert) -> String {
    let mut out = String::new();
    Renderer::new(format).line(&mut out, alert);
    out
}

#[test]
fn text_line() {
    assert_eq!(
        line(Format::default(), &sample()),
        "22:13:20.012345678: Warning Sensitive file opened | file=/etc/shadow user=\"root\""
    );
    let zone = TimeFormat::Local(tz::offset(2).to_time_zone());
    assert!(
        line(
            Format {
                time: zone,
                ..Format::default()
            },
            &sample()
        )
        .starts_with("00:13:20.0123")
    );
    assert!(
        line(
            Format {
                time: TimeFormat::Iso8601,
                ..Format::default()
            },
            &sample()
        )
        .starts_with("2023-11-14T22:13:20.012345678+0000: Warning Sensitive")
    );
}

#[test]
fn text_line_with_a_newline_in_it() {
    let alert = Alert {
        output: "a\nb\u{1b}[31m".into(),
        ..sample()
    };
    assert!(line(Format::default(), &alert).ends_with("Warning a\nb\u{1b}[31m"));
    let escaped = line(
        Format {
            escape_text: true,
            ..Format::default()
        },
        &alert,
    );
    assert!(escaped.ends_with("Warning a\\nb\\u001b[31m"), "{escaped}");
}

#[test]
fn json_line() {
    assert_eq!(
        line(json_format(), &sample()),
        concat!(
            r#"{"hostname":"node-1","#,
            r#""output":"22:13:20.012345678: Warning Sensitive file opened | file=/etc/shadow user=\"root\"","#,
            r#""output_fields":{"container.id":"host","evt.res":3,"evt.time":1700000000012345678,"#,
            r#""fd.name":"/etc/shadow","proc.pid":12345678,"user.name":null},"#,
            r#""priority":"Warning","rule":"Read sensitive file untrusted","source":"syscall","#,
            r#""tags":["T1555","host"],"time":"2023-11-14T22:13:20.012345678Z"}"#,
        )
    );
}

#[test]
fn json_line_with_iso_times_and_message() {
    let format = Format {
        include_message: true,
        time: TimeFormat::Iso8601,
        ..json_format()
    };
    let line = line(format, &sample());
    assert!(line.contains(r#""message":"Sensitive file opened | file=/etc/shadow user=\"root\"","output":"2023-11-14T22:13:20.012345678+0000: Warning Sens"#), "{line}");
    assert!(
        line.contains(r#""evt.res":3,"evt.time.iso8601":1700000000012345678,"fd.name""#),
        "{line}"
    );
}

#[test]
fn json_line_with_properties_left_out() {
    let format = Format {
        include_output: false,
        include_output_fields: false,
        include_tags: false,
        ..json_format()
    };
    assert_eq!(
        line(format, &sample()),
        r#"{"hostname":"node-1","priority":"Warning","rule":"Read sensitive file untrusted","source":"syscall","time":"2023-11-14T22:13:20.012345678Z"}"#
    );
}

#[test]
fn json_line_of_an_alert_with_nothing() {
    let alert = Alert {
        fields: vec![],
        tags: Some(Arc::from([])),
        ..sample()
    };
    let line = line(json_format(), &alert);
    assert!(
        line.contains(r#""output_fields":{"evt.time":1700000000012345678},"#),
        "{line}"
    );
    assert!(line.contains(r#""tags":[],"#), "{line}");
}

#[test]
fn internal_message() {
    let drop = Alert::internal(
        TS,
        "Falco internal: syscall event drop",
        Priority::Debug,
        "Falco internal: syscall event drop. 7 system calls dropped in last second.",
        vec![
            ("n_evts".into(), "9".into()),
            ("n_drops".into(), "7".into()),
        ],
        "node-1".into(),
    );
    assert_eq!(
        line(Format::default(), &drop),
        "22:13:20.012345678: Debug Falco internal: syscall event drop. 7 system calls dropped in \
         last second. (n_drops=\"7\" n_evts=\"9\")"
    );
    // Options that leave properties out are about rules.
    let format = Format {
        include_output: false,
        include_output_fields: false,
        ..json_format()
    };
    assert_eq!(
        line(format, &drop),
        concat!(
            r#"{"hostname":"node-1","output":"Falco internal: syscall event drop. 7 system calls dropped in last second.","#,
            r#""output_fields":{"n_drops":"7","n_evts":"9"},"priority":"Debug","#,
            r#""rule":"Falco internal: syscall event drop","source":"internal","time":"2023-11-14T22:13:20.012345678Z"}"#,
        )
    );
}

fn any_value() -> impl Strategy<Value = FieldValue> {
    let leaf = prop_oneof![
        Just(FieldValue::Null),
        any::<String>().prop_map(FieldValue::String),
        any::<u64>().prop_map(FieldValue::U64),
        any::<i64>().prop_map(FieldValue::I64),
        any::<f64>().prop_map(FieldValue::F64),
        any::<bool>().prop_map(FieldValue::Bool),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        proptest::collection::vec(inner, 0..4).prop_map(FieldValue::List)
    })
}

fn any_alert() -> impl Strategy<Value = Alert> {
    let fields = proptest::collection::btree_map(
        prop_oneof!["[a-z.]{1,8}", Just("evt.time".to_owned()), any::<String>()],
        any_value(),
        0..6,
    );
    let tags = proptest::option::of(proptest::collection::btree_set(any::<String>(), 0..4));
    (
        any::<u64>(),
        any::<String>(),
        0u8..8,
        any::<String>(),
        any::<String>(),
        fields,
        tags,
    )
        .prop_map(|(ts, rule, priority, source, output, fields, tags)| Alert {
            ts,
            rule: rule.into(),
            priority: Priority::from_number(priority).expect("0 to 7"),
            source: source.into(),
            output,
            fields: fields
                .into_iter()
                .map(|(name, value)| (Cow::Owned(name), value))
                .collect(),
            tags: tags.map(|tags| tags.into_iter().collect()),
            hostname: "h\"o".into(),
        })
}

fn model_value(value: &FieldValue) -> Value {
    match value {
        FieldValue::Null => Value::Null,
        FieldValue::String(text) => json!(text),
        FieldValue::U64(number) => json!(number),
        FieldValue::I64(number) => json!(number),
        FieldValue::F64(number) => json!(number),
        FieldValue::Bool(truth) => json!(truth),
        FieldValue::List(items) => items.iter().map(model_value).collect(),
    }
}

fn model(format: &Format, alert: &Alert) -> Value {
    let moment = jiff::Timestamp::from_nanosecond(i128::from(alert.ts)).expect("in range");
    let internal = alert.tags.is_none();
    let mut fields: serde_json::Map<_, _> = alert
        .fields
        .iter()
        .map(|(name, value)| (name.to_string(), model_value(value)))
        .collect();
    if !internal {
        fields.entry("evt.time").or_insert(json!(alert.ts));
    }
    let mut object = json!({
        "hostname": &*alert.hostname,
        "priority": alert.priority.name(),
        "rule": &*alert.rule,
        "source": &*alert.source,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string(),
    });
    if internal {
        object["output"] = json!(alert.output);
    } else if format.include_output {
        let time = moment.strftime("%H:%M:%S.%9f");
        object["output"] = json!(format!("{time}: {} {}", alert.priority, alert.output));
    }
    if internal || format.include_output_fields {
        object["output_fields"] = Value::Object(fields);
    }
    if let Some(tags) = alert.tags.as_ref().filter(|_| format.include_tags) {
        object["tags"] = json!(tags.to_vec());
    }
    if format.include_message && !internal {
        object["message"] = json!(alert.output);
    }
    object
}

proptest! {
    /// The line reads back as what it was made from, and is what serde_json prints, whose maps are
    /// sorted: compact and in alphabetical order.
    #[test]
    fn json_is_the_model(
        alert in any_alert(),
        include_output: bool,
        include_output_fields: bool,
        include_tags: bool,
        include_message: bool,
    ) {
        let format = Format {
            include_output, include_output_fields, include_tags, include_message, ..json_format()
        };
        let line = line(format.clone(), &alert);
        let read: Value = serde_json::from_str(&line).expect("valid JSON");
        let model = model(&format, &alert);
        prop_assert_eq!(&read, &model);
        prop_assert!(!line.contains('\n'));
        let keys: Vec<_> = read.as_object().unwrap().keys().collect();
        prop_assert!(keys.is_sorted());
    }

    /// A line never depends on what was rendered before it.
    #[test]
    fn renderers_have_no_memory(alerts in proptest::collection::vec(any_alert(), 1..5)) {
        let mut renderer = Renderer::new(json_format());
        for alert in &alerts {
            let mut out = String::new();
            renderer.line(&mut out, alert);
            prop_assert_eq!(out, line(json_format(), alert));
        }
    }
}
