//! `peregrine test-rules`, as somebody's CI runs it.

use std::process::{Command, Output};

use end_to_end::{Folder, binary, conformance, repository, run};

fn test_rules(args: &[&str]) -> Output {
    run(Command::new(binary("peregrine"))
        .arg("test-rules")
        .args(args))
}

#[track_caller]
fn assert_prints(output: &Output, code: i32, parts: &[&str]) {
    let printed = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{printed}");
    for part in parts {
        assert!(printed.contains(part), "{part:?} is not in:\n{printed}");
    }
}

const RULES: &str = "\
- list: readers
  items: [sshd]
- rule: Shadow is read
  desc: d
  condition: evt.type = openat and fd.name = /etc/shadow and not proc.name in (readers)
  output: read by %proc.name
  priority: WARNING
";

const EXAMPLES: &str = "\
- example: cat reads it
  rule: Shadow is read
  process: cat
  events:
    - {type: openat, args: {name: /etc/shadow, flags: O_RDONLY}}
  expect: alert
- example: sshd may
  rule: Shadow is read
  process: sshd
  events:
    - {type: openat, args: {name: /etc/shadow, flags: O_RDONLY}}
  expect: none
";

#[test]
fn the_default_rules_pass() {
    let rules = repository().join("rules");
    let output = test_rules(&["--strict", rules.to_str().unwrap()]);
    assert_prints(&output, 0, &["passed, 0 failed"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(!stdout.contains("FAIL") && !stdout.contains("no positive"));
    let passed = stdout.lines().filter(|line| line.starts_with("pass  "));
    assert!(passed.count() >= 140, "two examples for each of 70 rules");
}

#[test]
fn examples_are_found_beside_their_rules() {
    let folder = Folder::new();
    let rules = folder.write("r.yaml", RULES);
    let beside = folder.write("r.examples.yaml", EXAMPLES);
    let elsewhere = folder.write("elsewhere.yml", EXAMPLES);
    let (rules, beside) = (rules.to_str().unwrap(), beside.to_str().unwrap());
    let elsewhere = elsewhere.to_str().unwrap();
    for args in [&[rules][..], &[beside], &["-r", rules, elsewhere]] {
        assert_prints(&test_rules(args), 0, &["2 passed, 0 failed"]);
    }
    assert_prints(&test_rules(&[elsewhere]), 1, &["name them with -r"]);
    assert_prints(&test_rules(&["/nowhere"]), 1, &["/nowhere does not exist"]);
    assert_prints(&test_rules(&[]), 1, &["FILE_OR_FOLDER"]);
    // Options of the engine have no effect here, so they are not taken in silence.
    let before = run(Command::new(binary("peregrine")).args(["-A", "test-rules", beside]));
    assert_prints(&before, 1, &["unexpected argument 'test-rules'"]);
}

#[test]
fn a_failing_example_is_shown_with_what_differs() {
    let folder = Folder::new();
    // Somebody adds cat to the readers, and takes sshd out.
    folder.write("r.yaml", &RULES.replace("[sshd]", "[cat]"));
    let examples = folder.write("r.examples.yaml", EXAMPLES);
    let output = test_rules(&[examples.to_str().unwrap()]);
    assert_prints(
        &output,
        1,
        &[
            "FAIL  Shadow is read: cat reads it",
            "r.examples.yaml:1",
            "- Shadow is read: did not alert",
            "does not hold: not proc.name in (cat)",
            "FAIL  Shadow is read: sshd may",
            "+ Shadow is read: event 1: read by sshd",
            "0 passed, 2 failed",
        ],
    );
    let output = test_rules(&["--json", examples.to_str().unwrap()]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(document["failed"], 2);
    let difference = &document["examples"][0]["differences"][0];
    assert_eq!(difference["kind"], "missing");
    assert_eq!(
        difference["conditions_not_met"][0],
        "not proc.name in (cat)"
    );
}

#[test]
fn a_rule_without_examples_is_an_error_if_that_is_asked_for() {
    let folder = Folder::new();
    folder.write("r.yaml", RULES);
    let positive = EXAMPLES.split("- example: sshd").next().unwrap();
    let examples = folder.write("r.examples.yaml", positive);
    let examples = examples.to_str().unwrap();
    let lacking = "no negative example for rule `Shadow is read`";
    assert_prints(
        &test_rules(&[examples]),
        0,
        &[&format!("Warning: {lacking}")],
    );
    assert_prints(
        &test_rules(&["--strict", examples]),
        1,
        &[&format!("Error: {lacking}"), "1 passed, 0 failed"],
    );
}

#[test]
fn mistakes_in_examples_are_shown_and_nothing_is_tried() {
    let folder = Folder::new();
    folder.write("r.yaml", RULES);
    let wrong = EXAMPLES.replace("name: /etc", "nmae: /etc");
    let examples = folder.write("r.examples.yaml", &wrong);
    assert_prints(
        &test_rules(&[examples.to_str().unwrap()]),
        1,
        &[
            "r.examples.yaml:5:29",
            "r.examples.yaml:11:29",
            "did you mean `name`?",
            "in example `cat reads it`",
            "the examples have 2 errors",
        ],
    );
}

#[test]
fn a_capture_can_stand_for_events() {
    let folder = Folder::new();
    folder.write(
        "r.yaml",
        "- rule: Cat runs\n  desc: d\n  condition: proc.name = cat\n  output: '%evt.type %proc.name'\n  \
         priority: INFO\n  warn_evttypes: false\n",
    );
    let examples = |path: &str| {
        let text = format!(
            "- {{example: cat, rule: Cat runs, capture: '{path}', expect: alert}}\n\
             - {{example: too many, rule: Cat runs, capture: '{path}', expect: {{count: 1000000}}}}\n"
        );
        folder.write("r.examples.yaml", &text)
    };
    let absent = examples("absent.scap");
    assert_prints(
        &test_rules(&[absent.to_str().unwrap()]),
        1,
        &["absent.scap", "No such file"],
    );
    let Some(conformance) = conformance() else {
        return;
    };
    let capture = conformance.join("captures/cat_write.scap");
    let present = examples(capture.to_str().unwrap());
    assert_prints(
        &test_rules(&[present.to_str().unwrap()]),
        1,
        &[
            "pass  Cat runs: cat",
            "1000000 expected",
            "1 passed, 1 failed",
        ],
    );
}

#[test]
fn the_document_tells_the_truth() {
    let text = std::fs::read_to_string(repository().join("docs/test-rules.md")).unwrap();
    let blocks: Vec<&str> = text.split("```").skip(1).step_by(2).collect();
    let block = |language: &str, index: usize| {
        let mut blocks = blocks
            .iter()
            .filter_map(|block| block.strip_prefix(language));
        blocks.nth(index).expect("the document has it").trim_start()
    };
    let folder = Folder::new();
    let rules = folder.write("shadow.yaml", block("yaml", 0));
    folder.write("shadow.examples.yaml", block("yaml", 1));
    let args = ["--strict", rules.to_str().unwrap()];
    assert_prints(&test_rules(&args), 0, &["2 passed, 0 failed"]);
    let changed = block("yaml", 0).replace("(sshd, sudo)", "(sshd, sudo, cat)");
    folder.write("shadow.yaml", &changed);
    let output = run(Command::new(binary("peregrine"))
        .args(["test-rules", "shadow.yaml"])
        .current_dir(folder.path()));
    assert_eq!(String::from_utf8_lossy(&output.stdout), block("text", 0));
}
