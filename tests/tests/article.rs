//! The command lines of the 2021 performance article, as printed there but for names and paths.

use std::fs;
use std::process::Command;

use end_to_end::{Folder, Running, binary, live, repository, run};
use serde_json::Value;

const ACTIONS: [&str; 3] = [
    "ChangeThreadNamespace",
    "ReadSensitiveFileUntrusted",
    "WriteBelowBinaryDir",
];

#[test]
fn the_benchmark_of_the_article_runs_and_every_alert_is_accounted_for() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let socket = format!("unix://{}", folder.join("engine.sock").display());
    // The configuration of the article: gRPC on a unix socket, the limiter out of the way. That alerts
    // say which process they are about keeps other tests' actions out of the count.
    let config = folder.write(
        "config.yaml",
        &format!(
            "config_files: []\nrules_files: []\ngrpc: {{enabled: true, bind_address: {socket:?}}}\n\
             grpc_output: {{enabled: true}}\nfile_output: {{enabled: true, keep_alive: true, \
             filename: {:?}}}\noutputs: {{rate: 1000000000, max_burst: 1000000000}}\n\
             append_output: [{{match: {{source: syscall}}, extra_fields: [proc.pid, proc.ppid]}}]\n",
            folder.join("alerts.txt")
        ),
    );
    let rules = repository().join("rules/peregrine_rules.yaml");
    let stats = folder.join("stats.txt");
    let engine = Running::engine([
        "-v",
        "-c",
        config.to_str().unwrap(),
        "-r",
        rules.to_str().unwrap(),
        "-s",
        stats.to_str().unwrap(),
        "--stats-interval",
        "500",
        "--cri",
        "/run/containerd/containerd.sock",
    ]);
    let result = folder.join("bench.json");
    let bench = run(Command::new(binary("event-generator"))
        .args([
            "bench",
            &ACTIONS.join("|"),
            "--loop",
            "--pid",
            &engine.pid().to_string(),
        ])
        .args([
            "--grpc-unix-socket",
            &socket,
            "--round-duration",
            "1s",
            "--sleep",
            "2ms",
        ])
        .args(["--rounds", "3", "--json-result", result.to_str().unwrap()])
        .args(["--stats-file", stats.to_str().unwrap()]));
    let log = String::from_utf8_lossy(&bench.stderr);
    assert!(bench.status.success(), "{log}");
    let (status, _, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));

    for round in ["round #1", "round #2", "round #3"] {
        assert!(log.contains(round), "{round} is not in:\n{log}");
    }
    for action in ACTIONS {
        let line = log
            .lines()
            .find(|line| line.contains(&format!("INFO syscall.{action} ")));
        let line = line.unwrap_or_else(|| panic!("{action} is not in:\n{log}"));
        for key in ["actual=", "expected=", "ratio="] {
            assert!(line.contains(key), "{line}");
        }
    }
    let statistics = log
        .lines()
        .find(|line| line.starts_with("INFO statistics"))
        .unwrap();
    for key in ["cpu=", "lost=", "res_mem=", "throughput=", "virt_mem="] {
        assert!(statistics.contains(key), "{statistics}");
    }

    // Nothing is lost in silence: what is missing was dropped by the kernel side, and counted.
    let counter = |name: &str| -> u64 {
        stderr
            .iter()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
            .unwrap()
    };
    let json: Value = serde_json::from_str(&fs::read_to_string(&result).unwrap()).unwrap();
    let (mut expected, mut actual) = (0, 0);
    for round in json["rounds"].as_array().unwrap() {
        expected += round["expected"].as_u64().unwrap();
        actual += round["actual"].as_u64().unwrap();
        // The engine's own counters are set beside what is lost, and cover it.
        assert_eq!(round["counters"]["unexplained"], 0, "{json}");
        assert!(round["counters"]["counters"]["events"].as_u64().unwrap() > 0);
        // Every alert says when its event happened.
        assert_eq!(round["latency"]["count"], round["actual"], "{json}");
    }
    assert!(expected > 100, "{json}");
    assert!(actual <= expected, "{json}");
    assert!(
        expected - actual <= counter("Driver Drops:"),
        "{expected} - {actual}: {stderr:#?}"
    );

    // Every alert went into the file too: every subscriber gets every alert.
    let alerts = fs::read_to_string(folder.join("alerts.txt")).unwrap();
    assert!(alerts.lines().count() as u64 >= actual);
}

#[test]
fn an_engine_that_is_not_there_is_an_error_at_the_start() {
    let folder = Folder::new();
    let socket = format!("unix://{}", folder.join("nobody.sock").display());
    let bench = run(Command::new(binary("event-generator")).args([
        "bench",
        "ReadSensitiveFileUntrusted",
        "--grpc-unix-socket",
        &socket,
    ]));
    let log = String::from_utf8_lossy(&bench.stderr);
    assert_eq!(bench.status.code(), Some(1), "{log}");
    assert!(log.contains("nobody.sock"), "{log}");
}
