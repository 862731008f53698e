//! The numbers of a running engine: in the metrics file, as alerts, and from the web server.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use end_to_end::{Folder, Running, binary, live, repository, run, wait_for};
use serde_json::Value;

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

/// A configuration with a metrics file, snapshots as alerts in `alerts`, and a web server.
fn start(folder: &Folder, port: u16, marker: &str, more: &str) -> Running {
    let config = folder.write(
        "config.yaml",
        &format!(
            "config_files: []\nrules_files: []\njson_output: true\n\
             stdout_output: {{enabled: true}}\ntop: {{enabled: false}}\n\
             metrics:\n  enabled: true\n  interval: 100ms\n  output_rule: true\n  output_file: {}\n  \
             include_empty_values: true\n  kernel_event_counters_per_cpu_enabled: true\n\
             webserver:\n  enabled: true\n  listen_address: 127.0.0.1\n  listen_port: {port}\n  \
             prometheus_metrics_enabled: true\n{more}",
            folder.join("metrics.jsonl").display()
        ),
    );
    let rules = folder.write(
        "some_rules.yaml",
        &format!(
            "- rule: Marker opened\n  desc: d\n  condition: evt.type in (open, openat, openat2) \
             and fd.name = {marker}\n  output: opened %fd.name\n  priority: WARNING\n  tags: [a-b]\n"
        ),
    );
    Running::engine([
        "-c".as_ref(),
        config.as_os_str(),
        "-r".as_ref(),
        rules.as_os_str(),
        "-r".as_ref(),
        repository().join("rules/peregrine_rules.yaml").as_os_str(),
    ])
}

/// The value of the first sample that begins so.
fn sample(text: &str, start: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(start))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// Alerts that standard output has taken.
const SENT: &str = "peregrine_output_alerts_total{output=\"stdout\",result=\"sent\"}";

#[test]
fn an_alert_is_in_every_form_of_metrics() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let marker = folder.write("marker", "x").display().to_string();
    let port = free_port();
    let engine = start(&folder, port, &marker, "");
    run(Command::new("cat").arg(&marker));

    let text = wait_for("the match at /metrics", || {
        let text = get(port, "/metrics")?;
        let matches = sample(&text, "falcosecurity_falco_rules_matches_total{")?;
        let sent = sample(&text, SENT)?;
        (matches >= 1.0 && sent >= 1.0).then_some(text)
    });
    for (start, least) in [
        ("falcosecurity_scap_n_evts_total", 1.0),
        ("falcosecurity_scap_n_drops_total", 0.0),
        ("falcosecurity_falco_outputs_queue_num_drops_total", 0.0),
        ("falcosecurity_falco_memory_rss_bytes", 1e6),
        ("falcosecurity_scap_n_threads_total", 1.0),
        ("falcosecurity_scap_n_evts_cpu_total{cpu=\"0\"}", 0.0),
        (
            "falcosecurity_scap_engine_name_info{evt_source=\"syscall\",engine_name=\"modern_bpf\"}",
            1.0,
        ),
        (
            "peregrine_rule_evaluations_total{rule_name=\"Marker opened\"}",
            1.0,
        ),
        ("peregrine_kernel_filtered_calls_total", 0.0),
        (
            "peregrine_output_alerts_total{output=\"stdout\",result=\"dropped\"}",
            0.0,
        ),
    ] {
        let value = sample(&text, start);
        assert!(
            value.is_some_and(|value| value >= least),
            "{start} {value:?}"
        );
    }
    assert!(text.contains("tag_a_b=\"true\""), "{text}");

    let fields = wait_for("the match in the metrics file", || {
        let text = fs::read_to_string(folder.join("metrics.jsonl")).ok()?;
        let line: Value = serde_json::from_str(text.lines().last()?).ok()?;
        let fields = &line["output_fields"];
        (fields["falco.rules.Marker_opened"].as_u64()? >= 1).then(|| fields.clone())
    });
    for key in [
        "evt.time",
        "falco.version",
        "falco.num_evts",
        "falco.num_evts_prev",
        "falco.memory_rss_mb",
        "falco.rules.matches_total",
        "falco.sha256_rules_file.some_rules",
        "falco.sha256_config_file.config",
        "scap.n_evts",
        "scap.n_drops_perc",
        "scap.n_drops_buffer_open_exit",
        "peregrine.rules.Marker_opened.evaluations",
        "peregrine.kernel.over_budget",
        "peregrine.output.stdout.dropped",
    ] {
        assert!(!fields[key].is_null(), "{key}: {fields}");
    }

    let alert = wait_for("a snapshot among the alerts", || {
        let lines = engine.stdout();
        let line = lines
            .iter()
            .find(|line| line.contains("metrics snapshot"))?;
        serde_json::from_str::<Value>(line).ok()
    });
    assert_eq!(alert["rule"], "Falco internal: metrics snapshot");
    assert_eq!(alert["priority"], "Informational");
    assert_eq!(alert["source"], "internal");
    assert!(alert["output_fields"]["scap.n_evts"].is_number(), "{alert}");

    assert_eq!(
        get(port, "/healthz").as_deref(),
        Some("{\"status\": \"ok\"}")
    );
    assert!(get(port, "/versions").is_some_and(|text| text.contains("engine_version_semver")));
    let (status, _, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
    assert!(
        get(port, "/healthz").is_none(),
        "the web server outlives the engine"
    );
}

/// A queue for one alert in front of a program that takes none loses alerts, and it is said whose
/// queue: in the metrics, and by the event generator, which reads them.
#[test]
fn what_a_queue_drops_is_named() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let marker = folder.write("marker", "x").display().to_string();
    let socket = format!("unix://{}", folder.join("engine.sock").display());
    let port = free_port();
    let more = format!(
        "outputs_queue: {{capacity: 1}}\noutputs: {{rate: 0}}\n\
         append_output: [{{match: {{source: syscall}}, extra_fields: [proc.pid, proc.ppid]}}]\n\
         grpc: {{enabled: true, bind_address: {socket:?}}}\ngrpc_output: {{enabled: true}}\n\
         program_output:\n  enabled: true\n  keep_alive: true\n  \
         program: while kill -0 $PPID 2>/dev/null; do sleep 0.1; done\n"
    );
    let engine = start(&folder, port, &marker, &more);
    let dropped = "peregrine_output_alerts_total{output=\"program\",result=\"dropped\"}";
    // A pipe holds some hundred alerts.
    let read_many = "i=0; while [ $i -lt 500 ]; do read x <$0; i=$((i+1)); done";
    let text = wait_for("a drop at /metrics", || {
        run(Command::new("sh").args(["-c", read_many, &marker]));
        let text = get(port, "/metrics")?;
        (sample(&text, dropped)? >= 1.0).then_some(text)
    });
    let queues = sample(&text, "falcosecurity_falco_outputs_queue_num_drops_total");
    assert!(queues >= sample(&text, dropped), "{text}");
    let line = wait_for("the drops in the metrics file", || {
        let text = fs::read_to_string(folder.join("metrics.jsonl")).ok()?;
        let line: Value = serde_json::from_str(text.lines().last()?).ok()?;
        let fields = &line["output_fields"];
        let drops = fields["falco.outputs_queue_num_drops"].as_u64()?;
        (drops >= 1).then(|| line.clone())
    });
    let of_program = line["output_fields"]["peregrine.output.program.dropped"].as_u64();
    assert!(of_program >= Some(1), "{line}");

    let bench = run(Command::new(binary("event-generator"))
        .args(["bench", "ReadSensitiveFileUntrusted", "--pid"])
        .arg(engine.pid().to_string())
        .args(["--grpc-unix-socket", &socket])
        .args(["--round-duration", "1s", "--sleep", "5ms", "--rounds", "1"])
        .args(["--metrics-url", &format!("http://127.0.0.1:{port}/metrics")]));
    let log = String::from_utf8_lossy(&bench.stderr);
    assert!(bench.status.success(), "{log}");
    let counters = log.lines().find(|line| line.starts_with("INFO counters"));
    let counters = counters.unwrap_or_else(|| panic!("no counters in:\n{log}"));
    let drops = counters
        .split_whitespace()
        .find_map(|word| word.strip_prefix("queue_drops=")?.parse::<u64>().ok());
    assert!(drops > Some(0), "{log}");
    drop(engine);
}
