//! Equal alerts within a window: the first passes, the others are counted.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use crate::{Alert, FieldValue};

/// Which alerts are equal, and for how long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deduplicate {
    /// Nanoseconds after an alert in which equal ones are only counted.
    pub window: u64,
    /// Names of fields that must have the same value. The rule must be the same in any case, so
    /// `rule` may stand here and changes nothing. A field that an alert does not have is absent.
    pub by: Vec<String>,
    /// The rules it is about, by name, `*` stands for any text; empty for all.
    pub rules: Vec<String>,
    /// Most alerts that are remembered at a time, at least one.
    pub max_groups: usize,
}

/// What a [`Deduplicator`] has done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct DeduplicateCounters {
    /// Alerts under way.
    pub groups: usize,
    /// Alerts that were counted instead of sent.
    pub suppressed: u64,
    /// Alerts that say how often.
    pub summaries: u64,
    /// Alerts forgotten before their window ended because there were too many. What was counted
    /// is said then, so nothing is lost but the rest of the window.
    pub evicted: u64,
}

/// Lets the first of equal alerts pass and counts the others. When the window that began with the
/// first one ends, one more alert says how often it was, if that was more than once.
///
/// Time is handed in, in nanoseconds, and only moves windows to their end.
#[derive(Debug)]
pub struct Deduplicator {
    settings: Deduplicate,
    groups: HashMap<Arc<[u8]>, Group>,
    /// When windows end; the order is that of their beginnings.
    ends: VecDeque<(u64, Arc<[u8]>)>,
    counters: DeduplicateCounters,
    key: Vec<u8>,
    text: String,
}

#[derive(Debug)]
struct Group {
    count: u64,
    /// The last one that was counted.
    last: Option<Alert>,
}

impl Deduplicator {
    /// An empty memory.
    pub fn new(mut settings: Deduplicate) -> Self {
        settings.by.retain(|name| name != "rule");
        settings.max_groups = settings.max_groups.max(1);
        Self {
            settings,
            groups: HashMap::new(),
            ends: VecDeque::new(),
            counters: DeduplicateCounters::default(),
            key: Vec::new(),
            text: String::new(),
        }
    }

    /// Takes an alert at the moment `now`, and calls `send` with it if it passes, and with what was
    /// counted for windows that are over.
    pub fn offer(&mut self, alert: Alert, now: u64, send: &mut dyn FnMut(Alert)) {
        self.advance(now, send);
        if !self.is_for(&alert.rule) {
            send(alert);
            return;
        }
        self.write_key(&alert);
        if let Some(group) = self.groups.get_mut(self.key.as_slice()) {
            group.count += 1;
            group.last = Some(alert);
            self.counters.suppressed += 1;
            return;
        }
        if self.groups.len() >= self.settings.max_groups {
            self.counters.evicted += 1;
            self.end_oldest(send);
        }
        let key: Arc<[u8]> = self.key.as_slice().into();
        let group = Group {
            count: 1,
            last: None,
        };
        self.groups.insert(Arc::clone(&key), group);
        self.ends
            .push_back((now.saturating_add(self.settings.window), key));
        send(alert);
    }

    /// Whether a window is over. Cheap enough to ask for every event.
    pub fn is_due(&self, now: u64) -> bool {
        self.ends.front().is_some_and(|(end, _)| now >= *end)
    }

    /// Calls `send` with what was counted for windows that are over.
    pub fn advance(&mut self, now: u64, send: &mut dyn FnMut(Alert)) {
        while self.is_due(now) {
            self.end_oldest(send);
        }
    }

    /// Ends all windows.
    pub fn finish(&mut self, send: &mut dyn FnMut(Alert)) {
        self.advance(u64::MAX, send);
    }

    /// What was done so far.
    pub fn counters(&self) -> DeduplicateCounters {
        DeduplicateCounters {
            groups: self.groups.len(),
            ..self.counters
        }
    }

    fn is_for(&self, rule: &str) -> bool {
        let patterns = &self.settings.rules;
        patterns.is_empty() || patterns.iter().any(|pattern| is_match(pattern, rule))
    }

    /// Each text with its length before it, so that different values never look alike.
    fn write_key(&mut self, alert: &Alert) {
        let Self {
            settings,
            key,
            text,
            ..
        } = self;
        key.clear();
        let mut push = |text: &str, is_present: bool| {
            key.push(u8::from(is_present));
            key.extend((text.len() as u64).to_le_bytes());
            key.extend_from_slice(text.as_bytes());
        };
        push(&alert.rule, true);
        for name in &settings.by {
            let found = alert.fields.iter().find(|(known, _)| known == name);
            text.clear();
            let is_present = match found {
                Some((_, value)) if *value != FieldValue::Null => {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{value}");
                    true
                }
                _ => false,
            };
            push(text, is_present);
        }
    }

    fn end_oldest(&mut self, send: &mut dyn FnMut(Alert)) {
        let Some((_, key)) = self.ends.pop_front() else {
            return;
        };
        let Some(group) = self.groups.remove(&key) else {
            return;
        };
        if let Some(last) = group.last {
            self.counters.summaries += 1;
            send(summary(last, group.count, self.settings.window));
        }
    }
}

/// The last of equal alerts, with how many there were.
fn summary(mut alert: Alert, count: u64, window: u64) -> Alert {
    let seconds = window as f64 / 1e9;
    let _ = write!(alert.output, " ({count} times within {seconds} s)");
    let value = FieldValue::U64(count);
    match alert
        .fields
        .binary_search_by(|(name, _)| name.as_ref().cmp("count"))
    {
        Ok(at) => {
            if let Some((_, old)) = alert.fields.get_mut(at) {
                *old = value;
            }
        }
        Err(at) => alert.fields.insert(at, (Cow::Borrowed("count"), value)),
    }
    alert
}

/// Whether a name matches a pattern in which `*` stands for any text.
fn is_match(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = name.split_once(part) else {
            return false;
        };
        name = after;
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Priority;

    fn alert(rule: &str, pid: u64) -> Alert {
        Alert {
            ts: 0,
            rule: rule.into(),
            priority: Priority::Notice,
            source: "syscall".into(),
            output: format!("said {rule}"),
            fields: vec![
                (Cow::Borrowed("proc.name"), FieldValue::Null),
                (Cow::Borrowed("proc.pid"), FieldValue::U64(pid)),
            ],
            tags: Some([].into()),
            hostname: "box".into(),
        }
    }

    fn deduplicator(by: &[&str], rules: &[&str], max_groups: usize) -> Deduplicator {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Deduplicator::new(Deduplicate {
            window: 10_000_000_000,
            by: owned(by),
            rules: owned(rules),
            max_groups,
        })
    }

    /// Sends `(rule, pid, second)`; returns the texts that came out.
    fn run(deduplicator: &mut Deduplicator, alerts: &[(&str, u64, u64)]) -> Vec<String> {
        let mut out = Vec::new();
        for &(rule, pid, second) in alerts {
            deduplicator.offer(alert(rule, pid), second * 1_000_000_000, &mut |alert| {
                out.push(alert.output);
            });
        }
        out
    }

    #[test]
    fn the_first_passes_and_the_others_are_counted() {
        let mut all = deduplicator(&["rule", "proc.pid"], &[], 10);
        let out = run(
            &mut all,
            &[
                ("a", 1, 0),
                ("a", 1, 1),
                ("a", 2, 2),
                ("b", 1, 3),
                ("a", 1, 9),
                ("a", 1, 10),
            ],
        );
        assert_eq!(
            out,
            [
                "said a",
                "said a",
                "said b",
                "said a (3 times within 10 s)",
                "said a"
            ]
        );
        let mut rest = Vec::new();
        all.advance(15_000_000_000, &mut |alert| rest.push(alert));
        assert!(rest.is_empty(), "those that came once are not repeated");
        let counters = all.counters();
        assert_eq!(
            (counters.groups, counters.suppressed, counters.summaries),
            (1, 2, 1)
        );
    }

    #[test]
    fn the_summary_has_the_count_among_its_fields_in_their_order() {
        let mut all = deduplicator(&["rule"], &[], 10);
        assert_eq!(run(&mut all, &[("a", 1, 0), ("a", 2, 1)]), ["said a"]);
        let mut out = Vec::new();
        all.finish(&mut |alert| out.push(alert));
        let names: Vec<&str> = out[0]
            .fields
            .iter()
            .map(|(name, _)| name.as_ref())
            .collect();
        assert_eq!(names, ["count", "proc.name", "proc.pid"]);
        assert_eq!(out[0].fields[0].1, FieldValue::U64(2));
        assert_eq!(out[0].fields[2].1, FieldValue::U64(2));
    }

    #[test]
    fn rules_that_are_not_meant_pass() {
        let mut some = deduplicator(&["rule"], &["Write*", "exact"], 10);
        let out = run(
            &mut some,
            &[
                ("Write etc", 1, 0),
                ("Write etc", 1, 0),
                ("exact", 1, 0),
                ("exact", 1, 0),
            ],
        );
        assert_eq!(out.len(), 2);
        assert_eq!(run(&mut some, &[("other", 1, 1), ("other", 1, 1)]).len(), 2);
    }

    #[test]
    fn the_oldest_gives_way_and_says_its_count() {
        let mut small = deduplicator(&["proc.pid"], &[], 2);
        let out = run(
            &mut small,
            &[("a", 1, 0), ("a", 1, 1), ("a", 2, 2), ("a", 3, 3)],
        );
        assert_eq!(out[2], "said a (2 times within 10 s)");
        assert_eq!(out.len(), 4);
        assert_eq!((small.counters().evicted, small.counters().groups), (1, 2));
    }

    #[test]
    fn an_absent_value_is_not_an_empty_or_similar_text() {
        let mut all = deduplicator(&["x"], &[], 10);
        let with = |value: FieldValue| Alert {
            fields: vec![(Cow::Borrowed("x"), value)],
            ..alert("a", 1)
        };
        let mut passed = 0;
        for value in [FieldValue::Null, "".into(), "<NA>".into(), "".into()] {
            all.offer(with(value), 0, &mut |_| passed += 1);
        }
        assert_eq!(passed, 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Every alert is sent or counted by exactly one summary.
        #[test]
        fn nothing_is_lost(alerts in prop::collection::vec((0..4u64, 0..8u64), 0..100), limit in 1..4usize) {
            let mut all = deduplicator(&["proc.pid"], &[], limit);
            let (mut now, mut sent, mut counted) = (0, 0u64, 0u64);
            let mut note = |alert: Alert| match alert.fields.first() {
                // The first of each window was sent before.
                Some((name, FieldValue::U64(count))) if name == "count" => counted += count - 1,
                _ => sent += 1,
            };
            let number = alerts.len() as u64;
            for (pid, delta) in alerts {
                now += delta * 1_000_000_000;
                all.offer(alert("a", pid), now, &mut note);
                prop_assert!(all.counters().groups <= limit);
            }
            all.finish(&mut note);
            prop_assert_eq!(sent + counted, number);
        }
    }
}
