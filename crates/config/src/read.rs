//! Reading typed values out of the tree, collecting what is wrong.

use std::path::PathBuf;

use crate::error::Problem;
use crate::node::{Node, Place, Value};

/// Collects problems while a tree is read.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<Problem>,
    /// Keys that nothing asked for.
    pub(crate) unknown: Vec<Problem>,
}

/// A mapping that is being read: remembers which keys were asked for.
pub(crate) struct Section<'a> {
    node: Option<&'a Node>,
    key: String,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self {
            node: Some(node),
            key: String::new(),
            asked: Vec::new(),
        }
    }

    pub(crate) fn of(node: &'a Node, key: String) -> Self {
        Self {
            node: Some(node),
            key,
            asked: Vec::new(),
        }
    }

    /// Whether there is something to read from.
    pub(crate) fn is_given(&self) -> bool {
        self.node.is_some()
    }

    /// Whether the key is there at all.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.node.is_some_and(|node| node.get(key).is_some())
    }

    pub(crate) fn path(&self, key: &str) -> String {
        if self.key.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.key)
        }
    }

    pub(crate) fn place(&self) -> Place {
        self.node
            .map_or_else(|| Place::file("configuration"), |node| node.place.clone())
    }

    /// The node under a key; one that is null counts as absent.
    pub(crate) fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        self.node?.get(key).filter(|node| node.value != Value::Null)
    }
}

impl Reader {
    pub(crate) fn problem(
        &mut self,
        place: &Place,
        key: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.problems.push(Problem {
            place: place.clone(),
            key: key.into(),
            message: message.into(),
        });
    }

    fn expected(&mut self, node: &Node, key: String, what: &str) {
        let found = match &node.value {
            Value::String(text) => format!("{text:?}"),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            other => other.kind().to_owned(),
        };
        self.problem(&node.place, key, format!("expected {what}, found {found}"));
    }

    /// A mapping below a section; absent reads as empty.
    pub(crate) fn section<'a>(&mut self, from: &mut Section<'a>, key: &'static str) -> Section<'a> {
        let path = from.path(key);
        let node = from.node(key);
        if let Some(node) = node
            && !matches!(node.value, Value::Map(_))
        {
            self.expected(node, path.clone(), "a mapping");
        }
        Section {
            node,
            key: path,
            asked: Vec::new(),
        }
    }

    /// Notes the keys of a section that nobody asked for.
    pub(crate) fn finish(&mut self, section: &Section<'_>) {
        for (key, node) in section.node.map(Node::entries).unwrap_or_default() {
            if !section.asked.contains(&key.as_str()) {
                let message = match suggest::nearest(key, section.asked.iter().copied()) {
                    Some(near) => format!("unknown key; did you mean `{near}`?"),
                    None => "unknown key".to_owned(),
                };
                self.unknown.push(Problem {
                    place: node.place.clone(),
                    key: section.path(key),
                    message,
                });
            }
        }
    }

    pub(crate) fn bool(
        &mut self,
        from: &mut Section<'_>,
        key: &'static str,
        default: bool,
    ) -> bool {
        let Some(node) = from.node(key) else {
            return default;
        };
        match &node.value {
            Value::Bool(value) => *value,
            Value::String(text) if text.eq_ignore_ascii_case("true") => true,
            Value::String(text) if text.eq_ignore_ascii_case("false") => false,
            _ => {
                self.expected(node, from.path(key), "true or false");
                default
            }
        }
    }

    /// A whole number within bounds.
    pub(crate) fn int(
        &mut self,
        from: &mut Section<'_>,
        key: &'static str,
        default: u64,
        min: u64,
        max: u64,
    ) -> u64 {
        let Some(node) = from.node(key) else {
            return default;
        };
        let value = match &node.value {
            Value::Int(value) => u64::try_from(*value).ok(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match value {
            Some(value) if (min..=max).contains(&value) => value,
            _ => {
                let what = if max == u64::MAX {
                    format!("a whole number of at least {min}")
                } else {
                    format!("a whole number from {min} to {max}")
                };
                self.expected(node, from.path(key), &what);
                default
            }
        }
    }

    pub(crate) fn float(
        &mut self,
        from: &mut Section<'_>,
        key: &'static str,
        default: f64,
        max: f64,
    ) -> f64 {
        let Some(node) = from.node(key) else {
            return default;
        };
        let value = match &node.value {
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match value {
            Some(value) if (0.0..=max).contains(&value) => value,
            _ => {
                let what = if max.is_finite() {
                    format!("a number from 0 to {max}")
                } else {
                    "a number of at least 0".to_owned()
                };
                self.expected(node, from.path(key), &what);
                default
            }
        }
    }

    /// Text; numbers and booleans are taken as they were written.
    pub(crate) fn string(
        &mut self,
        from: &mut Section<'_>,
        key: &'static str,
        default: &str,
    ) -> String {
        let Some(node) = from.node(key) else {
            return default.to_owned();
        };
        self.text(node, from.path(key))
            .unwrap_or_else(|| default.to_owned())
    }

    /// The text of one node.
    pub(crate) fn text(&mut self, node: &Node, key: String) -> Option<String> {
        match &node.value {
            Value::String(text) => Some(text.clone()),
            Value::Int(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null => Some(String::new()),
            Value::List(_) | Value::Map(_) => {
                self.expected(node, key, "text");
                None
            }
        }
    }

    pub(crate) fn path(
        &mut self,
        from: &mut Section<'_>,
        key: &'static str,
        default: &str,
    ) -> PathBuf {
        PathBuf::from(self.string(from, key, default))
    }

    /// A path that may be left empty.
    pub(crate) fn optional_path(
        &mut self,
        from: &mut Section<'_>,
        key: &'static str,
        default: &str,
    ) -> Option<PathBuf> {
        let text = self.string(from, key, default);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    /// One of several words, compared without case; returns it in lower case.
    pub(crate) fn word(
        &mut self,
        from: &mut Section<'_>,
        key: &'static str,
        default: &str,
        words: &[&str],
    ) -> String {
        let Some(node) = from.node(key) else {
            return default.to_owned();
        };
        if let Value::String(text) = &node.value {
            let lower = text.to_ascii_lowercase();
            if words.contains(&lower.as_str()) {
                return lower;
            }
        }
        self.expected(
            node,
            from.path(key),
            &format!("one of {}", words.join(", ")),
        );
        default.to_owned()
    }

    /// The items of a list; a single value stands for a list of one.
    pub(crate) fn list<'a>(&mut self, from: &mut Section<'a>, key: &'static str) -> Vec<&'a Node> {
        let Some(node) = from.node(key) else {
            return Vec::new();
        };
        match &node.value {
            Value::List(items) => items.iter().collect(),
            Value::Map(_) => {
                self.expected(node, from.path(key), "a list");
                Vec::new()
            }
            _ => vec![node],
        }
    }

    /// A list of texts.
    pub(crate) fn strings(&mut self, from: &mut Section<'_>, key: &'static str) -> Vec<String> {
        let items = self.list(from, key);
        let path = from.path(key);
        items
            .into_iter()
            .enumerate()
            .filter_map(|(index, node)| self.text(node, format!("{path}[{index}]")))
            .collect()
    }
}
