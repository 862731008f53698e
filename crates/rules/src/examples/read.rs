//! Text → examples.

use std::sync::Arc;

use super::process::{self, Process};
use super::{Events, Example, Expected, Step, Written, params};
use crate::diagnostic::{Code, Diagnostic, Location, Place};
use crate::ruleset::Ruleset;
use crate::source::{FileId, Source, Sources, Span};
use crate::yaml::{self, Entry, Kind, Node};

const EXAMPLE_KEYS: &[&str] = &["example", "rule", "process", "events", "capture", "expect"];
const EVENT_KEYS: &[&str] = &["type", "process", "args"];
const EXPECT_KEYS: &[&str] = &["rule", "count", "output", "fields"];

/// What came of reading files of examples.
#[derive(Debug)]
pub struct Examples {
    /// The files, for the positions of diagnostics.
    pub files: Sources,
    /// Everything that is wrong; each is an error.
    pub diagnostics: Vec<Diagnostic>,
    /// The examples that are well-formed, in the order of files and places.
    pub examples: Vec<Example>,
}

/// Reads files of examples for some rules. Never stops at an error.
pub fn read(files: Vec<Source>, ruleset: &Ruleset) -> Examples {
    let files = Sources::new(files);
    let mut reader = Reader {
        ruleset,
        diagnostics: Vec::new(),
        chain: Vec::new(),
    };
    let mut examples = Vec::new();
    for (file, source) in files.iter() {
        reader.file(file, source, &mut examples);
    }
    let diagnostics = reader.diagnostics;
    Examples {
        files,
        diagnostics,
        examples,
    }
}

/// Reads what stands in a file, and remembers where it is.
pub(super) struct Reader<'a> {
    ruleset: &'a Ruleset,
    diagnostics: Vec<Diagnostic>,
    chain: Vec<Location>,
}

/// The keys of a mapping, all of them known ones.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    entries: &'a [Entry],
    /// Where the mapping stands.
    pub(super) span: Span,
}

impl<'a> Keys<'a> {
    /// The value of a key; `None` also when it is empty.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|entry| name_of(entry) == Some(key))
            .map(|entry| &*entry.value)
            .filter(|value| !value.is_null())
    }

    /// Keys and values in the order in which they stand.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Entry)> + use<'a> {
        self.entries
            .iter()
            .filter_map(|entry| Some((name_of(entry)?, entry)))
    }
}

fn name_of(entry: &Entry) -> Option<&str> {
    entry.key.scalar().map(|key| key.as_str())
}

impl Reader<'_> {
    /// Reports something wrong; `None`, so that it can end a reading.
    pub(super) fn wrong<T>(
        &mut self,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        suggestion: Option<&str>,
    ) -> Option<T> {
        let diagnostic = Diagnostic::new(Code::YamlValidate, message, span, &self.chain)
            .with_label(label)
            .with_suggestion(suggestion);
        self.diagnostics.push(diagnostic);
        None
    }

    fn file(&mut self, file: FileId, source: &Source, examples: &mut Vec<Example>) {
        let (documents, broken) = yaml::parse(file, &source.text);
        for broken in broken {
            let mut diagnostic = Diagnostic::new(Code::YamlParse, broken.message, broken.span, &[]);
            diagnostic.help.extend(broken.help.map(str::to_owned));
            self.diagnostics.push(diagnostic);
        }
        for document in documents {
            match &document.kind {
                Kind::Null => {}
                Kind::Sequence(items) => {
                    for item in items {
                        self.chain.clear();
                        examples.extend(self.example(item));
                    }
                }
                _ => {
                    self.wrong::<()>(
                        document.span,
                        "A file of examples is a sequence of examples",
                        format!("expected a sequence, found {}", document.describe()),
                        None,
                    );
                }
            }
        }
    }

    fn example(&mut self, node: &Node) -> Option<Example> {
        let keys = self.keys(node, "an example", Some(EXAMPLE_KEYS))?;
        let name_node = self.required(&keys, "example")?;
        let name = self.text(name_node)?.to_owned();
        self.chain.push(Location {
            place: Place::Example,
            name: name.clone(),
            span: name_node.span,
        });
        let rule = match keys.get("rule") {
            Some(node) => Some(self.rule(node)?),
            None => None,
        };
        let process = match keys.get("process") {
            Some(node) => Some((process::read(self, node)?, node.span)),
            None => None,
        };
        let events = match (keys.get("events"), keys.get("capture")) {
            (Some(node), None) => Events::Written(self.written(node, process)?),
            (None, Some(node)) => Events::Capture(self.text(node)?.to_owned()),
            (Some(_), Some(node)) => {
                return self.wrong(
                    node.span,
                    "An example has either `events` or a `capture`",
                    "one too many",
                    None,
                );
            }
            (None, None) => {
                return self.wrong(
                    keys.span,
                    "An example needs `events` or a `capture`",
                    "has neither",
                    None,
                );
            }
        };
        let expect = self.required(&keys, "expect")?;
        let expected = self.expected(expect, rule.as_ref())?;
        Some(Example {
            name,
            span: name_node.span,
            rule,
            events,
            expected,
        })
    }

    fn written(&mut self, node: &Node, common: Option<(Process, Span)>) -> Option<Written> {
        let mut written = Written::default();
        let mut next_pid = process::FIRST_PID;
        let mut common_tid = None;
        if let Some((process, _)) = common {
            common_tid = Some(written.add(process, &mut next_pid));
        }
        let items = self.sequence(node)?;
        if items.is_empty() {
            return self.wrong(node.span, "An example needs events", "is empty", None);
        }
        let mut all_right = true;
        for item in items {
            let step = self.step(item, common_tid, &mut written, &mut next_pid);
            all_right &= step.is_some();
            written.steps.extend(step);
        }
        all_right.then_some(written)
    }

    fn step(
        &mut self,
        node: &Node,
        common: Option<i64>,
        written: &mut Written,
        next_pid: &mut i64,
    ) -> Option<Step> {
        let keys = self.keys(node, "an event", Some(EVENT_KEYS))?;
        let type_node = self.required(&keys, "type")?;
        let name = self.text(type_node)?;
        let Some(event_type) = params::event_type(name) else {
            let near = suggest::nearest(name, event::event_names());
            return self.wrong(
                type_node.span,
                format!("Unknown event type '{name}'"),
                "no event has this name; `peregrine --list-events` lists them",
                near,
            );
        };
        let tid = match keys.get("process") {
            Some(node) => {
                let process = process::read(self, node)?;
                written.add(process, next_pid)
            }
            None => match common {
                Some(tid) => tid,
                None => {
                    return self.wrong(
                        keys.span,
                        "An event needs a `process`",
                        "neither the event nor the example has one",
                        None,
                    );
                }
            },
        };
        let process = written
            .processes
            .iter()
            .find(|process| process.pid == tid)?;
        let args = match keys.get("args") {
            Some(node) => Some(self.keys(node, "`args`", None)?),
            None => None,
        };
        let params = params::encode(self, event_type, name, args, process)?;
        Some(Step {
            event_type,
            tid,
            params,
        })
    }

    fn expected(&mut self, node: &Node, rule: Option<&Arc<str>>) -> Option<Vec<Expected>> {
        match &node.kind {
            Kind::Scalar { text, .. } if text.as_str() == "none" => Some(Vec::new()),
            Kind::Sequence(items) => items
                .iter()
                .map(|item| self.expected_alert(item, rule))
                .collect(),
            _ => Some(vec![self.expected_alert(node, rule)?]),
        }
    }

    fn expected_alert(&mut self, node: &Node, rule: Option<&Arc<str>>) -> Option<Expected> {
        let mut expected = Expected {
            rule: Arc::default(),
            count: None,
            output: Vec::new(),
            fields: Vec::new(),
        };
        let keys = match &node.kind {
            Kind::Scalar { text, .. } if text.as_str() == "alert" => None,
            Kind::Scalar { .. } => {
                expected.rule = self.rule(node)?;
                return self.of_the_example(expected, node.span, rule);
            }
            _ => Some(self.keys(node, "an alert", Some(EXPECT_KEYS))?),
        };
        expected.rule = match (keys.and_then(|keys| keys.get("rule")), rule) {
            (Some(node), _) => self.rule(node)?,
            (None, Some(rule)) => Arc::clone(rule),
            (None, None) => {
                return self.wrong(
                    node.span,
                    "An alert that is expected needs a `rule`",
                    "neither the alert nor the example names one",
                    None,
                );
            }
        };
        let Some(keys) = keys else {
            return Some(expected);
        };
        if let Some(node) = keys.get("count") {
            expected.count = Some(self.number(node, &1)?);
        }
        if let Some(node) = keys.get("output") {
            expected.output = self.texts(node)?;
        }
        if let Some(node) = keys.get("fields") {
            for (name, entry) in self.keys(node, "`fields`", None)?.iter() {
                let value = self.text(&entry.value)?;
                expected.fields.push((name.to_owned(), value.to_owned()));
            }
        }
        self.of_the_example(expected, node.span, rule)
    }

    /// In an example about one rule, only that rule is looked at.
    fn of_the_example(
        &mut self,
        expected: Expected,
        span: Span,
        rule: Option<&Arc<str>>,
    ) -> Option<Expected> {
        match rule {
            Some(rule) if *rule != expected.rule => self.wrong(
                span,
                format!("The example is about '{rule}'"),
                "leave `rule` out of the example to expect alerts of several rules",
                None,
            ),
            _ => Some(expected),
        }
    }

    fn rule(&mut self, node: &Node) -> Option<Arc<str>> {
        let name = self.text(node)?;
        let ruleset = self.ruleset;
        let names = || ruleset.rules().iter().map(|rule| rule.name());
        if let Some(known) = names().find(|known| known.as_ref() == name) {
            return Some(Arc::clone(known));
        }
        let near = suggest::nearest(name, names().map(AsRef::as_ref));
        self.wrong(
            node.span,
            format!("Unknown rule '{name}'"),
            "no rule that was loaded has this name",
            near,
        )
    }

    /// The keys of a mapping, each of which must be one of `known`, if that is given.
    pub(super) fn keys<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: Option<&[&str]>,
    ) -> Option<Keys<'n>> {
        let Kind::Mapping(entries) = &node.kind else {
            return self.wrong(
                node.span,
                format!("Expected {what}, which is a mapping"),
                format!("found {}", node.describe()),
                None,
            );
        };
        let span = entries.first().map_or(node.span, |entry| entry.key.span);
        let mut all_right = true;
        for (index, entry) in entries.iter().enumerate() {
            let name = name_of(entry);
            let message = match name {
                None => "A key is a word".to_owned(),
                Some(name)
                    if entries[..index]
                        .iter()
                        .any(|other| name_of(other) == Some(name)) =>
                {
                    format!("Key '{name}' is given twice")
                }
                Some(name) if known.is_some_and(|known| !known.contains(&name)) => {
                    format!("Unknown key '{name}' in {what}")
                }
                Some(_) => continue,
            };
            let known = known.unwrap_or_default().iter().copied();
            let near = name.and_then(|name| suggest::nearest(name, known));
            self.wrong::<()>(entry.key.span, message, "", near);
            all_right = false;
        }
        all_right.then_some(Keys { entries, span })
    }

    fn required<'n>(&mut self, keys: &Keys<'n>, key: &str) -> Option<&'n Node> {
        match keys.get(key) {
            Some(node) => Some(node),
            None => {
                let message = format!("Key '{key}' is missing");
                self.wrong(keys.span, message, format!("needs `{key}`"), None)
            }
        }
    }

    /// The text of a scalar.
    pub(super) fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match node.scalar() {
            Some(text) => Some(text.as_str()),
            None => {
                let label = format!("expected a text, found {}", node.describe());
                self.wrong(node.span, "Expected a text", label, None)
            }
        }
    }

    /// One text, or a sequence of them.
    pub(super) fn texts(&mut self, node: &Node) -> Option<Vec<String>> {
        match &node.kind {
            Kind::Sequence(items) => items
                .iter()
                .map(|item| self.text(item).map(str::to_owned))
                .collect(),
            _ => Some(vec![self.text(node)?.to_owned()]),
        }
    }

    fn sequence<'n>(&mut self, node: &'n Node) -> Option<&'n [std::rc::Rc<Node>]> {
        match &node.kind {
            Kind::Sequence(items) => Some(items),
            _ => {
                let label = format!("found {}", node.describe());
                self.wrong(node.span, "Expected a sequence", label, None)
            }
        }
    }

    /// A number that is at least `least`.
    pub(super) fn number<N>(&mut self, node: &Node, least: &N) -> Option<N>
    where
        N: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let text = self.text(node)?;
        match text.parse::<N>() {
            Ok(number) if number >= *least => Some(number),
            _ => {
                let label = format!("expected a number from {least}");
                self.wrong(
                    node.span,
                    format!("'{text}' is no such number"),
                    label,
                    None,
                )
            }
        }
    }
}

impl Written {
    /// Adds a process, unless there is one with its id; returns the id.
    fn add(&mut self, mut process: Process, next_pid: &mut i64) -> i64 {
        process.number(next_pid);
        let pid = process.pid;
        if !self.processes.iter().any(|known| known.pid == pid) {
            self.processes.push(process);
        }
        pid
    }
}
