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
    /// How the first components of absolute paths of the set may begin, a bit of [`beginning`] each.
    beginnings: [u64; 4],
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
            beginnings: [0; 4],
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
        prefixes.beginnings = prefixes.beginnings();
        prefixes
    }

    /// All of them where a path of the set is not absolute, is the root, or begins with a pattern.
    fn beginnings(&self) -> [u64; 4] {
        let root = &self.levels[0];
        let top = root.literals.get(&b""[..]).map(|&top| &self.levels[top]);
        let all = [u64::MAX; 4];
        let Some(top) = top else {
            return if root.literals.is_empty() && root.patterns.is_empty() {
                [0; 4]
            } else {
                all
            };
        };
        if root.literals.len() > 1 || !root.patterns.is_empty() || root.end {
            return all;
        }
        if top.end || !top.patterns.is_empty() {
            return all;
        }
        let mut beginnings = [0; 4];
        for component in top.literals.keys() {
            let bit = beginning(component);
            beginnings[bit / 64] |= 1 << (bit % 64);
        }
        beginnings
    }

    /// Whether a path is in the set or below a path of it.
    pub(crate) fn contains(&self, path: &[u8]) -> bool {
        // Most paths are told apart by two bytes.
        if let [b'/', component @ ..] = path
            && component.first() != Some(&b'/')
        {
            let bit = beginning(component);
            if self.beginnings[bit / 64] >> (bit % 64) & 1 == 0 {
                return false;
            }
        }
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

/// A number below 256 for the first two bytes of a component; what follows it is not looked at.
fn beginning(component: &[u8]) -> usize {
    let byte = |at: usize| match component.get(at) {
        None | Some(b'/') => 0,
        Some(&byte) => usize::from(byte),
    };
    let first = byte(0);
    let second = if first == 0 { 0 } else { byte(1) };
    (first * 37 + second) % 256
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

    proptest::proptest! {
        #[test]
        fn what_is_ruled_out_by_its_beginning_is_not_there(
            paths in proptest::collection::vec("(/{0,2}[ab*?.]{0,2}){0,3}", 0..5),
            path in "(/{0,2}[ab.]{0,2}){0,4}",
        ) {
            let prefixes = PathPrefixes::new(paths.iter().map(|path| path.as_bytes()));
            let path = path.as_bytes();
            proptest::prop_assert_eq!(
                prefixes.contains(path),
                prefixes.contains_from(0, path, true)
            );
        }
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
