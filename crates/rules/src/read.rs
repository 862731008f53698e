//! From YAML to items: every item and key that a rules file may have, and what to say of the
//! others.

mod exception;
mod rule;
mod value;

use std::rc::Rc;

use crate::diagnostic::{Code, Diagnostic, Location, Place};
use crate::item::{
    Change, Changed, EngineVersion, Item, ListItem, MacroItem, Mode, PluginChoice,
    PluginRequirement, Word,
};
use crate::source::{FileId, Source, Span};
use crate::suggest;
use crate::version::Version;
use crate::yaml::{self, Entry, Kind, Node};
use value::Keys;

/// What stands in one file.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) items: Vec<Item>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Names of macros, lists and rules whose items could not be read: they are somewhere, so
    /// nobody should be told that they are undefined.
    pub(crate) unreadable: Vec<String>,
}

/// The kinds of items.
const ITEMS: &[&str] = &[
    "required_engine_version",
    "required_plugin_versions",
    "list",
    "macro",
    "rule",
];

/// Reads a file. Problems do not end it: what can be understood is.
pub(crate) fn read(file: FileId, source: &Source) -> Contents {
    let mut contents = Contents::default();
    let root = Location {
        place: Place::RulesContent,
        name: String::new(),
        span: Span::start_of(file),
    };
    if u32::try_from(source.text.len()).is_err() {
        let message = "the file is larger than 4 GiB";
        contents.diagnostics.push(Diagnostic::new(
            Code::FileRead,
            message,
            root.span,
            std::slice::from_ref(&root),
        ));
        return contents;
    }
    let (documents, broken) = yaml::parse(file, &source.text);
    for broken in broken {
        note_unreadable(&broken.partial, &mut contents);
        let mut diagnostic = Diagnostic::new(
            Code::YamlParse,
            broken.message,
            broken.span,
            std::slice::from_ref(&root),
        );
        diagnostic.help.extend(broken.help.map(str::to_owned));
        contents.diagnostics.push(diagnostic);
    }
    let mut reader = Reader {
        diagnostics: Vec::new(),
        chain: vec![root],
    };
    for document in documents {
        match &document.kind {
            Kind::Null => {}
            Kind::Sequence(items) => {
                for item in items {
                    let before = reader.diagnostics.len();
                    match reader.item(item) {
                        Some(item) => contents.items.push(item),
                        None if reader.diagnostics.len() > before => {
                            if let Kind::Mapping(entries) = &item.kind {
                                note_unreadable(entries, &mut contents);
                            }
                        }
                        None => {}
                    }
                }
            }
            _ => reader.error(
                Code::YamlValidate,
                "Rules content is not yaml array of objects",
                document.span,
                format!(
                    "expected a sequence of items, found {}",
                    document.describe()
                ),
            ),
        }
    }
    contents.diagnostics.append(&mut reader.diagnostics);
    contents
}

fn note_unreadable(entries: &[Entry], contents: &mut Contents) {
    for entry in entries {
        let key = entry.key.scalar().map(|key| key.as_str().to_owned());
        if matches!(key.as_deref(), Some("macro" | "list" | "rule"))
            && let Some(name) = entry.value.scalar()
        {
            contents.unreadable.push(name.as_str().to_owned());
        }
    }
}

/// Reads items, remembering where it is.
struct Reader {
    diagnostics: Vec<Diagnostic>,
    chain: Vec<Location>,
}

impl Reader {
    fn push(&mut self, code: Code, message: impl Into<String>, span: Span) -> &mut Diagnostic {
        let diagnostic = Diagnostic::new(code, message, span, &self.chain);
        self.diagnostics.push(diagnostic);
        self.diagnostics.last_mut().expect("it was just pushed")
    }

    fn error(&mut self, code: Code, message: &str, span: Span, label: impl Into<String>) {
        self.push(code, message, span).label = label.into();
    }

    /// Does something one step further down the chain of locations.
    fn within<T>(
        &mut self,
        place: Place,
        name: &str,
        span: Span,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.chain.push(Location {
            place,
            name: name.to_owned(),
            span,
        });
        let result = work(self);
        self.chain.pop();
        result
    }

    fn item(&mut self, node: &Rc<Node>) -> Option<Item> {
        let entries = match &node.kind {
            Kind::Null => return None,
            Kind::Mapping(entries) => entries,
            _ => {
                let message =
                    "Unexpected element type. Each element should be a yaml associative array.";
                let label = format!("expected a mapping, found {}", node.describe());
                self.within(Place::RulesContentItem, "", node.span, |reader| {
                    reader.error(Code::YamlValidate, message, node.span, label);
                });
                return None;
            }
        };
        let kind_of = |entry: &Entry| {
            let key = entry.key.scalar()?.as_str();
            ITEMS.iter().copied().find(|item| *item == key)
        };
        // An item is of the kind that its first known key names, wherever that key stands. (A rule
        // may not have a key `list`, so there is no second guess.)
        let Some((entry, kind)) = entries
            .iter()
            .find_map(|entry| kind_of(entry).map(|kind| (entry, kind)))
        else {
            self.unknown_item(node, entries);
            return None;
        };
        match kind {
            "required_engine_version" => self.engine_version(entry, entries),
            "required_plugin_versions" => self.plugin_versions(entry, entries),
            "list" => self
                .named(Place::List, "list", entries, Self::list)
                .map(Item::List),
            "macro" => self
                .named(Place::Macro, "macro", entries, Self::macro_)
                .map(Item::Macro),
            _ => {
                let rule = self.named(Place::Rule, "rule", entries, Self::rule);
                rule.map(|rule| Item::Rule(Box::new(rule)))
            }
        }
    }

    fn unknown_item(&mut self, node: &Node, entries: &[Entry]) {
        let first = entries.first();
        let name = first
            .and_then(|entry| entry.key.scalar())
            .map_or("", |key| key.as_str());
        let span = first.map_or(node.span, |entry| entry.key.span);
        let near = suggest::nearest(name, ITEMS.iter().copied());
        self.within(Place::RulesContentItem, "", node.span, |reader| {
            let diagnostic = reader.push(Code::UnknownItem, "Unknown top level item", span);
            diagnostic.label = format!("`{name}` is none of {}", ITEMS.join(", "));
            diagnostic
                .help
                .extend(near.map(|near| format!("did you mean `{near}`?")));
        });
    }

    fn engine_version(&mut self, entry: &Entry, entries: &[Entry]) -> Option<Item> {
        let keys = Keys::new(entries);
        self.within(Place::RequiredEngineVersion, "", entry.key.span, |reader| {
            reader.unknown_keys(&keys, &["required_engine_version"]);
            let value = reader.text(&keys, "required_engine_version")?;
            let Some(version) = Version::parse_engine(value.as_str()) else {
                let message = format!(
                    "Unable to parse engine version '{}' as a semver string. Expected \"x.y.z\" semver format.",
                    value.as_str()
                );
                let label = "expected a number, or a version like \"0.62.0\"";
                reader.error(Code::YamlValidate, &message, value.span, label);
                return None;
            };
            let chain = reader.chain.clone();
            Some(Item::EngineVersion(EngineVersion { version, span: value.span, chain }))
        })
    }

    fn plugin_versions(&mut self, entry: &Entry, entries: &[Entry]) -> Option<Item> {
        let keys = Keys::new(entries);
        self.within(
            Place::RequiredPluginVersions,
            "",
            entry.key.span,
            |reader| {
                reader.unknown_keys(&keys, &["required_plugin_versions"]);
                let Kind::Sequence(list) = &entry.value.kind else {
                    let message = "Value of required_plugin_versions must be a sequence";
                    let label = format!("expected a sequence, found {}", entry.value.describe());
                    reader.error(Code::YamlValidate, message, entry.value.span, label);
                    return None;
                };
                let mut out = Vec::new();
                for plugin in list {
                    let place = Place::RequiredPluginVersionsEntry;
                    out.extend(reader.within(place, "", plugin.span, |reader| {
                        let mut choices = vec![reader.plugin_choice(plugin, true)?];
                        let Kind::Mapping(entries) = &plugin.kind else {
                            return None;
                        };
                        if let Some(alternatives) = Keys::new(entries).get("alternatives") {
                            let Kind::Sequence(list) = &alternatives.value.kind else {
                                let message =
                                    "Value of plugin version alternatives must be a sequence";
                                let found = alternatives.value.describe();
                                let label = format!("expected a sequence, found {found}");
                                reader.error(
                                    Code::YamlValidate,
                                    message,
                                    alternatives.value.span,
                                    label,
                                );
                                return None;
                            };
                            let place = Place::RequiredPluginVersionsAlternative;
                            for alternative in list {
                                choices.extend(reader.within(
                                    place,
                                    "",
                                    alternative.span,
                                    |reader| reader.plugin_choice(alternative, false),
                                ));
                            }
                        }
                        Some(PluginRequirement {
                            choices,
                            chain: reader.chain.clone(),
                        })
                    }));
                }
                Some(Item::PluginVersions(out))
            },
        )
    }

    fn plugin_choice(&mut self, node: &Node, may_have_alternatives: bool) -> Option<PluginChoice> {
        let Kind::Mapping(entries) = &node.kind else {
            let label = format!("expected `name` and `version`, found {}", node.describe());
            self.error(
                Code::YamlValidate,
                "Plugin version must be a mapping",
                node.span,
                label,
            );
            return None;
        };
        let keys = Keys::new(entries);
        let known: &[&str] = if may_have_alternatives {
            &["name", "version", "alternatives"]
        } else {
            &["name", "version"]
        };
        self.unknown_keys(&keys, known);
        let name = self.text(&keys, "name");
        let version = self.text(&keys, "version");
        let (name, version) = (name?, version?);
        let Some(parsed) = Version::parse(version.as_str()) else {
            let message = format!(
                "Invalid required version '{}' for plugin '{}'",
                version.as_str(),
                name.as_str()
            );
            self.error(
                Code::YamlValidate,
                &message,
                version.span,
                "expected a version like 0.4.0",
            );
            return None;
        };
        Some(PluginChoice {
            name: name.as_str().to_owned(),
            version: parsed,
            span: name.span,
        })
    }

    /// Reads an item that has a name under the key `key`.
    fn named<T>(
        &mut self,
        place: Place,
        key: &str,
        entries: &[Entry],
        read: fn(&mut Self, Word, &Keys<'_>) -> Option<T>,
    ) -> Option<T> {
        let keys = Keys::new(entries);
        let name = self.text(&keys, key)?;
        let span = keys.get(key).map_or(name.span, |entry| entry.key.span);
        let title = name.as_str().to_owned();
        self.within(place, &title, span, |reader| read(reader, name, &keys))
    }

    fn list(&mut self, name: Word, keys: &Keys<'_>) -> Option<ListItem> {
        self.unknown_keys(keys, &["list", "items", "append", "override"]);
        let is_good =
            |c: char| !matches!(c, '(' | ')' | ',' | '=' | '"' | '\'') && !c.is_whitespace();
        if !name.as_str().chars().all(is_good) {
            let message = "List has an invalid name. List names should be a bare string without \
                           blanks, quotes, parentheses, commas or `=`";
            self.error(
                Code::InvalidListName,
                message,
                name.span,
                "no condition can refer to this name",
            );
        }
        let items = keys.get("items");
        let found = self.overrides(keys, &[("items", true, true)])?;
        let items = match items {
            Some(entry) => self.words(entry, Place::ListItem)?,
            None => return self.missing(keys, "items"),
        };
        let change = if found.is("items", Change::Append) {
            Change::Append
        } else {
            Change::Replace
        };
        let chain = self.chain.clone();
        Some(ListItem {
            name,
            items: Changed {
                value: items,
                change,
            },
            chain,
        })
    }

    fn macro_(&mut self, name: Word, keys: &Keys<'_>) -> Option<MacroItem> {
        self.unknown_keys(keys, &["macro", "condition", "append", "override"]);
        let is_good = name.as_str().starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .as_str()
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_good {
            let message = "Macro has an invalid name. Macro names should match a regular expression: \
                           [a-zA-Z]+[a-zA-Z0-9_]*";
            self.error(
                Code::InvalidMacroName,
                message,
                name.span,
                "no condition can refer to this name",
            );
        }
        let found = self.overrides(keys, &[("condition", true, true)])?;
        let condition = self.text(keys, "condition")?;
        let change = if found.is("condition", Change::Append) {
            Change::Append
        } else {
            Change::Replace
        };
        let chain = self.chain.clone();
        Some(MacroItem {
            name,
            condition: Changed {
                value: condition,
                change,
            },
            chain,
        })
    }

    /// What `append` and `override` say. `allowed` names each key that can be overridden, and
    /// whether it can be appended to and replaced.
    fn overrides(&mut self, keys: &Keys<'_>, allowed: &[(&str, bool, bool)]) -> Option<Overrides> {
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

/// What `append` and `override` of an item say.
struct Overrides {
    mode: Mode,
    changes: Vec<(String, Change)>,
}

impl Overrides {
    fn is(&self, key: &str, change: Change) -> bool {
        self.changes
            .iter()
            .any(|(name, what)| name == key && *what == change)
    }

    fn change(&self, key: &str) -> Change {
        if self.is(key, Change::Append) {
            Change::Append
        } else {
            Change::Replace
        }
    }
}
