//! Captures of several ages through the real engine: every event that Falco 0.44.1 hands to rules,
//! no other, and each with the same fields.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::{Folder, binary, conformance, run};
use serde_json::{Map, Value};

fn captures(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("captures")).expect("the folder can be read");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "scap")
        })
        .collect();
    found.sort();
    found
}

/// The fields that have a value, by the number of the event.
type Events = BTreeMap<u64, Map<String, Value>>;

fn events(lines: &str, fields: impl Fn(Value) -> Value) -> Events {
    let lines = lines.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| {
            let line = serde_json::from_str(line).expect("a line is JSON");
            let Value::Object(mut fields) = fields(line) else {
                panic!("fields are an object");
            };
            fields.retain(|_, value| !value.is_null());
            let number = fields.get("evt.num").and_then(Value::as_u64);
            (number.expect("every event has a number"), fields)
        })
        .collect()
}

#[test]
fn every_event_of_every_capture_is_as_falco_prints_it() {
    let Some(conformance) = conformance() else {
        return;
    };
    let folder = Folder::new();
    let config = folder.write(
        "config.yaml",
        "stdout_output: {enabled: true}\njson_output: true\nappend_output: []\nrules_files: []\n\
         config_files: []\n",
    );
    let rules = conformance.join("captures/every-event.yaml");
    let captures = captures(&conformance);
    assert!(!captures.is_empty());
    for capture in captures {
        let output = run(Command::new(binary("peregrine"))
            .arg("-c")
            .arg(&config)
            .arg("-r")
            .arg(&rules)
            .arg("-e")
            .arg(&capture));
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let found = events(&String::from_utf8_lossy(&output.stdout), |mut alert| {
            alert["output_fields"].take()
        });
        let golden = std::fs::read_to_string(capture.with_extension("fields.jsonl"));
        let expected = events(
            &golden.expect("a capture has its expected values"),
            |line| line,
        );
        let name = capture.display();
        let numbers = |events: &Events| events.keys().copied().collect::<Vec<u64>>();
        assert_eq!(numbers(&found), numbers(&expected), "{name}");
        for (number, expected) in &expected {
            assert_eq!(&found[number], expected, "{name} event {number}");
        }
    }
}

#[test]
fn the_stable_rules_find_nothing_in_the_captures() {
    let Some(conformance) = conformance() else {
        return;
    };
    let folder = Folder::new();
    let config = folder.write(
        "config.yaml",
        "stdout_output: {enabled: true}\nconfig_files: []\n",
    );
    for capture in captures(&conformance) {
        let output = run(Command::new(binary("peregrine"))
            .arg("-c")
            .arg(&config)
            .arg("-r")
            .arg(conformance.join("rules/falco_rules.yaml"))
            .arg("-e")
            .arg(&capture));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("Events detected: 0"),
            "{text}"
        );
    }
}
