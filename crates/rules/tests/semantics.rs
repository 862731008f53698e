//! What redefinition, append, override, exceptions, lists and macros do to what a rule matches.
//! Each table has the files, and for each program and file whether the rule fires.

mod common;

use common::{READ, World, load_texts, ruleset};
use event::EventType;
use rules::{AppendOutput, ExtraField, Matching, Pick, Selection, Settings};

const BASE: &str = "
- list: shells
  items: [sh, bash]
- macro: opened
  condition: (evt.type in (open, openat))
- rule: r
  desc: d
  condition: opened and proc.name in (shells)
  output: name=%proc.name
  priority: INFO
  tags: [one]
";

/// Which of these programs, opening these files, the rules of `texts` fire on.
fn fires(texts: &[&str]) -> Vec<String> {
    let mut world = World::new(ruleset(texts, &Settings::default()));
    let mut out = Vec::new();
    for (index, program) in ["sh", "bash", "cat", "two words"].into_iter().enumerate() {
        let tid = 100 + index as i64;
        world.process(tid, 1, program, &[]);
        for path in ["/etc/passwd", "/tmp/x"] {
            for rule in world.open(tid, path, READ) {
                out.push(format!("{rule}: {program} {path}"));
            }
        }
    }
    out
}

/// The short form of [`fires`]: for the rule `r`, programs that fire on both files, or `name@path`.
fn programs(texts: &[&str]) -> String {
    let found = fires(texts);
    let mut out = Vec::new();
    for program in ["sh", "bash", "cat", "two words"] {
        let on = |path: &str| found.contains(&format!("r: {program} {path}"));
        match (on("/etc/passwd"), on("/tmp/x")) {
            (true, true) => out.push(program.to_owned()),
            (true, false) => out.push(format!("{program}@etc")),
            (false, true) => out.push(format!("{program}@tmp")),
            (false, false) => {}
        }
    }
    out.join(" ")
}

#[test]
fn later_items_change_earlier_ones() {
    for (change, expected) in [
        ("", "sh bash"),
        // Lists.
        ("- {list: shells, items: [cat]}", "cat"),
        (
            "- {list: shells, items: [cat], append: true}",
            "sh bash cat",
        ),
        (
            "- {list: shells, items: [cat], override: {items: append}}",
            "sh bash cat",
        ),
        (
            "- {list: shells, items: [cat], override: {items: replace}}",
            "cat",
        ),
        (
            "- {list: shells, items: [two words], override: {items: append}}",
            "sh bash two words",
        ),
        ("- {list: shells, items: []}", ""),
        // Macros.
        ("- {macro: opened, condition: evt.type = close}", ""),
        (
            "- {macro: opened, condition: and fd.name startswith /etc, append: true}",
            "sh@etc bash@etc",
        ),
        (
            "- {macro: opened, condition: and fd.name startswith /etc, override: {condition: append}}",
            "sh@etc bash@etc",
        ),
        // Rules.
        (
            "- {rule: r, condition: and proc.name != sh, append: true}",
            "bash",
        ),
        (
            "- {rule: r, condition: or proc.name = cat, override: {condition: append}}",
            "sh bash cat",
        ),
        (
            "- {rule: r, condition: opened and proc.name = cat, override: {condition: replace}}",
            "cat",
        ),
        (
            "- {rule: r, desc: d, condition: opened and proc.name = cat, output: o, priority: INFO}",
            "cat",
        ),
        ("- {rule: r, enabled: false}", ""),
        (
            "- {rule: r, enabled: false, override: {enabled: replace}}",
            "",
        ),
        (
            "- {rule: r, enabled: false}\n- {rule: r, enabled: true}",
            "sh bash",
        ),
        (
            "- {rule: r, enabled: false}\n- {rule: r, condition: or proc.name = cat, append: true}",
            "",
        ),
    ] {
        assert_eq!(programs(&[BASE, change]), expected, "{change}");
    }
}

#[test]
fn exceptions_take_away() {
    let with = |exceptions: &str| {
        format!("- rule: r\n  exceptions: [{exceptions}]\n  override: {{exceptions: append}}\n")
    };
    for (exceptions, expected) in [
        ("{name: a, fields: [proc.name]}", "sh bash"),
        ("{name: a, fields: [proc.name], values: [[sh]]}", "bash"),
        ("{name: a, fields: proc.name, values: [sh, bash]}", ""),
        ("{name: a, fields: proc.name, values: [shells]}", ""),
        (
            "{name: a, fields: proc.name, comps: in, values: [sh]}",
            "bash",
        ),
        (
            "{name: a, fields: [proc.name, fd.name], values: [[sh, /tmp/x]]}",
            "sh@etc bash",
        ),
        (
            "{name: a, fields: [proc.name, fd.name], comps: [=, startswith], values: [[sh, /tmp], [bash, /etc]]}",
            "sh@etc bash@tmp",
        ),
        (
            "{name: a, fields: [proc.name, fd.name], comps: [in, pmatch], values: [[[sh, bash], [/etc]]]}",
            "sh@tmp bash@tmp",
        ),
        (
            "{name: a, fields: [proc.name, fd.name], comps: [in, '='], values: [[shells, /tmp/x]]}",
            "sh@etc bash@etc",
        ),
        (
            "{name: a, fields: [proc.name], comps: [startswith anyof], values: [[[ba, zs]]]}",
            "sh",
        ),
        (
            "{name: a, fields: fd.name, comps: endswith oneof, values: [passwd, x]}",
            "",
        ),
        (
            "{name: a, fields: [toupper(proc.name)], values: [[BASH]]}",
            "sh",
        ),
        (
            "{name: a, fields: [proc.name], values: [[val(proc.exe)]]}",
            "",
        ),
        (
            "{name: a, fields: [proc.name], values: [[two words], [sh]]}",
            "bash",
        ),
        ("{name: a, fields: proc.name, values: ['\"sh\"']}", "bash"),
        (
            "{name: a, fields: [proc.name], values: [[sh]]}, {name: b, fields: [fd.name], values: [[/tmp/x]]}",
            "bash@etc",
        ),
    ] {
        assert_eq!(
            programs(&[BASE, &with(exceptions)]),
            expected,
            "{exceptions}"
        );
    }
    let first = with("{name: a, fields: [proc.name], values: [[sh]]}");
    let more = with("{name: a, values: [[bash]]}");
    assert_eq!(programs(&[BASE, &first, &more]), "");
    let replaced = more
        .replace("append", "replace")
        .replace("{name: a,", "{name: a, fields: [proc.name],");
    assert_eq!(programs(&[BASE, &first, &replaced]), "sh");
    // An exception goes around everything that is appended, also later.
    let appended = "- {rule: r, condition: or proc.name = cat, append: true}";
    let cat = with("{name: a, fields: [proc.name], values: [[cat]]}");
    assert_eq!(programs(&[BASE, &cat, appended]), "sh bash");
}

#[test]
fn rules_and_outputs_keep_what_is_not_changed() {
    let change = "- rule: r\n  output: more\n  tags: [two]\n  desc: e\n  priority: error\n  override: {output: append, tags: append, desc: append, priority: replace}\n";
    let ruleset = ruleset(&[BASE, change], &Settings::default());
    let rule = &ruleset.rules()[0];
    assert_eq!(rule.output_text(), "name=%proc.name more");
    assert_eq!(**rule.tags(), ["one".to_owned(), "two".to_owned()]);
    assert_eq!(rule.desc(), "d e");
    assert_eq!(rule.priority().name(), "Error");
}

const ORDER: &str = "
- {rule: any, desc: d, condition: proc.name = sh, output: o, priority: INFO, tags: [x], warn_evttypes: false}
- {rule: first, desc: d, condition: evt.type = openat, output: o, priority: DEBUG, tags: [x, y]}
- {rule: second, desc: d, condition: 'evt.type in (open, openat) and fd.name startswith /etc', output: o, priority: ERROR, tags: [y]}
- {rule: never, desc: d, condition: evt.num = 0, output: o, priority: ERROR}
";

fn opened(settings: &Settings) -> Vec<String> {
    let mut world = World::new(ruleset(&[ORDER], settings));
    world.process(100, 1, "sh", &[]);
    let found = world.open(100, "/etc/passwd", READ);
    for rule in world.ruleset().rules() {
        assert_eq!(
            rule.match_count(),
            u64::from(found.contains(&rule.name().to_string()))
        );
    }
    found
}

#[test]
fn definition_order_decides_and_rules_without_a_type_come_last() {
    assert_eq!(opened(&Settings::default()), ["first"]);
    let all = Settings {
        matching: Matching::All,
        ..Settings::default()
    };
    assert_eq!(opened(&all), ["first", "second", "any"]);
    let severe = Settings {
        minimum_priority: alert::Priority::Error,
        ..all
    };
    assert_eq!(opened(&severe), ["second"]);
}

#[test]
fn selections_apply_in_order() {
    let pick = |enable, pick| Selection { enable, pick };
    let name = |name: &str| Pick::Name(name.to_owned());
    let tag = |tag: &str| Pick::Tag(tag.to_owned());
    for (selections, expected) in [
        (vec![pick(false, name("*"))], vec![]),
        (vec![pick(false, name("f*"))], vec!["second", "any"]),
        (
            vec![pick(false, Pick::Substring("s".to_owned()))],
            vec!["any"],
        ),
        (
            vec![pick(false, name("*")), pick(true, tag("y"))],
            vec!["first", "second"],
        ),
        (
            vec![pick(false, tag("y")), pick(true, name("second"))],
            vec!["second", "any"],
        ),
        (Selection::only_tags(["x".to_owned()]), vec!["first", "any"]),
    ] {
        let settings = Settings {
            matching: Matching::All,
            selections: selections.clone(),
            ..Settings::default()
        };
        assert_eq!(opened(&settings), expected, "{selections:?}");
    }
}

#[test]
fn configuration_appends_to_outputs() {
    let append = AppendOutput {
        tags: vec!["one".to_owned()],
        extra_output: Some("pid=%proc.pid".to_owned()),
        extra_fields: vec![
            ExtraField::Field("proc.exe".to_owned()),
            ExtraField::Format {
                name: "what".to_owned(),
                format: "%proc.name!".to_owned(),
            },
        ],
        suggested_output: true,
        ..AppendOutput::default()
    };
    let other = AppendOutput {
        rule: Some("q".to_owned()),
        extra_output: Some("no".to_owned()),
        ..AppendOutput::default()
    };
    let settings = Settings {
        append_output: vec![other, append.clone()],
        ..Settings::default()
    };
    let set = ruleset(&[BASE], &settings);
    let rule = &set.rules()[0];
    let text = rule.output_text();
    assert!(
        text.starts_with("name=%proc.name pid=%proc.pid container_id=%container.id "),
        "{text}"
    );
    let names: Vec<&str> = rule
        .extra_fields()
        .iter()
        .map(|extra| extra.name.as_str())
        .collect();
    assert_eq!(names, ["proc.exe", "what"]);
    let mut world = World::new(set);
    world.process(100, 1, "sh", &[]);
    let alerts = world.event(EventType::SYSCALL_OPENAT_2_X, 100, |event| {
        event.i64(7).i64(-100).str("/x").u32(1).u32(0).u32(0).u64(0);
    });
    assert!(
        alerts[0]
            .1
            .starts_with("name=sh pid=100 container_id=host container_name="),
        "{}",
        alerts[0].1
    );

    let twice = AppendOutput {
        extra_fields: vec![ExtraField::Field("proc.exe".to_owned())],
        ..AppendOutput::default()
    };
    let wrong = AppendOutput {
        extra_output: Some("%proc.nam".to_owned()),
        ..AppendOutput::default()
    };
    let settings = Settings {
        append_output: vec![append, twice, wrong],
        ..Settings::default()
    };
    let loaded = load_texts(&[BASE], &settings);
    assert_eq!(
        loaded.settings_problems.len(),
        2,
        "{:?}",
        loaded.settings_problems
    );
    assert!(loaded.ruleset.is_none() && loaded.diagnostics.is_empty());
}

#[test]
fn conditions_are_indexed_by_what_they_can_match() {
    let text = "
- {rule: open, desc: d, condition: 'evt.type in (openat, close) and not evt.type = close', output: o, priority: INFO}
- {rule: generic, desc: d, condition: evt.type = getppid, output: o, priority: INFO}
- {rule: off, desc: d, condition: evt.type = connect, output: o, priority: INFO, enabled: false}
";
    let set = ruleset(&[text], &Settings::default());
    let names: Vec<&str> = set
        .syscalls()
        .iter()
        .filter_map(|code| code.info())
        .map(|call| call.name)
        .collect();
    assert_eq!(names, ["getppid", "openat"]);
    let fields = set.sources()[0].fields();
    let used: Vec<&str> = set
        .fields_used(0)
        .into_iter()
        .map(|id| fields.expression(id))
        .collect();
    assert_eq!(used, ["evt.type"]);
}

#[test]
fn rulesets_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<rules::Ruleset>();
    shared::<rules::Loaded>();
}
