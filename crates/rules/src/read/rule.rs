//! Rules.

use alert::Priority;

use crate::diagnostic::{Code, Place};
use crate::item::{Change, Changed, Mode, RuleItem, Spanned, Word};

use super::Reader;
use super::overrides::Overrides;
use super::value::Keys;

/// The keys of a rule.
pub(super) const KEYS: &[&str] = &[
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "tags",
    "exceptions",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "append",
    "override",
];

/// Which keys of a rule can be overridden: appended to, replaced.
const OVERRIDES: &[(&str, bool, bool)] = &[
    ("condition", true, true),
    ("output", true, true),
    ("desc", true, true),
    ("tags", true, true),
    ("exceptions", true, true),
    ("priority", false, true),
    ("enabled", false, true),
    ("capture", false, true),
    ("capture_duration", false, true),
    ("warn_evttypes", false, true),
    ("skip-if-unknown-filter", false, true),
];

/// What every new rule must have.
const REQUIRED: &[&str] = &["condition", "output", "desc", "priority"];

impl Reader {
    pub(super) fn rule(&mut self, name: Word, keys: &Keys<'_>) -> Option<RuleItem> {
        self.unknown_keys(keys, KEYS);
        let found = self.overrides(keys, OVERRIDES)?;
        let mut mode = found.mode;
        if mode == Mode::Define
            && keys.get("enabled").is_some()
            && REQUIRED.iter().all(|key| keys.get(key).is_none())
        {
            mode = Mode::Toggle;
            let span = keys
                .get("enabled")
                .map_or(name.span, |entry| entry.key.span);
            let message = "The standalone 'enabled' key usage is deprecated. The correct approach requires \
                           also a 'replace' entry under the 'override' key (i.e. 'enabled: replace').";
            self.error(Code::DeprecatedItem, message, span, "deprecated");
        }
        if mode == Mode::Append && !self.append_has_a_point(&name, keys) {
            return None;
        }
        self.rule_values(name, keys, &found, mode)
    }

    /// `append: true` reaches only conditions and exceptions.
    fn append_has_a_point(&mut self, name: &Word, keys: &Keys<'_>) -> bool {
        for key in KEYS {
            let reached = matches!(
                *key,
                "rule" | "append" | "condition" | "exceptions" | "source"
            );
            if let Some(entry) = keys.get(key)
                && !reached
            {
                let message = format!("Key '{key}' has no effect beside 'append: true'");
                let diagnostic = self.push(Code::UnknownKey, message, entry.key.span);
                diagnostic.label = "ignored".to_owned();
                diagnostic.help.push(format!(
                    "replace `append: true` by `override` and name `{key}` there"
                ));
            }
        }
        if keys.get("condition").is_some() || keys.get("exceptions").is_some() {
            return true;
        }
        let message = "Appended rule must have exceptions or condition property";
        self.error(Code::YamlValidate, message, name.span, "appends nothing");
        false
    }

    fn rule_values(
        &mut self,
        name: Word,
        keys: &Keys<'_>,
        found: &Overrides,
        mode: Mode,
    ) -> Option<RuleItem> {
        for key in REQUIRED {
            if mode == Mode::Define && keys.get(key).is_none() {
                self.missing::<()>(keys, key);
            }
        }
        let counts = |key: &str| match mode {
            Mode::Define => true,
            Mode::Append => matches!(key, "condition" | "exceptions" | "source"),
            Mode::Override => key == "source" || found.changes.iter().any(|(name, _)| name == key),
            Mode::Toggle => key == "enabled",
        };
        let change = |key: &str| found.change(key);
        let changed = |key: &str, word: Word| Changed {
            value: word,
            change: change(key),
        };

        let condition = when(counts("condition"), || self.required(keys, "condition"));
        let output = when(counts("output"), || self.required(keys, "output"));
        let desc = when(counts("desc"), || self.required(keys, "desc"));
        let priority = when(counts("priority"), || self.required(keys, "priority"));
        let source = when(counts("source"), || self.optional(keys, "source"));
        let enabled = when(counts("enabled"), || self.flag(keys, "enabled"));
        let capture = when(counts("capture"), || self.flag(keys, "capture"));
        let capture_duration = when(counts("capture_duration"), || {
            let expected = "expected a number of milliseconds";
            self.parsed(keys, "capture_duration", expected, |text| text.parse().ok())
        });
        let warn_evttypes = when(counts("warn_evttypes"), || self.flag(keys, "warn_evttypes"));
        let skip = when(counts("skip-if-unknown-filter"), || {
            self.flag(keys, "skip-if-unknown-filter")
        });
        let tags = keys
            .get("tags")
            .filter(|entry| counts("tags") && !entry.value.is_null());
        let tags = tags.and_then(|entry| self.words(entry, Place::ValueFor));
        let exceptions = keys.get("exceptions").filter(|_| counts("exceptions"));
        let exceptions = exceptions.and_then(|entry| {
            let appended = mode == Mode::Append || change("exceptions") == Change::Append;
            self.exceptions(entry, appended)
        });
        let priority = priority.and_then(|word| self.priority(&word));
        Some(RuleItem {
            name,
            mode,
            source,
            condition: condition.map(|word| changed("condition", word)),
            output: output.map(|word| changed("output", word)),
            desc: desc.map(|word| changed("desc", word)),
            tags: tags.map(|value| Changed {
                value,
                change: change("tags"),
            }),
            exceptions: exceptions.map(|value| Changed {
                value,
                change: change("exceptions"),
            }),
            priority,
            enabled,
            capture,
            capture_duration: capture_duration.map(|duration| duration.value),
            warn_evttypes,
            skip_if_unknown_filter: skip,
            chain: self.chain.clone(),
        })
    }

    /// A text that, when its key is there, must be there as well.
    fn required(&mut self, keys: &Keys<'_>, key: &str) -> Result<Option<Word>, ()> {
        if keys.get(key).is_none() {
            return Ok(None);
        }
        self.text(keys, key).map(Some).ok_or(())
    }

    pub(super) fn priority(&mut self, word: &Word) -> Option<Spanned<Priority>> {
        if let Ok(value) = word.as_str().parse() {
            return Some(Spanned {
                value,
                span: word.span,
            });
        }
        let names = Priority::ALL.iter().map(|priority| priority.name());
        let help = match suggest::nearest(word.as_str(), names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("priorities are {}", names.collect::<Vec<_>>().join(", ")),
        };
        self.within(Place::RulePriority, "", word.span, |reader| {
            let diagnostic = reader.push(Code::YamlValidate, "Invalid priority", word.span);
            diagnostic.label = "not a priority".to_owned();
            diagnostic.help.push(help);
        });
        None
    }
}

/// What a key says, where it counts; what was wrong with it has been reported.
fn when<T>(counts: bool, read: impl FnOnce() -> Result<Option<T>, ()>) -> Option<T> {
    if counts { read().ok().flatten() } else { None }
}

#[cfg(test)]
mod tests {
    use super::KEYS;

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema: serde_json::Value = serde_json::from_str(crate::SCHEMA).unwrap();
        let properties = schema["definitions"]["rule"]["properties"]
            .as_object()
            .unwrap();
        let mut published: Vec<&str> = properties.keys().map(String::as_str).collect();
        let mut read = KEYS.to_vec();
        published.sort_unstable();
        read.sort_unstable();
        assert_eq!(published, read);
    }
}
