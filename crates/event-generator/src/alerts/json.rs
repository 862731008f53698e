//! An alert as JSON, as far as it is looked at.

use std::borrow::Cow;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Alert, Process};

/// The part of an alert that is looked at.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    rule: Cow<'a, str>,
    #[serde(borrow, default)]
    source: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Option<Cow<'a, str>>,
    #[serde(default)]
    output_fields: Fields,
}

/// The numbers of processes among the output fields.
#[derive(Default)]
struct Fields(Process);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object or null")
            }

            fn visit_unit<E>(self) -> Result<Fields, E> {
                Ok(Fields::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut process = Process::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    if !Process::is_wanted(&name) {
                        map.next_value::<IgnoredAny>()?;
                    } else if let Some(pid) = map.next_value::<serde_json::Value>()?.as_u64() {
                        process.note(&name, u32::try_from(pid).unwrap_or(u32::MAX));
                    }
                }
                Ok(Fields(process))
            }
        }

        deserializer.deserialize_any(Visit)
    }
}

impl Head<'_> {
    /// The alert; what is missing or odd is not known.
    pub(super) fn alert(&self) -> Alert<'_> {
        let time = self.time.as_deref().and_then(|time| {
            let time: jiff::Timestamp = time.parse().ok()?;
            u64::try_from(time.as_nanosecond()).ok()
        });
        Alert {
            rule: &self.rule,
            source: &self.source,
            time,
            process: self.output_fields.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_processes_are_read() {
        let text = r#"{"hostname":"h","output":"\"","output_fields":{"evt.time":1,"proc.name":"\u00fc",
            "proc.pid":4242,"proc.ppid":"text","proc.apid[2]":17,"n":null},"priority":"Warning",
            "rule":"R","source":"syscall","tags":[],"time":"2023-11-14T22:13:20.123456789Z"}"#;
        let head: Head<'_> = serde_json::from_str(text).unwrap();
        let alert = head.alert();
        assert_eq!((alert.rule, alert.source), ("R", "syscall"));
        assert_eq!(alert.time, Some(1_700_000_000_123_456_789));
        assert_eq!(alert.process.is_of(4242), Some(true));
        assert_eq!(alert.process.is_of(17), Some(true));
        assert_eq!(alert.process.is_of(1), Some(false));
    }

    #[test]
    fn what_is_missing_or_odd_is_not_known() {
        for text in [
            r#"{"rule":"R"}"#,
            r#"{"rule":"R","output_fields":null,"time":"yesterday"}"#,
            r#"{"rule":"R","output_fields":{},"time":null}"#,
        ] {
            let head: Head<'_> = serde_json::from_str(text).unwrap();
            let alert = head.alert();
            assert_eq!((alert.time, alert.process.is_of(1)), (None, None), "{text}");
        }
    }
}
