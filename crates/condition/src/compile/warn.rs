//! Constants that may not be what was meant.

use super::error::WarningKind;
use crate::ast::{OperandKind, Operator};
use crate::context::Catalog;
use crate::parse::{ParseOptions, parse_operand};

/// What is suspicious about a text that a field is compared with.
pub(super) fn constant(bytes: &[u8], catalog: &dyn Catalog) -> Option<WarningKind> {
    let text = std::str::from_utf8(bytes).ok()?;
    if catalog.is_field_name(text) {
        return Some(WarningKind::ConstantLooksLikeField(text.to_owned()));
    }
    let looks_like = |text: &str, call: bool| {
        parse_operand(text, ParseOptions::default()).is_ok_and(|(operand, length)| {
            length == text.len() && matches!(operand.kind, OperandKind::Call(_)) == call
        })
    };
    let inner = text
        .strip_prefix("val(")
        .and_then(|rest| rest.strip_suffix(')'));
    let transformer = looks_like(text, true) || inner.is_some_and(|inner| looks_like(inner, false));
    transformer.then(|| WarningKind::ConstantLooksLikeTransformer(text.to_owned()))
}

/// Whether a regular expression is only a literal text, perhaps with something before and after
/// it that matches anything.
pub(super) fn regex(pattern: &str) -> Option<WarningKind> {
    let mut literal = pattern.strip_prefix('^').unwrap_or(pattern);
    literal = literal.strip_suffix('$').unwrap_or(literal);
    // What matches anything, as the shell patterns that together do the same.
    let any = [(".*", &["*"][..]), (".+", &["?*"]), (".?", &["", "?"])];
    let before = any.iter().find(|(any, _)| literal.starts_with(any));
    literal = before.map_or(literal, |(any, _)| &literal[any.len()..]);
    let after = any.iter().find(|(any, _)| literal.ends_with(any));
    literal = after.map_or(literal, |(any, _)| &literal[..literal.len() - any.len()]);
    let meta = |char| {
        matches!(
            char,
            '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '|' | '[' | ']'
        ) || matches!(char, '{' | '}' | '^' | '$')
    };
    if literal.is_empty() || literal.contains(meta) {
        return None;
    }
    let (before, after) = (
        before.map_or(&[""][..], |any| any.1),
        after.map_or(&[""][..], |any| any.1),
    );
    let (operator, value) = match (before, after) {
        ([""], [""]) => (Operator::Eq, literal.to_owned()),
        (["*"], ["*"]) => (Operator::Contains, literal.to_owned()),
        ([""], ["*"]) => (Operator::StartsWith, literal.to_owned()),
        (["*"], [""]) => (Operator::EndsWith, literal.to_owned()),
        ([before], [after]) => (Operator::Glob, format!("{before}{literal}{after}")),
        _ => {
            let globs = before.iter().flat_map(|before| {
                after
                    .iter()
                    .map(move |after| format!("{before}{literal}{after}"))
            });
            (
                Operator::Glob,
                format!("anyof ({})", globs.collect::<Vec<_>>().join(", ")),
            )
        }
    };
    Some(WarningKind::RegexIsSimple {
        pattern: pattern.to_owned(),
        operator,
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instead(pattern: &str) -> Option<String> {
        let Some(WarningKind::RegexIsSimple {
            operator, value, ..
        }) = regex(pattern)
        else {
            return None;
        };
        Some(format!("{operator} {value}"))
    }

    #[test]
    fn the_cheapest_operator_is_suggested() {
        assert_eq!(instead("^a/b$").as_deref(), Some("= a/b"));
        assert_eq!(instead(".*a").as_deref(), Some("endswith a"));
        assert_eq!(instead("a.*").as_deref(), Some("startswith a"));
        assert_eq!(instead("^.*a.*$").as_deref(), Some("contains a"));
        assert_eq!(instead("a.+").as_deref(), Some("glob a?*"));
        assert_eq!(instead(".?a").as_deref(), Some("glob anyof (a, ?a)"));
        assert_eq!(instead(".*"), None);
        assert_eq!(instead("a.b"), None);
        assert_eq!(instead(r"a\.*"), None);
    }
}
