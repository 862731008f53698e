//! Rules.

use alert::Priority;

use crate::diagnostic::{Code, Place};
use crate::item::{Change, Changed, Mode, RuleItem, Word};

use super::value::Keys;
use super::{Overrides, Reader};

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
        let mut good = true;
        for key in REQUIRED {
            if mode == Mode::Define && keys.get(key).is_none() {
                good = self.missing(keys, key).unwrap_or(false);
            }
        }
        let counts = |key: &str| match mode {
            Mode::Define => true,
            Mode::Append => matches!(key, "condition" | "exceptions" | "source"),
            Mode::Override => key == "source" || found.changes.iter().any(|(name, _)| name == key),
            Mode::Toggle => key == "enabled",
        };
        macro_rules! read {
            ($key:literal, $value:expr) => {
                if !counts($key) {
                    None
                } else {
                    match $value {
                        Ok(value) => value,
                        Err(()) => {
                            good = false;
                            None
                        }
                    }
                }
            };
        }
        let change = |key: &str| found.change(key);
        let changed = |key: &str, word: Word| Changed {
            value: word,
            change: change(key),
        };

        let condition = read!("condition", self.required(keys, "condition"));
        let output = read!("output", self.required(keys, "output"));
        let desc = read!("desc", self.required(keys, "desc"));
        let priority_text = read!("priority", self.required(keys, "priority"));
        let source = read!("source", self.optional(keys, "source"));
        let enabled = read!("enabled", self.flag(keys, "enabled"));
        let capture = read!("capture", self.flag(keys, "capture"));
        let expected = "expected a number of milliseconds";
        let capture_duration = read!(
            "capture_duration",
            self.parsed(keys, "capture_duration", expected, |text| text.parse().ok())
        );
        let warn_evttypes = read!("warn_evttypes", self.flag(keys, "warn_evttypes"));
        let skip = read!(
            "skip-if-unknown-filter",
            self.flag(keys, "skip-if-unknown-filter")
        );
        let tags = match keys
            .get("tags")
            .filter(|entry| counts("tags") && !entry.value.is_null())
        {
            None => None,
            Some(entry) => {
                let words = self.words(entry, Place::ValueFor);
                good &= words.is_some();
                words.map(|value| Changed {
                    value,
                    change: change("tags"),
                })
            }
        };
        let exceptions = match keys.get("exceptions").filter(|_| counts("exceptions")) {
            None => None,
            Some(entry) => {
                let appended = mode == Mode::Append || change("exceptions") == Change::Append;
                let items = self.exceptions(entry, appended);
                good &= items.is_some();
                items.map(|value| Changed {
                    value,
                    change: change("exceptions"),
                })
            }
        };
        let mut priority = None;
        if let Some(word) = priority_text {
            priority = word
                .as_str()
                .parse::<Priority>()
                .ok()
                .map(|value| crate::item::Spanned {
                    value,
                    span: word.span,
                });
            if priority.is_none() {
                self.invalid_priority(&word);
                good = false;
            }
        }
        good.then(|| RuleItem {
            name,
            mode,
            source,
            condition: condition.map(|word| changed("condition", word)),
            output: output.map(|word| changed("output", word)),
            desc: desc.map(|word| changed("desc", word)),
            tags,
            exceptions,
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

    fn invalid_priority(&mut self, word: &Word) {
        let names = Priority::ALL.iter().map(|priority| priority.name());
        let near = crate::suggest::nearest(word.as_str(), names.clone()).map(str::to_owned);
        let names: Vec<&str> = names.collect();
        self.within(Place::RulePriority, "", word.span, |reader| {
            let diagnostic = reader.push(Code::YamlValidate, "Invalid priority", word.span);
            diagnostic.label = "not a priority".to_owned();
            match near {
                Some(near) => diagnostic.help.push(format!("did you mean `{near}`?")),
                None => diagnostic
                    .help
                    .push(format!("priorities are {}", names.join(", "))),
            }
        });
    }
}
