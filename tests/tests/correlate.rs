//! `correlate` items and the counting of equal alerts, on the live kernel and in a replay.

use std::fs::{self, File};
use std::process::Command;

use end_to_end::{Folder, Running, live, run, wait_for};
use serde_json::Value;

const CONFIG: &str =
    "stdout_output: {enabled: true}\nrules_files: []\nconfig_files: []\njson_output: true\n";

fn rules(marker: &str, left: &str) -> String {
    format!(
        "
- macro: opened
  condition: (evt.type in (open, openat, openat2))
- rule: Marker opened
  desc: a file that only this test opens
  condition: opened and fd.name = {marker}
  output: one file=%fd.name pid=%proc.pid
  priority: NOTICE
- correlate: Marker opened often
  desc: the same file, five times by one process
  priority: WARNING
  tags: [test]
  output: many file=%fd.name count=%correlate.count window=%correlate.window by=%correlate.by
  count:
    condition: opened and fd.name = {marker}
    by: [proc.pid, fd.name]
    at_least: 5
    within: 60s
- correlate: Left behind
  desc: a file that is opened and not deleted
  priority: ERROR
  output: left file=%fd.name
  absence:
    first:
      condition: opened and fd.name = {left}
      by: [fd.name]
    then_not:
      condition: evt.type in (unlink, unlinkat)
      by: [fs.path.name]
    within: 200ms
"
    )
}

/// The alerts of a rule.
fn alerts(lines: &[String], rule: &str) -> Vec<Value> {
    let parsed = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(|alert| alert["rule"] == rule).collect()
}

#[test]
fn five_opens_give_one_alert_and_what_does_not_follow_gives_one_too() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let config = folder.write("config.yaml", CONFIG);
    let (marker, left) = (folder.write("marker", ""), folder.write("left", ""));
    let rules = folder.write(
        "rules.yaml",
        &rules(marker.to_str().unwrap(), left.to_str().unwrap()),
    );
    let capture = folder.join("recorded.scap");
    let common = [
        "-c",
        config.to_str().unwrap(),
        "-r",
        rules.to_str().unwrap(),
    ];
    let engine = Running::engine(common.into_iter().chain(["-w", capture.to_str().unwrap()]));
    // Four opens by another process do not count here.
    run(Command::new("sh").args([
        "-c",
        "for i in 1 2 3 4; do : <\"$0\"; done",
        marker.to_str().unwrap(),
    ]));
    File::open(&left).unwrap();
    for _ in 0..5 {
        File::open(&marker).unwrap();
    }
    // Nothing else need happen for an absence to be seen.
    let absent = wait_for("the alert of the absence", || {
        alerts(&engine.stdout(), "Left behind").pop()
    });
    assert_eq!(absent["output_fields"]["fd.name"], left.to_str().unwrap());
    wait_for("nine alerts of the rule", || {
        (alerts(&engine.stdout(), "Marker opened").len() == 9).then_some(())
    });
    // The last event of the recording is after the end of the window of the absence.
    File::open(&marker).unwrap();
    let (status, stdout, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
    assert_eq!(alerts(&stdout, "Marker opened").len(), 10);
    let often = alerts(&stdout, "Marker opened often");
    assert_eq!(often.len(), 1, "{often:#?}");
    let fields = &often[0]["output_fields"];
    let by = format!("{}, {}", std::process::id(), marker.display());
    assert_eq!(fields["correlate.count"], 5);
    assert_eq!(fields["correlate.window"], "60s");
    assert_eq!(fields["correlate.by"], by.as_str());
    let output = often[0]["output"].as_str().unwrap();
    let said = format!("many file={} count=5 window=60s by={by}", marker.display());
    assert!(output.contains(&said), "{output}");
    assert_eq!(alerts(&stdout, "Left behind").len(), 1);

    let replayed = run(Command::new(end_to_end::binary("peregrine"))
        .args(common)
        .args(["-e", capture.to_str().unwrap()]));
    let text = String::from_utf8_lossy(&replayed.stdout);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(alerts(&lines, "Marker opened often"), often);
    assert_eq!(alerts(&lines, "Left behind"), [absent]);
    assert!(
        text.contains("Events detected: 12") && text.contains("   Marker opened often: 1"),
        "{text}"
    );

    // The same recording, with equal alerts counted: one, and one that says how many.
    let counting = folder.write(
        "counting.yaml",
        &format!(
            "{CONFIG}deduplicate: {{window: 60s, by: [rule, fd.name], rules: ['Marker op*d']}}\n"
        ),
    );
    let replayed = run(Command::new(end_to_end::binary("peregrine")).args([
        "-c",
        counting.to_str().unwrap(),
        "-r",
        rules_path(&folder).as_str(),
        "-e",
        capture.to_str().unwrap(),
    ]));
    let text = String::from_utf8_lossy(&replayed.stdout);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let counted = alerts(&lines, "Marker opened");
    assert_eq!(counted.len(), 2, "{text}");
    assert!(counted[0]["output_fields"]["count"].is_null());
    assert_eq!(counted[1]["output_fields"]["count"], 10);
    let output = counted[1]["output"].as_str().unwrap();
    assert!(output.ends_with(" (10 times within 60 s)"), "{output}");
    assert_eq!(alerts(&lines, "Marker opened often"), often);
    assert!(fs::metadata(&capture).unwrap().len() > 0);
}

fn rules_path(folder: &Folder) -> String {
    folder.join("rules.yaml").display().to_string()
}
