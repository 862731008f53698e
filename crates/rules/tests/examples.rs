//! Files of examples: what they can say, what is wrong with them, and what comes of them.

mod common;

use std::sync::Arc;

use rules::examples::{self, Coverage, Events, Example, Examples, Sign, Trial, conditions_not_met};
use rules::{EventSource, Matching, Ruleset, Settings, Source, report};

const RULES: &str = "
- rule: Shadow is read
  desc: d
  condition: evt.type = openat and fd.name = /etc/shadow and not proc.name in (sshd, sudo)
  output: read %fd.name by %proc.name (%user.name) below %proc.pname, %proc.aname[2]
  priority: WARNING
- rule: A program is run
  desc: d
  condition: evt.type = execve
  output: '%proc.cmdline %proc.exepath %container.id %proc.tty %proc.env[A] %user.uid %evt.arg.cgroups'
  priority: INFO
- rule: Something connects
  desc: d
  condition: evt.type in (connect, accept4, sendto)
  output: '%fd.name %evt.res %fd.l4proto'
  priority: INFO
- rule: The name is set
  desc: d
  condition: evt.type = sethostname
  output: '%evt.type %evt.arg.ID'
  priority: INFO
";

fn rules() -> Arc<Ruleset> {
    let settings = Settings {
        matching: Matching::All,
        ..Settings::default()
    };
    Arc::new(common::ruleset(&[RULES], &settings))
}

fn read(text: &str) -> Examples {
    let file = Source {
        name: "examples.yaml".to_owned(),
        text: text.to_owned(),
    };
    examples::read(vec![file], &rules())
}

fn examples_of(text: &str) -> Vec<Example> {
    let read = read(text);
    assert_eq!(report::problems(&read.files, &read.diagnostics, false), "");
    read.examples
}

/// The differences of each example, one text a line.
fn differences(text: &str) -> Vec<Vec<String>> {
    let ruleset = rules();
    let run = |example: &Example| {
        let Events::Written(written) = &example.events else {
            panic!("a capture");
        };
        let mut trial = Trial::new(&ruleset).expect("the rules are for system calls");
        trial.run(written);
        let lines = example.judge(&trial.raised).into_iter().map(|difference| {
            let sign = match difference.sign {
                Sign::Missing => '-',
                Sign::Unexpected => '+',
            };
            format!("{sign} {}: {}", difference.rule, difference.text)
        });
        lines.collect()
    };
    examples_of(text).iter().map(run).collect()
}

#[track_caller]
fn assert_wrong(text: &str, place: &str, parts: &[&str]) {
    let read = read(text);
    let shown = report::problems(&read.files, &read.diagnostics, false);
    assert!(shown.contains(&format!("examples.yaml:{place}")), "{shown}");
    for part in parts {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
}

#[test]
fn mistakes_are_shown_at_their_place() {
    let event = |event: &str| {
        format!(
            "- example: a\n  rule: Shadow is read\n  process: cat\n  events:\n    - {event}\n  expect: none\n"
        )
    };
    for (text, place, parts) in [
        ("a: b\n", "1:1", &["sequence of examples"][..]),
        ("- example: [\n", "1:12", &["unclosed bracket"]),
        (
            "- exampel: a\n",
            "1:3",
            &["Unknown key 'exampel'", "did you mean `example`?"],
        ),
        ("- example: a\n  events: []\n", "2:11", &["needs events"]),
        (
            "- example: a\n  expect: none\n",
            "1:3",
            &["`events` or a `capture`"],
        ),
        (
            "- example: a\n  rule: Shadow is raed\n",
            "2:9",
            &["did you mean `Shadow is read`?"],
        ),
        (
            "- example: a\n  capture: x.scap\n",
            "1:3",
            &["'expect' is missing", "in example `a`"],
        ),
        (
            "- example: a\n  capture: x.scap\n  expect: alert\n",
            "3:11",
            &["needs a `rule`"],
        ),
        (
            "- example: a\n  rule: Shadow is read\n  capture: x\n  expect: [A program is run]\n",
            "4:12",
            &["about 'Shadow is read'"],
        ),
        (
            "- example: a\n  capture: x\n  expect: {rule: A program is run, count: 0}\n",
            "3:43",
            &["expected a number from 1"],
        ),
        ("- example: a\n  example: b\n", "2:3", &["given twice"]),
        (
            "- example: a\n  events:\n    - {type: openat}\n",
            "3:8",
            &["needs a `process`"],
        ),
        (
            &event("{type: opnat}"),
            "5:14",
            &["Unknown event type 'opnat'", "`openat`"],
        ),
        (
            &event("{type: openat, args: {nmae: x}}"),
            "5:29",
            &[
                "no parameter 'nmae'",
                "it has: fd, dirfd, name",
                "did you mean `name`?",
            ],
        ),
        (
            &event("{type: openat, args: {flags: O_RDONLY|O_CRAET}}"),
            "5:36",
            &["no flag 'O_CRAET'", "did you mean `O_CREAT`?"],
        ),
        (
            &event("{type: openat, args: {fd: -ENOSUCH}}"),
            "5:33",
            &["`-ENOENT`"],
        ),
        (
            &event("{type: openat, args: {flags: 4294967296}}"),
            "5:36",
            &["32 bits"],
        ),
        (
            &event("{type: connect, args: {tuple: here}}"),
            "5:37",
            &["HOST:PORT->"],
        ),
        (&event("{type: ptrace, args: {addr: 1}}"), "5:35", &["hex:"]),
        (
            &event(&format!(
                "{{type: openat, args: {{name: {}}}}}",
                "x".repeat(70_000)
            )),
            "5:35",
            &["70001 bytes, 65535 fit"],
        ),
        (
            &event("{type: openat, process: {nam: cat}}"),
            "5:32",
            &["Unknown key 'nam' in a process", "did you mean `name`?"],
        ),
        (
            &event("{type: openat, process: {uid: 1}}"),
            "5:32",
            &["`name` or an `exe`"],
        ),
        (
            &event("{type: openat, process: {name: a, caps: CAP_SYS}}"),
            "5:47",
            &["Unknown capability"],
        ),
        (
            &event("{type: openat, process: {name: a, container: web}}"),
            "5:52",
            &["64 hexadecimal digits"],
        ),
        (
            &event("{type: openat, process: {name: a, fds: {3: here}}}"),
            "5:50",
            &["not a descriptor"],
        ),
    ] {
        assert_wrong(text, place, parts);
    }
}

#[test]
fn all_mistakes_are_shown_and_the_rest_is_read() {
    let read = read(
        "- example: a\n  nonsense: 1\n- example: b\n  rule: Nobody's\n- example: c\n  process: cat\n  \
         events: [{type: close}]\n  expect: none\n",
    );
    assert_eq!(read.diagnostics.len(), 2);
    assert_eq!(read.examples.len(), 1);
}

#[test]
fn what_is_described_is_what_rules_see() {
    let id = "ab".repeat(32);
    let found = differences(&format!(
        "
- example: a chain of processes
  rule: Shadow is read
  events:
    - type: openat
      process: {{name: cat, cwd: /etc, user: anna, parent: [bash, sshd]}}
      args: {{name: shadow, flags: O_RDONLY}}
  expect: {{count: 1, output: [read /etc/shadow by cat], fields: {{user.name: anna, proc.pname: bash, \
         'proc.aname[2]': sshd}}}}
- example: a program
  rule: A program is run
  events:
    - type: execve
      process: {{exe: /opt/tool, args: [-x, a b], container: {id}, tty: true, env: [A=1], uid: 1234}}
  expect:
    - fields:
        proc.cmdline: tool -x a b
        proc.exepath: /opt/tool
        container.id: abababababab
        proc.tty: '34816'
        proc.env[A]: '1'
        user.uid: '1234'
- example: connections
  rule: Something connects
  events:
    - {{type: connect, process: {{name: a, fds: {{5: 'tcp 10.0.0.1:40000->10.0.0.2:80'}}}}, args: {{fd: 5, res: -EINPROGRESS}}}}
    - {{type: accept4, process: {{name: b, fds: {{3: 'tcp [::1]:80'}}}}, args: {{fd: 4, tuple: '[::2]:40000->[::1]:80'}}}}
  expect:
    - {{fields: {{fd.name: '10.0.0.1:40000->10.0.0.2:80', evt.res: EINPROGRESS, fd.l4proto: tcp}}}}
    - {{fields: {{fd.name: '::2:40000->::1:80'}}}}
- example: a call without an event of its own
  rule: The name is set
  process: hostname
  events:
    - {{type: sethostname}}
  expect: {{fields: {{evt.type: sethostname}}}}
"
    ));
    assert_eq!(found, vec![Vec::<String>::new(); 4]);
}

#[test]
fn what_comes_otherwise_is_shown() {
    let found = differences(
        "
- example: missing
  rule: Shadow is read
  process: sshd
  events: [{type: openat, args: {name: /etc/shadow}}]
  expect: alert
- example: too much
  rule: Shadow is read
  process: cat
  events: [{type: close}, {type: openat, args: {name: /etc/shadow}}]
  expect: none
- example: others count when no rule is named
  process: cat
  events: [{type: openat, args: {name: /etc/shadow}}, {type: execve}]
  expect: [Shadow is read]
- example: others do not when one is
  rule: Shadow is read
  process: cat
  events: [{type: openat, args: {name: /etc/shadow}}, {type: execve}]
  expect: alert
- example: another number
  rule: Shadow is read
  process: cat
  events: [{type: openat, args: {name: /etc/shadow}}]
  expect: {count: 2}
- example: another field
  rule: Shadow is read
  process: cat
  events: [{type: openat, args: {name: /etc/shadow}}]
  expect: {fields: {proc.name: tac}}
",
    );
    let alert = "read /etc/shadow by cat (root) below systemd, <NA>";
    assert_eq!(found[0], ["- Shadow is read: did not alert"]);
    assert_eq!(found[1], [format!("+ Shadow is read: event 2: {alert}")]);
    assert_eq!(found[2].len(), 1);
    assert!(found[2][0].starts_with("+ A program is run: event 2: "));
    assert_eq!(found[3], Vec::<String>::new());
    assert_eq!(found[4], ["- Shadow is read: 2 expected, 1 came"]);
    assert_eq!(
        found[5],
        [
            "- Shadow is read: proc.name is `cat`, expected `tac`".to_owned(),
            format!("+ Shadow is read: event 1: {alert}"),
        ]
    );
}

#[test]
fn what_does_not_hold_is_named() {
    let examples = examples_of(
        "
- example: missing
  rule: Shadow is read
  process: sshd
  events: [{type: close}, {type: openat, args: {name: /etc/shadow}}]
  expect: alert
",
    );
    let ruleset = rules();
    let rule = &ruleset.rules()[0];
    let parts = conditions_not_met(rule, &EventSource::syscall(), &mut |trial| {
        if let Events::Written(written) = &examples[0].events {
            trial.run(written);
        }
    });
    assert_eq!(parts, ["not proc.name in (sshd, sudo)"]);
}

#[test]
fn rules_without_examples_are_named() {
    let examples = examples_of(
        "
- example: a
  rule: Shadow is read
  process: cat
  events: [{type: close}]
  expect: none
- example: b
  process: cat
  events: [{type: close}]
  expect: [A program is run]
",
    );
    let coverage = Coverage::of(&examples, &rules());
    let names = |rules: &[Arc<str>]| rules.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        names(&coverage.without_positive),
        ["Shadow is read", "Something connects", "The name is set"]
    );
    assert_eq!(
        names(&coverage.without_negative),
        ["A program is run", "Something connects", "The name is set"]
    );
}

#[test]
fn a_file_that_ends_anywhere_is_no_reason_to_panic() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../rules/examples/peregrine_rules_sandbox.yaml"
    );
    let text = std::fs::read_to_string(path).expect("it is part of the repository");
    for end in (0..text.len()).step_by(499) {
        let _ = read(&text[..end]);
    }
    for (from, to) in [
        ("{", "["),
        ("type", "args"),
        (":", ""),
        ("exe", "pid"),
        ("0", "9999999999999"),
    ] {
        let _ = read(&text.replace(from, to));
    }
}
