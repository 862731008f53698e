//! Alerts as `falco.outputs.response` messages; the numbers are those of `outputs.proto`.
//!
//! Written by hand, straight from the alert: the generated message would need every string copied
//! into it, and a hash map made, for each alert.

use std::fmt::Write;

use alert::{Alert, Draft, DraftValue, FieldValue, INTERNAL_SOURCE, Priority, Renderer, Stencil};
use outputs_api::schema::Source;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// Writes messages.
#[derive(Debug, Default)]
pub(crate) struct MessageWriter {
    text: String,
}

impl MessageWriter {
    /// Appends the message of an alert whose line is `line`.
    pub(crate) fn write(
        &mut self,
        out: &mut Vec<u8>,
        renderer: &mut Renderer,
        alert: &Alert,
        line: &str,
    ) {
        head(
            out,
            alert.ts,
            alert.priority,
            &alert.source,
            &alert.rule,
            line,
        );
        if let Some(name) = renderer.time_field(alert) {
            self.text.clear();
            renderer.time(&mut self.text, alert.ts);
            field(out, name, &self.text);
        }
        for (name, value) in &alert.fields {
            if let FieldValue::String(value) = value {
                field(out, name, value);
            } else {
                self.text.clear();
                write!(self.text, "{value}").expect("writing to a string cannot fail");
                field(out, name, &self.text);
            }
        }
        let tags = alert.tags.as_deref().unwrap_or_default();
        tail(out, &alert.hostname, tags, &alert.source);
    }

    /// Appends the message of a drafted alert whose line is `line`.
    pub(crate) fn write_draft(
        &mut self,
        out: &mut Vec<u8>,
        renderer: &mut Renderer,
        stencil: &Stencil,
        draft: &Draft,
        line: &str,
    ) {
        let subject = stencil.subject();
        head(
            out,
            draft.ts(),
            subject.priority,
            &subject.source,
            &subject.rule,
            line,
        );
        if let Some(name) = renderer.draft_time_field(stencil) {
            self.text.clear();
            renderer.time(&mut self.text, draft.ts());
            field(out, name, &self.text);
        }
        for (name, (value, text)) in subject.names.iter().zip(draft.fields()) {
            match value {
                DraftValue::Null => field(out, name, "<NA>"),
                DraftValue::Text | DraftValue::Plain => field(out, name, text),
                DraftValue::Other(value) => {
                    self.text.clear();
                    write!(self.text, "{value}").expect("writing to a string cannot fail");
                    field(out, name, &self.text);
                }
            }
        }
        tail(out, &subject.hostname, &subject.tags, &subject.source);
    }
}

/// What comes before the fields.
fn head(out: &mut Vec<u8>, ts: u64, priority: Priority, source: &str, rule: &str, line: &str) {
    let seconds = ts / 1_000_000_000;
    let nanoseconds = ts % 1_000_000_000;
    encode_key(1, WireType::LengthDelimited, out);
    encode_varint((number_len(seconds) + number_len(nanoseconds)) as u64, out);
    number(out, 1, seconds);
    number(out, 2, nanoseconds);

    number(out, 2, u64::from(priority.number()));
    number(out, 3, source_kind(source) as u64);
    string(out, 4, rule);
    string(out, 5, line);
}

/// What comes after the fields.
fn tail(out: &mut Vec<u8>, hostname: &str, tags: &[String], source: &str) {
    string(out, 7, hostname);
    for tag in tags {
        // An empty string in a list is still an item, so it is written.
        bytes(out, 8, tag);
    }
    string(out, 9, source);
}

/// The number in `source_deprecated`, from before sources had names.
fn source_kind(source: &str) -> Source {
    match source {
        "syscall" => Source::Syscall,
        "k8s_audit" => Source::K8sAudit,
        INTERNAL_SOURCE => Source::Internal,
        _ => Source::Plugin,
    }
}

/// A number; zero is not written.
fn number(out: &mut Vec<u8>, tag: u32, value: u64) {
    if value != 0 {
        encode_key(tag, WireType::Varint, out);
        encode_varint(value, out);
    }
}

fn number_len(value: u64) -> usize {
    if value == 0 {
        0
    } else {
        1 + encoded_len_varint(value)
    }
}

/// A string; an empty one is not written.
fn string(out: &mut Vec<u8>, tag: u32, value: &str) {
    if !value.is_empty() {
        bytes(out, tag, value);
    }
}

fn bytes(out: &mut Vec<u8>, tag: u32, value: &str) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value.as_bytes());
}

/// An entry of `output_fields`: a message of key 1 and value 2.
fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    let length = |text: &str| 1 + encoded_len_varint(text.len() as u64) + text.len();
    encode_key(6, WireType::LengthDelimited, out);
    encode_varint((length(name) + length(value)) as u64, out);
    bytes(out, 1, name);
    bytes(out, 2, value);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alert::{Format, Priority};
    use outputs_api::Timestamp;
    use outputs_api::outputs::Response;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    fn decode(alert: &Alert) -> Response {
        let mut out = Vec::new();
        let mut renderer = Renderer::new(Format::default());
        MessageWriter::default().write(&mut out, &mut renderer, alert, "the line");
        Response::decode(out.as_slice()).unwrap()
    }

    proptest! {
        /// A client decodes what the alert holds.
        #[test]
        fn decodes_to_the_model(
            ts: u64,
            priority in 0u8..8,
            rule: String,
            source in prop_oneof![Just("syscall"), Just("k8s_audit"), Just("internal"), Just("x")],
            fields in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..5),
            tags in proptest::option::of(proptest::collection::vec(any::<String>(), 0..3)),
        ) {
            let alert = Alert {
                ts,
                rule: rule.as_str().into(),
                priority: Priority::from_number(priority).unwrap(),
                source: source.into(),
                output: String::new(),
                fields: fields.iter().map(|(k, v)| (k.clone().into(), v.clone().into())).collect(),
                tags: tags.clone().map(Arc::from),
                hostname: "host".into(),
            };
            let mut response = decode(&alert);
            let time = response.output_fields.remove("evt.time");
            prop_assert_eq!(time.is_some(), tags.is_some());
            let expected = Response {
                time: Some(Timestamp {
                    seconds: (ts / 1_000_000_000) as i64,
                    nanos: (ts % 1_000_000_000) as i32,
                }),
                priority: i32::from(priority),
                source_deprecated: match source {
                    "syscall" => 0, "k8s_audit" => 1, "internal" => 2, _ => 3,
                },
                rule,
                output: "the line".into(),
                output_fields: fields.into_iter().collect(),
                hostname: "host".into(),
                tags: tags.unwrap_or_default(),
                source: source.into(),
            };
            prop_assert_eq!(response, expected);
        }
    }

    #[test]
    fn values_are_text() {
        let alert = Alert {
            ts: 1,
            rule: "r".into(),
            priority: Priority::Error,
            source: "syscall".into(),
            output: String::new(),
            fields: vec![
                ("a".into(), FieldValue::Null),
                ("b".into(), 7u64.into()),
                ("evt.time".into(), "mine".into()),
            ],
            tags: Some(Arc::from([])),
            hostname: "h".into(),
        };
        let fields = decode(&alert).output_fields;
        assert_eq!(fields["a"], "<NA>");
        assert_eq!(fields["b"], "7");
        assert_eq!(fields["evt.time"], "mine");
    }
}
