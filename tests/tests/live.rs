//! The engine on the live kernel: alerts, statistics, recording.

use std::fs::{self, File};
use std::process::Command;

use end_to_end::{Folder, Running, conformance, live, repository, run, wait_for};
use serde_json::Value;

const CONFIG: &str = "stdout_output: {enabled: true}\nrules_files: []\nconfig_files: []\n";

/// A rule that fires on nothing but what this test does.
fn marker_rule(path: &str) -> String {
    format!(
        "- rule: Marker opened\n  desc: a file that only this test opens\n  \
         condition: evt.type in (open, openat, openat2) and fd.name = {path}\n  \
         output: opened file=%fd.name process=%proc.name pid=%proc.pid res=%evt.res\n  \
         priority: WARNING\n  tags: [b, a]\n"
    )
}

#[test]
fn cat_of_the_shadow_file_gives_the_alert_of_the_shared_rules() {
    let (Some(conformance), true) = (conformance(), live()) else {
        return;
    };
    let folder = Folder::new();
    let config = folder.write("config.yaml", CONFIG);
    let rules = conformance.join("rules/falco_rules.yaml");
    let engine = Running::engine([
        "-c".as_ref(),
        config.as_os_str(),
        "-r".as_ref(),
        rules.as_os_str(),
        "-o".as_ref(),
        "json_output=true".as_ref(),
    ]);
    run(Command::new("sh").args(["-c", "cat /etc/shadow"]));
    let of_cat = |line: &String| {
        line.contains("Read sensitive file untrusted") && line.contains("cat /etc/shadow")
    };
    wait_for("the alert", || {
        engine.stdout().iter().find(|line| of_cat(line)).cloned()
    });
    let (status, stdout, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
    let lines: Vec<&String> = stdout.iter().filter(|line| of_cat(line)).collect();
    assert_eq!(lines.len(), 1, "{lines:#?}");

    let line = lines[0];
    let alert: Value = serde_json::from_str(line).unwrap();
    let mut at = 0;
    for key in [
        "hostname",
        "output",
        "output_fields",
        "priority",
        "rule",
        "source",
        "tags",
        "time",
    ] {
        let found = line[at..].find(&format!("\"{key}\":"));
        at += found.unwrap_or_else(|| panic!("{key} is missing or out of order: {line}"));
    }
    assert_eq!(alert.as_object().unwrap().len(), 8);
    assert_eq!(alert["rule"], "Read sensitive file untrusted");
    assert_eq!(alert["priority"], "Warning");
    assert_eq!(alert["source"], "syscall");
    assert_eq!(alert["output_fields"]["fd.name"], "/etc/shadow");
    assert_eq!(alert["output_fields"]["proc.cmdline"], "cat /etc/shadow");
    assert_eq!(alert["output_fields"]["user.name"], "root");
    assert_eq!(alert["output_fields"]["container.id"], "host");
    assert!(alert["output_fields"]["evt.time"].is_u64());
    assert!(
        alert["output"].as_str().unwrap().contains(": Warning "),
        "{line}"
    );
}

#[test]
fn a_recording_replayed_gives_the_same_alerts() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let config = folder.write("config.yaml", CONFIG);
    let marker = folder.write("marker", "");
    let rules = folder.write("rules.yaml", &marker_rule(marker.to_str().unwrap()));
    let capture = folder.join("recorded.scap");
    let common = [
        "-c",
        config.to_str().unwrap(),
        "-r",
        rules.to_str().unwrap(),
    ];
    let engine = Running::engine(common.into_iter().chain(["-w", capture.to_str().unwrap()]));
    for _ in 0..5 {
        run(Command::new("cat").arg(&marker));
        File::open(&marker).unwrap();
    }
    let alerts = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .filter(|line| line.contains("opened file="))
            .cloned()
            .collect()
    };
    wait_for("ten alerts", || {
        (alerts(&engine.stdout()).len() >= 10).then_some(())
    });
    let (status, stdout, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
    let live = alerts(&stdout);
    assert_eq!(live.len(), 10, "{live:#?}");
    assert!(
        live[0].contains("process=cat") && live[0].contains("res=SUCCESS"),
        "{}",
        live[0]
    );

    let replayed = run(Command::new(end_to_end::binary("peregrine"))
        .args(common)
        .args(["-e", capture.to_str().unwrap()]));
    let text = String::from_utf8_lossy(&replayed.stdout);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(
        replayed.status.success(),
        "{}",
        String::from_utf8_lossy(&replayed.stderr)
    );
    assert_eq!(alerts(&lines), live);
    assert!(
        text.contains("Events detected: 10") && text.contains("   Marker opened: 10"),
        "{text}"
    );
}

#[test]
fn statistics_have_the_format_of_the_article() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let config = folder.write("config.yaml", CONFIG);
    let stats = folder.join("stats.txt");
    let rules = repository().join("rules/peregrine_rules.yaml");
    // The options of the article, as printed there but for the paths.
    let engine = Running::engine([
        "-c",
        config.to_str().unwrap(),
        "-r",
        rules.to_str().unwrap(),
        "-s",
        stats.to_str().unwrap(),
        "--stats-interval",
        "200",
        "--cri",
        "/run/containerd/containerd.sock",
    ]);
    let lines = || fs::read_to_string(&stats).unwrap_or_default();
    wait_for("four samples", || {
        (lines().lines().count() >= 4).then_some(())
    });
    let (status, _, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));

    let text = lines();
    let mut last = (0, 0);
    for (index, line) in text.lines().enumerate() {
        let json: Value = serde_json::from_str(line.strip_suffix(',').unwrap()).unwrap();
        let number = |part: &str, key: &str| json[part][key].as_u64().unwrap();
        let cur = (number("cur", "events"), number("cur", "drops"));
        let delta = (number("delta", "events"), number("delta", "drops"));
        assert_eq!((cur.0 - last.0, cur.1 - last.1), delta, "{line}");
        last = cur;
        let percent = json["drop_pct"].to_string();
        assert_eq!(
            line,
            format!(
                "{{\"sample\": {}, \"cur\": {{\"events\": {}, \"drops\": {}, \"preemptions\": 0}}, \
                 \"delta\": {{\"events\": {}, \"drops\": {}, \"preemptions\": 0}}, \
                 \"drop_pct\": {percent}}},",
                index + 1,
                cur.0,
                cur.1,
                delta.0,
                delta.1
            )
        );
    }
    assert!(last.0 > 0, "no event was counted: {text}");
}

#[test]
fn every_system_call_is_counted_and_every_alert_arrives() {
    if !live() {
        return;
    }
    const OPENS: usize = 20_000;
    let folder = Folder::new();
    let marker = folder.write("marker", "");
    let config = folder.write("config.yaml", CONFIG);
    let rules = folder.write("rules.yaml", &marker_rule(marker.to_str().unwrap()));
    let engine = Running::engine([
        "-v",
        "-c",
        config.to_str().unwrap(),
        "-r",
        rules.to_str().unwrap(),
        // No rule can match a close.
        "-o",
        "engine.modern_ebpf.kernel_filter=false",
    ]);
    for _ in 0..OPENS {
        File::open(&marker).unwrap();
    }
    let (status, stdout, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
    let counter = |name: &str| -> usize {
        stderr
            .iter()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
            .unwrap()
    };
    let drops = counter("Driver Drops:");
    let alerts = stdout
        .iter()
        .filter(|line| line.contains("opened file="))
        .count();
    assert!(
        counter("Driver Events:") >= 2 * OPENS,
        "opens and closes are traced"
    );
    // What is not an alert was dropped on the way, and counted.
    assert!(
        alerts <= OPENS && OPENS - alerts <= drops,
        "{alerts} alerts, {drops} drops"
    );
    assert!(drops > 0 || alerts == OPENS);
}

#[test]
fn a_reload_takes_new_rules_keeps_state_and_refuses_broken_ones() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let marker = folder.write("marker", "");
    let config = folder.write("config.yaml", CONFIG);
    let rule = |text: &str| {
        marker_rule(marker.to_str().unwrap()).replace("opened file=", &format!("{text} file="))
    };
    let rules = folder.write("rules.yaml", &rule("first"));
    let engine = Running::engine([
        "-c",
        config.to_str().unwrap(),
        "-r",
        rules.to_str().unwrap(),
    ]);
    let open_until = |text: &str| {
        wait_for(text, || {
            File::open(&marker).unwrap();
            engine
                .stdout()
                .iter()
                .any(|line| line.contains(text))
                .then_some(())
        });
    };
    open_until("first file=");
    folder.write("rules.yaml", &rule("second"));
    engine.signal(libc::SIGHUP);
    open_until("second file=");
    // A broken file changes nothing, and that is an alert.
    folder.write("rules.yaml", "- rule: broken\n");
    engine.signal(libc::SIGHUP);
    wait_for("the alert about the failure", || {
        engine
            .stdout()
            .iter()
            .any(|line| line.contains("hot restart failure"))
            .then_some(())
    });
    let before = engine.stdout().len();
    wait_for("the rules that stay", || {
        File::open(&marker).unwrap();
        engine.stdout()[before..]
            .iter()
            .any(|line| line.contains("second file="))
            .then_some(())
    });
    let (status, _, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
}
