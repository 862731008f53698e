//! CPUs that go and come do not end the capture.

use std::fs;
use std::process::Command;

use end_to_end::{Folder, Running, live, report_skip, wait_for};

/// The second CPU's switch.
const ONLINE: &str = "/sys/devices/system/cpu/cpu1/online";

/// Puts the CPU back, whatever happens.
struct Back;

impl Drop for Back {
    fn drop(&mut self) {
        let _ = fs::write(ONLINE, "1");
    }
}

/// Takes a CPU away from everybody, so that it only runs when it is asked for:
/// `cargo test -p end-to-end --test hotplug -- --ignored`.
#[test]
#[ignore = "takes a CPU of the machine offline for a while"]
fn a_cpu_may_go_and_come_back() {
    if !live() {
        return;
    }
    if fs::read_to_string(ONLINE).is_ok_and(|text| text.trim() != "1")
        || fs::write(ONLINE, "1").is_err()
    {
        report_skip("the second CPU cannot be switched");
        return;
    }
    let folder = Folder::new();
    let marker = folder.write("marker", "");
    let config = folder.write("config.yaml", "stdout_output: {enabled: true}\n");
    let rules = folder.write(
        "rules.yaml",
        &format!(
            "- rule: Marker\n  desc: d\n  priority: INFO\n  output: \"%fd.name\"\n  condition: \
             evt.type in (open, openat) and fd.name = {}\n",
            marker.display()
        ),
    );
    let (config, rules) = (config.display().to_string(), rules.display().to_string());
    let engine = Running::engine(["-c", &config, "-r", &rules]);
    let read = |cpus: &str| {
        let status = Command::new("taskset")
            .args(["-c", cpus, "cat"])
            .arg(&marker)
            .status();
        assert!(status.expect("taskset is there").success());
    };
    let heard = |count: usize| {
        wait_for("an alert for each read", || {
            (engine.stdout().len() >= count).then_some(())
        });
    };
    read("1");
    heard(1);
    let back = Back;
    fs::write(ONLINE, "0").expect("it is switched off");
    read("0");
    heard(2);
    drop(back);
    read("1");
    heard(3);
    let (status, lines, log) = engine.stop();
    assert!(status.success(), "{}", log.join("\n"));
    assert_eq!(
        lines.iter().filter(|line| line.contains("marker")).count(),
        3
    );
}
