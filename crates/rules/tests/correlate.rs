//! `correlate` items: what they fire on, and what is said of wrong ones.

mod common;

use common::{CREATE, Exec, NOW, READ, WRITE, World, load_texts, report_of, ruleset};
use event::EventType;
use rules::{Matching, Pick, Selection, Settings};

const SECOND: u64 = 1_000_000_000;

const COUNT: &str = "
- macro: opened
  condition: (evt.type in (open, openat))
- list: secrets
  items: [/etc/shadow, /etc/sudoers]
- correlate: Many secrets
  desc: d
  priority: WARNING
  tags: [one, two]
  output: read %fd.name (%correlate.count times in %correlate.window by %correlate.by) %proc.name
  count:
    condition: opened and fd.name in (secrets)
    by: [proc.pid]
    at_least: 3
    within: 10s
";

const SEQUENCE: &str = "
- correlate: Dropped and run
  desc: d
  priority: CRITICAL
  output: '%proc.exepath was written, made executable and run (%correlate.by)'
  sequence:
    within: 60s
    steps:
      - {condition: evt.type = openat and evt.is_open_write = true, by: [fd.name]}
      - condition: evt.type in (chmod, fchmodat) and evt.arg.mode contains S_IXUSR
        by: [fs.path.name]
      - {condition: evt.type = execve, by: [proc.exepath]}
";

const ABSENCE: &str = "
- correlate: Left open
  desc: d
  priority: NOTICE
  output: '%proc.name opened %fd.name and did not delete it in %correlate.window'
  absence:
    first: {condition: evt.type = openat and fd.directory = /tmp, by: [proc.pid, fd.name]}
    then_not: {condition: evt.type = unlinkat, by: [proc.pid, fs.path.name]}
    within: 5s
";

/// A world with processes 100 (cat) and 200 (dog).
fn world(text: &str) -> World {
    let mut world = World::new(ruleset(&[text], &Settings::default()));
    world
        .process(100, 1, "cat", &[])
        .process(200, 1, "dog", &[]);
    world
}

/// What a process does at some second.
enum Act<'a> {
    Read(i64, &'a str),
    Write(i64, &'a str),
    Chmod(i64, &'a str),
    Exec(i64, &'a str),
    Unlink(i64, &'a str),
    /// Nothing; time passes.
    Wait,
}

fn run(world: &mut World, acts: &[(u64, Act<'_>)]) -> Vec<String> {
    world.correlated.clear();
    for (second, act) in acts {
        let at = NOW + second * SECOND;
        world.clock = Some(at);
        match *act {
            Read(pid, path) => _ = world.open(pid, path, READ),
            Write(pid, path) => _ = world.open(pid, path, WRITE | CREATE),
            Chmod(pid, path) => {
                let fill = |event: &mut event::Encoder| {
                    event.i64(0).i64(-100).str(path).u32(0o100);
                };
                world.event(EventType::SYSCALL_FCHMODAT_X, pid, fill);
            }
            Act::Exec(pid, path) => {
                let exec = Exec {
                    pid,
                    ..Exec::new(path, &[])
                };
                world.exec(&exec);
            }
            Unlink(pid, path) => {
                let fill = |event: &mut event::Encoder| {
                    event.i64(0).i64(-100).str(path).u32(0);
                };
                world.event(EventType::SYSCALL_UNLINKAT_2_X, pid, fill);
            }
            Wait => world.advance(at),
        }
    }
    std::mem::take(&mut world.correlated)
}

use Act::{Chmod, Read, Unlink, Wait, Write};

#[test]
fn counts_are_kept_by_group_and_window() {
    let shadow = "/etc/shadow";
    for (acts, expected) in [
        (
            &[
                (0, Read(100, shadow)),
                (5, Read(100, "/etc/sudoers")),
                (10, Read(100, shadow)),
            ][..],
            1,
        ),
        (
            &[
                (0, Read(100, shadow)),
                (5, Read(100, shadow)),
                (11, Read(100, shadow)),
            ],
            0,
        ),
        (
            &[
                (0, Read(100, shadow)),
                (1, Read(200, shadow)),
                (2, Read(100, shadow)),
            ],
            0,
        ),
        (
            &[
                (0, Read(100, shadow)),
                (1, Read(100, "/etc/hosts")),
                (2, Read(100, shadow)),
            ],
            0,
        ),
    ] {
        assert_eq!(run(&mut world(COUNT), acts).len(), expected);
    }
    let acts = [
        (0, Read(200, shadow)),
        (1, Read(200, shadow)),
        (2, Read(200, "/etc/sudoers")),
    ];
    assert_eq!(
        run(&mut world(COUNT), &acts),
        ["Many secrets: read /etc/sudoers (3 times in 10s by 200) dog"]
    );
}

#[test]
fn sequences_pair_different_fields() {
    let x = "/usr/bin/x";
    for (acts, expected) in [
        (
            &[
                (0, Write(100, x)),
                (1, Chmod(100, x)),
                (2, Act::Exec(200, x)),
            ][..],
            1,
        ),
        (
            &[
                (0, Write(100, x)),
                (1, Chmod(100, x)),
                (61, Act::Exec(200, x)),
            ],
            0,
        ),
        (
            &[
                (0, Write(100, x)),
                (1, Chmod(100, "/usr/bin/y")),
                (2, Act::Exec(200, x)),
            ],
            0,
        ),
        (
            &[
                (0, Write(100, x)),
                (1, Chmod(100, x)),
                (2, Act::Exec(200, "/usr/bin/y")),
            ],
            0,
        ),
        (
            &[
                (0, Chmod(100, x)),
                (1, Write(100, x)),
                (2, Act::Exec(200, x)),
            ],
            0,
        ),
        (
            &[
                (0, Read(100, x)),
                (1, Chmod(100, x)),
                (2, Act::Exec(200, x)),
            ],
            0,
        ),
    ] {
        let found = run(&mut world(SEQUENCE), acts);
        assert_eq!(found.len(), expected, "{found:?}");
        if let Some(text) = found.first() {
            let said = "/usr/bin/x was written, made executable and run (/usr/bin/x)";
            assert_eq!(text, &format!("Dropped and run: {said}"));
        }
    }
}

#[test]
fn absences_are_said_when_time_has_passed() {
    let said = "Left open: cat opened /tmp/a and did not delete it in 5s";
    for (acts, expected) in [
        (&[(0, Write(100, "/tmp/a")), (5, Wait)][..], &[][..]),
        (&[(0, Write(100, "/tmp/a")), (6, Wait)], &[said]),
        // Events tell the time as well.
        (
            &[(0, Write(100, "/tmp/a")), (6, Read(200, "/etc/hosts"))],
            &[said],
        ),
        (
            &[
                (0, Write(100, "/tmp/a")),
                (5, Unlink(100, "/tmp/a")),
                (9, Wait),
            ],
            &[],
        ),
        (
            &[
                (0, Write(100, "/tmp/a")),
                (5, Unlink(200, "/tmp/a")),
                (9, Wait),
            ],
            &[said],
        ),
        (
            &[
                (0, Write(100, "/tmp/a")),
                (5, Unlink(100, "/tmp/b")),
                (9, Wait),
            ],
            &[said],
        ),
        (
            &[
                (0, Write(100, "/tmp/a")),
                (6, Unlink(100, "/tmp/a")),
                (9, Wait),
            ],
            &[said],
        ),
    ] {
        assert_eq!(run(&mut world(ABSENCE), acts), expected);
    }
}

#[test]
fn an_event_does_not_serve_for_two_steps() {
    let text = "
- correlate: Twice
  desc: d
  priority: NOTICE
  output: twice
  sequence:
    within: 5s
    steps:
      - {condition: evt.type = openat and fd.name startswith /tmp, by: [fd.name]}
      - {condition: fd.name startswith /tmp and evt.is_open_write = true, by: [fd.name]}
";
    let mut world = world(text);
    assert_eq!(run(&mut world, &[(0, Write(100, "/tmp/a"))]).len(), 0);
    assert_eq!(run(&mut world, &[(1, Write(100, "/tmp/a"))]).len(), 1);
    // The second one was used up.
    assert_eq!(run(&mut world, &[(2, Read(100, "/tmp/a"))]).len(), 0);
    assert_eq!(run(&mut world, &[(3, Write(100, "/tmp/a"))]).len(), 1);
}

#[test]
fn groups_are_bounded_and_what_is_lost_is_counted() {
    let text = COUNT.replace("  priority", "  max_groups: 2\n  priority");
    let mut world = world(&text.replace("by: [proc.pid]", "by: [proc.name]"));
    world.process(300, 1, "fox", &[]);
    let read = |pid| Read(pid, "/etc/shadow");
    // `cat` gives way to `fox`, and begins anew; `dog` then gives way to it.
    let found = run(
        &mut world,
        &[
            (0, read(100)),
            (1, read(100)),
            (2, read(200)),
            (3, read(300)),
            (4, read(100)),
            (5, read(300)),
            (6, read(300)),
        ],
    );
    assert_eq!(found.len(), 1, "{found:?}");
    let counters = |world: &World| {
        world
            .correlator
            .as_ref()
            .unwrap()
            .counters()
            .next()
            .unwrap()
            .1
    };
    let now = counters(&world);
    assert_eq!(
        (now.groups, now.fired, now.evicted, now.expired),
        (1, 1, 2, 0)
    );
    world.advance(NOW + 60 * SECOND);
    assert_eq!((counters(&world).groups, counters(&world).expired), (0, 1));
}

#[test]
fn an_event_without_a_value_belongs_to_no_group() {
    let text = COUNT.replace("by: [proc.pid]", "by: [fd.sip]");
    let mut world = world(&text);
    let acts: Vec<_> = (0..5).map(|at| (at, Read(100, "/etc/shadow"))).collect();
    assert!(run(&mut world, &acts).is_empty());
    let (_, counters) = world
        .correlator
        .as_ref()
        .unwrap()
        .counters()
        .next()
        .unwrap();
    assert_eq!((counters.ungrouped, counters.groups), (5, 0));
}

#[test]
fn rules_and_items_do_not_take_events_from_each_other() {
    let rule = "
- rule: Shadow
  desc: d
  condition: evt.type = openat and fd.name = /etc/shadow
  output: shadow
  priority: NOTICE
";
    for matching in [Matching::First, Matching::All] {
        let settings = Settings {
            matching,
            ..Settings::default()
        };
        let mut world = World::new(ruleset(&[rule, COUNT], &settings));
        world.process(100, 1, "cat", &[]);
        let mut fired = 0;
        for second in 0..3 {
            world.clock = Some(NOW + second * SECOND);
            fired += world.open(100, "/etc/shadow", READ).len();
        }
        assert_eq!((fired, world.correlated.len()), (3, 1), "{matching:?}");
    }
}

#[test]
fn items_are_selected_like_rules() {
    let off = |pick| Settings {
        selections: vec![Selection {
            enable: false,
            pick,
        }],
        ..Settings::default()
    };
    for pick in [Pick::Tag("two".into()), Pick::Name("Many*".into())] {
        let set = ruleset(&[COUNT], &off(pick));
        assert!(set.events().is_empty() && !set.correlations()[0].is_enabled());
        assert!(World::new(set).correlator.is_none());
    }
    let set = ruleset(&[COUNT], &Settings::default());
    assert!(set.events().contains(EventType::SYSCALL_OPENAT_2_X));
    let severe = Settings {
        minimum_priority: alert::Priority::Error,
        ..Settings::default()
    };
    assert!(ruleset(&[COUNT], &severe).correlations().is_empty());
    // A later item of the same name takes the place of an earlier one.
    let later = COUNT.replace("at_least: 3", "at_least: 2");
    let mut world = World::new(ruleset(&[COUNT, &later], &Settings::default()));
    world.process(100, 1, "cat", &[]);
    let acts = [(0, Read(100, "/etc/shadow")), (1, Read(100, "/etc/shadow"))];
    assert_eq!(run(&mut world, &acts).len(), 1);
}

#[test]
fn a_rule_with_such_a_key_stays_a_rule() {
    let text = "
- correlate: something of somebody
  rule: r
  desc: d
  condition: evt.type = openat
  output: o
  priority: INFO
";
    let set = ruleset(&[text], &Settings::default());
    assert_eq!((set.rules().len(), set.correlations().len()), (1, 0));
}

/// Each mistake with where it is and what must be said of it.
#[test]
fn mistakes_are_found_at_their_place() {
    for (from, to, place, said) in [
        (
            "by: [proc.pid]",
            "by: [proc.pdi]",
            "13:10",
            "did you mean `proc.pid`?",
        ),
        (
            "by: [proc.pid]",
            "by: [proc.pid, fd.ip]",
            "13:20",
            "several values",
        ),
        (
            "by: [proc.pid]",
            "by: [10]",
            "13:10",
            "is not the name of a field",
        ),
        ("at_least: 3", "at_least: 1", "14:15", "at least 2"),
        ("at_least: 3", "at_least: 5000", "14:15", "too much memory"),
        ("at_least: 3", "atleast: 3", "12:5", "'at_least'"),
        ("within: 10s", "within: 10", "15:13", "like `500ms`"),
        (
            "fd.name in (secrets)",
            "fd.nmae in (secrets)",
            "12:27",
            "did you mean `fd.name`?",
        ),
        (
            "opened and",
            "opende and",
            "12:16",
            "did you mean `opened`?",
        ),
        (
            "%correlate.count",
            "%correlate.cuont",
            "10:26",
            "did you mean `correlate.count`?",
        ),
        ("%fd.name", "%fd.nmae", "10:16", "did you mean `fd.name`?"),
        (
            "priority: WARNING",
            "priority: WARNIN",
            "8:13",
            "did you mean",
        ),
        (
            "  count:",
            "  cuont:",
            "6:14",
            "'count', 'sequence', 'absence'",
        ),
    ] {
        assert!(COUNT.contains(from), "{from}");
        let loaded = load_texts(&[&COUNT.replace(from, to)], &Settings::default());
        let report = report_of(&loaded);
        assert!(loaded.has_errors(), "{to}: {report}");
        assert!(report.contains(said), "{to}: {said}: {report}");
        assert!(
            report.contains(&format!("0.yaml:{place}")),
            "{to}: {place}: {report}"
        );
    }
    let uneven = ABSENCE.replace("by: [proc.pid, fs.path.name]", "by: [proc.pid]");
    let twice = format!("{COUNT}  sequence: {{within: 1s, steps: []}}\n");
    let one_step = SEQUENCE
        .lines()
        .filter(|line| {
            !line.contains("chmod") && !line.contains("fs.path") && !line.contains("execve")
        })
        .fold(String::new(), |text, line| text + line + "\n");
    let same_name = format!(
        "{COUNT}- rule: Many secrets\n  desc: d\n  condition: evt.type = openat\n  output: o\n  priority: INFO\n"
    );
    for (text, said) in [
        (uneven, "same number of fields"),
        (twice, "more than one"),
        (one_step, "from 2 to 16 steps"),
        (same_name, "A rule has the same name"),
        (
            COUNT.replace("output: read", "ouput: read"),
            "did you mean `output`?",
        ),
        (
            COUNT.replace("correlate: Many secrets", "corelate: x"),
            "did you mean `correlate`?",
        ),
    ] {
        let report = report_of(&load_texts(&[&text], &Settings::default()));
        assert!(report.contains(said), "{said}: {report}");
    }
}

/// What the documentation shows must load without a remark.
#[test]
fn the_examples_of_the_documentation_load() {
    let path = format!("{}/../../docs/correlate.md", env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(path).unwrap();
    let examples: String = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|after| after.split("```").next())
        .filter(|example| example.contains("- correlate"))
        .collect();
    let loaded = load_texts(&[&examples], &Settings::default());
    assert_eq!(report_of(&loaded), "");
    assert_eq!(loaded.ruleset.unwrap().correlations().len(), 3);
}
