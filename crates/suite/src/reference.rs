//! The table as one document.

use std::fmt::Write;

use crate::schema::{Key, Object, Presence, ROOT, Shape};

/// Everything that a suite file may say, in Markdown: a section for each mapping.
pub fn reference() -> String {
    let mut out = String::new();
    section(&mut out, "A suite file", "", &ROOT, &[]);
    out
}

fn section(out: &mut String, title: &str, does: &str, object: &Object, exposes: &[&str]) {
    if !object.keys.is_empty() || !exposes.is_empty() || object.variants.is_none() {
        let _ = writeln!(out, "### {title}\n");
        if !does.is_empty() {
            let _ = writeln!(out, "{does}\n");
        }
    }
    if !object.keys.is_empty() {
        out.push_str("| key | value | without it | meaning |\n|---|---|---|---|\n");
        for key in object.keys {
            row(out, key);
        }
        out.push('\n');
    }
    if !exposes.is_empty() {
        let names: Vec<String> = exposes.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(out, "Exposes {}.\n", names.join(", "));
    }
    for key in object.keys {
        if let Shape::Object(inner) | Shape::List(Shape::Object(inner)) = &key.shape {
            section(
                out,
                &format!("`{}` of {}", key.name, lower(title)),
                "",
                inner,
                &[],
            );
        }
    }
    let Some(variants) = &object.variants else {
        return;
    };
    if variants.list.iter().any(|variant| variant.call.is_some()) {
        calls(out);
        return;
    }
    for variant in variants.list {
        let mark = if variant.ours { " ⁺" } else { "" };
        let title = format!("`{}: {}`{mark}", variants.tag, variant.name);
        section(out, &title, variant.does, &variant.object, variant.exposes);
    }
}

/// A title inside another.
fn lower(title: &str) -> String {
    match title.strip_prefix("A ") {
        Some(rest) => format!("a {rest}"),
        None => title.to_owned(),
    }
}

fn row(out: &mut String, key: &Key) {
    let without = match key.presence {
        Presence::Required => "required".to_owned(),
        Presence::Optional(means) => means.to_owned(),
        Presence::Default("") => "nothing".to_owned(),
        Presence::Default(text) => format!("`{text}`"),
    };
    let mark = if key.ours { " ⁺" } else { "" };
    let cell = |text: &str| text.replace('|', "\\|");
    let _ = writeln!(
        out,
        "| `{}`{mark} | {} | {} | {} |",
        key.name,
        cell(&key.shape.describe()),
        cell(&without),
        cell(key.does)
    );
}

/// One line for each system call.
fn calls(out: &mut String) {
    out.push_str("### System calls\n\nArguments in parentheses may be left out.\n\n| call | does | arguments | exposes |\n|---|---|---|---|\n");
    for call in crate::schema::CALLS {
        let keys = match call.object.keys.first().map(|key| &key.shape) {
            Some(Shape::Object(object)) => object.keys,
            _ => &[],
        };
        let arguments: Vec<String> = keys
            .iter()
            .map(|key| match key.presence {
                Presence::Required => format!("`{}`", key.name),
                _ => format!("(`{}`)", key.name),
            })
            .collect();
        let mark = if call.ours { " ⁺" } else { "" };
        let _ = writeln!(
            out,
            "| `{}`{mark} | {} | {} | {} |",
            call.name,
            call.does,
            arguments.join(" "),
            if call.exposes.is_empty() {
                "arguments"
            } else {
                "arguments, `ret`"
            }
        );
    }
    out.push('\n');
}
