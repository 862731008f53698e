//! `pmatch`: is a path one of a set, or below one? Whole components are compared, and a component
//! of the set may be a shell pattern. Slashes that follow each other count as one.

use hashbrown::HashMap;

use super::glob::{Glob, is_pattern};

/// No path is longer: the kernel's own limit. Bounds how deep the tree can be.
pub(crate) const MAX_LENGTH: usize = 4096;

/// A set of paths, as a tree of their components.
#[derive(Debug)]
pub(crate) struct PathPrefixes {
    /// The root first.
    levels: Vec<Level>,
}

#[derive(Debug, Default)]
struct Level {
    /// A path of the set ends here.
    end: bool,
    literals: HashMap<Box<[u8]>, usize, foldhash::fast::FixedState>,
    patterns: Vec<(Box<[u8]>, Glob, usize)>,
}

impl PathPrefixes {
    /// Paths longer than [`MAX_LENGTH`] are left out.
    pub(crate) fn new<'a>(paths: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut prefixes = Self {
            levels: vec![Level::default()],
        };
        for path in paths.into_iter().filter(|path| path.len() <= MAX_LENGTH) {
            let mut rest = path;
            let mut level = 0;
            let mut first = true;
            while let Some((component, after)) = next_component(rest, first) {
                level = prefixes.child(level, component);
                rest = after;
                first = false;
            }
            prefixes.levels[level].end |= !first;
        }
        prefixes
    }

    /// Whether a path is in the set or below a path of it.
    pub(crate) fn contains(&self, path: &[u8]) -> bool {
        self.contains_from(0, path, true)
    }

    fn child(&mut self, parent: usize, component: &[u8]) -> usize {
        let new = self.levels.len();
        let level = &mut self.levels[parent];
        let child = if is_pattern(component) {
            let known = level
                .patterns
                .iter()
                .find(|(text, ..)| **text == *component);
            known.map(|&(_, _, child)| child).unwrap_or_else(|| {
                level
                    .patterns
                    .push((component.into(), Glob::new(component, false), new));
                new
            })
        } else {
            *level.literals.entry(component.into()).or_insert(new)
        };
        if child == new {
            self.levels.push(Level::default());
        }
        child
    }

    fn contains_from(&self, mut level: usize, mut path: &[u8], mut first: bool) -> bool {
        loop {
            let Level {
                end,
                literals,
                patterns,
            } = &self.levels[level];
            if *end {
                return true;
            }
            let Some((component, rest)) = next_component(path, first) else {
                return false;
            };
            let below_pattern = patterns.iter().any(|(_, glob, child)| {
                glob.matches(component) && self.contains_from(*child, rest, false)
            });
            if below_pattern {
                return true;
            }
            let Some(&child) = literals.get(component) else {
                return false;
            };
            (level, path, first) = (child, rest, false);
        }
    }
}

/// The next component and what follows it. An absolute path begins with an empty component, so
/// that `var` and `/var` are different.
fn next_component(path: &[u8], first: bool) -> Option<(&[u8], &[u8])> {
    let slashes = path.iter().take_while(|&&byte| byte == b'/').count();
    if first && slashes > 0 {
        return Some((b"", &path[slashes..]));
    }
    let path = &path[slashes..];
    if path.is_empty() {
        return None;
    }
    let end = memchr::memchr(b'/', path).unwrap_or(path.len());
    Some((&path[..end], &path[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(prefixes: &[&str], path: &str) -> bool {
        PathPrefixes::new(prefixes.iter().map(|path| path.as_bytes())).contains(path.as_bytes())
    }

    #[test]
    fn components_are_compared_as_a_whole() {
        assert!(contains(&["/etc"], "/etc"));
        assert!(contains(&["/etc"], "/etc/"));
        assert!(contains(&["/etc/"], "/etc//passwd"));
        assert!(!contains(&["/etc"], "/etcetera"));
        assert!(!contains(&["/etc"], "etc/passwd"));
        assert!(contains(&["etc"], "etc/passwd"));
        assert!(!contains(&[""], "/etc"));
        assert!(!contains(&[], "/etc"));
        assert!(!contains(&["/"], ""));
    }

    #[test]
    fn every_pattern_is_tried() {
        let prefixes = ["/a/x/one", "/a/*/two", "/a/?/three"];
        assert!(contains(&prefixes, "/a/x/two"));
        assert!(contains(&prefixes, "/a/x/three/four"));
        assert!(!contains(&prefixes, "/a/xy/three"));
    }

    #[test]
    fn path_prefix_cases() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/conformance/language/functions.json"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("skipped: cannot read {path}");
            return;
        };
        let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
        for case in cases["path_prefix_search"].as_array().unwrap() {
            let prefixes = case["prefixes"].as_array().unwrap().iter();
            let prefixes: Vec<_> = prefixes.map(|prefix| prefix.as_str().unwrap()).collect();
            let path = case["path"].as_str().unwrap();
            assert_eq!(
                contains(&prefixes, path),
                case["match"].as_bool().unwrap(),
                "{path}"
            );
        }
    }
}
