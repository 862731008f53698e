//! `append` and `override`.

use crate::diagnostic::{Code, Place};
use crate::item::{Change, Mode};
use crate::yaml::{Entry, Kind};

use super::Reader;
use super::value::Keys;

/// What `append` and `override` of an item say.
pub(super) struct Overrides {
    pub(super) mode: Mode,
    pub(super) changes: Vec<(String, Change)>,
}

impl Overrides {
    pub(super) fn is(&self, key: &str, change: Change) -> bool {
        self.changes
            .iter()
            .any(|(name, what)| name == key && *what == change)
    }

    pub(super) fn change(&self, key: &str) -> Change {
        if self.is(key, Change::Append) {
            Change::Append
        } else {
            Change::Replace
        }
    }
}

impl Reader {
    /// What `append` and `override` say. `allowed` names each key that can be overridden, and
    /// whether it can be appended to and replaced.
    pub(super) fn overrides(
        &mut self,
        keys: &Keys<'_>,
        allowed: &[(&str, bool, bool)],
    ) -> Option<Overrides> {
        let append = match self.flag(keys, "append") {
            Ok(append) => append.unwrap_or(false),
            Err(()) => return None,
        };
        let Some(entry) = keys.get("override") else {
            if append {
                let span = keys
                    .get("append")
                    .map_or(keys.span(), |entry| entry.key.span);
                let message = "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') \
                               under 'override' instead.";
                self.error(Code::DeprecatedItem, message, span, "deprecated");
            }
            let mode = if append { Mode::Append } else { Mode::Define };
            let changes = if append {
                allowed
                    .iter()
                    .map(|(key, ..)| ((*key).to_owned(), Change::Append))
                    .collect()
            } else {
                Vec::new()
            };
            return Some(Overrides { mode, changes });
        };
        self.within(Place::Overrides, "", entry.key.span, |reader| {
            if append {
                let message = "Keys 'override' and 'append: true' cannot be used together. Add an \
                               'append' entry (e.g. 'condition: append') under 'override' instead.";
                reader.error(
                    Code::YamlValidate,
                    message,
                    entry.key.span,
                    "drop `append: true`",
                );
                return None;
            }
            reader.override_entries(entry, keys, allowed)
        })
    }

    fn override_entries(
        &mut self,
        entry: &Entry,
        keys: &Keys<'_>,
        allowed: &[(&str, bool, bool)],
    ) -> Option<Overrides> {
        let Kind::Mapping(entries) = &entry.value.kind else {
            let label = format!(
                "expected `key: append` or `key: replace`, found {}",
                entry.value.describe()
            );
            self.error(
                Code::YamlValidate,
                "'override' must be a mapping",
                entry.value.span,
                label,
            );
            return None;
        };
        let mut changes: Vec<(String, Change)> = Vec::new();
        let mut good = true;
        for entry in entries {
            let (Some(key), Some(operation)) = (entry.key.scalar(), entry.value.scalar()) else {
                let message = "Invalid override operation: expected 'append' or 'replace'";
                self.error(
                    Code::YamlValidate,
                    message,
                    entry.value.span,
                    "expected a word",
                );
                good = false;
                continue;
            };
            let (key, span) = (key.as_str(), entry.key.span);
            let change = match operation.as_str() {
                "append" => Change::Append,
                "replace" => Change::Replace,
                other => {
                    let message = format!(
                        "Invalid override operation for key '{key}': '{other}'. Allowed values are: \
                         append, replace"
                    );
                    self.error(
                        Code::YamlValidate,
                        &message,
                        entry.value.span,
                        "expected `append` or `replace`",
                    );
                    good = false;
                    continue;
                }
            };
            let rule = allowed.iter().find(|(name, ..)| *name == key);
            let permitted = match (rule, change) {
                (Some(&(_, append, _)), Change::Append) => append,
                (Some(&(_, _, replace)), Change::Replace) => replace,
                (None, _) => false,
            };
            if !permitted {
                let can_replace = rule.is_some_and(|&(_, _, replace)| replace);
                let message = match change {
                    Change::Append if can_replace => {
                        format!("Key '{key}' cannot be appended to, use 'replace' instead")
                    }
                    Change::Append => format!("Key '{key}' cannot be appended to"),
                    Change::Replace => format!("Key '{key}' cannot be replaced"),
                };
                let near = suggest::nearest(key, allowed.iter().map(|(name, ..)| *name));
                let diagnostic = self.push(Code::YamlValidate, message, span);
                if rule.is_none() {
                    diagnostic
                        .help
                        .extend(near.map(|near| format!("did you mean `{near}`?")));
                }
                good = false;
                continue;
            }
            if keys.get(key).is_none() {
                let what = if change == Change::Append {
                    "An append"
                } else {
                    "A replace"
                };
                let message =
                    format!("{what} override for '{key}' was specified but '{key}' is not defined");
                let label = format!("the item has no `{key}`");
                self.error(Code::YamlValidate, &message, span, label);
                good = false;
                continue;
            }
            changes.push((key.to_owned(), change));
        }
        for (key, ..) in allowed {
            let named =
                |entry: &Entry| entry.key.scalar().is_some_and(|name| name.as_str() == *key);
            if let Some(value) = keys.get(key)
                && !entries.iter().any(named)
            {
                let message = format!(
                    "Unexpected key '{key}': no corresponding entry under 'override' is defined."
                );
                let diagnostic = self.push(Code::YamlValidate, message, value.key.span);
                diagnostic.help.push(format!(
                    "say what to do with it: `{key}: replace` under `override`"
                ));
                good = false;
            }
        }
        good.then_some(Overrides {
            mode: Mode::Override,
            changes,
        })
    }
}
