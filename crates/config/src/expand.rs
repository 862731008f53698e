//! `${VARIABLE}` in values.
//!
//! What takes its place is scanned again. `$${X}` stands for a literal `${X}`. A bare `$X` is left
//! alone, and so is an opening `${` without an end. Keys are never expanded.

use crate::node::{Node, Value};

/// How deep variables may refer to variables, so that one that names itself comes to an end.
const MAX_DEPTH: usize = 16;

/// Expands every text of the tree.
pub(crate) fn expand(node: &mut Node, variable: &dyn Fn(&str) -> Option<String>) {
    match &mut node.value {
        Value::String(text) if text.contains('$') => *text = expand_text(text, variable, 0),
        Value::List(nodes) => nodes.iter_mut().for_each(|node| expand(node, variable)),
        Value::Map(entries) => entries
            .iter_mut()
            .for_each(|(_, node)| expand(node, variable)),
        _ => {}
    }
}

fn expand_text(text: &str, variable: &dyn Fn(&str) -> Option<String>, depth: usize) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        if let Some(literal) = tail.strip_prefix("$${") {
            // The name of a literal may itself hold variables: `$${${V}}` is `${value}`.
            let end = closing_brace(literal);
            let inner = literal.get(..end).unwrap_or(literal);
            out.push_str("${");
            out.push_str(&expand_text(inner, variable, depth));
            rest = literal.get(end..).unwrap_or_default();
            continue;
        }
        let Some(name_and_rest) = tail.strip_prefix("${") else {
            out.push('$');
            rest = &tail[1..];
            continue;
        };
        let Some(end) = name_and_rest.find('}') else {
            out.push_str(tail);
            return out;
        };
        let value = variable(&name_and_rest[..end]).unwrap_or_default();
        if depth < MAX_DEPTH {
            out.push_str(&expand_text(&value, variable, depth + 1));
        } else {
            out.push_str(&value);
        }
        rest = &name_and_rest[end + 1..];
    }
    out.push_str(rest);
    out
}

/// Where the brace that ends a literal stands, counting nested ones; the end of the text if none.
fn closing_brace(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expansion_follows_the_table() {
        let env = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "B" => Some("x${A}y".to_owned()),
            "LOOP" => Some("${LOOP}".to_owned()),
            "V" => Some("value".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("plain", "plain"),
            ("${A}", "1"),
            ("a${A}b${A}c", "a1b1c"),
            ("${B}", "x1y"),
            ("${NONE}", ""),
            ("$${A}", "${A}"),
            ("$${${V}}", "${value}"),
            ("$A", "$A"),
            ("${A", "${A"),
            ("$", "$"),
            ("100$ and ${A}", "100$ and 1"),
        ] {
            assert_eq!(expand_text(text, &env, 0), expected, "{text}");
        }
        assert_eq!(expand_text("${LOOP}", &env, 0), "${LOOP}");
    }
}
