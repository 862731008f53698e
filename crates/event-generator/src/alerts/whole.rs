//! Alerts with all their fields. Numbers keep their digits: they are never read as numbers.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;
use suite::Alert;

/// An alert as engines post it.
#[derive(Deserialize)]
struct Posted<'a> {
    #[serde(borrow)]
    rule: Cow<'a, str>,
    #[serde(borrow, default)]
    source: Cow<'a, str>,
    #[serde(borrow, default)]
    hostname: Cow<'a, str>,
    #[serde(borrow, default)]
    priority: Cow<'a, str>,
    #[serde(borrow, default)]
    output_fields: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

/// Reads an alert from JSON.
pub(super) fn from_json(bytes: &[u8]) -> serde_json::Result<Alert> {
    let posted: Posted<'_> = serde_json::from_slice(bytes)?;
    let fields = posted
        .output_fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_owned(), text(value.get())?)))
        .collect();
    Ok(Alert {
        rule: posted.rule.into_owned(),
        source: posted.source.into_owned(),
        hostname: posted.hostname.into_owned(),
        priority: posted.priority.into_owned(),
        fields,
    })
}

/// The text of a value; none for null.
fn text(json: &str) -> Option<String> {
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).ok(),
        Some(b'n') => None,
        _ => Some(json.to_owned()),
    }
}

/// An alert as engines stream it.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Whole {
    #[prost(enumeration = "Priority", tag = "2")]
    priority: i32,
    #[prost(string, tag = "4")]
    rule: String,
    #[prost(map = "string, string", tag = "6")]
    output_fields: HashMap<String, String>,
    #[prost(string, tag = "7")]
    hostname: String,
    #[prost(string, tag = "9")]
    source: String,
}

/// Priorities by their numbers in the protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, prost::Enumeration)]
#[repr(i32)]
enum Priority {
    Emergency = 0,
    Alert = 1,
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Informational = 6,
    Debug = 7,
}

impl From<Whole> for Alert {
    fn from(whole: Whole) -> Self {
        let priority = match whole.priority() {
            Priority::Emergency => "Emergency",
            Priority::Alert => "Alert",
            Priority::Critical => "Critical",
            Priority::Error => "Error",
            Priority::Warning => "Warning",
            Priority::Notice => "Notice",
            Priority::Informational => "Informational",
            Priority::Debug => "Debug",
        };
        Self {
            rule: whole.rule,
            source: whole.source,
            hostname: whole.hostname,
            priority: priority.to_owned(),
            fields: whole.output_fields.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        let json = br#"{"rule":"R\u0041","priority":"Warning","output_fields":{"proc.pid":12345678,"evt.time":1690000000123456789,"x":1.5,"s":"a\nb","none":null,"b":true}}"#;
        let alert = from_json(json).unwrap();
        assert_eq!(alert.rule, "RA");
        assert_eq!(alert.field("proc.pid"), Some("12345678"));
        assert_eq!(alert.field("evt.time"), Some("1690000000123456789"));
        assert_eq!(alert.field("x"), Some("1.5"));
        assert_eq!(alert.field("s"), Some("a\nb"));
        assert_eq!(alert.field("none"), None);
        assert_eq!(alert.field("b"), Some("true"));
        assert!(from_json(b"{}").is_err());
    }
}
