//! How rules replace and change one another.

use std::collections::BTreeSet;

use alert::Priority;

use crate::diagnostic::{Code, Diagnostic, Location};
use crate::item::{Change, Changed, ExceptionItem, Mode, RuleItem, Word};
use crate::text::Text;

use super::{Definitions, Order, join};

/// The source of rules that name none.
pub(crate) const DEFAULT_SOURCE: &str = "syscall";

/// A rule.
#[derive(Debug)]
pub(crate) struct RuleDef {
    pub(crate) name: Word,
    pub(crate) order: Order,
    pub(crate) source: String,
    /// The source is not among those that are there.
    pub(crate) is_skipped: bool,
    pub(crate) condition: Text,
    pub(crate) output: Text,
    pub(crate) desc: String,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) exceptions: Vec<ExceptionItem>,
    pub(crate) priority: Priority,
    pub(crate) enabled: bool,
    pub(crate) capture: bool,
    pub(crate) capture_duration: u64,
    pub(crate) warn_evttypes: bool,
    pub(crate) skip_if_unknown_filter: bool,
    pub(crate) chain: Vec<Location>,
}

impl Definitions {
    pub(super) fn rule(&mut self, item: RuleItem, sources: &[&str]) {
        let name = item.name.as_str().to_owned();
        match item.mode {
            Mode::Define => self.define_rule(item, sources),
            Mode::Toggle | Mode::Append | Mode::Override => {
                let Some(old) = self.rules.get(&name) else {
                    self.no_rule(&item);
                    return;
                };
                let order = self.order(Some(old.order));
                let Some(rule) = self.rules.get_mut(&name) else {
                    return;
                };
                rule.order = order;
                rule.change(item, &mut self.diagnostics);
            }
        }
    }

    fn no_rule(&mut self, item: &RuleItem) {
        let replaces = |change: Option<Change>| change == Some(Change::Replace);
        let text = [&item.condition, &item.output, &item.desc];
        let replaced_text = text
            .iter()
            .any(|word| replaces(word.as_ref().map(|word| word.change)));
        let is_replace = replaced_text
            || replaces(item.tags.as_ref().map(|tags| tags.change))
            || replaces(item.exceptions.as_ref().map(|exceptions| exceptions.change));
        let is_append = [&item.condition, &item.output, &item.desc]
            .iter()
            .any(|word| {
                word.as_ref()
                    .is_some_and(|word| word.change == Change::Append)
            })
            || item
                .tags
                .as_ref()
                .is_some_and(|tags| tags.change == Change::Append)
            || item
                .exceptions
                .as_ref()
                .is_some_and(|found| found.change == Change::Append);
        let message = match item.mode {
            Mode::Toggle => "Rule has 'enabled' key only, but no rule by that name already exists",
            Mode::Override if is_replace || !is_append => {
                "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists"
            }
            _ => {
                "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists"
            }
        };
        let near = suggest::nearest(item.name.as_str(), self.rules.names()).map(str::to_owned);
        self.nothing_there(message, &item.name, &item.chain, near.as_deref());
    }

    fn define_rule(&mut self, item: RuleItem, sources: &[&str]) {
        let name = item.name.as_str().to_owned();
        let source = item
            .source
            .as_ref()
            .map_or(DEFAULT_SOURCE, |source| source.as_str())
            .to_owned();
        let old = self.rules.get(&name);
        if let Some(old) = old
            && let Some(word) = &item.source
            && old.source != source
        {
            let message = "Rule has been re-defined with a different source";
            let diagnostic = Diagnostic::new(Code::Validate, message, word.span, &item.chain)
                .with_label(format!("was `{}`", old.source))
                .with_related(old.name.span, "first defined here");
            self.diagnostics.push(diagnostic);
            return;
        }
        let source = match (old, &item.source) {
            (Some(old), None) => old.source.clone(),
            _ => source,
        };
        let order = self.order(old.map(|old| old.order));
        let is_skipped = !sources.contains(&source.as_str());
        if is_skipped {
            let span = item
                .source
                .as_ref()
                .map_or(item.name.span, |source| source.span);
            let message = format!("Unknown source {source}, skipping");
            let diagnostic = Diagnostic::new(Code::UnknownSource, message, span, &item.chain)
                .with_help(format!("sources that are loaded: {}", sources.join(", ")))
                .with_suggestion(suggest::nearest(&source, sources.iter().copied()));
            self.diagnostics.push(diagnostic);
        }
        let text =
            |changed: Option<Changed<Word>>| changed.map(|changed| changed.value.text.trimmed());
        let Some(condition) = text(item.condition) else {
            // Nothing is left to be checked, but changes to the rule should find it.
            self.unreadable.push(name);
            return;
        };
        // The reader made sure that a definition has all of these, or said that it has not.
        let output = text(item.output).unwrap_or_default();
        let desc = text(item.desc).unwrap_or_default();
        let priority = item
            .priority
            .map_or(Priority::Emergency, |priority| priority.value);
        let rule = RuleDef {
            name: item.name,
            order,
            source,
            is_skipped,
            condition,
            output,
            desc: desc.as_str().to_owned(),
            tags: words(item.tags.map(|tags| tags.value)),
            exceptions: item
                .exceptions
                .map_or_else(Vec::new, |exceptions| exceptions.value),
            priority,
            enabled: item.enabled.unwrap_or(true),
            capture: item.capture.unwrap_or(false),
            capture_duration: item.capture_duration.unwrap_or(0),
            warn_evttypes: item.warn_evttypes.unwrap_or(true),
            skip_if_unknown_filter: item.skip_if_unknown_filter.unwrap_or(false),
            chain: item.chain,
        };
        self.rules.insert(&name, rule);
    }
}

fn words(words: Option<Vec<Word>>) -> BTreeSet<String> {
    words
        .into_iter()
        .flatten()
        .map(|word| word.as_str().to_owned())
        .collect()
}

impl RuleDef {
    fn change(&mut self, item: RuleItem, diagnostics: &mut Vec<Diagnostic>) {
        change_text(&mut self.condition, item.condition);
        change_text(&mut self.output, item.output);
        if let Some(Changed { value, change }) = item.desc {
            let more = value.text.as_str().trim();
            match change {
                Change::Replace => self.desc = more.to_owned(),
                Change::Append => {
                    self.desc.push(' ');
                    self.desc.push_str(more);
                }
            }
        }
        if let Some(Changed { value, change }) = item.tags {
            if change == Change::Replace {
                self.tags.clear();
            }
            self.tags.extend(words(Some(value)));
        }
        match item.exceptions {
            Some(Changed {
                value,
                change: Change::Replace,
            }) => self.exceptions = value,
            Some(Changed {
                value,
                change: Change::Append,
            }) => {
                for exception in value {
                    self.append_exception(exception, diagnostics);
                }
            }
            None => {}
        }
        if let Some(priority) = item.priority {
            self.priority = priority.value;
        }
        self.enabled = item.enabled.unwrap_or(self.enabled);
        self.capture = item.capture.unwrap_or(self.capture);
        self.capture_duration = item.capture_duration.unwrap_or(self.capture_duration);
        self.warn_evttypes = item.warn_evttypes.unwrap_or(self.warn_evttypes);
        self.skip_if_unknown_filter = item
            .skip_if_unknown_filter
            .unwrap_or(self.skip_if_unknown_filter);
    }

    /// Adds values to the exception of that name, or the exception as a whole.
    fn append_exception(&mut self, item: ExceptionItem, diagnostics: &mut Vec<Diagnostic>) {
        let known = |exception: &&mut ExceptionItem| exception.name.as_str() == item.name.as_str();
        let Some(old) = self.exceptions.iter_mut().find(known) else {
            if item.fields.is_none() {
                let names = self
                    .exceptions
                    .iter()
                    .map(|exception| exception.name.as_str());
                let message = "Rule exception must have fields property with a list of fields";
                let diagnostic =
                    Diagnostic::new(Code::Validate, message, item.name.span, &item.chain)
                        .with_label("the rule has no exception of this name to add values to")
                        .with_suggestion(suggest::nearest(item.name.as_str(), names));
                diagnostics.push(diagnostic);
                return;
            }
            self.exceptions.push(item);
            return;
        };
        for (key, names) in [("fields", &item.fields), ("comps", &item.comps)] {
            if let Some(names) = names {
                let message =
                    format!("Can not append exception {key} to existing exception, only values");
                let diagnostic =
                    Diagnostic::new(Code::Validate, message, names.span(), &item.chain)
                        .with_related(old.name.span, "the exception is defined here");
                diagnostics.push(diagnostic);
                return;
            }
        }
        old.values.extend(item.values);
    }
}

fn change_text(text: &mut Text, changed: Option<Changed<Word>>) {
    match changed {
        None => {}
        Some(Changed {
            value,
            change: Change::Replace,
        }) => *text = value.text.trimmed(),
        Some(Changed {
            value,
            change: Change::Append,
        }) => join(text, &value),
    }
}
