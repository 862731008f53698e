//! `correlate` items.

use std::rc::Rc;

use crate::correlate::Pattern;
use crate::diagnostic::{Code, Place};
use crate::item::{CorrelateItem, StepItem, Word};
use crate::source::Span;
use crate::yaml::{Entry, Kind, Node};

use super::Reader;
use super::value::Keys;

const KEYS: &[&str] = &[
    "correlate",
    "desc",
    "output",
    "priority",
    "tags",
    "source",
    "enabled",
    "max_groups",
    "count",
    "sequence",
    "absence",
];

/// The keys that say what is looked for, of which there must be one.
const PATTERNS: &[&str] = &["count", "sequence", "absence"];

/// How many groups are remembered when the item does not say.
const DEFAULT_GROUPS: usize = 10_000;

/// No item remembers more groups.
const MOST_GROUPS: usize = 1_000_000;

/// No item remembers more moments of counted events in all its groups: 80 MB.
const MOST_MOMENTS: u64 = 10_000_000;

/// No sequence has more steps.
const MOST_STEPS: usize = 16;

/// No window is longer than a day, in nanoseconds.
const LONGEST_WINDOW: u64 = 86_400 * 1_000_000_000;

impl Reader {
    pub(super) fn correlate(&mut self, name: Word, keys: &Keys<'_>) -> Option<CorrelateItem> {
        self.unknown_keys(keys, KEYS);
        let desc = self.text(keys, "desc");
        let output = self.text(keys, "output");
        let priority = self.text(keys, "priority");
        let priority = priority.and_then(|word| self.priority(&word));
        let source = self.optional(keys, "source");
        let enabled = self.flag(keys, "enabled");
        let tags = match keys.get("tags").filter(|entry| !entry.value.is_null()) {
            Some(entry) => self.words(entry, Place::ValueFor),
            None => Some(Vec::new()),
        };
        let expected = "expected a number of groups, from 1 to 1000000";
        let max_groups = self.parsed(keys, "max_groups", expected, |text| {
            let number: usize = text.parse().ok()?;
            (1..=MOST_GROUPS).contains(&number).then_some(number)
        });
        let max_groups = max_groups
            .ok()
            .map(|groups| groups.map_or(DEFAULT_GROUPS, |groups| groups.value));
        let pattern = self.pattern(&name, keys, max_groups.unwrap_or(DEFAULT_GROUPS));
        let (pattern, within, window, steps) = pattern?;
        Some(CorrelateItem {
            name,
            source: source.ok()?,
            output: output?,
            desc: desc?,
            tags: tags?,
            priority: priority?.value,
            enabled: enabled.ok()?.unwrap_or(true),
            max_groups: max_groups?,
            pattern,
            within,
            window,
            steps,
            chain: self.chain.clone(),
        })
    }

    fn pattern(
        &mut self,
        name: &Word,
        keys: &Keys<'_>,
        max_groups: usize,
    ) -> Option<(Pattern, u64, Word, Vec<StepItem>)> {
        let given: Vec<(&str, &Entry)> = PATTERNS
            .iter()
            .filter_map(|key| Some((*key, keys.get(key)?)))
            .collect();
        let (key, entry) = match given.as_slice() {
            [] => {
                let message = "Item needs one of the keys 'count', 'sequence', 'absence'";
                self.error(Code::YamlValidate, message, name.span, "looks for nothing");
                return None;
            }
            [one] => *one,
            [_, (key, second), ..] => {
                let message = "Item has more than one of the keys 'count', 'sequence', 'absence'";
                let label = format!("write a second item for `{key}`");
                self.error(Code::YamlValidate, message, second.key.span, label);
                return None;
            }
        };
        let inner = self.mapping(&entry.value, entry.key.span, "Pattern must be a mapping")?;
        match key {
            "count" => {
                self.unknown_keys(&inner, &["condition", "by", "at_least", "within"]);
                let within = self.within_key(&inner);
                let at_least = self.at_least(&inner, max_groups);
                let step = self.step(&inner, entry.key.span);
                let (within, window) = within?;
                let at_least = at_least?;
                Some((Pattern::Count { at_least }, within, window, vec![step?]))
            }
            "sequence" => {
                self.unknown_keys(&inner, &["within", "steps"]);
                let within = self.within_key(&inner);
                let steps = self.steps(&inner);
                let (within, window) = within?;
                Some((Pattern::Sequence, within, window, steps?))
            }
            _ => {
                self.unknown_keys(&inner, &["first", "then_not", "within"]);
                let within = self.within_key(&inner);
                let mut steps = Vec::new();
                for key in ["first", "then_not"] {
                    match inner.get(key) {
                        Some(entry) => steps.extend(self.step_mapping(&entry.value)),
                        None => _ = self.missing::<()>(&inner, key),
                    }
                }
                let (within, window) = within?;
                (steps.len() == 2).then_some((Pattern::Absence, within, window, steps))
            }
        }
    }

    fn steps(&mut self, keys: &Keys<'_>) -> Option<Vec<StepItem>> {
        let Some(entry) = keys.get("steps") else {
            return self.missing(keys, "steps");
        };
        let list: &[Rc<Node>] = match &entry.value.kind {
            Kind::Sequence(list) => list,
            _ => &[],
        };
        if !(2..=MOST_STEPS).contains(&list.len()) {
            let message = "A sequence has from 2 to 16 steps";
            let label = match list.len() {
                0 => format!(
                    "expected a sequence of steps, found {}",
                    entry.value.describe()
                ),
                number => format!("has {number}"),
            };
            self.error(Code::YamlValidate, message, entry.key.span, label);
            return None;
        }
        let steps: Vec<Option<StepItem>> =
            list.iter().map(|node| self.step_mapping(node)).collect();
        steps.into_iter().collect()
    }

    fn step_mapping(&mut self, node: &Rc<Node>) -> Option<StepItem> {
        self.within(Place::CorrelateStep, "", node.span, |reader| {
            let keys = reader.mapping(node, node.span, "Step must be a mapping")?;
            reader.unknown_keys(&keys, &["condition", "by"]);
            reader.step(&keys, node.span)
        })
    }

    fn step(&mut self, keys: &Keys<'_>, span: Span) -> Option<StepItem> {
        let condition = self.text(keys, "condition");
        let by = match keys.get("by").filter(|entry| !entry.value.is_null()) {
            Some(entry) => self.words(entry, Place::ValueFor),
            None => Some(Vec::new()),
        };
        let chain = self.chain.clone();
        Some(StepItem {
            condition: condition?,
            by: by?,
            span,
            chain,
        })
    }

    fn mapping<'n>(&mut self, node: &'n Node, span: Span, message: &str) -> Option<Keys<'n>> {
        if let Kind::Mapping(entries) = &node.kind {
            return Some(Keys::new(entries));
        }
        let label = format!("expected a mapping, found {}", node.describe());
        self.error(Code::YamlValidate, message, span, label);
        None
    }

    fn within_key(&mut self, keys: &Keys<'_>) -> Option<(u64, Word)> {
        let window = self.text(keys, "within")?;
        let expected = "expected a duration up to a day, like `500ms`, `10s`, `5m` or `1h`";
        let within = self.parsed(keys, "within", expected, duration).ok()??;
        Some((within.value, window))
    }

    fn at_least(&mut self, keys: &Keys<'_>, max_groups: usize) -> Option<u32> {
        if keys.get("at_least").is_none() {
            return self.missing(keys, "at_least");
        }
        let expected = "expected a number of events, at least 2";
        let number = self.parsed(keys, "at_least", expected, |text| {
            text.parse::<u32>().ok().filter(|&number| number >= 2)
        });
        let number = number.ok()??;
        if u64::from(number.value).saturating_mul(max_groups as u64) > MOST_MOMENTS {
            let message = "'at_least' times 'max_groups' is more than 10000000";
            let diagnostic = self.push(Code::YamlValidate, message, number.span);
            diagnostic.label = format!("with {max_groups} groups, would take too much memory");
            let help = "lower one of them; `max_groups` is 10000 when the item does not say";
            diagnostic.help.push(help.to_owned());
            return None;
        }
        Some(number.value)
    }
}

/// `10s` → nanoseconds.
fn duration(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim() {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return None,
    };
    let duration = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=LONGEST_WINDOW).contains(&duration).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("10s", Some(10_000_000_000)),
            ("500ms", Some(500_000_000)),
            ("2 m", Some(120_000_000_000)),
            ("24h", Some(86_400_000_000_000)),
            ("25h", None),
            ("0s", None),
            ("10", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("10 weeks", None),
            ("99999999999999999999s", None),
            ("5184000000000000h", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
