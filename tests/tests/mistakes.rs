//! Mistakes: each gets an error that says what, where and what to do, and exit code 1.

use std::os::unix::net::UnixListener;
use std::process::{Command, Output};

use end_to_end::{Folder, binary, live, run};

fn peregrine(args: &[&str]) -> Output {
    run(Command::new(binary("peregrine")).args(args))
}

#[track_caller]
fn assert_fails(output: &Output, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part:?} is not in:\n{stderr}");
    }
}

const GOOD_RULE: &str = "- rule: a\n  desc: b\n  condition: evt.type = openat\n  output: c\n  \
                         priority: INFO\n";

#[test]
fn all_errors_of_all_rules_files_are_shown() {
    let folder = Folder::new();
    let config = folder.write("c.yaml", "stdout_output: {enabled: true}\n");
    let first = folder.write(
        "first.yaml",
        "- rule: one\n  desc: d\n  \
         condition: >\n    evt.type = openat and\n    fd.name startwith /etc or\n    \
         proc.nam = cat\n  output: o\n  priority: WARNING\n",
    );
    let second = folder.write(
        "second.yaml",
        "- rule: two\n  desc: d\n  condition: evt.type = openat and undefined_macro\n  \
         output: o %proc.nme\n  priority: LOUD\n",
    );
    let output = peregrine(&[
        "-c",
        config.to_str().unwrap(),
        "-r",
        first.to_str().unwrap(),
        "-r",
        second.to_str().unwrap(),
    ]);
    assert_fails(
        &output,
        &[
            "first.yaml:5:13",
            "first.yaml:6:5",
            "second.yaml:3:36",
            "second.yaml:4:13",
            "second.yaml:5:13",
            "did you mean 'startswith'?",
            "proc.nam",
            "undefined_macro",
            "proc.nme",
        ],
    );
}

#[test]
fn what_is_missing_is_named() {
    assert_fails(
        &peregrine(&["-c", "/nowhere/falco.yaml"]),
        &["Could not find configuration file at /nowhere/falco.yaml"],
    );
    assert_fails(
        &peregrine(&["-r", "/nowhere/rules.yaml"]),
        &["/nowhere/rules.yaml", "No such file"],
    );
    assert_fails(&peregrine(&["--no-such-option"]), &["--no-such-option"]);
    assert_fails(&peregrine(&["-u"]), &["there is no command to trace"]);
    assert_fails(
        &peregrine(&["-k", "https://localhost"]),
        &["-k is not available"],
    );
    let folder = Folder::new();
    let config = folder.write("c.yaml", "webserver: {listen_port: 99999}\npriority: [1]\n");
    assert_fails(
        &peregrine(&["-c", config.to_str().unwrap()]),
        &[
            "c.yaml:1:26: webserver.listen_port",
            "c.yaml:2:11: priority",
        ],
    );
    assert_fails(
        &peregrine(&["-o", "json_output"]),
        &["Must be of the form key=val"],
    );
    let rules = folder.write("r.yaml", GOOD_RULE);
    let capture = folder.write("not.scap", "this is not a capture, whatever its name says");
    assert_fails(
        &peregrine(&[
            "-r",
            rules.to_str().unwrap(),
            "-e",
            capture.to_str().unwrap(),
        ]),
        &["not.scap"],
    );
}

#[test]
fn a_socket_in_use_is_an_error_and_stays_with_its_owner() {
    let folder = Folder::new();
    let socket = folder.join("engine.sock");
    let _owner = UnixListener::bind(&socket).unwrap();
    let rules = folder.write("r.yaml", GOOD_RULE);
    let bind = format!("grpc.bind_address=unix://{}", socket.display());
    let output = peregrine(&[
        "-r",
        rules.to_str().unwrap(),
        "-o",
        "grpc.enabled=true",
        "-o",
        "grpc_output.enabled=true",
        "-o",
        &bind,
    ]);
    assert_fails(
        &output,
        &["engine.sock", "another program is listening there"],
    );
    assert!(socket.exists());
}

#[test]
fn without_rights_the_missing_ones_are_named() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let rules = folder.write("r.yaml", GOOD_RULE);
    // Everything but the capabilities of root.
    let output = run(Command::new("setpriv")
        .args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"])
        .arg(binary("peregrine"))
        .args([
            "-r",
            rules.to_str().unwrap(),
            "-o",
            "stdout_output.enabled=true",
        ]));
    assert_fails(&output, &["CAP_BPF", "CAP_PERFMON"]);
}
