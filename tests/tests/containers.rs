//! Containers and threads of before, told apart by the kernel filter: alerts stay what they are, and
//! what no rule can match is left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use end_to_end::{Folder, Running, live, report_skip, run, wait_for};
use serde_json::Value;

const CONFIG: &str = "stdout_output: {enabled: true}\nrules_files: []\nconfig_files: []\n\
                      json_output: true\n";
const WITHOUT: &str = "engine.modern_ebpf.kernel_filter=false";

/// One test at a time: what one does in large numbers would flood the other's engine without filter.
static ALONE: Mutex<()> = Mutex::new(());

/// A control group that is called like those of containers are; gone when it is dropped.
struct Container(PathBuf);

impl Container {
    /// In a hierarchy that events tell of; says why there is none.
    fn new(number: u32) -> Option<Self> {
        let id = format!("{:08x}", std::process::id() + number * 0x100_0000).repeat(8);
        let made = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"]
            .iter()
            .map(|root| Path::new(root).join(&id))
            .find(|path| {
                fs::create_dir(path).is_ok()
                    && (path.join("cgroup.procs").exists() || fs::remove_dir(path).is_err())
            });
        if made.is_none() {
            report_skip("no control group can be made here");
        }
        made.map(Self)
    }

    fn procs(&self) -> String {
        self.0.join("cgroup.procs").display().to_string()
    }

    /// Where processes are outside of it.
    fn outside(&self) -> String {
        let root = self.0.parent().expect("it is below the root");
        root.join("cgroup.procs").display().to_string()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn opened(path: &Path) -> String {
    format!(
        "evt.type in (open, openat) and fd.name = {}",
        path.display()
    )
}

fn rule(name: &str, condition: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: {condition}\n  \
         output: id=%container.id process=%proc.name\n  priority: WARNING\n"
    )
}

fn engine(folder: &Folder, rules: &Path, options: &[&str]) -> Running {
    let mut args = vec![
        "-c".to_owned(),
        folder.write("config.yaml", CONFIG).display().to_string(),
        "-r".to_owned(),
        rules.display().to_string(),
    ];
    args.extend(options.iter().map(|&option| option.to_owned()));
    Running::engine(args)
}

/// Rules that matched and by what program, in alphabetical order.
fn matched(lines: &[String]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|alert| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (
                text(&alert["rule"]),
                text(&alert["output_fields"]["proc.name"]),
            )
        })
        .filter(|(rule, _)| rule != "Last")
        .collect();
    all.sort();
    all
}

fn count(lines: &[String], rule: &str) -> usize {
    lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|alert| alert["rule"] == rule)
        .count()
}

fn shell(script: &str) {
    let output = run(Command::new("sh").args(["-c", script]));
    assert!(output.status.success(), "{script}: {output:?}");
}

#[test]
fn containers_give_the_same_alerts_with_the_filter_and_without() {
    if !live() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(container) = Container::new(1) else {
        return;
    };
    let folder = Folder::new();
    let marker = folder.write("marker", "");
    let last = folder.write("last", "");
    let text = rule(
        "Inside",
        &format!("{} and container.id != host", opened(&marker)),
    ) + &rule(
        "Outside",
        &format!("{} and container.id = host", opened(&marker)),
    ) + &rule(
        "Docker",
        &format!("{} and container.type = docker", opened(&marker)),
    ) + &rule(
        "Cat inside",
        &format!(
            "{} and proc.name = cat and not container.id = host",
            opened(&marker)
        ),
    ) + &rule("Last", &opened(&last));
    let rules = folder.write("rules.yaml", &text);
    let with = engine(&folder, &rules, &["-o", "rule_matching=all"]);
    let without = engine(&folder, &rules, &["-o", "rule_matching=all", "-o", WITHOUT]);
    let (marker, inside, outside) = (
        marker.display().to_string(),
        container.procs(),
        container.outside(),
    );
    let act = || {
        shell(&format!("cat {marker}"));
        // Moved, and not yet another program: still outside. Then inside, and what it makes, too.
        shell(&format!(
            "echo $$ > {inside}; : < {marker}; exec cat {marker}"
        ));
        shell(&format!(
            "echo $$ > {inside}; cat {marker}; (: < {marker}); exec sh -c 'cat {marker}; : < {marker}'"
        ));
        // And out again.
        shell(&format!(
            "echo $$ > {inside}; exec sh -c ': < {marker}; echo $$ > {outside}; : < {marker}; exec cat {marker}'"
        ));
    };
    act();
    // By now the kernel has been told of both places. With other tables it still knows them.
    let more = rule("Other", "evt.type = rename and proc.name = nobody");
    fs::write(&rules, format!("{more}{text}")).unwrap();
    for engine in [&with, &without] {
        engine.signal(libc::SIGHUP);
        wait_for("the new rules", || {
            let log = engine.stderr();
            let loaded = log.iter().any(|line| line.contains("with the new rules"));
            loaded.then_some(())
        });
    }
    act();
    fs::File::open(&last).unwrap();
    for engine in [&with, &without] {
        wait_for("the last alert", || {
            (count(&engine.stdout(), "Last") > 0).then_some(())
        });
    }
    let (_, with, log) = with.stop();
    let (_, without, _) = without.stop();
    let by_hand = |rule: &str, process: &str, times: usize| {
        vec![(rule.to_owned(), process.to_owned()); times]
    };
    // All of it twice.
    let expected = [
        by_hand("Cat inside", "cat", 6),
        by_hand("Docker", "cat", 6),
        by_hand("Docker", "sh", 8),
        by_hand("Inside", "cat", 6),
        by_hand("Inside", "sh", 8),
        by_hand("Outside", "cat", 4),
        by_hand("Outside", "sh", 2),
    ]
    .concat();
    assert_eq!(matched(&without), expected, "without the filter");
    assert_eq!(matched(&with), expected, "with it:\n{}", log.join("\n"));
}

/// A shell that opens a file as often as it is told to, by lines of its input.
struct Opener(Child);

impl Opener {
    fn new(path: &Path, before: &str) -> Self {
        let script = format!(
            "while read times; do i=0; while [ $i -lt $times ]; do : < {}; i=$((i+1)); done; echo; done",
            path.display()
        );
        let child = Command::new("sh")
            .args(["-c", &format!("{before} exec sh -c '{script}'")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        Self(child)
    }

    fn open(&mut self, times: usize) {
        use std::io::{Read, Write};
        let input = self.0.stdin.as_mut().expect("piped");
        writeln!(input, "{times}").expect("it reads");
        let output = self.0.stdout.as_mut().expect("piped");
        output.read_exact(&mut [0]).expect("it answers");
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// How many calls made no record.
fn left_out(log: &[String]) -> u64 {
    let line = log.iter().find(|line| line.contains("no rule can match"));
    line.and_then(|line| {
        line.split_whitespace()
            .filter_map(|word| word.parse::<u64>().ok())
            .max()
    })
    .unwrap_or(0)
}

#[test]
fn what_a_place_or_a_name_of_before_rules_out_makes_no_record() {
    if !live() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(container) = Container::new(2) else {
        return;
    };
    const TIMES: usize = 20_000;
    let folder = Folder::new();
    let plain = folder.write("plain", "");
    let marker = folder.write("marker", "");
    let of_plain = opened(&plain);
    let mut others = None;
    for (what, condition, before, is_there_before, is_left_out) in [
        // The rule never matches, but that is for user space to see. The first is what the others
        // are held against: a shell makes other calls for each open.
        (
            "by that name before",
            format!("{of_plain} and proc.name = sh and proc.cmdline = nothing"),
            String::new(),
            true,
            false,
        ),
        (
            "on the host",
            format!("{of_plain} and container.id != host and proc.cmdline = nothing"),
            String::new(),
            false,
            true,
        ),
        (
            "on the host before",
            format!("{of_plain} and container.id != host and proc.cmdline = nothing"),
            String::new(),
            true,
            true,
        ),
        (
            "in a container",
            format!("{of_plain} and container.id != host and proc.cmdline = nothing"),
            format!("echo $$ > {};", container.procs()),
            false,
            false,
        ),
        (
            "in a container before",
            format!("{of_plain} and container.id = host and proc.cmdline = nothing"),
            format!("echo $$ > {};", container.procs()),
            true,
            true,
        ),
        (
            "by another name before",
            format!("{of_plain} and proc.name != sh and proc.cmdline = nothing"),
            String::new(),
            true,
            true,
        ),
    ] {
        let text = rule("Never", &condition) + &rule("Last", &opened(&marker));
        let rules = folder.write("rules.yaml", &text);
        let early = is_there_before.then(|| {
            let mut opener = Opener::new(&plain, &before);
            opener.open(1);
            opener
        });
        let engine = engine(&folder, &rules, &[]);
        let mut opener = early.unwrap_or_else(|| Opener::new(&plain, &before));
        // Once the engine has alerted of what came later, it has seen where the shell is.
        opener.open(1);
        fs::File::open(&marker).unwrap();
        wait_for("the alert", || {
            (count(&engine.stdout(), "Last") > 0).then_some(())
        });
        opener.open(TIMES);
        drop(opener);
        let (_, lines, log) = engine.stop();
        assert_eq!(count(&lines, "Never"), 0, "{what}");
        let left_out = left_out(&log);
        let others = *others.get_or_insert(left_out);
        assert_eq!(
            left_out > others + TIMES as u64 / 2,
            is_left_out,
            "{what}: {left_out} calls made no record, of others {others}\n{}",
            log.join("\n")
        );
    }
}
