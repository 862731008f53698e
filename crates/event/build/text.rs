//! Reading the tables, and small pieces of Rust text.

use std::fs;
use std::path::Path;

/// The lines of a table that say something, with comments and blank lines left out.
pub(crate) fn rows(name: &str) -> Vec<String> {
    let path = Path::new("table").join(name);
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(&path)
        .unwrap_or_else(|err| panic!("failed to read {}: {err}", path.display()))
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// A heading of a table and the rows below it, as words.
pub(crate) type Section = (String, Vec<Vec<String>>);

/// `table NAME` / `list NAME` headings followed by their rows.
pub(crate) fn sections(name: &str, keyword: &str) -> Vec<Section> {
    let mut out: Vec<Section> = Vec::new();
    for line in rows(name) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if words[0] == keyword {
            out.push((words[1].clone(), Vec::new()));
        } else {
            out.last_mut().expect("a heading comes first").1.push(words);
        }
    }
    out
}

/// `SOME_NAME` or `some_name` as `SomeName`.
pub(crate) fn pascal(ident: &str) -> String {
    let mut out = String::new();
    for word in ident.split('_') {
        let mut chars = word.chars();
        if let Some(first) = chars.next() {
            out.push(first.to_ascii_uppercase());
            out.extend(chars.map(|c| c.to_ascii_lowercase()));
        }
    }
    out
}

/// Comma-separated flag names as an expression of the bit set type `ty`.
pub(crate) fn bits(flags: &str, ty: &str) -> String {
    if flags == "-" {
        return format!("{ty}::NONE");
    }
    let parts: Vec<String> = flags
        .split(',')
        .map(|flag| format!("{ty}::{flag}.bits()"))
        .collect();
    format!("{ty}::from_bits({})", parts.join(" | "))
}

/// The parts of a comma-separated word; none for `-`.
pub(crate) fn list(word: &str) -> Vec<&str> {
    if word == "-" {
        Vec::new()
    } else {
        word.split(',').collect()
    }
}
