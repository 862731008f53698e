//! Which rules are switched on: `rules:` of the configuration, and the older `-D`, `-t`, `-T`.

use std::collections::BTreeSet;

/// Which rules an entry is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pick {
    /// All.
    All,
    /// Those of this name, in which `*` stands for any text.
    Name(String),
    /// Those with this in their name.
    Substring(String),
    /// Those with this tag.
    Tag(String),
}

impl Pick {
    /// Whether a rule is meant.
    pub fn picks(&self, name: &str, tags: &BTreeSet<String>) -> bool {
        match self {
            Self::All => true,
            Self::Name(pattern) => matches_wildcard(pattern, name),
            Self::Substring(part) => name.contains(part),
            Self::Tag(tag) => tags.contains(tag),
        }
    }
}

/// One entry: switches rules on or off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    /// On or off.
    pub enable: bool,
    /// Which rules.
    pub pick: Pick,
}

impl Selection {
    /// Only rules with one of these tags (`-t`).
    pub fn only_tags(tags: impl IntoIterator<Item = String>) -> Vec<Self> {
        let tags = tags.into_iter().map(|tag| Self {
            enable: true,
            pick: Pick::Tag(tag),
        });
        std::iter::once(Self {
            enable: false,
            pick: Pick::All,
        })
        .chain(tags)
        .collect()
    }
}

/// Whether a name matches a pattern in which `*` stands for any text.
fn matches_wildcard(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else {
            return false;
        };
        name = name.get(at + part.len()..).unwrap_or_default();
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_text() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "Write below etc", true),
            ("Write*", "Write below etc", true),
            ("*etc", "Write below etc", true),
            ("W*b*c", "Write below etc", true),
            ("W*bb*c", "Write below etc", false),
            ("Write", "Write below etc", false),
            ("Write below etc", "Write below etc", true),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("**", "abc", true),
        ] {
            assert_eq!(
                matches_wildcard(pattern, name),
                expected,
                "{pattern} {name}"
            );
        }
    }
}
