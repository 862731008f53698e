//! YAML as a tree whose every node knows its bytes.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, options};

use crate::diagnostic::{Problem, Span};

/// How many values a file may have once aliases are written out.
const BUDGET: usize = 1_000_000;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    /// Numbers and booleans are text as well; `plain` tells whether it stood without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Rc<Node>>),
    Map(Vec<(Rc<Node>, Rc<Node>)>),
}

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    pub(crate) fn list(&self) -> &[Rc<Node>] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn entries(&self) -> &[(Rc<Node>, Rc<Node>)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key; that of the first one when it stands twice.
    pub(crate) fn get(&self, key: &str) -> Option<&Rc<Node>> {
        self.entries()
            .iter()
            .find(|(name, _)| name.text() == Some(key))
            .map(|(_, value)| value)
    }

    /// What messages call it.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Scalar { plain: true, .. } => "a plain value",
            Kind::Scalar { .. } => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

/// Reads the first document of a file; none in an empty one.
///
/// An unquoted `%{ … }`, which YAML forbids at the start of a value, is taken as if it were quoted:
/// suites are written so.
pub(crate) fn parse(file: usize, text: &str) -> Result<Option<Rc<Node>>, Problem> {
    let (readable, templates) = allow_templates(text);
    let mut builder = Builder {
        file,
        templates: &templates,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        nodes: 0,
    };
    let options = options! { emit_comments: false };
    for event in Parser::new_from_str_with_options(&readable, options) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
            let span = Span {
                file,
                start: at,
                end: at,
            };
            Problem::error(span, format!("not YAML: {}", error.kind()))
        })?;
        let range = span.byte_range().unwrap_or(0..0);
        let span = Span {
            file,
            start: range.start,
            end: range.end,
        };
        if matches!(event, Event::DocumentStart { .. }) && builder.root.is_some() {
            return Err(Problem::error(span, "a suite is one document")
                .with_help("put further tests into the same list, or into another file"));
        }
        builder.event(event, span)?;
    }
    Ok(builder.root)
}

/// The text with the `%` of every unquoted `%{` that begins a value replaced by a character of the
/// same width, and the bytes where that was done.
fn allow_templates(text: &str) -> (String, Vec<usize>) {
    let mut at = Vec::new();
    let mut bytes = text.as_bytes().to_vec();
    for (index, _) in text.match_indices("%{") {
        let line_start = text[..index].rfind('\n').map_or(0, |at| at + 1);
        let before = text[line_start..index].trim_end_matches(' ');
        // A value in block style: behind `key:` or behind the dash of an item.
        if (before.ends_with(':') || before.trim_start() == "-")
            && text[..index].ends_with(' ')
            && !before.contains(['"', '\'', '#'])
        {
            bytes[index] = b'^';
            at.push(index);
        }
    }
    // Only one ASCII character was put in place of another.
    (String::from_utf8(bytes).unwrap_or_default(), at)
}

struct Builder<'a> {
    file: usize,
    templates: &'a [usize],
    open: Vec<Frame>,
    anchors: HashMap<usize, (Rc<Node>, usize)>,
    root: Option<Rc<Node>>,
    nodes: usize,
}

struct Frame {
    start: usize,
    anchor: usize,
    nodes: usize,
    kind: Kind,
    key: Option<Rc<Node>>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain
                    && tag
                        .as_ref()
                        .is_none_or(|tag| !tag.is_yaml_core_schema_tag("str"));
                let mut text = value.into_owned();
                if self.templates.binary_search(&span.start).is_ok() {
                    text.replace_range(..1, "%");
                }
                let null = matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
                let kind = if plain && null {
                    Kind::Null
                } else {
                    Kind::Scalar { text, plain }
                };
                self.add(Rc::new(Node { span, kind }), 1, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open(span.start, anchor, Kind::List(Vec::new()));
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.open(span.start, anchor, Kind::Map(Vec::new()));
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.open.pop() else {
                    return Ok(());
                };
                let span = Span {
                    file: self.file,
                    start: frame.start,
                    end: span.end.max(frame.start),
                };
                let kind = merged(frame.kind);
                self.add(Rc::new(Node { span, kind }), frame.nodes, frame.anchor)
            }
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some((node, nodes)) => self.add(node, nodes, 0),
                None => Err(Problem::error(
                    span,
                    "an alias cannot stand inside its own anchor",
                )),
            },
            _ => Ok(()),
        }
    }

    fn open(&mut self, start: usize, anchor: usize, kind: Kind) {
        self.open.push(Frame {
            start,
            anchor,
            nodes: 1,
            kind,
            key: None,
        });
    }

    fn add(&mut self, node: Rc<Node>, nodes: usize, anchor: usize) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > BUDGET {
            return Err(Problem::error(node.span, "the file has too many values"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (Rc::clone(&node), nodes));
        }
        let Some(frame) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.nodes += nodes;
        match &mut frame.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(entries) => match frame.key.take() {
                None => frame.key = Some(node),
                Some(key) => entries.push((key, node)),
            },
            _ => {}
        }
        Ok(())
    }
}

/// What `<<` names comes behind the keys that the mapping has itself.
fn merged(kind: Kind) -> Kind {
    let Kind::Map(entries) = kind else {
        return kind;
    };
    let is_merge = |(key, _): &(Rc<Node>, Rc<Node>)| matches!(&key.kind, Kind::Scalar { text, plain: true } if text == "<<");
    let (merges, mut out): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_merge);
    for (key, value) in merges {
        let sources = match &value.kind {
            Kind::List(items) => items.clone(),
            _ => vec![Rc::clone(&value)],
        };
        for source in sources {
            if !matches!(source.kind, Kind::Map(_)) {
                // Not a merge; it will be called an unknown key.
                out.push((Rc::clone(&key), Rc::clone(&value)));
                continue;
            }
            for (key, value) in source.entries() {
                if !out.iter().any(|(known, _)| known.text() == key.text()) {
                    out.push((Rc::clone(key), Rc::clone(value)));
                }
            }
        }
    }
    Kind::Map(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_bytes() {
        let text = "a: [x, 'y']\nb: {c: 1}\n";
        let root = parse(0, text).unwrap().unwrap();
        let list = root.get("a").unwrap();
        assert_eq!(
            &text[list.list()[1].span.start..list.list()[1].span.end],
            "'y'"
        );
        assert_eq!(root.get("b").unwrap().get("c").unwrap().text(), Some("1"));
        assert!(parse(0, "").unwrap().is_none());
        assert!(parse(0, "a: [").is_err());
        assert!(parse(0, "a: 1\n---\nb: 2\n").is_err());
    }

    #[test]
    fn templates_need_no_quotes() {
        let root = parse(0, "a: %{ item.x }\nb: \"%{ item.y }\"\nc: ^z\n")
            .unwrap()
            .unwrap();
        assert_eq!(root.get("a").unwrap().text(), Some("%{ item.x }"));
        assert_eq!(root.get("b").unwrap().text(), Some("%{ item.y }"));
        assert_eq!(root.get("c").unwrap().text(), Some("^z"));
    }

    #[test]
    fn bombs_are_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(parse(0, &text).is_err());
        assert!(parse(0, &"[".repeat(100_000)).is_err());
    }
}
