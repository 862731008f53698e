//! `cases`: one test becomes many.

use std::rc::Rc;

use crate::diagnostic::{Problem, Span};
use crate::yaml::{Kind, Node};
use suggest::nearest;

/// The most tests that one test may become.
const LIMIT: usize = 100_000;

/// A test, and the case it was made from.
pub(crate) struct Instance {
    pub(crate) node: Rc<Node>,
    /// The values of the case as texts, by name.
    pub(crate) case: Vec<(String, String)>,
    /// Which case it is, from 0; none without cases.
    pub(crate) number: Option<usize>,
}

type Values = Vec<(String, Rc<Node>)>;

/// The tests that a test with `cases` stands for; itself when it has none.
pub(crate) fn expand(test: &Rc<Node>, problems: &mut Vec<Problem>) -> Vec<Instance> {
    let cases = match test.get("cases") {
        Some(cases) if !cases.is_null() => cases,
        _ => {
            forbid_templates(test, problems);
            return vec![Instance {
                node: Rc::clone(test),
                case: Vec::new(),
                number: None,
            }];
        }
    };
    let mut all: Vec<Values> = Vec::new();
    let mut names: Option<Vec<String>> = None;
    for case in cases.list() {
        let Some(values) = case.get("values") else {
            continue; // The check says so.
        };
        let own: Vec<String> = keys(values);
        match &names {
            None => names = Some(own),
            Some(first) if *first != own => {
                let message = format!(
                    "the cases of a test have the same names: expected {}, found {}",
                    listed(first),
                    listed(&own)
                );
                problems.push(Problem::error(values.span, message));
                continue;
            }
            Some(_) => {}
        }
        match case.get("strategy").and_then(|node| node.text()) {
            Some("matrix") => all.extend(product(values, problems)),
            _ => all.push(pairs(values)),
        }
        if all.len() > LIMIT {
            problems.push(Problem::error(
                case.span,
                format!("more than {LIMIT} cases"),
            ));
            return Vec::new();
        }
    }
    let numbered = all.into_iter().enumerate();
    numbered
        .map(|(number, values)| Instance {
            node: substitute(test, &values, problems),
            case: values
                .iter()
                .map(|(name, value)| (name.clone(), flat(value)))
                .collect(),
            number: Some(number),
        })
        .collect()
}

fn keys(values: &Node) -> Vec<String> {
    let mut keys: Vec<String> = pairs(values).into_iter().map(|(name, _)| name).collect();
    keys.sort_unstable();
    keys
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn pairs(values: &Node) -> Values {
    values
        .entries()
        .iter()
        .map(|(key, value)| (key.text().unwrap_or_default().to_owned(), Rc::clone(value)))
        .collect()
}

/// Every combination; the last name changes fastest.
fn product(values: &Node, problems: &mut Vec<Problem>) -> Vec<Values> {
    let mut all: Vec<Values> = vec![Vec::new()];
    for (name, list) in pairs(values) {
        let Kind::List(items) = &list.kind else {
            let message = format!(
                "`{name}` of a matrix is a list of values, not {}",
                list.describe()
            );
            problems.push(Problem::error(list.span, message));
            return Vec::new();
        };
        if all.len().saturating_mul(items.len()) > LIMIT {
            problems.push(Problem::error(
                list.span,
                format!("more than {LIMIT} cases"),
            ));
            return Vec::new();
        }
        all = all
            .iter()
            .flat_map(|before| {
                let name = &name;
                items.iter().map(move |item| {
                    let mut values = before.clone();
                    values.push((name.clone(), Rc::clone(item)));
                    values
                })
            })
            .collect();
    }
    all
}

/// The value as one text, as reports show it.
fn flat(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Scalar { text, .. } => text.clone(),
        Kind::List(items) => {
            let items: Vec<String> = items.iter().map(|item| flat(item)).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", flat(key), flat(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn substitute(node: &Rc<Node>, values: &Values, problems: &mut Vec<Problem>) -> Rc<Node> {
    match &node.kind {
        Kind::Null => Rc::clone(node),
        Kind::Scalar { text, .. } => match reference(text) {
            Reference::None => Rc::clone(node),
            Reference::Broken(message) => {
                problems.push(broken(node.span, message));
                Rc::clone(node)
            }
            Reference::Item(name) => match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => Rc::clone(value),
                None => {
                    let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
                    let mut problem =
                        Problem::error(node.span, format!("no case has a value `{name}`"));
                    if let Some(near) = nearest(&name, names) {
                        problem = problem.with_help(format!("did you mean `{near}`?"));
                    }
                    problems.push(problem);
                    Rc::clone(node)
                }
            },
        },
        Kind::List(items) => Rc::new(Node {
            span: node.span,
            kind: Kind::List(
                items
                    .iter()
                    .map(|item| substitute(item, values, problems))
                    .collect(),
            ),
        }),
        Kind::Map(entries) => Rc::new(Node {
            span: node.span,
            kind: Kind::Map(
                entries
                    .iter()
                    .filter(|(key, _)| key.text() != Some("cases"))
                    .map(|(key, value)| (Rc::clone(key), substitute(value, values, problems)))
                    .collect(),
            ),
        }),
    }
}

enum Reference {
    None,
    Item(String),
    Broken(&'static str),
}

/// What a scalar refers to.
fn reference(text: &str) -> Reference {
    let trimmed = text.trim();
    if !trimmed.contains("%{") {
        return Reference::None;
    }
    let inner = trimmed
        .strip_prefix("%{")
        .and_then(|rest| rest.strip_suffix('}'))
        .filter(|inner| !inner.contains("%{"));
    let Some(inner) = inner else {
        return Reference::Broken("a template is a whole value, with nothing before or behind it");
    };
    match inner.trim().strip_prefix("item.") {
        Some(name) if !name.is_empty() => Reference::Item(name.to_owned()),
        _ => Reference::Broken("a template is `%{ item.name }`"),
    }
}

fn broken(span: Span, message: &str) -> Problem {
    Problem::error(span, message).with_help("write `\"%{ item.name }\"`, and `name` below `cases`")
}

/// Templates in a test that has no cases.
fn forbid_templates(node: &Rc<Node>, problems: &mut Vec<Problem>) {
    match &node.kind {
        Kind::Scalar { text, .. } if !matches!(reference(text), Reference::None) => {
            problems.push(
                Problem::error(node.span, "a template in a test that has no `cases`")
                    .with_help("add `cases` with a value for it"),
            );
        }
        Kind::List(items) => items
            .iter()
            .for_each(|item| forbid_templates(item, problems)),
        Kind::Map(entries) => entries
            .iter()
            .for_each(|(_, value)| forbid_templates(value, problems)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> (Vec<String>, Vec<String>) {
        let root = crate::yaml::parse(0, text).unwrap().unwrap();
        let mut problems = Vec::new();
        let tests = expand(&root, &mut problems)
            .iter()
            .map(|instance| flat(&instance.node))
            .collect();
        (tests, problems.into_iter().map(|p| p.message).collect())
    }

    #[test]
    fn a_matrix_is_every_combination_and_a_vector_is_one() {
        let (tests, problems) = expanded(
            "a: \"%{ item.x }\"\nb: [\"%{item.y}\"]\ncases:\n- strategy: matrix\n  values: {x: [1, 2], y: [null, {}]}\n- strategy: vector\n  values: {x: 3, y: z}\n",
        );
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(
            tests,
            [
                "{a: 1, b: [null]}",
                "{a: 1, b: [{}]}",
                "{a: 2, b: [null]}",
                "{a: 2, b: [{}]}",
                "{a: 3, b: [z]}"
            ]
        );
    }

    #[test]
    fn what_cannot_be_put_in_is_named() {
        let (_, problems) = expanded("a: \"%{ item.x }\"\n");
        assert!(problems[0].contains("no `cases`"), "{problems:?}");
        let (_, problems) = expanded(
            "a: \"x %{ item.x }\"\nb: \"%{ item.xx }\"\ncases:\n- {strategy: vector, values: {x: 1}}\n- {strategy: vector, values: {y: 1}}\n- {strategy: matrix, values: {x: 1}}\n",
        );
        let all = problems.join("\n");
        assert!(all.contains("whole value"), "{all}");
        assert!(all.contains("no case has a value `xx`"), "{all}");
        assert!(all.contains("expected `x`, found `y`"), "{all}");
        assert!(all.contains("is a list of values"), "{all}");
    }
}
