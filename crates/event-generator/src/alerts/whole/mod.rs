//! Alerts with all that they say, for tests.
//!
//! A benchmark looks at little of each alert and at many of them; a test wants to know whose alert it
//! is, and takes its time. Besides gRPC and HTTP, a test can [follow](follow) what the engine writes.

mod follow;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outputs_api::outputs::Response;
use prost::Message;
use serde_json::Value;

use super::{Ear, Error, Take, receive};
use crate::cli::{AlertFlags, FollowFlags};
use crate::log::Log;

/// An alert.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Whole {
    /// Name of the rule.
    pub rule: String,
    /// Name of the event source.
    pub source: String,
    /// The machine it was raised on.
    pub hostname: String,
    /// How grave it is, as the engine writes it.
    pub priority: String,
    /// The text for people.
    pub output: String,
    /// The fields, as text; those that are null are left out.
    pub fields: BTreeMap<String, String>,
}

/// Is told of every alert, on the thread that receives them: it must not block.
pub trait Listener: Send + Sync + 'static {
    /// An alert.
    fn alert(&self, alert: Whole);
    /// Something came that is no alert.
    fn noise(&self);
}

/// Starts to listen, in the way the flags ask for; alerts come until the [`Ear`] is dropped.
///
/// # Errors
/// When no alert can ever come this way.
pub fn listen(
    alerts: &AlertFlags,
    follow: &FollowFlags,
    polling_interval: Duration,
    listener: Arc<dyn Listener>,
    log: &Log,
) -> Result<Ear, Error> {
    let follows = follow.follow.is_some() || follow.follow_command.is_some();
    if follows && (alerts.given.grpc || alerts.given.http) {
        return Err(Error::FollowAndAsk);
    }
    let ear = if let Some(command) = &follow.follow_command {
        follow::command(command, listener)?
    } else if let Some(path) = &follow.follow {
        if path.as_os_str() == "-" {
            follow::input(listener)?
        } else {
            follow::file(path, listener)?
        }
    } else {
        receive(alerts, polling_interval, Arc::new(Wholes(listener)))?
    };
    log.debug("listening for alerts", &[("address", ear.address().into())]);
    Ok(ear)
}

/// Reads whole alerts.
struct Wholes(Arc<dyn Listener>);

impl Take for Wholes {
    fn json(&self, text: &[u8]) -> Result<(), String> {
        let alert = from_json(text).inspect_err(|_| self.0.noise())?;
        self.0.alert(alert);
        Ok(())
    }

    fn message(&self, bytes: &[u8]) -> Result<(), String> {
        let alert = Response::decode(bytes).map_err(|error| error.to_string())?;
        self.0.alert(Whole {
            priority: priority(alert.priority),
            rule: alert.rule,
            source: alert.source,
            hostname: alert.hostname,
            output: alert.output,
            fields: alert.output_fields.into_iter().collect(),
        });
        Ok(())
    }
}

/// The name of a priority by its number in the protocol.
fn priority(number: i32) -> String {
    const NAMES: [&str; 8] = [
        "Emergency",
        "Alert",
        "Critical",
        "Error",
        "Warning",
        "Notice",
        "Informational",
        "Debug",
    ];
    let name = usize::try_from(number).ok().and_then(|at| NAMES.get(at));
    name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

/// Reads an alert as engines write it with `json_output`.
fn from_json(text: &[u8]) -> Result<Whole, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    from_value(&value).ok_or_else(|| "it has no rule".to_owned())
}

fn from_value(value: &Value) -> Option<Whole> {
    let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let fields = value.get("output_fields").and_then(Value::as_object);
    Some(Whole {
        rule: text("rule")?,
        source: text("source").unwrap_or_default(),
        hostname: text("hostname").unwrap_or_default(),
        priority: text("priority").unwrap_or_default(),
        output: text("output").unwrap_or_default(),
        fields: fields
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), as_text(value)))
            .collect(),
    })
}

/// Numbers keep all their digits.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_read_whole() {
        let text = br#"{"rule":"R","source":"syscall","output":"o","priority":"Warning",
            "output_fields":{"proc.pid":12345678,"evt.time":1700000000123456789,"a":null,"b":"x","c":true}}"#;
        let alert = from_json(text).unwrap();
        assert_eq!(
            (alert.rule.as_str(), alert.source.as_str()),
            ("R", "syscall")
        );
        let fields: Vec<_> = alert
            .fields
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            fields,
            [
                ("b", "x"),
                ("c", "true"),
                ("evt.time", "1700000000123456789"),
                ("proc.pid", "12345678")
            ]
        );
        for wrong in ["{}", "[]", "", "{\"rule\":1}", "text"] {
            assert!(from_json(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
