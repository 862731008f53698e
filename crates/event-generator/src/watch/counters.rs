//! What an engine says it has seen, matched and lost, whichever way it says so.

use std::collections::BTreeMap;

use metrics::names;
use metrics::{Description, parse_statistics_line};
use serde::Serialize;
use serde_json::{Map, Value};

/// Counters of an engine since its start, or what was added to them. What it does not say is `None`.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct EngineCounters {
    /// Events of the kernel side, those dropped included.
    pub events: Option<u64>,
    /// Of those, dropped by the kernel side.
    pub kernel_drops: Option<u64>,
    /// The same by kind of system call (`open`, `connect`, …), where it says so.
    pub kernel_drops_of: BTreeMap<String, u64>,
    /// Alerts by rule, the rule's name normalized: matches, before any output.
    pub matches_of: BTreeMap<String, u64>,
    /// Alerts lost because a queue of the outputs was full.
    pub queue_drops: Option<u64>,
    /// Alerts held back by a limit of their rate.
    pub rate_limited: Option<u64>,
    /// Alerts lost on the way to gRPC clients.
    pub client_drops: Option<u64>,
}

impl EngineCounters {
    /// A line of a statistics file (`-s`), or of a metrics file, of any version; `None` when it is
    /// none, such as one that is being written.
    pub fn of_line(line: &str) -> Option<Self> {
        let line = line.trim();
        if let Ok(sample) = parse_statistics_line(line) {
            return Some(Self {
                events: Some(sample.cur.events),
                kernel_drops: Some(sample.cur.drops),
                ..Self::default()
            });
        }
        let object: Map<String, Value> = serde_json::from_str(line.trim_end_matches(',')).ok()?;
        if let Some(Value::Object(fields)) = object.get("output_fields") {
            return Some(Self::of_fields(fields));
        }
        // Keyed by event source, as 0.33 and 0.34 did.
        let current = object.get("syscall")?.get("cur")?;
        Some(Self {
            events: Some(current.get("events").and_then(Value::as_u64)?),
            kernel_drops: Some(current.get("drops").and_then(Value::as_u64)?),
            ..Self::default()
        })
    }

    /// The fields of a metrics snapshot, from the file or from an alert.
    pub fn of_fields(fields: &Map<String, Value>) -> Self {
        let get = |description: &Description| number(fields.get(description.field?)?);
        let mut counters = Self {
            events: get(&names::KERNEL_EVENTS),
            kernel_drops: get(&names::KERNEL_DROPS),
            queue_drops: get(&names::QUEUE_DROPS),
            rate_limited: get(&names::RATE_LIMITED),
            client_drops: get(&names::SUBSCRIBER_LOST),
            ..Self::default()
        };
        for (name, value) in fields {
            let Some(value) = number(value) else {
                continue;
            };
            if let Some(kind) = between(name, &names::KERNEL_BUFFER_DROPS_OF) {
                counters.kernel_drops_of.insert(kind.to_owned(), value);
            } else if let Some(rule) = between(name, &names::RULE_MATCHES)
                && names::RULES_MATCHES.field != Some(name)
            {
                // The name has lost what is not alphanumeric already, but for underscores.
                counters.matches_of.insert(action::normalized(rule), value);
            }
        }
        counters
    }

    /// The text that an engine's `/metrics` answers. Lines that are not understood are passed over.
    pub fn of_prometheus(text: &str) -> Self {
        let mut counters = Self::default();
        for sample in text.lines().filter_map(super::prometheus::sample) {
            let is = |description: &Description| description.prometheus == Some(sample.name);
            let value = sample.value;
            if is(&names::KERNEL_EVENTS) {
                counters.events = Some(value);
            } else if is(&names::KERNEL_DROPS) {
                counters.kernel_drops = Some(value);
            } else if is(&names::QUEUE_DROPS) {
                counters.queue_drops = Some(value);
            } else if is(&names::RATE_LIMITED) {
                counters.rate_limited = Some(value);
            } else if is(&names::SUBSCRIBER_LOST) {
                *counters.client_drops.get_or_insert(0) += value;
            } else if is(&names::KERNEL_BUFFER_DROPS_OF) {
                // Drops on entry are a thing of the past, and always 0.
                if let Some(kind) = sample.label("drop")
                    && sample.label("dir") != Some("enter")
                {
                    counters.kernel_drops_of.insert(kind.to_owned(), value);
                }
            } else if is(&names::RULE_MATCHES)
                && let Some(rule) = sample.label("rule_name")
            {
                *counters
                    .matches_of
                    .entry(action::normalized(rule))
                    .or_default() += value;
            }
        }
        counters
    }

    /// Takes over what `other` knows.
    pub fn update(&mut self, other: Self) {
        let replace = |mine: &mut Option<u64>, other: Option<u64>| *mine = other.or(*mine);
        replace(&mut self.events, other.events);
        replace(&mut self.kernel_drops, other.kernel_drops);
        replace(&mut self.queue_drops, other.queue_drops);
        replace(&mut self.rate_limited, other.rate_limited);
        replace(&mut self.client_drops, other.client_drops);
        self.kernel_drops_of.extend(other.kernel_drops_of);
        self.matches_of.extend(other.matches_of);
    }

    /// What was added since `before`. Counters that went back belong to an engine that was started
    /// again: all of theirs is new. A counter that only appears once it is not 0 was 0 before.
    pub fn since(&self, before: &Self) -> Self {
        let added = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        let delta = |now: Option<u64>, before: Option<u64>| Some(added(now?, before.unwrap_or(0)));
        let each = |now: &BTreeMap<String, u64>, before: &BTreeMap<String, u64>| {
            now.iter()
                .map(|(name, value)| {
                    let before = before.get(name).copied().unwrap_or(0);
                    (name.clone(), added(*value, before))
                })
                .collect()
        };
        Self {
            events: delta(self.events, before.events),
            kernel_drops: delta(self.kernel_drops, before.kernel_drops),
            kernel_drops_of: each(&self.kernel_drops_of, &before.kernel_drops_of),
            matches_of: each(&self.matches_of, &before.matches_of),
            queue_drops: delta(self.queue_drops, before.queue_drops),
            rate_limited: delta(self.rate_limited, before.rate_limited),
            client_drops: delta(self.client_drops, before.client_drops),
        }
    }
}

/// A number, or a text that is one: metrics in alerts are texts.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// What stands in `name` for the `{}` in the name of a family of fields.
fn between<'a>(name: &'a str, family: &Description) -> Option<&'a str> {
    let (before, after) = family.field?.split_once("{}")?;
    name.strip_prefix(before)?
        .strip_suffix(after)
        .filter(|inner| !inner.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, value: u64) -> BTreeMap<String, u64> {
        [(name.to_owned(), value)].into()
    }

    #[test]
    fn every_form_of_line_is_read() {
        let expected = |events, drops| {
            Some(EngineCounters {
                events: Some(events),
                kernel_drops: Some(drops),
                ..EngineCounters::default()
            })
        };
        for (line, counters) in [
            (
                r#"{"sample": 2967, "cur": {"events": 48134675, "drops": 102975, "preemptions": 0}, "delta": {"events": 350437, "drops": 15983, "preemptions": 0}, "drop_pct": 4.56088},"#,
                expected(48_134_675, 102_975),
            ),
            (
                r#"{"sample":7,"syscall":{"cur":{"drop_pct":0,"drops":1,"events":30,"preemptions":0},"delta":{"drops":0,"events":20}}}"#,
                expected(30, 1),
            ),
            (
                r#"{"output_fields":{"scap.n_evts":400,"scap.n_drops":6},"sample":2}"#,
                expected(400, 6),
            ),
            (
                r#"{"output_fields":{"scap.n_evts":"400","scap.n_drops":"6"},"rule":"Falco internal: metrics snapshot"}"#,
                expected(400, 6),
            ),
            (r#"{"sample": 3, "cur": {"eve"#, None),
            ("", None),
            ("[1]", None),
            (r#"{"sample":1}"#, None),
        ] {
            assert_eq!(EngineCounters::of_line(line), counters, "{line}");
        }
    }

    #[test]
    fn metrics_tell_rules_and_queues_apart() {
        let line = r#"{"output_fields":{"falco.outputs_queue_num_drops":3,"falco.rules.matches_total":12,
            "falco.rules.Read_sensitive_file_untrusted":12,"peregrine.grpc.lost":4,"peregrine.rate_limited":5,
            "scap.n_drops":9,"scap.n_drops_buffer_open_exit":8,"scap.n_drops_buffer_total":8,
            "scap.n_evts":100,"evt.source":"syscall"},"sample":1}"#;
        let counters = EngineCounters::of_line(line).unwrap();
        assert_eq!(counters.matches_of, of("readsensitivefileuntrusted", 12));
        assert_eq!(counters.kernel_drops_of, of("open", 8));
        assert_eq!(
            (
                counters.queue_drops,
                counters.rate_limited,
                counters.client_drops
            ),
            (Some(3), Some(5), Some(4))
        );
    }

    #[test]
    fn prometheus_is_read_with_its_quirks() {
        let text = "# HELP falcosecurity_scap_n_evts_total https://falco.org/docs/metrics/\n\
            # TYPE falcosecurity_scap_n_evts_total counter\n\
            falcosecurity_scap_n_evts_total 1234 1700000000000\n\
            falcosecurity_scap_n_drops_total 5\n\
            falcosecurity_scap_n_drops_buffer_total{dir=\"enter\",drop=\"open\"} 0\n\
            falcosecurity_scap_n_drops_buffer_total{dir=\"exit\",drop=\"open\"} 5\n\
            falcosecurity_falco_outputs_queue_num_drops_total 2\n\
            falcosecurity_falco_rules_matches_total{priority=\"4\",rule_name=\"Say \"x\", twice\",source=\"syscall\",tag_T1555=\"true\"} 7\n\
            falcosecurity_falco_cpu_usage_ratio 0.25\n\
            nonsense\n";
        let counters = EngineCounters::of_prometheus(text);
        assert_eq!(
            (counters.events, counters.kernel_drops),
            (Some(1234), Some(5))
        );
        assert_eq!(counters.kernel_drops_of, of("open", 5));
        assert_eq!(counters.matches_of, of("sayxtwice", 7));
        assert_eq!(counters.queue_drops, Some(2));
        assert_eq!(EngineCounters::of_prometheus(""), EngineCounters::default());
    }

    /// What our own engine writes is read back.
    #[test]
    fn the_engine_and_we_use_the_same_names() {
        let mut snapshot = metrics::Snapshot::new();
        snapshot.add(&names::KERNEL_EVENTS, 100);
        snapshot.add(&names::KERNEL_DROPS, 7);
        let label = |name: &'static str, value: &str| (name.into(), value.to_owned());
        snapshot.add_labelled(
            &names::RULE_MATCHES,
            vec![label("rule_name", "Write below etc")],
            3,
        );
        snapshot.add(&names::RATE_LIMITED, 2);
        let mut text = String::new();
        snapshot.prometheus(&mut text);
        let scraped = EngineCounters::of_prometheus(&text);
        let fields: Map<String, Value> = snapshot
            .fields(false, true)
            .into_iter()
            .filter_map(|(name, value)| match value {
                metrics::Value::U64(number) => Some((name.into_owned(), number.into())),
                _ => None,
            })
            .collect();
        assert_eq!(scraped, EngineCounters::of_fields(&fields));
        assert_eq!(scraped.matches_of, of("writebelowetc", 3));
        assert_eq!(scraped.rate_limited, Some(2));
    }

    #[test]
    fn what_was_added() {
        let counters = |events, drops: Option<u64>| EngineCounters {
            events: Some(events),
            queue_drops: drops,
            matches_of: of("a", events / 10),
            ..EngineCounters::default()
        };
        let added = counters(100, Some(4)).since(&counters(60, None));
        assert_eq!((added.events, added.queue_drops), (Some(40), Some(4)));
        assert_eq!(added.matches_of, of("a", 4));
        let restarted = counters(30, None).since(&counters(60, Some(1)));
        assert_eq!((restarted.events, restarted.queue_drops), (Some(30), None));
        let mut all = counters(1, None);
        all.update(EngineCounters {
            queue_drops: Some(2),
            ..EngineCounters::default()
        });
        assert_eq!((all.events, all.queue_drops), (Some(1), Some(2)));
    }
}
