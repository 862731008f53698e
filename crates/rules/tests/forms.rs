//! Falco's forms of results and descriptions.

mod common;

use rules::{FileId, Settings, describe, report};
use serde_json::json;

const GOOD: &str = "
- required_engine_version: 0.31.0
- list: names
  items: [a, b]
- macro: opened
  condition: evt.type = open
- rule: Long name
  desc: What it is about, in so many words that they do not fit on one line of text, however wide it is.
  condition: opened and proc.name in (names)
  output: '%proc.name %evt.type'
  priority: WARNING
  tags: [b, a]
  exceptions:
    - name: e
      fields: [proc.pname]
      comps: [=]
      values: [[x]]
";

const BAD: &str = "- macro: m\n  condition: missing\n- frob: 1\n";

#[test]
fn results_in_falcos_text_form() {
    let loaded = common::load_texts(&[GOOD, BAD], &Settings::default());
    assert_eq!(report::text(&loaded, FileId(0), true), "0.yaml: Ok\n");
    assert_eq!(
        report::text(&loaded, FileId(1), true),
        "1.yaml: Invalid
1 Errors:
In rules content: (1.yaml:1:1)
    macro 'm': (1.yaml:1:3)
    macro condition: (1.yaml:2:14)
------
  condition: missing
             ^
------
LOAD_ERR_VALIDATE (Error validating rule/macro/list/exception objects): Undefined macro 'missing' used in filter.
1 Warnings:
In rules content: (1.yaml:1:1)
    rules content item: (1.yaml:3:3)
------
- frob: 1
  ^
------
LOAD_UNKNOWN_ITEM (Unknown rules file item): Unknown top level item
"
    );
    let long = format!(
        "- macro: m\n  condition: {} evt.type = x\n",
        "evt.num > 0 and".repeat(20)
    );
    let loaded = common::load_texts(&[&long], &Settings::default());
    for line in report::text(&loaded, FileId(0), true).lines() {
        assert!(line.chars().count() <= 160, "{line}");
    }
}

#[test]
fn results_in_falcos_json_form() {
    let loaded = common::load_texts(&[GOOD, BAD], &Settings::default());
    let result = report::json(&loaded);
    assert_eq!(
        result[0],
        json!({"name": "0.yaml", "successful": true, "schema_valid": true, "schema_warnings": [], "errors": [], "warnings": []})
    );
    assert_eq!(result[1]["successful"], false);
    let error = &result[1]["errors"][0];
    assert_eq!(error["code"], "LOAD_ERR_VALIDATE");
    assert_eq!(
        error["codedesc"],
        "Error validating rule/macro/list/exception objects"
    );
    assert_eq!(
        error["context"]["locations"][1],
        json!({"item_type": "macro", "item_name": "m", "position": {"name": "1.yaml", "line": 1, "column": 3, "offset": 2}})
    );
    let text = "- {rule: r, desc: d, condition: evt.type = open and evt.dir = <, output: o, priority: INFO}";
    let loaded = common::load_texts(&[text], &Settings::default());
    assert_eq!(
        report::json(&loaded)[0]["warnings"][0]["deprecated_field"],
        "evt.dir"
    );
}

#[test]
fn descriptions() {
    let loaded = common::load_texts(&[GOOD], &Settings::default());
    let text = describe::text(&loaded, None).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("{:<50} Description", "Rule"));
    assert!(
        lines[2].starts_with(&format!("{:<50} What it", "Long name")),
        "{text}"
    );
    assert!(
        lines.len() > 3 && lines.iter().all(|line| line.len() <= 110),
        "{text}"
    );
    assert!(describe::text(&loaded, Some("Long")).is_none());

    let all = describe::json(&loaded, None).unwrap();
    assert_eq!(all["required_engine_version"], "0.31.0");
    let one = describe::json(&loaded, Some("Long name")).unwrap();
    assert_eq!(all["rules"], json!([one]));
    assert_eq!(
        one["details"],
        json!({
            "macros": ["opened"],
            "lists": ["names"],
            "condition_operators": ["=", "in"],
            "condition_fields": ["evt.type", "proc.name", "proc.pname"],
            "output_fields": ["evt.type", "proc.name"],
            "exception_names": ["e"],
            "exception_operators": ["="],
            "exception_fields": ["proc.pname"],
            "events": ["open"],
            "condition_compiled": "(evt.type = open and proc.name in (a, b)) and not proc.pname = x",
            "output_compiled": "%proc.name %evt.type",
            "plugins": [],
        })
    );
    assert_eq!(one["info"]["condition"], "opened and proc.name in (names)");
    assert_eq!(all["macros"][0]["details"]["events"], json!(["open"]));
    assert_eq!(
        all["lists"][0]["details"]["items_compiled"],
        json!(["a", "b"])
    );
}
