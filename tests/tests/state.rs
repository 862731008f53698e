//! What the engine knows of the machine, live: what changes beside system calls, and what a flood
//! leaves behind.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use end_to_end::{Folder, Running, binary, live, run, wait_for};

const CONFIG: &str = "stdout_output: {enabled: true}\nrules_files: []\nconfig_files: []\n";

#[test]
fn users_that_come_and_go_are_events_live_and_in_a_recording() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let config = folder.write("config.yaml", CONFIG);
    let rules = folder.write(
        "rules.yaml",
        "- rule: Accounts\n  desc: users and groups come and go\n  condition: evt.type in \
         (useradded, userdeleted, groupadded, groupdeleted)\n  output: accounts %evt.type \
         %evt.args\n  priority: NOTICE\n",
    );
    // A machine whose users this test may change, with the processes of the real one.
    fs::create_dir_all(folder.join("host/etc")).unwrap();
    symlink("/proc", folder.join("host/proc")).unwrap();
    symlink("/sys", folder.join("host/sys")).unwrap();
    let root = "root:x:0:0::/root:/bin/sh\n";
    let write = |passwd: &str, group: &str| {
        // As tools do it: the new file takes the place of the old one.
        for (name, text) in [("passwd", passwd), ("group", group)] {
            let path = folder.write(&format!("host/etc/{name}.new"), text);
            fs::rename(path, folder.join(&format!("host/etc/{name}"))).unwrap();
        }
    };
    write(root, "root:x:0:\n");
    let capture = folder.join("recorded.scap");
    let mut command = Command::new(binary("peregrine"));
    let args = [
        "-c",
        config.to_str().unwrap(),
        "-r",
        rules.to_str().unwrap(),
    ];
    command
        .args(args)
        .args(["-w", capture.to_str().unwrap()])
        .env("HOST_ROOT", folder.join("host"));
    let engine = Running::start(&mut command);
    wait_for("the engine to watch", || {
        let log = engine.stderr().join("\n");
        log.contains("Watching ").then_some(())
    });
    let alerts = |lines: &[String]| -> Vec<String> {
        let ours = lines.iter().filter_map(|line| line.split_once("accounts "));
        // What follows are the fields of containers.
        ours.filter_map(|(_, rest)| Some(rest.split_once(" container_id=")?.0.to_owned()))
            .collect()
    };
    let wait = |count: usize| {
        wait_for("alerts", || {
            (alerts(&engine.stdout()).len() >= count).then_some(())
        });
    };
    write(
        &format!("{root}eve:x:1001:1002::/home/eve:/bin/bash\n"),
        "root:x:0:\neve:x:1002:\n",
    );
    wait(2);
    write(root, "root:x:0:\n");
    wait(4);
    let (status, stdout, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
    let live = alerts(&stdout);
    assert_eq!(
        live,
        [
            "useradded uid=1001 gid=1002 name=eve home=/home/eve shell=/bin/bash",
            "groupadded gid=1002 name=eve",
            "userdeleted uid=1001 gid=1002 name=eve home=/home/eve shell=/bin/bash",
            "groupdeleted gid=1002 name=eve",
        ]
    );
    let replayed = run(Command::new(binary("peregrine"))
        .args(args)
        .args(["-e", capture.to_str().unwrap()]));
    let text = String::from_utf8_lossy(&replayed.stdout);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(alerts(&lines), live);
}
