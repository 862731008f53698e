//! Exceptions of rules.

use std::rc::Rc;

use crate::diagnostic::{Code, Place};
use crate::item::{Entry, ExceptionItem, Names, Word};
use crate::yaml::{self, Kind, Node};

use super::Reader;
use super::value::Keys;

const KEYS: &[&str] = &["name", "fields", "comps", "values"];

impl Reader {
    /// The exceptions of a rule; those of an item that appends need no fields.
    pub(super) fn exceptions(
        &mut self,
        entry: &yaml::Entry,
        appended: bool,
    ) -> Option<Vec<ExceptionItem>> {
        let node = &entry.value;
        self.within(Place::Exceptions, "", node.span, |reader| {
            let items = match &node.kind {
                Kind::Null => return Some(Vec::new()),
                Kind::Sequence(items) => items,
                _ => {
                    let label = format!("expected a sequence, found {}", node.describe());
                    let message = "Rule exceptions must be a sequence";
                    reader.error(Code::YamlValidate, message, entry.key.span, label);
                    return None;
                }
            };
            let exceptions: Vec<ExceptionItem> = items
                .iter()
                .filter_map(|item| reader.exception(item, appended))
                .collect();
            for (index, exception) in exceptions.iter().enumerate() {
                let earlier = exceptions.iter().take(index);
                let Some(twin) = earlier
                    .into_iter()
                    .find(|other| other.name.as_str() == exception.name.as_str())
                else {
                    continue;
                };
                let message = format!(
                    "Multiple definitions of exception '{}' in the same rule",
                    exception.name.as_str()
                );
                let twin = crate::diagnostic::Label {
                    span: twin.name.span,
                    text: "first defined here".to_owned(),
                };
                let diagnostic =
                    reader.push(Code::ExceptionNameNotUnique, message, exception.name.span);
                diagnostic.related.push(twin);
            }
            Some(exceptions)
        })
    }

    fn exception(&mut self, node: &Rc<Node>, appended: bool) -> Option<ExceptionItem> {
        let Kind::Mapping(entries) = &node.kind else {
            self.within(Place::Exception, "", node.span, |reader| {
                let label = format!("expected a mapping, found {}", node.describe());
                let message = "Rule exception item must be a mapping";
                reader.error(Code::YamlValidate, message, node.span, label);
            });
            return None;
        };
        let keys = Keys::new(entries);
        let name = self.within(Place::Exception, "", node.span, |reader| {
            reader.text(&keys, "name")
        })?;
        let span = keys.get("name").map_or(node.span, |entry| entry.key.span);
        let title = name.as_str().to_owned();
        self.within(Place::Exception, &title, span, |reader| {
            reader.unknown_keys(&keys, KEYS);
            let fields = reader.names(&keys, "fields");
            let comps = reader.names(&keys, "comps");
            let values = reader.exception_values(&keys);
            let (fields, comps, values) = (fields.ok()?, comps.ok()?, values?);
            if fields.is_none() && !appended {
                let message = "Rule exception must have fields property with a list of fields";
                reader.error(Code::YamlValidate, message, name.span, "needs `fields`");
                return None;
            }
            if appended && values.is_empty() {
                let message = "Overriding/appending exception with no values";
                reader.error(Code::AppendNoValues, message, name.span, "appends nothing");
            }
            let chain = reader.chain.clone();
            Some(ExceptionItem {
                name,
                fields,
                comps,
                values,
                chain,
            })
        })
    }

    /// One name, or a sequence of names; an empty sequence is nothing.
    fn names(&mut self, keys: &Keys<'_>, key: &str) -> Result<Option<Names>, ()> {
        let Some(entry) = keys.get(key) else {
            return Ok(None);
        };
        match &entry.value.kind {
            Kind::Null => Ok(None),
            Kind::Sequence(items) if items.is_empty() => Ok(None),
            Kind::Sequence(items) => {
                let words = self.words(entry, Place::ValueFor).ok_or(())?;
                if words.len() != items.len() {
                    return Err(());
                }
                Ok(Some(Names::Many(words, entry.value.span)))
            }
            _ => Ok(self.optional(keys, key)?.map(Names::One)),
        }
    }

    fn exception_values(&mut self, keys: &Keys<'_>) -> Option<Vec<Entry>> {
        let Some(entry) = keys.get("values") else {
            return Some(Vec::new());
        };
        let node = &entry.value;
        self.within(
            Place::ExceptionValues,
            "",
            node.span,
            |reader| match &node.kind {
                Kind::Null => Some(Vec::new()),
                Kind::Sequence(items) => {
                    let entries: Vec<Option<Entry>> = items
                        .iter()
                        .map(|item| reader.exception_value(item))
                        .collect();
                    entries.into_iter().collect()
                }
                _ => {
                    let label = format!("expected a sequence, found {}", node.describe());
                    let message = "Rule exception values must be a sequence";
                    reader.error(Code::YamlValidate, message, entry.key.span, label);
                    None
                }
            },
        )
    }

    fn exception_value(&mut self, node: &Rc<Node>) -> Option<Entry> {
        match &node.kind {
            Kind::Scalar { text, .. } => Some(Entry::One(Word {
                text: text.clone(),
                span: node.span,
            })),
            Kind::Sequence(items) => {
                let entries: Vec<Option<Entry>> = items
                    .iter()
                    .map(|item| self.exception_value(item))
                    .collect();
                let entries: Option<Vec<Entry>> = entries.into_iter().collect();
                Some(Entry::Many(entries?, node.span))
            }
            _ => {
                self.within(Place::ExceptionValue, "", node.span, |reader| {
                    let label = format!("expected a text or a sequence, found {}", node.describe());
                    let message = "Rule exception value must be a scalar or a sequence";
                    reader.error(Code::YamlValidate, message, node.span, label);
                });
                None
            }
        }
    }
}
