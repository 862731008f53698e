//! Items: which kind each is, and the kinds but rules.

use std::rc::Rc;

use crate::diagnostic::{Code, Place};
use crate::item::{
    Change, Changed, EngineVersion, Item, ListItem, MacroItem, PluginChoice, PluginRequirement,
    Word,
};
use crate::version::Version;
use crate::yaml::{Entry, Kind, Node};

use super::Reader;
use super::value::Keys;

/// The kinds of items.
const ITEMS: &[&str] = &[
    "required_engine_version",
    "required_plugin_versions",
    "list",
    "macro",
    "rule",
    CORRELATE,
];

/// The kind of item that Falco does not have.
const CORRELATE: &str = "correlate";

impl Reader {
    pub(super) fn item(&mut self, node: &Rc<Node>) -> Option<Item> {
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
        // may not have a key `list`, so there is no second guess.) Only `correlate` gives way to the
        // others: where Falco sees a rule, there is one.
        let kinds = || {
            entries
                .iter()
                .filter_map(|entry| Some((entry, kind_of(entry)?)))
        };
        let falco = kinds().find(|(_, kind)| *kind != CORRELATE);
        let Some((entry, kind)) = falco.or_else(|| kinds().next()) else {
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
            CORRELATE => self
                .named(Place::Correlate, CORRELATE, entries, Self::correlate)
                .map(|item| Item::Correlate(Box::new(item))),
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
}
