//! The configuration as written: a YAML tree whose nodes know where they stand.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::error::Problem;

/// Where something was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The path of the file, or `-o` for the command line.
    pub file: Arc<str>,
    /// 1-based; 0 when there are no lines.
    pub line: u64,
    /// 1-based; 0 when there are no lines.
    pub column: u64,
}

impl Place {
    /// A file as a whole.
    pub fn file(file: impl Into<Arc<str>>) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// A value and where it was written.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub place: Place,
}

/// A YAML value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order in which it was written.
    Map(Vec<(String, Node)>),
}

impl Value {
    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::String(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl Node {
    /// Reads one YAML document.
    ///
    /// # Errors
    ///
    /// When the text is not YAML, or has a key twice.
    pub fn parse(text: &str, file: &Arc<str>) -> Result<Self, Problem> {
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return Ok(Self {
                value: Value::Null,
                place: Place::file(Arc::clone(file)),
            });
        }
        let raw: RawNode = serde_saphyr::from_str(text).map_err(|err| {
            let at = err.location();
            Problem {
                place: Place {
                    file: Arc::clone(file),
                    line: at.as_ref().map_or(0, serde_saphyr::Location::line),
                    column: at.as_ref().map_or(0, serde_saphyr::Location::column),
                },
                key: String::new(),
                message: format!("not valid YAML: {}", err.without_snippet()),
            }
        })?;
        Ok(raw.place_in(file))
    }

    /// The entry of a mapping with this key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    /// The entries of a mapping; empty for anything else.
    pub fn entries(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }
}

/// A node as the YAML library hands it over, without the file.
#[derive(Deserialize)]
#[serde(transparent)]
struct RawNode(Spanned<RawValue>);

enum RawValue {
    Scalar(Value),
    List(Vec<RawNode>),
    Map(Vec<(String, RawNode)>),
}

impl RawNode {
    fn place_in(self, file: &Arc<str>) -> Node {
        let Spanned {
            value, referenced, ..
        } = self.0;
        let value = match value {
            RawValue::Scalar(value) => value,
            RawValue::List(nodes) => {
                Value::List(nodes.into_iter().map(|node| node.place_in(file)).collect())
            }
            RawValue::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, node)| (key, node.place_in(file)))
                    .collect(),
            ),
        };
        let place = Place {
            file: Arc::clone(file),
            line: referenced.line(),
            column: referenced.column(),
        };
        Node { value, place }
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Null))
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, inner: D) -> Result<RawValue, D::Error> {
        RawValue::deserialize(inner)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(match i64::try_from(value) {
            Ok(value) => Value::Int(value),
            Err(_) => Value::Float(value as f64),
        }))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::String(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::String(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawValue, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = seq.next_element()? {
            nodes.push(node);
        }
        Ok(RawValue::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(RawValue::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_knows_its_line_and_column() {
        let file: Arc<str> = "a.yaml".into();
        let node = Node::parse("a: 1\nb:\n  - x: [true, 2.5]\n    y: ~\n", &file).unwrap();
        assert_eq!(node.get("a").unwrap().place.to_string(), "a.yaml:1:4");
        let Value::List(items) = &node.get("b").unwrap().value else {
            panic!("a list")
        };
        let x = items[0].get("x").unwrap();
        let Value::List(values) = &x.value else {
            panic!("a list")
        };
        assert_eq!(values[0].value, Value::Bool(true));
        assert_eq!(values[1].value, Value::Float(2.5));
        assert_eq!(values[1].place.line, 3);
        assert_eq!(items[0].get("y").unwrap().value, Value::Null);
    }

    #[test]
    fn an_empty_file_is_nothing_and_a_broken_one_says_where() {
        let file: Arc<str> = "a.yaml".into();
        assert_eq!(
            Node::parse("# only a comment\n", &file).unwrap().value,
            Value::Null
        );
        let problem = Node::parse("a: 1\nb: [1, 2\n", &file).unwrap_err();
        assert!(problem.place.line >= 2, "{problem}");
        let problem = Node::parse("a: 1\na: 2\n", &file).unwrap_err();
        assert_eq!(problem.place.line, 2, "{problem}");
    }
}
