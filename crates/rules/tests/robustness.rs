//! Whatever a rules file holds, loading it ends, and does not panic.

mod common;

use proptest::prelude::*;
use rules::{EventSource, Settings, Source, describe, load, report};

fn try_all(texts: &[String]) {
    let files: Vec<Source> = texts
        .iter()
        .map(|text| Source {
            name: "x".to_owned(),
            text: text.clone(),
        })
        .collect();
    let loaded = load(files, vec![EventSource::syscall()], &Settings::default());
    let human = report::human(&loaded, false);
    assert_eq!(
        loaded.ruleset.is_none(),
        loaded.diagnostics.iter().any(|found| found.is_error())
    );
    assert_eq!(human.is_empty(), loaded.diagnostics.is_empty());
    report::human(&loaded, true);
    report::json(&loaded);
    for (file, source) in loaded.files.iter() {
        report::text(&loaded, file, true);
        for found in loaded
            .diagnostics
            .iter()
            .filter(|found| found.file() == file)
        {
            assert!(found.span.end as usize <= source.text.len(), "{found:?}");
            assert!(found.span.start <= found.span.end, "{found:?}");
        }
    }
    describe::json(&loaded, None);
    describe::text(&loaded, None);
}

/// Pieces that rules files are made of, so that the parser gets somewhere.
const PIECES: &[&str] = &[
    "- ",
    "rule",
    "macro",
    "list",
    "items",
    "condition",
    "output",
    "desc",
    "priority",
    "override",
    "append",
    "exceptions",
    "fields",
    "comps",
    "values",
    "name",
    "enabled",
    "tags",
    "source",
    ": ",
    ":",
    "\n",
    "\n  ",
    "\n    ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "\"",
    "'",
    "\\",
    "|\n",
    ">\n",
    "# x\n",
    "&a ",
    "*a",
    "<<: *a",
    "---\n",
    "...\n",
    "evt.type",
    "proc.name",
    " = ",
    " in ",
    "(",
    ")",
    " and ",
    " or ",
    " not ",
    "open",
    "%proc.name",
    "%",
    "INFO",
    "true",
    "replace",
    "m",
    "l",
    "r",
    "é",
    "\u{1f600}",
    "\t",
    "\r\n",
    "\0",
    "\u{feff}",
    "!!str ",
    "? ",
    "-\n",
    "required_engine_version",
    "correlate",
    "count",
    "sequence",
    "absence",
    "steps",
    "first",
    "then_not",
    "by",
    "within",
    "at_least",
    "max_groups",
    "10s",
    "%correlate.count",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

/// An item with a few keys, whose values are anything.
fn item() -> impl Strategy<Value = String> {
    let kinds = prop::sample::select(vec!["rule", "macro", "list"]);
    let keys = prop::collection::vec((prop::sample::select(PIECES), text()), 0..6);
    let condition = prop::collection::vec(
        prop::sample::select(vec![
            "m",
            "l",
            "evt.type",
            "proc.name",
            "fd.num",
            "=",
            "in",
            "(",
            ")",
            ",",
            "and",
            "or",
            "not",
            "'a b'",
            "open",
            "7",
            "exists",
            "toupper(proc.name)",
            "val(fd.name)",
            "\"",
            "é",
        ]),
        1..20,
    );
    (kinds, prop::sample::select(vec!["m", "l", "r"]), condition, keys).prop_map(
        |(kind, name, condition, keys)| {
            let condition = condition.join(" ").replace('\'', "''");
            let mut item = format!(
                "- {kind}: {name}\n  condition: '{condition}'\n  items: [{name}, m]\n  desc: d\n  output: o\n  priority: INFO\n"
            );
            for (key, value) in keys {
                let value = value.replace(['\n', '\r'], " ");
                item.push_str(&format!("  {}: {value}\n", key.trim()));
            }
            item
        },
    )
}

/// A `correlate` item, whose parts are anything in turn.
fn correlate() -> impl Strategy<Value = String> {
    let condition = "evt.type = open and fd.num > 1";
    let parts = (text(), 0..8usize, 0..3usize);
    parts.prop_map(move |(text, place, pattern)| {
        let text = format!("'{}'", text.replace(['\n', '\r'], " ").replace('\'', "''"));
        let part = |at: usize, sound: &str| match place == at {
            true => text.clone(),
            false => sound.to_owned(),
        };
        let step = |at| {
            let (condition, by) = (part(at, condition), part(at + 1, "proc.pid"));
            format!("{{condition: {condition}, by: [{by}]}}")
        };
        let (within, number) = (part(4, "10s"), part(5, "3"));
        let pattern = match pattern {
            0 => {
                let (condition, by) = (part(0, condition), part(1, "proc.pid"));
                format!(
                    "count: {{condition: {condition}, by: [{by}], at_least: {number}, within: {within}}}"
                )
            }
            1 => format!("sequence: {{within: {within}, steps: [{}, {}]}}", step(0), step(2)),
            _ => format!("absence: {{first: {}, then_not: {}, within: {within}}}", step(0), step(2)),
        };
        let (output, groups) = (part(6, "o %correlate.by"), part(7, "10"));
        format!(
            "- correlate: c\n  desc: d\n  priority: INFO\n  output: {output}\n  max_groups: {groups}\n  {pattern}\n"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_loads_or_says_why(text in text()) {
        try_all(&[text]);
    }

    #[test]
    fn any_items_load_or_say_why(items in prop::collection::vec(item(), 1..6)) {
        try_all(&[items.concat(), items.into_iter().rev().collect()]);
    }

    #[test]
    fn any_correlate_items_load_or_say_why(items in prop::collection::vec(correlate(), 1..4)) {
        try_all(&items);
    }

    #[test]
    fn any_bytes_load_or_say_why(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        try_all(&[Source::from_bytes("x", &bytes).text]);
    }
}

/// Our own rules with a piece cut out of the middle, wherever that is.
#[test]
fn damaged_files_load_or_say_why() {
    let path = format!(
        "{}/../../rules/peregrine_rules.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    let mut cut = 0;
    while cut + 40 < text.len() {
        let end = cut + 1 + cut % 37;
        if let (Some(head), Some(tail)) = (text.get(..cut), text.get(end..)) {
            try_all(&[format!("{head}{tail}")]);
        }
        cut += 997;
    }
}
