//! The event generator against the engine and its default rules, live.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use end_to_end::{Folder, Running, binary, live, report_skip, repository, run, wait_for};
use serde_json::Value;

/// What is compared of alerts.
const FIELDS: &[&str] = &[
    "proc.name",
    "proc.pname",
    "proc.exepath",
    "proc.cmdline",
    "user.name",
    "fd.name",
    "proc.cwd",
    "container.id",
    "proc.tty",
];

/// The engine with every default rule, its alerts in a file.
fn engine(folder: &Folder, name: &str, more: &str) -> (Running, String) {
    let alerts = folder.join(&format!("{name}.json")).display().to_string();
    let fields = FIELDS.join(", ");
    let config = folder.write(
        &format!("{name}.yaml"),
        &format!(
            "config_files: []\nrules_files: []\njson_output: true\nstdout_output: {{enabled: false}}\n\
             file_output: {{enabled: true, keep_alive: true, filename: {alerts:?}}}\n\
             append_output: [{{extra_fields: [\"proc.env[EVENT_GENERATOR_TOKEN]\", {fields}]}}]\n\
             outputs: {{rate: 1000000000, max_burst: 1000000000}}\nbase_syscalls: {{all: true}}\n{more}"
        ),
    );
    let mut arguments = vec!["-c".to_owned(), config.display().to_string()];
    for file in ["", "_incubating", "_sandbox"] {
        let rules = repository().join(format!("rules/peregrine_rules{file}.yaml"));
        arguments.extend(["-r".to_owned(), rules.display().to_string()]);
    }
    (Running::engine(arguments), alerts)
}

fn generator(arguments: &[&str]) -> Output {
    run(Command::new(binary("event-generator"))
        .args(arguments)
        .env("HOME", "/nonexistent"))
}

fn report(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_action_that_can_run_here_is_noticed() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let (engine, alerts) = engine(&folder, "all", "");
    let result = folder.join("result.json");
    let to = format!("json={}", result.display());
    // A machine under load may lose events, which the engine says; a second try is for that.
    let output = generator(&[
        "test",
        "--all",
        "--sleep",
        "0",
        "--parallel",
        "4",
        "--test-timeout",
        "20s",
        "--retries",
        "2",
        "--correlate",
        "strict",
        "--follow",
        &alerts,
        "--report",
        &to,
    ]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let report = report(&result);
    assert_eq!(report["failed"], 0, "{log}");
    let mut passed = 0;
    for test in report["tests"].as_array().unwrap() {
        let name = test["action"].as_str().unwrap();
        if test["outcome"] == "passed" {
            passed += 1;
            continue;
        }
        let reason = test["reason"].as_str().unwrap();
        // What this machine need not have; of all else it is an error that it is skipped.
        let may_lack = name.starts_with("helper.")
            || name.starts_with("k8saudit.")
            || reason.contains("userfaultfd")
            || reason.contains("container");
        assert!(may_lack, "{name}: {reason}");
        report_skip(&format!("{name}: {reason}"));
    }
    assert!(passed >= 60, "{passed} passed:\n{log}");
    engine.stop();
}

#[test]
fn a_rule_that_is_disabled_is_a_failure() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let off = "rules: [{disable: {rule: Clear Log Activities}}]\n";
    let (engine, alerts) = engine(&folder, "disabled", off);
    let test = |name: &str, flags: &[&str]| {
        let fixed = ["test", name, "--sleep", "0", "--follow", &alerts];
        let output = generator(&[&fixed, flags].concat());
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), log)
    };
    // Another rule first: the engine hears, and what follows is not its delay.
    let (code, log) = test("CreateSymlink", &["--test-timeout", "30s"]);
    assert_eq!(code, Some(0), "{log}");
    let (code, log) = test("ClearLogActivities", &["--test-timeout", "1s"]);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("failed=1 passed=0 skipped=0"), "{log}");
    // Told that it must be silent, it is right.
    let (code, log) = test(
        "ClearLogActivities",
        &["--negative", "ClearLog", "--silence", "500ms"],
    );
    assert_eq!(code, Some(0), "{log}");
    engine.stop();
}

#[test]
fn alerts_come_over_grpc_and_http() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let socket = format!("unix://{}", folder.join("engine.sock").display());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let outputs = format!(
        "grpc: {{enabled: true, bind_address: {socket:?}}}\ngrpc_output: {{enabled: true}}\n\
         http_output: {{enabled: true, url: \"http://{address}/\"}}\n"
    );
    let (engine, _) = engine(&folder, "outputs", &outputs);
    for way in [
        ["--grpc-unix-socket", &socket],
        ["--http-server-address", &address],
    ] {
        let fixed = [
            "test",
            "ClearLogActivities|NetcatRemote",
            "--sleep",
            "0",
            "--correlate",
            "strict",
            "--retries",
            "2",
        ];
        let output = generator(&[&fixed[..], &way].concat());
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{way:?} {log}");
        assert!(log.contains("failed=0 passed=2 skipped=0"), "{log}");
    }
    engine.stop();
}

/// By rule, what the alerts of the run `program` say, without what differs from run to run.
fn said(alerts: &str, program: u32, rules: usize) -> BTreeMap<String, BTreeMap<String, String>> {
    let mark = format!("eg-{program}-");
    let read = || {
        let mut said = BTreeMap::new();
        for line in std::fs::read_to_string(alerts).unwrap_or_default().lines() {
            let Ok(alert) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let fields = &alert["output_fields"];
            let token = fields["proc.env[EVENT_GENERATOR_TOKEN]"].as_str();
            if token.is_none_or(|token| !token.starts_with(&mark)) {
                continue;
            }
            let fields = FIELDS.iter().map(|field| {
                // Names of our own hold numbers of processes and moments.
                let text = fields[field].to_string();
                // The port that a client happens to get.
                let text = text.rsplit("->").next().unwrap_or_default();
                let parts = text.split('/').map(|part| {
                    if part.starts_with("event-generator-") {
                        "…"
                    } else {
                        part
                    }
                });
                ((*field).to_owned(), parts.collect::<Vec<_>>().join("/"))
            });
            let rule = alert["rule"].as_str().unwrap().to_owned();
            said.entry(rule).or_insert_with(|| fields.collect());
        }
        said
    };
    wait_for("the alerts of every rule", || {
        Some(read()).filter(|said| said.len() >= rules)
    });
    read()
}

#[test]
fn a_sandbox_does_not_change_what_the_engine_sees() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let actions = [
        "AddingSshKeysToAuthorizedKeys",
        "ClearLogActivities",
        "CreateFilesBelowDev",
        "CreateSymlinkOverSensitiveFiles",
        "DbProgramSpawnedProcess",
        "DisallowedSSHConnectionNonStandardPort",
        "ExecutionFromDevShm",
        "FindAwsCredentials",
        "MkdirBinaryDirs",
        "NonSudoSetuid",
        "PtraceAttachedToProcess",
        "ReadSensitiveFileUntrusted",
        "RunShellUntrusted",
        "SystemUserInteractive",
        "WriteBelowBinaryDir",
        "WriteBelowEtc",
        "WriteBelowMonitoredDir",
        "WriteBelowRoot",
        "WriteBelowRpmDatabase",
    ];
    let journals = folder.join("journals").display().to_string();
    let mut ways = Vec::new();
    for (name, flags) in [
        ("sandbox", &[][..]),
        (
            "in-place",
            &["--in-place", "--journal-directory", &journals],
        ),
    ] {
        let (engine, alerts) = engine(&folder, name, "");
        let names = actions.join(",");
        let fixed = [
            "test",
            "--action",
            &names,
            "--sleep",
            "0",
            "--correlate",
            "strict",
            "--test-timeout",
            "20s",
            "--retries",
            "2",
            "--follow",
            &alerts,
        ];
        let child = Command::new(binary("event-generator"))
            .args([&fixed, flags].concat())
            .env("HOME", "/nonexistent")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let program = child.id();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        ways.push(said(&alerts, program, actions.len()));
        engine.stop();
    }
    let (sandbox, in_place) = (&ways[0], &ways[1]);
    for (rule, fields) in sandbox {
        assert_eq!(Some(fields), in_place.get(rule), "{rule}");
    }
    assert_eq!(sandbox.len(), in_place.len());
    assert_eq!(sandbox["Write below etc"]["fd.name"], "\"/etc/…");
    assert_eq!(sandbox["Write below etc"]["user.name"], "\"root\"");
}

/// `cargo test -p end-to-end --test generator -- --ignored containerd`, with containerd and runc installed.
#[test]
#[ignore = "needs containerd and runc, which the build does not"]
fn containerd_makes_the_containers() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let path = |name: &str| folder.join(name).display().to_string();
    let socket = path("containerd.sock");
    let config = folder.write(
        "containerd.toml",
        &format!(
            "version = 2\nroot = {:?}\nstate = {:?}\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = {socket:?}\n",
            path("root"),
            path("state"),
        ),
    );
    let found = Command::new("containerd").arg("--version").output();
    if found.is_err() || Command::new("runc").arg("--version").output().is_err() {
        report_skip("containerd or runc is not installed");
        return;
    }
    let daemon = Running::start(Command::new("containerd").arg("-c").arg(config));
    wait_for("containerd", || Path::new(&socket).exists().then_some(()));
    let (engine, alerts) = engine(&folder, "containerd", "");
    let output = generator(&[
        "test",
        "^syscall.*(InContainer|FromContainer|ContainerEscapes|Drift|Privileged|Unshare|Entrypoint)",
        "--all",
        "--sleep",
        "0",
        "--test-timeout",
        "20s",
        "--retries",
        "2",
        "--correlate",
        "strict",
        "--follow",
        &alerts,
        "--container-runtime",
        "containerd",
        "--container-runtime-unix-socket",
        &socket,
    ]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(
        log.contains("failed=0 passed=") && log.contains("skipped=0"),
        "{log}"
    );
    let left = run(Command::new("ctr")
        .args(["--address", &socket, "--namespace", "event-generator"])
        .args(["containers", "list", "--quiet"]));
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
    engine.stop();
    daemon.stop();
}
