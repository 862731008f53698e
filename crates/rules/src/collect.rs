//! Items → definitions: what a name means once every file has replaced, appended and overridden
//! what it wants to.

mod rule;

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Location};
use crate::item::{
    Change, CorrelateItem, EngineVersion, Item, ListItem, MacroItem, PluginRequirement, Word,
};
use crate::source::Span;
use crate::text::Text;
use crate::version::{PluginVersion, Version};

pub(crate) use rule::{DEFAULT_SOURCE, RuleDef};

/// A counter that goes up with each item of all files.
pub(crate) type Sequence = u32;

/// When something was defined. Order of definition is order of evaluation; visibility is when it
/// was last touched, and a macro sees only what was defined before that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Order {
    pub(crate) defined: Sequence,
    pub(crate) touched: Sequence,
}

/// A list.
#[derive(Debug)]
pub(crate) struct ListDef {
    pub(crate) name: Word,
    pub(crate) order: Order,
    pub(crate) items: Vec<Word>,
    pub(crate) chain: Vec<Location>,
}

/// A macro.
#[derive(Debug)]
pub(crate) struct MacroDef {
    pub(crate) name: Word,
    /// The name where it was first defined.
    pub(crate) first: Span,
    pub(crate) order: Order,
    pub(crate) condition: Text,
    pub(crate) chain: Vec<Location>,
}

/// Definitions by name, in the order in which the names first came up.
#[derive(Debug)]
pub(crate) struct Named<T> {
    items: Vec<T>,
    by_name: HashMap<String, usize>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            by_name: HashMap::new(),
        }
    }
}

impl<T> Named<T> {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.by_name
            .get(name)
            .and_then(|&index| self.items.get(index))
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.by_name
            .get(name)
            .and_then(|&index| self.items.get_mut(index))
    }

    fn insert(&mut self, name: &str, item: T) {
        match self
            .by_name
            .get(name)
            .and_then(|&index| self.items.get_mut(index))
        {
            Some(old) => *old = item,
            None => {
                self.by_name.insert(name.to_owned(), self.items.len());
                self.items.push(item);
            }
        }
    }
}

/// What rules files are loaded into.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    pub(crate) lists: Named<ListDef>,
    pub(crate) macros: Named<MacroDef>,
    pub(crate) rules: Named<RuleDef>,
    pub(crate) correlations: Named<CorrelateItem>,
    /// The newest engine that a file requires.
    pub(crate) engine: Option<Version>,
    /// The plugins that files require.
    pub(crate) plugins: Vec<Vec<PluginVersion>>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// See [`Contents::unreadable`](crate::read::Contents::unreadable).
    pub(crate) unreadable: Vec<String>,
    clock: Sequence,
}

/// What definitions are checked against.
pub(crate) struct Requirements<'a> {
    pub(crate) engine: Version,
    pub(crate) plugins: &'a [PluginVersion],
    pub(crate) sources: &'a [&'a str],
}

impl Definitions {
    /// Takes the next item into account.
    pub(crate) fn add(&mut self, item: Item, requirements: &Requirements<'_>) {
        self.clock += 1;
        match item {
            Item::EngineVersion(item) => self.engine_version(&item, requirements.engine),
            Item::PluginVersions(items) => {
                for item in items {
                    self.plugin(item, requirements.plugins);
                }
            }
            Item::List(item) => self.list(item),
            Item::Macro(item) => self.macro_(item),
            Item::Rule(item) => self.rule(*item, requirements.sources),
            Item::Correlate(item) => {
                // A later item of the same name takes the place of an earlier one.
                let name = item.name.as_str().to_owned();
                self.correlations.insert(&name, *item);
            }
        }
    }

    fn order(&self, before: Option<Order>) -> Order {
        Order {
            defined: before.map_or(self.clock, |order| order.defined),
            touched: self.clock,
        }
    }

    fn engine_version(&mut self, item: &EngineVersion, engine: Version) {
        self.engine = self.engine.max(Some(item.version));
        if !engine.satisfies(item.version) {
            let message = format!(
                "Rules require engine version {}, but engine version is {engine}",
                item.version
            );
            self.diagnostics.push(Diagnostic::new(
                Code::Validate,
                message,
                item.span,
                &item.chain,
            ));
        }
    }

    fn plugin(&mut self, item: PluginRequirement, loaded: &[PluginVersion]) {
        let is_met = item.choices.iter().any(|choice| {
            loaded.iter().any(|plugin| {
                plugin.name == choice.name && plugin.version.satisfies(choice.version)
            })
        });
        if !is_met {
            let choices: Vec<String> = item
                .choices
                .iter()
                .map(|choice| format!("{} (>= {})", choice.name, choice.version))
                .collect();
            let message = format!(
                "Plugin requirement not satisfied, must load one of: {}",
                choices.join(", ")
            );
            let span = item
                .choices
                .first()
                .map_or(Span::start_of(crate::source::FileId(0)), |choice| {
                    choice.span
                });
            let mut diagnostic = Diagnostic::new(Code::Validate, message, span, &item.chain);
            for choice in &item.choices {
                if let Some(plugin) = loaded.iter().find(|plugin| plugin.name == choice.name) {
                    diagnostic
                        .help
                        .push(format!("{} {} is loaded", plugin.name, plugin.version));
                }
            }
            self.diagnostics.push(diagnostic);
        }
        let choices = item.choices.into_iter();
        let choices = choices.map(|choice| PluginVersion {
            name: choice.name,
            version: choice.version,
        });
        self.plugins.push(choices.collect());
    }

    fn list(&mut self, item: ListItem) {
        let name = item.name.as_str().to_owned();
        let before = self.lists.get(&name).map(|list| list.order);
        let order = self.order(before);
        if item.items.change == Change::Append {
            match self.lists.get_mut(&name) {
                Some(list) => {
                    list.items.extend(item.items.value);
                    list.order = order;
                }
                None => {
                    let message = "List uses 'append' or 'override.items: append' but no list by that name already exists";
                    let near = suggest::nearest(&name, self.lists.names()).map(str::to_owned);
                    self.nothing_there(message, &item.name, &item.chain, near.as_deref());
                }
            }
            return;
        }
        let list = ListDef {
            name: item.name,
            order,
            items: item.items.value,
            chain: item.chain,
        };
        self.lists.insert(&name, list);
    }

    fn macro_(&mut self, item: MacroItem) {
        let name = item.name.as_str().to_owned();
        let before = self.macros.get(&name);
        let first = before.map_or(item.name.span, |old| old.first);
        let order = self.order(before.map(|old| old.order));
        if item.condition.change == Change::Append {
            match self.macros.get_mut(&name) {
                Some(old) => {
                    join(&mut old.condition, &item.condition.value);
                    old.order = order;
                }
                None => {
                    let message = "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists";
                    let near = suggest::nearest(&name, self.macros.names()).map(str::to_owned);
                    self.nothing_there(message, &item.name, &item.chain, near.as_deref());
                }
            }
            return;
        }
        let condition = item.condition.value.text.trimmed();
        let chain = item.chain;
        self.macros.insert(
            &name,
            MacroDef {
                name: item.name,
                first,
                order,
                condition,
                chain,
            },
        );
    }

    /// Reports an item that changes something which is not there.
    fn nothing_there(
        &mut self,
        message: &str,
        name: &Word,
        chain: &[Location],
        near: Option<&str>,
    ) {
        if self
            .unreadable
            .iter()
            .any(|unreadable| unreadable == name.as_str())
        {
            return;
        }
        let diagnostic = Diagnostic::new(Code::Validate, message, name.span, chain)
            .with_label("not defined before this")
            .with_suggestion(near);
        self.diagnostics.push(diagnostic);
    }
}

/// Appends a text with one space between.
pub(crate) fn join(text: &mut Text, more: &Word) {
    let more = more.text.trimmed();
    if let Some(span) = more.whole().or(text.whole()) {
        text.push_synthetic(
            " ",
            Span {
                end: span.start,
                ..span
            },
        );
    }
    text.push(&more);
}
