//! The kernel filter on the live kernel: it changes what reaches user space, and no alert.

mod sockets;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;
use std::process::Command;

use end_to_end::{Folder, Running, binary, conformance, live, repository, run, wait_for};
use serde_json::Value;

const CONFIG: &str = "stdout_output: {enabled: true}\nrules_files: []\nconfig_files: []\n\
                      json_output: true\n";
const WITHOUT: &str = "engine.modern_ebpf.kernel_filter=false";

fn rule(name: &str, condition: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: {condition}\n  \
         output: file=%fd.name process=%proc.name\n  priority: WARNING\n"
    )
}

fn engine(folder: &Folder, rules: &[&Path], options: &[&str]) -> Running {
    let mut args = vec![
        "-c".to_owned(),
        folder.write("config.yaml", CONFIG).display().to_string(),
    ];
    for rules in rules {
        args.extend(["-r".to_owned(), rules.display().to_string()]);
    }
    args.extend(options.iter().map(|&option| option.to_owned()));
    Running::engine(args)
}

fn alerts(lines: &[String]) -> Vec<Value> {
    lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn of_rule(lines: &[String], rule: &str) -> usize {
    alerts(lines)
        .iter()
        .filter(|alert| alert["rule"] == rule)
        .count()
}

/// What an alert says, without its time.
fn said(alert: &Value) -> String {
    let output = alert["output"].as_str().unwrap_or_default();
    let output = output.split_once(": ").map_or(output, |(_, rest)| rest);
    // Two engines take the time of one event by two clocks, some nanoseconds apart.
    let words: Vec<&str> = output
        .split(' ')
        .map(|word| match word.split_once('=') {
            Some((name, _)) if name.contains("_start") => name,
            _ => word,
        })
        .collect();
    format!("{}: {}", alert["rule"], words.join(" "))
}

#[test]
fn all_actions_give_the_same_alerts_with_the_filter_and_without() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let marker = folder.write("marker", "");
    let condition = format!(
        "evt.type in (open, openat) and fd.name = {}",
        marker.display()
    );
    let last = folder.write("last.yaml", &rule("Marker", &condition));
    let ours = repository().join("rules");
    let shared = conformance().map(|folder| folder.join("rules/falco_rules.yaml"));
    let mut rules: Vec<&Path> = vec![&ours, &last];
    rules.extend(shared.as_deref());
    // The session tells the actions' alerts from those of the rest of the machine.
    let options = ["-o", "rule_matching=all", "-p", "sid=%proc.sid"];
    let with = engine(&folder, &rules, &options);
    let without = engine(&folder, &rules, &[&options[..], &["-o", WITHOUT]].concat());

    let generator = Running::start(Command::new("setsid").arg(binary("event-generator")).args([
        "run",
        "--all",
        "--sleep",
        "0ms",
        "--loglevel",
        "error",
    ]));
    let session = generator.pid();
    // An action that cannot be done here says so; what it did all the same counts.
    let _ = generator.finish();
    run(Command::new("cat").arg(&marker));
    for engine in [&with, &without] {
        wait_for("the last alert", || {
            (of_rule(&engine.stdout(), "Marker") > 0).then_some(())
        });
    }
    let counted = |engine: Running| {
        let (status, lines, log) = engine.stop();
        assert!(status.success(), "{}", log.join("\n"));
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for alert in alerts(&lines) {
            if alert["output_fields"]["proc.sid"] == session {
                *counts.entry(said(&alert)).or_default() += 1;
            }
        }
        counts
    };
    let (with, without) = (counted(with), counted(without));
    assert_same(&with, &without);
    assert!(with.len() > 30, "{}", with.len());
}

/// Both engines said the same, as often.
fn assert_same(with: &BTreeMap<String, usize>, without: &BTreeMap<String, usize>) {
    let only = |these: &BTreeMap<String, usize>, those: &BTreeMap<String, usize>| -> Vec<String> {
        these
            .iter()
            .filter(|(said, count)| those.get(*said) != Some(count))
            .map(|(said, count)| format!("{count} x {said}"))
            .collect()
    };
    let (missing, added) = (only(without, with), only(with, without));
    assert!(
        missing.is_empty() && added.is_empty(),
        "only without: {missing:#?}\nonly with: {added:#?}"
    );
}

#[test]
fn a_reload_under_load_loses_and_doubles_nothing() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let marker = folder.write("marker", "");
    let last = folder.write("last", "");
    let opened = |path: &Path| {
        format!(
            "evt.type in (open, openat) and fd.name = {}",
            path.display()
        )
    };
    let same = rule("Marker", &opened(&marker)) + &rule("Last", &opened(&last));
    // The tables differ: other clauses, other properties of processes, other keys.
    let other = rule(
        "Other",
        "evt.type = openat and fd.name startswith /nowhere/ and proc.name = nobody",
    ) + &rule(
        "Renamed",
        "evt.type = rename and evt.arg.newpath endswith .nothing",
    );
    let rules = folder.write("rules.yaml", &same);
    let engine = engine(&folder, &[&rules], &[]);
    let mut opens = 0;
    for turn in 0..6 {
        let text = if turn % 2 == 0 {
            format!("{other}{same}")
        } else {
            same.clone()
        };
        fs::write(&rules, text).unwrap();
        engine.signal(libc::SIGHUP);
        wait_for("the new rules", || {
            for _ in 0..50 {
                File::open(&marker).unwrap();
                opens += 1;
            }
            let log = engine.stderr();
            (log.iter()
                .filter(|line| line.contains("with the new rules"))
                .count()
                > turn)
                .then_some(())
        });
    }
    File::open(&last).unwrap();
    wait_for("the last alert", || {
        (of_rule(&engine.stdout(), "Last") > 0).then_some(())
    });
    let (status, lines, log) = engine.stop();
    assert!(status.success(), "{}", log.join("\n"));
    assert_eq!(of_rule(&lines, "Marker"), opens, "{}", log.join("\n"));
}

#[test]
fn what_no_rule_can_match_makes_no_record() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let marker = folder.write("marker", "");
    let condition = format!(
        "evt.type in (open, openat) and fd.name = {}",
        marker.display()
    );
    let rules = folder.write("rules.yaml", &rule("Marker", &condition));
    let engine = engine(&folder, &[&rules], &[]);
    let plain = folder.write("plain", "");
    for _ in 0..10_000 {
        File::open(&plain).unwrap();
    }
    File::open(&marker).unwrap();
    wait_for("the alert", || {
        (of_rule(&engine.stdout(), "Marker") > 0).then_some(())
    });
    let (_, _, log) = engine.stop();
    let line = log.iter().find(|line| line.contains("no rule can match"));
    let line = line.unwrap_or_else(|| panic!("nothing was left out:\n{}", log.join("\n")));
    let count = line
        .split_whitespace()
        .filter_map(|word| word.parse::<u64>().ok())
        .max();
    assert!(count >= Some(10_000), "{line}");
}

#[test]
fn paths_that_the_kernel_does_not_look_at_pass() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    fs::create_dir(folder.join("below")).unwrap();
    let marker = folder.write("below/marker", "");
    let last = folder.write("last", "");
    let opened = |path: &Path| {
        format!(
            "evt.type in (open, openat) and fd.name = {}",
            path.display()
        )
    };
    let text = rule("Marker", &opened(&marker)) + &rule("Last", &opened(&last));
    let rules = folder.write("rules.yaml", &text);
    let engine = engine(&folder, &[&rules], &[]);
    let base = folder.path().display().to_string();
    let odd = [
        "below//marker",
        "below/./marker",
        "x/../below/marker",
        "below/../below/marker",
    ];
    for path in odd {
        // It need not be there: what was asked for is what counts.
        let _ = File::open(format!("{base}/{path}"));
    }
    // Relative to a directory that was opened while the engine watched, and to a duplicate of it.
    let below = File::open(folder.join("below")).unwrap();
    let again = below.try_clone().unwrap();
    let name = CString::new("marker").unwrap();
    for directory in [&below, &again] {
        #[expect(
            unsafe_code,
            reason = "the standard library cannot open relative to a directory"
        )]
        // SAFETY: the name ends with NUL; the descriptor that comes back is nobody else's.
        unsafe {
            let fd = libc::openat(directory.as_raw_fd(), name.as_ptr(), libc::O_RDONLY);
            assert!(fd >= 0);
            drop(File::from_raw_fd(fd));
        }
    }
    run(Command::new("cat")
        .arg("marker")
        .current_dir(folder.join("below")));
    File::open(&last).unwrap();
    wait_for("the last alert", || {
        (of_rule(&engine.stdout(), "Last") > 0).then_some(())
    });
    let (_, lines, log) = engine.stop();
    assert_eq!(
        of_rule(&lines, "Marker"),
        odd.len() + 3,
        "{}\n{}",
        lines.join("\n"),
        log.join("\n")
    );
}

#[test]
fn a_process_that_renames_itself_keeps_its_name_in_both() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let marker = folder.write("marker", "");
    let last = folder.write("last", "");
    let opened = |path: &Path| {
        format!(
            "evt.type in (open, openat) and fd.name = {}",
            path.display()
        )
    };
    let text = rule("Marker", &format!("{} and proc.name = sh", opened(&marker)))
        + &rule("Not", &format!("{} and proc.name != sh", opened(&marker)))
        + &rule("Last", &opened(&last));
    let rules = folder.write("rules.yaml", &text);
    let engine = engine(&folder, &[&rules], &[]);
    let script = format!(
        "printf renamed > /proc/self/comm; exec 3< {0}; (exec 4< {0})",
        marker.display()
    );
    run(Command::new("sh").args(["-c", &script]));
    File::open(&last).unwrap();
    wait_for("the last alert", || {
        (of_rule(&engine.stdout(), "Last") > 0).then_some(())
    });
    let (_, lines, _) = engine.stop();
    // The child was made under the new name.
    assert_eq!(
        (of_rule(&lines, "Marker"), of_rule(&lines, "Not")),
        (1, 1),
        "{}",
        lines.join("\n")
    );
}

#[test]
fn the_filter_can_be_explained() {
    let folder = Folder::new();
    let text = rule(
        "Read",
        "evt.type = openat and evt.is_open_read = true and fd.name in (/etc/shadow, /etc/gshadow) and user.uid != 0",
    ) + &rule("Any", "fd.name = /etc/passwd");
    let rules = folder.write("rules.yaml", &text);
    let config = folder.write("config.yaml", "rules_files: []\nconfig_files: []\n");
    let explain = |options: &[&str]| {
        run(Command::new(binary("peregrine"))
            .args([
                "-c",
                config.to_str().unwrap(),
                "-r",
                rules.to_str().unwrap(),
                "--explain-filter",
            ])
            .args(options))
    };
    let output = explain(&[]);
    let text = String::from_utf8_lossy(&output.stdout);
    for expected in [
        "Descriptors that are followed: all: every open and close reaches user space",
        "all, because of fd.name in read of rule \"Any\"",
        "kernel:     not arg2&0o3=0o1 and (path=/etc/gshadow or path=/etc/shadow)",
        "user space: user.uid (users are looked up in user space)",
    ] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
    let output = explain(&["-D", "Any", "--format", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["follow"], "directories");
    assert_eq!(json["rules"][0]["rule"], "Read");
    let off = Command::new(binary("peregrine"))
        .args([
            "-c",
            config.to_str().unwrap(),
            "-r",
            rules.to_str().unwrap(),
            "--explain-filter",
            "-o",
            WITHOUT,
        ])
        .output()
        .unwrap();
    assert!(!off.status.success());
    assert!(String::from_utf8_lossy(&off.stderr).contains("kernel_filter"));
}
