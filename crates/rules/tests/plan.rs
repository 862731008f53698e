//! Many rules: what is evaluated together gives what each condition gives by itself. `World` compares
//! every event's matches with those of the whole conditions.

mod common;

use std::fmt::Write as _;

use common::{CREATE, Exec, READ, World, ruleset};
use rules::{Matching, Settings};

/// Rules that share parts and differ in texts, in the forms in which rules usually ask for them.
fn many(count: usize) -> String {
    let mut text = String::from(
        "
- macro: open_read
  condition: (evt.type in (open, openat) and evt.is_open_read = true and fd.typechar = 'f')
- macro: open_write
  condition: (evt.type in (open, openat) and evt.is_open_write = true and fd.typechar = 'f')
- macro: spawned
  condition: (evt.type = execve)
- list: shells
  items: [sh, bash]
- macro: by_shell
  condition: (proc.pname in (shells) or proc.pname startswith ksh)
",
    );
    for n in 0..count {
        let a = n % 26;
        let letter = char::from(b'a' + a as u8);
        let condition = match n % 13 {
            0 => format!("open_read and fd.name = /etc/f{n}"),
            1 => format!("open_read and fd.name startswith /etc/d{n}/"),
            2 => format!("open_write and fd.name endswith .x{n}"),
            3 => format!("open_read and fd.name contains {letter}{n}z"),
            4 => format!(
                "open_write and (fd.name startswith /etc/d{n} or fd.name in (/a{n}, /b{n}))"
            ),
            5 => {
                format!("open_read and fd.name startswith /etc and proc.name in (p{n}, q{n}, cat)")
            }
            6 => format!("spawned and by_shell and proc.name in (p{n}, cat)"),
            7 => format!("spawned and not by_shell and proc.cmdline contains 'arg{n} '"),
            8 => format!("open_read and not proc.name in (cat, p{n}) and fd.filename = shadow"),
            9 => "open_read and fd.name = /etc/shared".to_owned(),
            10 => format!("open_read and not (fd.name != /etc/f{n} or proc.name = p{n})"),
            11 => format!("evt.is_open_read = true and fd.name pmatch (/etc/d{n}, /opt/{letter})"),
            _ => format!("(open_read or spawned) and (proc.name = p{n} or fd.name = /etc/f{n})"),
        };
        let _ = writeln!(
            text,
            "- {{rule: r{n:04}, desc: d, condition: \"{condition}\", output: o, priority: INFO}}"
        );
    }
    text
}

#[test]
fn many_rules_match_what_each_by_itself_does() {
    let text = many(400);
    for matching in [Matching::First, Matching::All] {
        let settings = Settings {
            matching,
            ..Settings::default()
        };
        let mut world = World::new(ruleset(&[&text], &settings));
        let mut matched = 0;
        for (at, name) in ["cat", "p5", "q18", "p12", "bash", "nobody"]
            .iter()
            .enumerate()
        {
            let pid = 100 + at as i64;
            world.process(pid, 1, name, &["one", "two"]);
            let paths = (0..400).step_by(7).map(|n| format!("/etc/f{n}"));
            let others = [
                "/etc/d14/x",
                "/etc/d4",
                "/a4",
                "/b17",
                "/x/a.x2",
                "/x.x15",
                "/tmp/d3z",
                "/d3zz/q3",
                "/etc/shadow",
                "/etc/shared",
                "/opt/a",
                "/opt/b/c",
                "/",
                "",
            ];
            for path in paths.chain(others.map(str::to_owned)) {
                for flags in [READ, CREATE] {
                    let names = world.open(pid, &path, flags);
                    assert!(names.is_sorted(), "the order of definition: {names:?}");
                    matched += names.len();
                }
            }
        }
        world
            .process(50, 1, "bash", &[])
            .process(51, 1, "ksh93", &[]);
        for parent in [1, 50, 51] {
            for path in ["/usr/bin/cat", "/usr/bin/p6", "/bin/p19", "/bin/other"] {
                let args = ["x", "arg7", "arg20", ""];
                let mut exec = Exec::new(path, &args);
                exec.parent = parent;
                matched += world.exec(&exec).len();
            }
        }
        assert!(matched > 100, "{matched}");
    }
}

#[test]
fn a_condition_that_several_rules_have_is_evaluated_once() {
    let rule = |name: &str, condition: &str| {
        format!(
            "- {{rule: {name}, desc: d, condition: \"{condition}\", output: o, priority: INFO}}\n"
        )
    };
    let text = [
        rule("a", "evt.type = openat and fd.name = /x"),
        rule("b", "evt.type = openat and fd.name = /y"),
        rule("c", "evt.type in (open, openat) and fd.name = /x"),
        rule("d", "evt.type = openat and fd.name startswith /x"),
        // Only many are worth a look-up.
        rule("e", "evt.type = openat and fd.name = /z"),
        rule("f", "evt.type = openat and fd.name in (/v, /w)"),
    ]
    .concat();
    let settings = Settings {
        matching: Matching::All,
        ..Settings::default()
    };
    let mut world = World::new(ruleset(&[&text], &settings));
    world.process(100, 1, "cat", &[]);
    assert_eq!(world.open(100, "/x", READ), ["a", "c", "d"]);
    let costs = world.matcher().costs().by_rule(world.ruleset(), 0);
    let evaluations: Vec<u64> = costs.iter().map(|cost| cost.evaluations).collect();
    let expected = [1, 0, 1, 1, 0, 0];
    assert_eq!(evaluations, expected, "b, e, f were ruled out by a look-up");
    assert_eq!(costs[0].timed, 0);
}

#[test]
fn time_is_measured_when_asked_for() {
    use std::cell::Cell;
    thread_local!(static NOW: Cell<u64> = const { Cell::new(0) });
    fn tick() -> u64 {
        NOW.with(|now| now.replace(now.get() + 10))
    }
    let text = "- {rule: a, desc: d, condition: \"evt.type = openat and fd.num > 0\", output: o, priority: INFO}\n";
    let mut world = World::new(ruleset(&[text], &Settings::default()));
    world.process(100, 1, "cat", &[]);
    world.matcher_mut().time_next(tick);
    for _ in 0..3 {
        assert_eq!(world.open(100, "/x", READ), ["a"]);
    }
    let costs = world.matcher().costs();
    let cost = costs.by_rule(world.ruleset(), 0)[0];
    assert_eq!((cost.evaluations, cost.timed, cost.timed_ns), (3, 1, 10));
    assert_eq!(cost.estimated_ns(), 30);
    assert_eq!(costs.dispatch(), (1, 10));
}
