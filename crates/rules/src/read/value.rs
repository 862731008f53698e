//! The values of keys.

use crate::diagnostic::{Code, Place};
use crate::item::{Spanned, Word};
use crate::source::{FileId, Span};
use crate::yaml::{Entry, Kind, Node};

use super::Reader;

/// The keys of an item. Of a key that stands twice, the first one counts.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    entries: &'a [Entry],
}

impl<'a> Keys<'a> {
    pub(super) fn new(entries: &'a [Entry]) -> Self {
        Self { entries }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Entry> {
        self.entries
            .iter()
            .find(|entry| name_of(entry) == Some(key))
    }

    /// Where the item stands.
    pub(super) fn span(&self) -> Span {
        let first = self.entries.first().map(|entry| entry.key.span);
        first.unwrap_or_else(|| Span::start_of(FileId(0)))
    }
}

fn name_of(entry: &Entry) -> Option<&str> {
    entry.key.scalar().map(|key| key.as_str())
}

impl Reader {
    /// Warns of keys that the item does not have, and of keys that stand twice.
    pub(super) fn unknown_keys(&mut self, keys: &Keys<'_>, known: &[&str]) {
        for (index, entry) in keys.entries.iter().enumerate() {
            let Some(name) = name_of(entry) else {
                let label = format!("expected a word, found {}", entry.key.describe());
                self.error(
                    Code::UnknownKey,
                    "Key is not a scalar value",
                    entry.key.span,
                    label,
                );
                continue;
            };
            let first = keys
                .entries
                .iter()
                .position(|other| name_of(other) == Some(name));
            if first != Some(index) {
                let earlier = first.and_then(|first| keys.entries.get(first));
                let message = format!("Key '{name}' is given twice; the first one counts");
                let diagnostic = self.push(Code::DuplicateKey, message, entry.key.span);
                diagnostic.label = "ignored".to_owned();
                if let Some(earlier) = earlier {
                    let related = crate::diagnostic::Label {
                        span: earlier.key.span,
                        text: "first given here".to_owned(),
                    };
                    diagnostic.related.push(related);
                }
            } else if !known.contains(&name) {
                let near = suggest::nearest(name, known.iter().copied());
                let diagnostic = self.push(
                    Code::UnknownKey,
                    format!("Unknown key '{name}'"),
                    entry.key.span,
                );
                diagnostic.label = "ignored".to_owned();
                diagnostic
                    .help
                    .extend(near.map(|near| format!("did you mean `{near}`?")));
            }
        }
    }

    /// Reports a key that is not there.
    pub(super) fn missing<T>(&mut self, keys: &Keys<'_>, key: &str) -> Option<T> {
        let label = format!("needs `{key}`");
        let span = keys.span();
        let entries = keys.entries.iter().filter_map(name_of);
        let near = suggest::nearest(key, entries).map(str::to_owned);
        let diagnostic = self.push(
            Code::YamlValidate,
            format!("Item has no mapping for key '{key}'"),
            span,
        );
        diagnostic.label = label;
        if let Some(near) = near.filter(|near| super::rule::KEYS.iter().all(|known| known != near))
        {
            diagnostic
                .help
                .push(format!("`{near}` looks like it was meant to be `{key}`"));
        }
        None
    }

    /// The text under a key that must be there.
    pub(super) fn text(&mut self, keys: &Keys<'_>, key: &str) -> Option<Word> {
        match keys.get(key) {
            None => self.missing(keys, key),
            Some(entry) if entry.value.is_null() => {
                let message = format!("Mapping for key '{key}' is empty");
                self.error(Code::YamlValidate, &message, entry.key.span, "has no value");
                None
            }
            Some(entry) => self.scalar(entry, key),
        }
    }

    /// The text under a key that may be absent or empty; `Err` when it is wrong.
    pub(super) fn optional(&mut self, keys: &Keys<'_>, key: &str) -> Result<Option<Word>, ()> {
        match keys.get(key) {
            Some(entry) if !entry.value.is_null() => self.scalar(entry, key).map(Some).ok_or(()),
            _ => Ok(None),
        }
    }

    fn scalar(&mut self, entry: &Entry, key: &str) -> Option<Word> {
        let node = &entry.value;
        self.within(Place::ValueFor, key, node.span, |reader| {
            let Some(text) = node.scalar() else {
                let label = format!("expected a text, found {}", node.describe());
                reader.error(
                    Code::YamlValidate,
                    "Value is not a scalar value",
                    entry.key.span,
                    label,
                );
                return None;
            };
            if text.is_empty() {
                reader.error(
                    Code::YamlValidate,
                    "Value must be non-empty",
                    node.span,
                    "is empty",
                );
                return None;
            }
            Some(Word {
                text: text.clone(),
                span: node.span,
            })
        })
    }

    /// True or false under a key that may be absent; `Err` when it is neither.
    pub(super) fn flag(&mut self, keys: &Keys<'_>, key: &str) -> Result<Option<bool>, ()> {
        self.parsed(keys, key, "expected `true` or `false`", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "y" => Some(true),
                "false" | "no" | "off" | "n" => Some(false),
                _ => None,
            }
        })
        .map(|flag| flag.map(|flag| flag.value))
    }

    /// A value of some form under a key that may be absent; `Err` when it is not of that form.
    pub(super) fn parsed<T>(
        &mut self,
        keys: &Keys<'_>,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<Spanned<T>>, ()> {
        let Some(word) = self.optional(keys, key)? else {
            return Ok(None);
        };
        if let Some(value) = parse(word.as_str()) {
            return Ok(Some(Spanned {
                value,
                span: word.span,
            }));
        }
        self.within(Place::ValueFor, key, word.span, |reader| {
            reader.error(
                Code::YamlValidate,
                "Can't decode YAML scalar value",
                word.span,
                expected,
            );
        });
        Err(())
    }

    /// The texts of a sequence; what is no text is reported and left out.
    pub(super) fn words(&mut self, entry: &Entry, place: Place) -> Option<Vec<Word>> {
        let node = &entry.value;
        let key = name_of(entry).unwrap_or_default().to_owned();
        self.within(Place::ValueFor, &key, node.span, |reader| {
            let Kind::Sequence(items) = &node.kind else {
                let label = format!("expected a sequence, found {}", node.describe());
                reader.error(
                    Code::YamlValidate,
                    "Value is not a sequence",
                    entry.key.span,
                    label,
                );
                return None;
            };
            Some(
                items
                    .iter()
                    .filter_map(|item| reader.word(item, place))
                    .collect(),
            )
        })
    }

    /// One text of a sequence.
    pub(super) fn word(&mut self, node: &Node, place: Place) -> Option<Word> {
        match &node.kind {
            Kind::Scalar { text, .. } => Some(Word {
                text: text.clone(),
                span: node.span,
            }),
            _ => {
                self.within(place, "", node.span, |reader| {
                    let label = format!("expected a text, found {}", node.describe());
                    reader.error(
                        Code::YamlValidate,
                        "sequence value is not scalar",
                        node.span,
                        label,
                    );
                });
                None
            }
        }
    }
}
