//! `peregrine top` against a running engine.

use std::process::Command;

use end_to_end::{Folder, Running, binary, live, run, wait_for};
use serde_json::Value;

fn ask(socket: &str, options: &[&str]) -> std::process::Output {
    run(Command::new(binary("peregrine"))
        .args(["top", "--socket", socket])
        .args(options))
}

#[test]
fn a_running_engine_says_what_it_is_busy_with() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let marker = folder.write("marker", "x");
    let marker = marker.to_string_lossy().into_owned();
    let socket = folder.join("folder/top.sock");
    let config = folder.write(
        "config.yaml",
        &format!(
            "stdout_output: {{enabled: true}}\nrules_files: []\nconfig_files: []\n\
             top: {{socket: {}}}\n",
            socket.display()
        ),
    );
    let rules = folder.write(
        "rules.yaml",
        &format!(
            "- rule: Marker opened\n  desc: d\n  condition: evt.type in (open, openat, openat2) \
             and fd.name = {marker}\n  output: opened %fd.name\n  priority: WARNING\n"
        ),
    );
    let engine = Running::engine([
        "-c".as_ref(),
        config.as_os_str(),
        "-r".as_ref(),
        rules.as_os_str(),
    ]);
    let socket = socket.to_string_lossy().into_owned();
    run(Command::new("cat").arg(&marker));
    let row = wait_for("the match in a report", || {
        let output = ask(&socket, &["--once", "-o", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).ok()?;
        let rows = report["rules"].as_array()?;
        let row = rows.iter().find(|row| row["rule"] == "Marker opened")?;
        (row["matches"].as_u64()? > 0).then(|| row.clone())
    });
    assert!(
        row["evaluations"].as_u64() >= row["matches"].as_u64(),
        "{row}"
    );

    let output = ask(&socket, &["--once"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    for part in ["lost: events", "Marker opened", "system call", "process"] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let (status, _, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
    assert!(!folder.join("folder").exists(), "the socket is left behind");
    let output = ask(&socket, &["--once"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(text.contains("no engine answers at"), "{text}");
}
