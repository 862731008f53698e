//! A tree against the table.

use crate::capability::Capabilities;
use crate::diagnostic::{Problem, Span};
use crate::read::value;
use crate::schema::{Key, Object, Presence, Shape, TEST, Variant, Variants};
use crate::yaml::{Kind, Node};
use suggest::nearest;

/// Checks what surrounds the tests of a file, and what their cases look like.
pub(crate) fn around(root: &Node, problems: &mut Vec<Problem>) {
    for (key, _) in root.entries() {
        let name = key.text().unwrap_or_default();
        if name != "tests" {
            problems.push(unknown(key.span, name, ["tests"]));
        }
    }
    let cases = TEST.key("cases", None).map(|key| &key.shape);
    let tests = root
        .get("tests")
        .map(|list| list.list())
        .unwrap_or_default();
    for node in tests.iter().filter_map(|test| test.get("cases")) {
        if let (Some(cases), false) = (cases, node.is_null()) {
            shape(node, cases, problems);
        }
    }
}

/// Checks a test whose templates were replaced.
pub(crate) fn test(node: &Node, problems: &mut Vec<Problem>) {
    object(node, &TEST, problems);
}

/// Checks a mapping and all below it; says what is wrong.
pub(crate) fn object(node: &Node, object: &Object, problems: &mut Vec<Problem>) {
    let Kind::Map(_) = node.kind else {
        problems.push(mismatch(node, "a mapping"));
        return;
    };
    let mut chain = vec![object];
    let mut complete = true;
    // The keys of a variant may depend on the value of one of them in turn.
    while let Some(variants) = chain.last().and_then(|last| last.variants.as_ref()) {
        match chosen(node, variants, problems) {
            Some(variant) => chain.push(&variant.object),
            None => {
                complete = false;
                break;
            }
        }
    }
    let known: Vec<&Key> = chain.iter().flat_map(|object| object.keys).collect();
    let tags: Vec<&Variants> = chain
        .iter()
        .filter_map(|object| object.variants.as_ref())
        .collect();
    for key in &known {
        match node.get(key.name) {
            Some(value) if !value.is_null() => shape(value, &key.shape, problems),
            Some(value) if key.presence == Presence::Required => {
                problems.push(mismatch(value, &key.shape.describe()));
            }
            None if key.presence == Presence::Required => {
                let span = start(node);
                let label = format!("expected {}", key.shape.describe());
                problems.push(
                    Problem::error(span, format!("`{}` is missing", key.name))
                        .with_label(label)
                        .with_help(key.does),
                );
            }
            _ => {}
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for (key, _) in node.entries() {
        let Some(name) = key.text() else {
            problems.push(mismatch(key, "the name of a key"));
            continue;
        };
        if seen.contains(&name) {
            problems.push(Problem::error(key.span, format!("`{name}` stands twice")));
            continue;
        }
        seen.push(name);
        if known.iter().any(|key| key.name == name) || tags.iter().any(|tag| tag.tag == name) {
            continue;
        }
        if tags.iter().any(|tag| belongs_elsewhere(tag, name)) {
            let message = format!("`{name}` has no effect here");
            let help = "it belongs to another kind of the same thing";
            problems.push(Problem::warning(key.span, message).with_help(help));
        } else if complete {
            let names = known
                .iter()
                .map(|key| key.name)
                .chain(tags.iter().map(|tag| tag.tag));
            problems.push(unknown(key.span, name, names));
        }
    }
}

/// The variant that a mapping chooses; says what is wrong when there is none.
fn chosen(
    node: &Node,
    variants: &Variants,
    problems: &mut Vec<Problem>,
) -> Option<&'static Variant> {
    let names = || variants.list.iter().map(|variant| variant.name);
    let listed = || {
        names()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let Some(value) = node.get(variants.tag) else {
        problems.push(
            Problem::error(start(node), format!("`{}` is missing", variants.tag))
                .with_help(format!("it is one of {}", listed())),
        );
        return None;
    };
    let Some(text) = value.text() else {
        problems.push(mismatch(value, &format!("one of {}", listed())));
        return None;
    };
    let variant = variants.find(text);
    if variant.is_none() {
        let problem = Problem::error(value.span, format!("`{text}` is no {}", variants.tag));
        problems.push(match nearest(text, names()) {
            Some(near) => problem.with_help(format!("did you mean `{near}`?")),
            None => problem.with_help(format!("it is one of {}", listed())),
        });
    }
    variant
}

/// Whether some other variant has a key of this name.
fn belongs_elsewhere(variants: &Variants, name: &str) -> bool {
    variants.list.iter().any(|variant| {
        variant.object.keys.iter().any(|key| key.name == name)
            || variant
                .object
                .variants
                .as_ref()
                .is_some_and(|inner| belongs_elsewhere(inner, name))
    })
}

fn shape(node: &Node, shape: &Shape, problems: &mut Vec<Problem>) {
    match shape {
        Shape::Object(inner) => object(node, inner, problems),
        Shape::List(inner) => match &node.kind {
            Kind::List(items) => {
                for item in items {
                    self::shape(item, inner, problems);
                }
            }
            _ => problems.push(mismatch(node, "a list")),
        },
        Shape::Strings => match &node.kind {
            Kind::List(items) => {
                for item in items.iter().filter(|item| item.text().is_none()) {
                    problems.push(mismatch(item, "text"));
                }
            }
            _ => problems.push(mismatch(node, "a list of texts")),
        },
        Shape::Texts => texts(node, problems),
        Shape::Values => match &node.kind {
            Kind::Map(entries) if !entries.is_empty() => {}
            _ => problems.push(mismatch(node, "names with values, at least one")),
        },
        Shape::Count => count(node, problems),
        _ => scalar(node, shape, problems),
    }
}

fn texts(node: &Node, problems: &mut Vec<Problem>) {
    let Kind::Map(entries) = &node.kind else {
        problems.push(mismatch(node, "names with texts"));
        return;
    };
    for (key, value) in entries {
        if value.text().is_none() {
            problems.push(mismatch(value, "text"));
        }
        let name = key.text().unwrap_or_default();
        if name.is_empty() || name.contains('\0') {
            problems.push(mismatch(key, "a name"));
        }
    }
}

fn count(node: &Node, problems: &mut Vec<Problem>) {
    let number = |node: &Node| node.text().and_then(|text| text.parse::<u64>().ok());
    let Kind::Map(entries) = &node.kind else {
        if number(node).is_none() {
            problems.push(mismatch(node, &Shape::Count.describe()));
        }
        return;
    };
    for (key, value) in entries {
        let name = key.text().unwrap_or_default();
        if !matches!(name, "min" | "max") {
            problems.push(unknown(key.span, name, ["min", "max"]));
        } else if number(value).is_none() {
            problems.push(mismatch(value, "a number"));
        }
    }
    let bound = |name| node.get(name).and_then(|value| number(value));
    if let (Some(min), Some(max)) = (bound("min"), bound("max"))
        && min > max
    {
        problems.push(Problem::error(node.span, "`min` is more than `max`"));
    }
}

fn scalar(node: &Node, shape: &Shape, problems: &mut Vec<Problem>) {
    let Some(text) = node.text() else {
        problems.push(mismatch(node, &shape.describe()));
        return;
    };
    if shape.takes_binding() && text.trim_start().starts_with("${") {
        return; // Looked at when all names are known.
    }
    let wrong = match shape {
        Shape::AnyText => None,
        Shape::Text if text.is_empty() => Some("it must not be empty".to_owned()),
        Shape::Text => None,
        Shape::Name if text.is_empty() || text.contains('/') || text.contains('\0') => {
            Some("a name is not empty and has no `/`".to_owned())
        }
        Shape::Name => None,
        Shape::Bool if !matches!(text, "true" | "false") => Some("it is true or false".to_owned()),
        Shape::Bool => None,
        Shape::Duration => value::duration(text).err(),
        Shape::OneOf(names) if !names.iter().any(|(name, _)| *name == text) => {
            let names = names.iter().map(|(name, _)| *name);
            Some(match nearest(text, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
                    format!("it is one of {}", names.join(", "))
                }
            })
        }
        Shape::OneOf(_) => None,
        Shape::Priority => crate::outcome::priority_rank(text)
            .is_none()
            .then(|| format!("priorities are {}", crate::outcome::PRIORITIES.join(", "))),
        Shape::Errno => value::errnos(text).err(),
        Shape::CommandLine => crate::arguments::split(text)
            .err()
            .map(|quote| format!("the quote {quote} is never closed")),
        Shape::Capabilities => Capabilities::parse(text).err(),
        _ => value::argument(text, shape).err(),
    };
    if let Some(help) = wrong {
        let message = format!("expected {}, found `{}`", shape.describe(), shortened(text));
        problems.push(Problem::error(node.span, message).with_help(help));
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 {
        return text.to_owned();
    }
    text.chars().take(37).chain("...".chars()).collect()
}

fn mismatch(node: &Node, expected: &str) -> Problem {
    Problem::error(
        node.span,
        format!("expected {expected}, found {}", node.describe()),
    )
}

fn unknown<'a>(span: Span, name: &str, names: impl IntoIterator<Item = &'a str>) -> Problem {
    let names: Vec<&str> = names.into_iter().collect();
    let problem = Problem::error(span, format!("unknown key `{name}`"));
    match nearest(name, names.iter().copied()) {
        Some(near) => problem.with_help(format!("did you mean `{near}`?")),
        None if names.is_empty() => problem.with_help("it takes no keys"),
        None => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            problem.with_help(format!("the keys here are {}", names.join(", ")))
        }
    }
}

/// Where a mapping begins.
fn start(node: &Node) -> Span {
    node.entries()
        .first()
        .map_or(node.span, |(key, _)| key.span)
}
