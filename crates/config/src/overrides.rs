//! `-o key=value`: one value put into the tree from the command line.

use std::sync::Arc;

use crate::error::Problem;
use crate::node::{Node, Place, Value};

/// One override, parsed.
#[derive(Clone, PartialEq, Debug)]
pub struct Override {
    steps: Vec<Step>,
    value: String,
    text: String,
}

#[derive(Clone, PartialEq, Debug)]
enum Step {
    Key(String),
    Index(usize),
    Append,
}

fn problem(text: &str, message: impl Into<String>) -> Problem {
    Problem {
        place: Place::file("-o"),
        key: text.to_owned(),
        message: message.into(),
    }
}

impl Override {
    /// Reads `node(.node)*=value`, where a node is a name with optional `[n]` or `[]`, and `\`
    /// takes the meaning from `.`, `[`, `]` and `\`.
    ///
    /// # Errors
    ///
    /// When the text has no `=` or the key is not of that form.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(problem(
                text,
                "error parsing config option. Must be of the form key=val or key.subkey=val",
            ));
        };
        let mut steps = Vec::new();
        let mut name = String::new();
        let mut chars = key.trim().chars();
        let push_name = |name: &mut String, steps: &mut Vec<Step>| {
            if !name.is_empty() {
                steps.push(Step::Key(std::mem::take(name)));
            }
        };
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some(escaped @ ('.' | '[' | ']' | '\\')) => name.push(escaped),
                    _ => {
                        return Err(problem(
                            text,
                            "`\\` must stand before `.`, `[`, `]` or `\\`",
                        ));
                    }
                },
                '.' => {
                    if name.is_empty()
                        && !matches!(steps.last(), Some(Step::Index(_) | Step::Append))
                    {
                        return Err(problem(text, "a name is missing before `.`"));
                    }
                    push_name(&mut name, &mut steps);
                }
                '[' => {
                    push_name(&mut name, &mut steps);
                    let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    if inside.is_empty() {
                        steps.push(Step::Append);
                    } else {
                        let index = inside.parse().map_err(|_| {
                            problem(
                                text,
                                format!("expected a number between brackets, found `{inside}`"),
                            )
                        })?;
                        steps.push(Step::Index(index));
                    }
                }
                ']' => return Err(problem(text, "`]` without `[`")),
                other => name.push(other),
            }
        }
        push_name(&mut name, &mut steps);
        if !matches!(steps.first(), Some(Step::Key(_))) {
            return Err(problem(text, "a key is missing before `=`"));
        }
        Ok(Self {
            steps,
            value: value.to_owned(),
            text: text.to_owned(),
        })
    }

    /// Whether it changes which files are merged, and so must come before merging.
    pub(crate) fn is_config_files(&self) -> bool {
        matches!(self.steps.first(), Some(Step::Key(key)) if key == "config_files")
    }

    /// Puts the value into the tree, making what is missing on the way.
    ///
    /// # Errors
    ///
    /// When the value is not YAML, or an index is beyond the end of its list.
    pub(crate) fn apply(&self, root: &mut Node) -> Result<(), Problem> {
        let file: Arc<str> = "-o".into();
        let trimmed = self.value.trim();
        let value = if (trimmed.starts_with('{') && trimmed.ends_with('}'))
            || (trimmed.starts_with('[') && trimmed.ends_with(']'))
        {
            Node::parse(trimmed, &file)
                .map_err(|err| problem(&self.text, err.message))?
                .value
        } else {
            scalar(trimmed)
        };

        let mut node = root;
        for step in &self.steps {
            node = self.enter(node, step)?;
        }
        node.value = value;
        node.place = Place::file("-o");
        Ok(())
    }

    /// The child that a step leads to; what is missing or of the wrong kind is made.
    fn enter<'n>(&self, node: &'n mut Node, step: &Step) -> Result<&'n mut Node, Problem> {
        match step {
            Step::Key(key) => {
                if !matches!(node.value, Value::Map(_)) {
                    node.value = Value::Map(Vec::new());
                }
                let Value::Map(entries) = &mut node.value else {
                    unreachable!("made above")
                };
                let at = entries
                    .iter()
                    .position(|(name, _)| name == key)
                    .unwrap_or_else(|| {
                        entries.push((key.clone(), null()));
                        entries.len() - 1
                    });
                Ok(&mut entries[at].1)
            }
            Step::Index(_) | Step::Append => {
                if !matches!(node.value, Value::List(_)) {
                    node.value = Value::List(Vec::new());
                }
                let Value::List(items) = &mut node.value else {
                    unreachable!("made above")
                };
                let at = if let Step::Index(index) = step {
                    *index
                } else {
                    items.len()
                };
                if at == items.len() {
                    items.push(null());
                }
                let len = items.len();
                items.get_mut(at).ok_or_else(|| {
                    let message =
                        format!("index {at} is beyond the end of the list, which has {len} items");
                    problem(&self.text, message)
                })
            }
        }
    }
}

fn null() -> Node {
    Node {
        value: Value::Null,
        place: Place::file("-o"),
    }
}

/// A scalar as YAML would read it.
fn scalar(text: &str) -> Value {
    match text {
        "" | "null" | "~" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text
            .parse()
            .map_or_else(|_| Value::String(text.to_owned()), Value::Int),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(yaml: &str, options: &[&str]) -> Node {
        let mut node = Node::parse(yaml, &"a.yaml".into()).unwrap();
        for option in options {
            Override::parse(option).unwrap().apply(&mut node).unwrap();
        }
        node
    }

    #[test]
    fn values_are_put_where_the_key_says() {
        let node = applied(
            "json_output: false\nload_plugins: [a, b]\n",
            &[
                "json_output=true",
                "http_output.url=http://localhost:1/x?a=b",
                "load_plugins[1]=c",
                "load_plugins[]=d",
                "rules[].enable.tag=network",
                "append_output[]={\"match\":{\"source\":\"syscall\"},\"extra_output\":\"x\"}",
                "a\\.b=1",
            ],
        );
        assert_eq!(node.get("json_output").unwrap().value, Value::Bool(true));
        let url = node.get("http_output").unwrap().get("url").unwrap();
        assert_eq!(url.value, Value::String("http://localhost:1/x?a=b".into()));
        let Value::List(plugins) = &node.get("load_plugins").unwrap().value else {
            panic!()
        };
        let names: Vec<_> = plugins.iter().map(|node| node.value.clone()).collect();
        assert_eq!(
            names,
            ["a", "c", "d"].map(|name| Value::String(name.into()))
        );
        let Value::List(rules) = &node.get("rules").unwrap().value else {
            panic!()
        };
        let tag = rules[0].get("enable").unwrap().get("tag").unwrap();
        assert_eq!(tag.value, Value::String("network".into()));
        let Value::List(appended) = &node.get("append_output").unwrap().value else {
            panic!()
        };
        assert_eq!(
            appended[0].get("extra_output").unwrap().value,
            Value::String("x".into())
        );
        assert_eq!(node.get("a.b").unwrap().value, Value::Int(1));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, part) in [
            ("json_output", "Must be of the form key=val"),
            ("=x", "a key is missing"),
            ("a[x]=1", "expected a number"),
            ("a]=1", "without `[`"),
            (".a=1", "a name is missing"),
        ] {
            let problem = Override::parse(text).unwrap_err();
            assert!(problem.message.contains(part), "{text}: {problem}");
        }
        let mut node = Node::parse("a: [1]", &"a.yaml".into()).unwrap();
        let problem = Override::parse("a[3]=1")
            .unwrap()
            .apply(&mut node)
            .unwrap_err();
        assert!(problem.message.contains("beyond the end"), "{problem}");
    }
}
