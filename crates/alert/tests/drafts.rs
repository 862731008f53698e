//! A draft gives the same line as the alert that it is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use alert::{
    Alert, Draft, DraftValue, FieldValue, Format, Priority, Renderer, StencilSubject, TimeFormat,
};
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        Just(FieldValue::Null),
        any::<String>().prop_map(FieldValue::String),
        "[ -~\\t\\n]{0,40}".prop_map(FieldValue::String),
        any::<u64>().prop_map(FieldValue::U64),
        (i64::MIN..0).prop_map(FieldValue::I64),
        any::<bool>().prop_map(FieldValue::Bool),
        (-1e9..1e9f64).prop_map(FieldValue::F64),
        proptest::collection::vec(any::<String>().prop_map(FieldValue::String), 0..3)
            .prop_map(FieldValue::List),
    ]
}

fn any_format() -> impl Strategy<Value = Format> {
    let flags = any::<(bool, bool, bool, bool, bool, bool, bool)>();
    flags.prop_map(
        |(json, output, fields, tags, message, escape_text, iso)| Format {
            json,
            include_output: output,
            include_output_fields: fields,
            include_tags: tags,
            include_message: message,
            escape_text,
            time: if iso {
                TimeFormat::Iso8601
            } else {
                Format::default().time
            },
        },
    )
}

type Fields = BTreeMap<String, FieldValue>;

fn any_fields() -> impl Strategy<Value = Fields> {
    let name = prop_oneof![
        "[a-z.]{1,8}",
        Just("evt.time".to_owned()),
        Just("evt.time.iso8601".to_owned()),
        any::<String>()
    ];
    proptest::collection::btree_map(name, any_value(), 0..6)
}

fn add(draft: &mut Draft, value: &FieldValue) {
    draft.add_field(|text| match value {
        FieldValue::Null => DraftValue::Null,
        FieldValue::String(value) => {
            text.push_str(value);
            DraftValue::Text
        }
        FieldValue::U64(_) | FieldValue::I64(_) | FieldValue::Bool(_) => {
            text.push_str(&value.to_string());
            DraftValue::Plain
        }
        FieldValue::F64(_) | FieldValue::List(_) => DraftValue::Other(value.clone()),
    });
}

proptest! {
    #[test]
    fn lines_are_those_of_the_alert(
        format in any_format(),
        rule: String,
        output in "[ -~\\t\\n]{0,60}",
        priority in 0u8..8,
        tags in proptest::collection::btree_set(any::<String>(), 0..4),
        // The same rule several times: nothing of one alert may be left in the next.
        alerts in proptest::collection::vec((any::<u64>(), any::<Vec<bool>>()), 1..4),
        fields in any_fields(),
    ) {
        let mut renderer = Renderer::new(format);
        let tags: Arc<[String]> = tags.into_iter().collect();
        let stencil = renderer.stencil(StencilSubject {
            rule: rule.as_str().into(),
            priority: Priority::from_number(priority).expect("0 to 7"),
            source: "syscall".into(),
            tags: Arc::clone(&tags),
            hostname: "h\"o".into(),
            names: fields.keys().map(|name| name.as_str().into()).collect(),
        });
        let mut draft = Draft::new();
        for (ts, absent) in alerts {
            let mut fields: Vec<(Cow<'static, str>, FieldValue)> = fields
                .iter()
                .map(|(name, value)| (Cow::Owned(name.clone()), value.clone()))
                .collect();
            for ((_, value), absent) in fields.iter_mut().zip(absent) {
                if absent {
                    *value = FieldValue::Null;
                }
            }
            draft.begin(ts);
            for (_, value) in &fields {
                add(&mut draft, value);
            }
            let mut expected_output = output.clone();
            draft.set_output(|text, copies| {
                text.push_str(&output);
                for (place, (_, value)) in fields.iter().enumerate() {
                    let copied = copies.copy(place, text, "<NA>");
                    assert_eq!(
                        copied,
                        !matches!(value, FieldValue::F64(_) | FieldValue::List(_))
                    );
                    if copied {
                        expected_output.push_str(&value.to_string());
                    }
                }
                assert!(!copies.copy(fields.len(), text, "<NA>"));
            });
            let alert = Alert {
                ts,
                rule: rule.as_str().into(),
                priority: Priority::from_number(priority).expect("0 to 7"),
                source: "syscall".into(),
                output: expected_output,
                fields,
                tags: Some(Arc::clone(&tags)),
                hostname: "h\"o".into(),
            };
            prop_assert_eq!(&draft.to_alert(&stencil), &alert);
            let (mut line, mut drafted) = (String::new(), String::new());
            renderer.line(&mut line, &alert);
            renderer.draft_line(&mut drafted, &stencil, &draft);
            prop_assert_eq!(drafted, line);
            prop_assert_eq!(
                renderer.draft_time_field(&stencil),
                renderer.time_field(&alert)
            );
        }
    }
}
