//! The table as documentation.

use std::fmt::Write;

use crate::schema::{Key, Object, Presence, ROOT, Shape, Variant, Variants};
use suggest::nearest;

/// How documentation looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people.
    Text,
    /// One YAML document.
    Yaml,
}

/// A path that leads nowhere; the text says where it ends and what is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownPath(pub String);

impl std::fmt::Display for UnknownPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownPath {}

/// Where a path leads.
struct Place {
    path: String,
    does: &'static str,
    key: Option<&'static Key>,
    object: Option<&'static Object>,
    variant: Option<&'static Variant>,
}

/// Documents the key at `path`, such as `tests.steps{type=syscall}{syscall=openat2}.args.how`; the
/// whole file for an empty path. `with` gives values for keys that decide, in place of braces.
///
/// # Errors
/// When the path leads nowhere.
pub fn explain(
    path: &str,
    with: &[(String, String)],
    format: Format,
) -> Result<String, UnknownPath> {
    let place = find(path, with)?;
    Ok(match format {
        Format::Text => text(&place),
        Format::Yaml => yaml(&place),
    })
}

fn find(path: &str, with: &[(String, String)]) -> Result<Place, UnknownPath> {
    let mut place = Place {
        path: String::new(),
        does: "A suite: tests, each of which does something and says which alerts have to come of it.",
        key: None,
        object: Some(&ROOT),
        variant: None,
    };
    // Names of the levels above, which a variant keeps.
    let mut outer: Vec<&'static Object> = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (name, choices) = part.split_once('{').unwrap_or((part, ""));
        apply(&mut place, &mut outer, with);
        let objects: Vec<&'static Object> = outer.iter().copied().chain(place.object).collect();
        let found = objects
            .iter()
            .find_map(|object| object.keys.iter().find(|key| key.name == name));
        let Some(key) = found else {
            return Err(unknown(&place, name, &objects));
        };
        outer.clear();
        place.path = format!(
            "{}{}{name}",
            place.path,
            if place.path.is_empty() { "" } else { "." }
        );
        place.does = key.does;
        place.key = Some(key);
        place.variant = None;
        place.object = match &key.shape {
            Shape::Object(object) | Shape::List(Shape::Object(object)) => Some(object),
            _ => None,
        };
        for choice in choices
            .split('{')
            .map(|choice| choice.trim_end_matches('}'))
            .filter(|c| !c.is_empty())
        {
            let Some((tag, value)) = choice.split_once('=') else {
                return Err(UnknownPath(format!("`{{{choice}}}` is not {{key=value}}")));
            };
            choose(&mut place, &mut outer, tag, value)?;
        }
    }
    apply(&mut place, &mut outer, with);
    Ok(place)
}

/// Makes the choices that `with` has for what is still open.
fn apply(place: &mut Place, outer: &mut Vec<&'static Object>, with: &[(String, String)]) {
    while let Some(variants) = place.object.and_then(|object| object.variants.as_ref()) {
        let Some((tag, value)) = with.iter().find(|(tag, _)| tag == variants.tag) else {
            return;
        };
        if choose(place, outer, tag, value).is_err() {
            return;
        }
    }
}

fn choose(
    place: &mut Place,
    outer: &mut Vec<&'static Object>,
    tag: &str,
    value: &str,
) -> Result<(), UnknownPath> {
    let variants: Option<&'static Variants> =
        place.object.and_then(|object| object.variants.as_ref());
    let Some(variants) = variants.filter(|variants| variants.tag == tag) else {
        return Err(UnknownPath(match variants {
            Some(variants) => format!(
                "`{}` is chosen by `{}`, not by `{tag}`",
                place.path, variants.tag
            ),
            None => format!("`{}` has nothing to choose by `{tag}`", place.path),
        }));
    };
    let Some(variant) = variants.find(value) else {
        let names: Vec<&str> = variants.list.iter().map(|variant| variant.name).collect();
        return Err(UnknownPath(match nearest(value, names.iter().copied()) {
            Some(near) => format!("`{value}` is no {tag}; did you mean `{near}`?"),
            None => format!("`{value}` is no {tag}; there are {}", names.join(", ")),
        }));
    };
    outer.extend(place.object);
    place.path = format!("{}{{{tag}={value}}}", place.path);
    place.does = variant.does;
    place.variant = Some(variant);
    place.object = Some(&variant.object);
    Ok(())
}

fn unknown(place: &Place, name: &str, objects: &[&'static Object]) -> UnknownPath {
    let keys: Vec<&str> = objects
        .iter()
        .flat_map(|object| object.keys.iter().map(|key| key.name))
        .collect();
    let at = if place.path.is_empty() {
        "a suite".to_owned()
    } else {
        format!("`{}`", place.path)
    };
    let mut text = format!("{at} has no key `{name}`");
    if let Some(near) = nearest(name, keys.iter().copied()) {
        let _ = write!(text, "; did you mean `{near}`?");
    } else if let Some(variants) = place.object.and_then(|object| object.variants.as_ref()) {
        let _ = write!(text, "; choose with {{{}=…}}", variants.tag);
    } else if !keys.is_empty() {
        let _ = write!(text, "; it has {}", keys.join(", "));
    }
    UnknownPath(text)
}

fn text(place: &Place) -> String {
    let mut out = String::new();
    if !place.path.is_empty() {
        let _ = writeln!(out, "{}\n", place.path);
    }
    let _ = writeln!(out, "{}", place.does);
    if let Some(key) = place.key.filter(|_| place.variant.is_none()) {
        let _ = writeln!(out, "\n{}", facts(key));
        if let Shape::OneOf(names) = &key.shape {
            out.push('\n');
            for (name, does) in *names {
                let _ = writeln!(out, "  {name:<14} {does}");
            }
        }
        if let Shape::Flags(names) | Shape::Choice(names) = &key.shape {
            out.push('\n');
            for (name, number) in names.list {
                let _ = writeln!(out, "  {name:<32} {number:#x}");
            }
        }
    }
    if let Some(object) = place.object.filter(|object| !object.keys.is_empty()) {
        out.push_str("\nkeys:\n");
        for key in object.keys {
            let _ = writeln!(
                out,
                "  {:<16} {}\n  {:<16} ({})",
                key.name,
                key.does,
                "",
                facts(key)
            );
        }
    }
    if let Some(variants) = place.object.and_then(|object| object.variants.as_ref()) {
        let _ = writeln!(out, "\nby `{}`: {}", variants.tag, variants.does);
        for variant in variants.list {
            let mark = if variant.ours { "; ours" } else { "" };
            let _ = writeln!(out, "  {:<16} {}{mark}", variant.name, variant.does);
        }
    }
    let exposes = place
        .variant
        .map(|variant| variant.exposes)
        .unwrap_or_default();
    if !exposes.is_empty() {
        let _ = writeln!(out, "\nexposes: {}", exposes.join(", "));
    }
    out
}

/// Type, whether it may be left out, and whether it is ours.
fn facts(key: &Key) -> String {
    let presence = match key.presence {
        Presence::Required => "required".to_owned(),
        Presence::Optional(means) => format!("without it: {means}"),
        Presence::Default("") => "without it: nothing".to_owned(),
        Presence::Default(text) => format!("without it: {text}"),
    };
    let mark = if key.ours { "; ours" } else { "" };
    format!("{}; {presence}{mark}", key.shape.describe())
}

fn yaml(place: &Place) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = String::new();
    let _ = writeln!(out, "path: {}", quoted(&place.path));
    let _ = writeln!(out, "description: {}", quoted(place.does));
    if let Some(key) = place.key.filter(|_| place.variant.is_none()) {
        yaml_facts(&mut out, "", key);
    }
    if let Some(object) = place.object.filter(|object| !object.keys.is_empty()) {
        out.push_str("keys:\n");
        for key in object.keys {
            let _ = writeln!(
                out,
                "  {}:\n    description: {}",
                key.name,
                quoted(key.does)
            );
            yaml_facts(&mut out, "    ", key);
        }
    }
    if let Some(variants) = place.object.and_then(|object| object.variants.as_ref()) {
        let _ = writeln!(out, "chosenBy: {}\nvariants:", variants.tag);
        for variant in variants.list {
            let _ = writeln!(out, "  {}: {}", variant.name, quoted(variant.does));
        }
    }
    let exposes = place
        .variant
        .map(|variant| variant.exposes)
        .unwrap_or_default();
    if !exposes.is_empty() {
        let _ = writeln!(out, "exposes: [{}]", exposes.join(", "));
    }
    out
}

fn yaml_facts(out: &mut String, indent: &str, key: &Key) {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let _ = writeln!(out, "{indent}type: {}", quoted(&key.shape.describe()));
    let _ = writeln!(
        out,
        "{indent}required: {}",
        key.presence == Presence::Required
    );
    match key.presence {
        Presence::Required => {}
        Presence::Optional(means) | Presence::Default(means) => {
            let _ = writeln!(out, "{indent}default: {}", quoted(means));
        }
    }
    if key.ours {
        let _ = writeln!(out, "{indent}extension: true");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_through_what_is_chosen() {
        let path = "tests.steps{type=syscall}{syscall=openat2}.args.how";
        let text = explain(path, &[], Format::Text).unwrap();
        assert!(text.contains("resolve"), "{text}");
        let with = [
            ("type".to_owned(), "syscall".to_owned()),
            ("syscall".to_owned(), "openat2".to_owned()),
        ];
        let other = explain("tests.steps.args.how", &with, Format::Text).unwrap();
        assert_eq!(text, other);
        let flags = explain(&format!("{path}.flags"), &[], Format::Text).unwrap();
        assert!(flags.contains("O_CREAT"), "{flags}");
        let yaml = explain("tests.expectedOutcome", &[], Format::Yaml).unwrap();
        assert!(yaml.contains("\n  priority:\n"), "{yaml}");
        assert!(crate::yaml::parse(0, &yaml).is_ok(), "{yaml}");
    }

    #[test]
    fn a_path_that_leads_nowhere_says_where_it_ends() {
        let error = |path: &str| explain(path, &[], Format::Text).unwrap_err().0;
        assert!(error("tests.setps").contains("did you mean `steps`"));
        assert!(error("tests.steps.args").contains("{type=…}"));
        assert!(error("tests.steps{type=x}").contains("no type"));
        assert!(error("tests.steps{x}").contains("{key=value}"));
        assert!(error("tests.name{type=x}").contains("nothing to choose"));
    }
}
