//! The parser's events → trees, and what to do when the text is not YAML.
//!
//! A rules file is a sequence of items. When one of them breaks the syntax, everything after it is
//! as good as before, so reading goes on at the next line that starts an item: one missing quote
//! must not hide the other nine mistakes of a file.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{ErrorKind, Event, Parser, ScanError, options};

use super::{Entry, Kind, Node, scalar};
use crate::source::{FileId, Span};

/// How many nodes a file may have once its aliases are written out. Far above any rules file; the
/// classic bombs need billions.
const NODE_BUDGET: u64 = 4_000_000;

/// How many times reading goes on after an error.
const MAX_ATTEMPTS: usize = 64;

/// A place where the text is not YAML.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<&'static str>,
    /// The keys and values that the broken item had up to there.
    pub(crate) partial: Vec<Entry>,
}

/// The documents of a file, and where it could not be read.
pub(crate) fn parse(file: FileId, text: &str) -> (Vec<Rc<Node>>, Vec<Broken>) {
    let mut documents = Vec::new();
    let mut broken: Vec<Broken> = Vec::new();
    let mut base = 0;
    for _ in 0..MAX_ATTEMPTS {
        let Some(rest) = text.get(base..) else { break };
        let mut builder = Builder::new(file, base as u32, rest);
        let failure = builder.run();
        let item_start = builder.last_item;
        let partial = builder.partial();
        documents.extend(builder.finish());
        let Some(failure) = failure else { break };
        if !broken
            .iter()
            .any(|earlier| earlier.span.start == failure.span.start)
        {
            broken.push(Broken { partial, ..failure });
        }
        // The line of the item that broke says what the next one looks like.
        let Some(next) = item_start.and_then(|start| next_item(text, start as usize)) else {
            break;
        };
        base = next;
    }
    (documents, broken)
}

/// The start of the next line that begins an item, like the one at `item` does.
fn next_item(text: &str, item: usize) -> Option<usize> {
    let line_start = text.get(..item)?.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(line_start..)?;
    let indent = line.len() - line.trim_start_matches(' ').len();
    let prefix = line
        .get(..indent + 2)
        .filter(|prefix| prefix.ends_with("- "))?;
    let mut at = line_start;
    loop {
        at += text.get(at..)?.find('\n')? + 1;
        if text.get(at..)?.starts_with(prefix) {
            return Some(at);
        }
    }
}

struct Builder<'a> {
    file: FileId,
    base: u32,
    text: &'a str,
    open: Vec<Frame>,
    anchors: HashMap<usize, (Rc<Node>, u64)>,
    documents: Vec<Rc<Node>>,
    /// The byte of the file where the last item of a top-level sequence starts.
    last_item: Option<u32>,
    nodes: u64,
}

/// A collection that has not ended.
struct Frame {
    start: u32,
    anchor: usize,
    nodes: u64,
    children: Children,
}

enum Children {
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<Entry>, Option<Rc<Node>>),
}

impl<'a> Builder<'a> {
    fn new(file: FileId, base: u32, text: &'a str) -> Self {
        Self {
            file,
            base,
            text,
            open: Vec::new(),
            anchors: HashMap::new(),
            documents: Vec::new(),
            last_item: None,
            nodes: 0,
        }
    }

    fn run(&mut self) -> Option<Broken> {
        let options = options! { emit_comments: false, emit_unresolved_aliases: true };
        for event in Parser::new_from_str_with_options(self.text, options) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(err) => return Some(self.broken(&err)),
            };
            let range = span.byte_range().unwrap_or(0..0);
            let span = self.span(range.start, range.end);
            if self.open.len() == 1
                && matches!(
                    self.open.first().map(|frame| &frame.children),
                    Some(Children::Sequence(_))
                )
                && event.is_node()
            {
                self.last_item = Some(span.start);
            }
            if let Err(failure) = self.event(event, span, range) {
                return Some(failure);
            }
        }
        None
    }

    fn event(
        &mut self,
        event: Event<'_>,
        span: Span,
        range: std::ops::Range<usize>,
    ) -> Result<(), Broken> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let plain = style == granit_parser::ScalarStyle::Plain;
                let is_text = tag
                    .as_ref()
                    .is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let kind = if plain && !is_text && is_null(&value) {
                    Kind::Null
                } else {
                    let raw = self.text.get(range).unwrap_or_default();
                    Kind::Scalar {
                        text: scalar::locate(&value, raw, span, style),
                        plain,
                    }
                };
                self.node(Rc::new(Node { span, kind }), 1, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.push(span.start, anchor, Children::Sequence(Vec::new()));
            }
            Event::MappingStart(_, anchor, _) => {
                self.push(span.start, anchor, Children::Mapping(Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(frame) = self.open.pop() {
                    let nodes = frame.nodes;
                    let anchor = frame.anchor;
                    let node = close(frame, self.file, span.end);
                    self.node(Rc::new(node), nodes, anchor)?;
                }
            }
            Event::Alias(id) => {
                let Some((node, nodes)) = self.anchors.get(&id).cloned() else {
                    return Err(fail(span, "an alias cannot stand inside its own anchor"));
                };
                self.node(node, nodes, 0)?;
            }
            Event::UnresolvedAlias(name) => {
                return Err(Broken {
                    help: Some(
                        "anchors are known from where they are defined to the end of the document",
                    ),
                    ..fail(span, &format!("unknown anchor `{name}`"))
                });
            }
            Event::DocumentEnd => self.anchors.clear(),
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, start: u32, anchor: usize, children: Children) {
        self.open.push(Frame {
            start,
            anchor,
            nodes: 1,
            children,
        });
    }

    fn node(&mut self, node: Rc<Node>, nodes: u64, anchor: usize) -> Result<(), Broken> {
        if anchor != 0 {
            self.anchors.insert(anchor, (Rc::clone(&node), nodes));
        }
        let span = node.span;
        match self.open.last_mut() {
            None => {
                self.nodes = self.nodes.saturating_add(nodes);
                self.documents.push(node);
            }
            Some(frame) => {
                frame.nodes = frame.nodes.saturating_add(nodes);
                if frame.nodes > NODE_BUDGET {
                    return Err(fail(span, "aliases make the document too large"));
                }
                match &mut frame.children {
                    Children::Sequence(items) => items.push(node),
                    Children::Mapping(entries, pending) => match pending.take() {
                        None => *pending = Some(node),
                        Some(key) => entries.push(Entry { key, value: node }),
                    },
                }
            }
        }
        if self.nodes > NODE_BUDGET {
            return Err(fail(span, "the file has too many values"));
        }
        Ok(())
    }

    /// What the item that was being read has so far.
    fn partial(&mut self) -> Vec<Entry> {
        match self.open.get(1).map(|frame| &frame.children) {
            Some(Children::Mapping(entries, _)) => entries.clone(),
            _ => Vec::new(),
        }
    }

    /// The documents; of one that broke, the items that were complete.
    fn finish(mut self) -> Vec<Rc<Node>> {
        if let Some(frame) = self.open.into_iter().next()
            && matches!(frame.children, Children::Sequence(_))
        {
            let end = frame.start;
            self.documents.push(Rc::new(close(frame, self.file, end)));
        }
        self.documents
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span {
            file: self.file,
            start: self.base + start as u32,
            end: self.base + end as u32,
        }
    }

    fn broken(&self, err: &ScanError) -> Broken {
        let at = err.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let help = match err.kind() {
            ErrorKind::MappingValueNotAllowed => Some(
                "a value with `: ` in it must be quoted, or written as a block (`key: >` and the \
                 text on the next lines)",
            ),
            ErrorKind::UnexpectedCharacter { .. } => {
                Some("a value that starts with this character must be quoted")
            }
            ErrorKind::UnclosedQuotedScalar => Some("the quote that opens here is never closed"),
            ErrorKind::TabInPlainScalar => Some("indent with spaces; YAML does not take tabs"),
            _ => None,
        };
        Broken {
            help,
            ..fail(self.span(at, at), &err.kind().to_string())
        }
    }
}

fn fail(span: Span, message: &str) -> Broken {
    Broken {
        span,
        message: message.to_owned(),
        help: None,
        partial: Vec::new(),
    }
}

fn is_null(value: &str) -> bool {
    matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

fn close(frame: Frame, file: FileId, end: u32) -> Node {
    let span = Span {
        file,
        start: frame.start,
        end: end.max(frame.start),
    };
    let kind = match frame.children {
        Children::Sequence(items) => Kind::Sequence(items),
        Children::Mapping(entries, _) => Kind::Mapping(merge(entries)),
    };
    Node { span, kind }
}

/// Puts what `<<` names behind the keys that the mapping has itself.
fn merge(entries: Vec<Entry>) -> Vec<Entry> {
    let is_merge = |entry: &Entry| matches!(&entry.key.kind, Kind::Scalar { text, plain: true } if text.as_str() == "<<");
    if !entries.iter().any(is_merge) {
        return entries;
    }
    let (merges, mut out): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_merge);
    for merge in merges {
        let sources = match &merge.value.kind {
            Kind::Sequence(items) => items.clone(),
            _ => vec![Rc::clone(&merge.value)],
        };
        for source in sources {
            let Kind::Mapping(entries) = &source.kind else {
                out.push(merge.clone()); // Not a merge; the reader will call the key unknown.
                continue;
            };
            for entry in entries {
                let key = entry.key.scalar().map(crate::text::Text::as_str);
                let known =
                    |other: &Entry| other.key.scalar().map(crate::text::Text::as_str) == key;
                if !out.iter().any(known) {
                    out.push(entry.clone());
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> (Vec<String>, Vec<u32>) {
        let (documents, broken) = parse(FileId(0), text);
        let mut names = Vec::new();
        for document in documents {
            let Kind::Sequence(items) = &document.kind else {
                continue;
            };
            for item in items {
                let Kind::Mapping(entries) = &item.kind else {
                    continue;
                };
                names.extend(entries.iter().map(|entry| {
                    let key = entry.key.scalar().unwrap().as_str();
                    let value = entry.value.scalar().map_or("", |value| value.as_str());
                    format!("{key}={value}")
                }));
            }
        }
        (
            names,
            broken.iter().map(|broken| broken.span.start).collect(),
        )
    }

    #[test]
    fn reading_goes_on_after_a_broken_item() {
        let text = "- a: 1\n- b: 'x\n- c: 3\n- d: e: f\n- g: 5\n";
        let (names, errors) = items(text);
        assert_eq!(names, ["a=1", "c=3", "g=5"]);
        assert_eq!(errors.len(), 2);
        assert_eq!(&text[errors[0] as usize..][..1], "'");
    }

    #[test]
    fn merge_keys_do_not_replace() {
        let (names, errors) = items("- &x {a: 1, b: 2}\n- <<: *x\n  b: 3\n");
        assert_eq!(names, ["a=1", "b=2", "b=3", "a=1"]);
        assert!(errors.is_empty());
    }

    #[test]
    fn bombs_are_refused() {
        let mut text = String::from("- &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("- &a{level} [{aliases}]\n"));
        }
        assert!(!parse(FileId(0), &text).1.is_empty());
        assert!(!parse(FileId(0), &"[".repeat(100_000)).1.is_empty());
    }
}
