//! The program as its users run it: output, exit codes, what is left behind.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const PROGRAM: &str = env!("CARGO_BIN_EXE_event-generator");

/// Runs it to its end, without the caller's configuration.
fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("HOME", "/nonexistent");
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The exit code is 1 and the last line is FATA with this error.
#[track_caller]
fn assert_fatal(arguments: &[&str], error: &str) {
    let output = run(arguments);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let last = text.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("FATA error executing event-generator"),
        "{text}"
    );
    assert!(last.contains(error), "expected {error:?} in:\n{text}");
}

/// Compares with a file beside the tests; `UPDATE=1` writes it.
#[track_caller]
fn assert_golden(name: &str, output: &Output) {
    assert!(output.status.success(), "{}", stderr(output));
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap());
}

#[test]
fn actions_are_listed() {
    assert_golden("list.txt", &run(&["list"]));
    assert_golden("list-all.txt", &run(&["list", "--all"]));
    assert_golden(
        "list.json",
        &run(&["list", "WriteBelowEtc|RunShell", "--all", "-o", "json"]),
    );
}

#[test]
fn an_action_is_explained() {
    assert_golden(
        "explain.txt",
        &run(&["explain", "syscall.ReadSensitiveFileTrustedAfterStartup"]),
    );
    let loosely = run(&["explain", "read sensitive file trusted after startup"]);
    assert_golden("explain.txt", &loosely);
}

#[test]
fn without_a_command_there_is_help() {
    let output = run(&[]);
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("Usage: event-generator")
    );
}

#[test]
fn usage_errors_are_1() {
    for arguments in [
        &["nosuch"][..],
        &["list", "--nosuch"],
        &["bench"],
        &["run", "--sleep", "fast"],
        &["run", "a", "b"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    for command in ["run", "test", "bench"] {
        assert_fatal(&[command, "nosuch"], "no events matching 'nosuch'");
        assert_fatal(
            &[command, "("],
            "bad regular expression '(': unclosed group",
        );
        assert_fatal(
            &[command, "^k8saudit"],
            "none of the selected actions is enabled; add --all",
        );
    }
    assert_fatal(&["list", "nosuch"], "no events matching 'nosuch'");
    assert_fatal(
        &["list", "k8saudit"],
        "no enabled events matching 'k8saudit'",
    );
    assert_fatal(&["explain", "nosuch"], "no events matching 'nosuch'");
    assert_fatal(
        &["bench", "DoNothing", "--sleep", "5s"],
        "--round-duration (5s) must be longer than --sleep (5s)",
    );
    let missing = run(&["run", "DoNothing", "-c", "/nonexistent/file"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        stderr(&missing).contains("cannot read /nonexistent/file"),
        "{}",
        stderr(&missing)
    );
}

#[test]
fn an_engine_that_is_not_there_is_an_error() {
    let socket = "--grpc-unix-socket=unix:///nonexistent/falco.sock";
    for command in ["bench", "test"] {
        assert_fatal(
            &[command, "DoNothing", socket],
            "cannot reach an engine at unix:///nonexistent/falco.sock",
        );
        assert_fatal(
            &[command, "DoNothing", "--grpc-port=1"],
            "/etc/falco/certs/client.crt: No such file or directory",
        );
    }
    assert_fatal(
        &[
            "bench",
            "DoNothing",
            "--http-server-address=127.0.0.1:0",
            "--first-alert-timeout=10ms",
        ],
        "no alert came within 10ms for 1 actions done to try",
    );
    assert_fatal(
        &[
            "bench",
            "DoNothing",
            "--http-server-address=127.0.0.1:0",
            socket,
        ],
        "alerts come over gRPC or over HTTP",
    );
}

#[test]
fn a_port_in_use_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for command in ["bench", "test"] {
        assert_fatal(
            &[command, "DoNothing", "--http-server-address", &address],
            &format!("cannot take alerts on {address}: Address already in use"),
        );
    }
}

#[test]
fn a_process_that_is_not_there_is_an_error() {
    assert_fatal(
        &["bench", "DoNothing", "--dry-run", "--pid", "4194305"],
        "there is no process 4194305",
    );
}

#[test]
fn running_is_logged_as_by_the_original() {
    let output = run(&["run", "^helper.DoNothing$", "--sleep", "1ms"]);
    assert!(output.status.success());
    assert_eq!(
        stderr(&output),
        "INFO sleep for 1ms                                 action=helper.DoNothing\n\
         INFO action executed                               action=helper.DoNothing\n"
    );
    let output = run(&[
        "run",
        "^helper.DoNothing$",
        "--sleep",
        "0",
        "--logformat",
        "json",
    ]);
    assert_eq!(
        stderr(&output),
        "{\"action\":\"helper.DoNothing\",\"level\":\"info\",\"msg\":\"action executed\"}\n"
    );
    let output = run(&["run", "K8SConfigMapCreated", "--all", "--sleep", "0"]);
    assert!(output.status.success(), "a skipped action is no failure");
    assert_eq!(
        stderr(&output),
        "WARN action skipped                                action=k8saudit.K8SConfigMapCreated \
         reason=\"action not available yet: it needs a Kubernetes client\"\n"
    );
}

#[test]
fn an_action_that_fails_is_1() {
    // Nowhere to make temporary files.
    let output = command(&["run", "ClearLogActivities", "--sleep", "0"])
        .env("TMPDIR", "/nonexistent")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("ERRO action error"), "{text}");
    assert!(
        text.ends_with("ERRO actions failed                                failed=1\n"),
        "{text}"
    );
}

#[test]
fn values_come_from_four_places() {
    let dir = std::env::temp_dir().join(format!("settings-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(
        dir.join(".falco-event-generator.yaml"),
        "sleep: 3ms\nloglevel: warning\n",
    )
    .unwrap();
    let slept = |arguments: &[&str], environment: &[(&str, &str)]| {
        let output = command(&[&["run", "DoNothing"], arguments].concat())
            .env("HOME", &dir)
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        stderr(&output)
    };
    assert_eq!(slept(&[], &[]), "", "the file sets the level");
    assert!(slept(&["-l", "info"], &[]).contains("sleep for 3ms"));
    let variable = ("FALCO_EVENT_GENERATOR_SLEEP", "2ms");
    assert!(slept(&["-l", "info"], &[variable]).contains("sleep for 2ms"));
    assert!(slept(&["-l", "info", "--sleep", "1ms"], &[variable]).contains("sleep for 1ms"));
    assert!(slept(&[], &[("FALCO_EVENT_GENERATOR_LOGLEVEL", "debug")]).contains("sleep for 3ms"));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_seed_repeats_the_order() {
    let order = |seed| stderr(&run(&["run", "^helper", "--sleep", "0", "--seed", seed]));
    assert_eq!(order("1"), order("1"));
    assert_ne!(order("1"), order("2"));
}

#[test]
fn an_interruption_ends_the_loop_and_leaves_nothing() {
    let mut child = command(&["run", "ClearLog|DoNothing", "--loop", "--sleep", "1h"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line says that it is asleep.
    let mut first = [0; 4];
    child
        .stderr
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    let pid = child.id();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = stderr(&output);
    assert!(
        text.contains("INFO received SIGINT, shutting down\nINFO shutdown completed\n"),
        "{text}"
    );
    let mark = format!("event-generator-{pid}-");
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap_or_default();
        assert!(!name.starts_with(&mark), "{name}");
    }
}

#[test]
fn a_dry_run_measures_without_an_engine() {
    let path = std::env::temp_dir().join(format!("result-{}.json", std::process::id()));
    let pid = std::process::id().to_string();
    let output = run(&[
        "bench",
        "DoNothing",
        "--dry-run",
        "--sleep",
        "0",
        "--round-duration",
        "20ms",
        "--rest-duration",
        "1ms",
        "--rounds",
        "2",
        "--pid",
        &pid,
        "--workers",
        "2",
        "--json-result",
        path.to_str().unwrap(),
    ]);
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "INFO round #1                                      dry-run=true sleep=0s"
    );
    assert_eq!(lines[1], "INFO resting...");
    assert!(
        lines[2].starts_with("INFO statistics                                    cpu="),
        "{text}"
    );
    assert!(!text.contains("lost="), "{text}");
    assert_eq!(lines[3], "INFO");
    assert!(lines.last().unwrap().starts_with("INFO summary"), "{text}");
    let result: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(result["rounds"].as_array().unwrap().len(), 2);
    assert_eq!(result["actions"], serde_json::json!(["helper.DoNothing"]));
    assert_eq!(
        (&result["dry_run"], &result["workers"]),
        (&true.into(), &2.into())
    );
    let round = &result["rounds"][0];
    assert!(round["eps"].as_f64().unwrap() > 0.0 && round["resident_bytes"].as_u64().unwrap() > 0);
    assert_eq!(round["lost"], serde_json::Value::Null);
    assert_eq!(round["expected"], round["actions"][0]["expected"]);
}

#[test]
fn a_benchmark_of_what_fails_is_1() {
    let output = command(&[
        "bench",
        "^(syscall.ClearLogActivities|helper.DoNothing)$",
        "--dry-run",
        "--sleep",
        "0",
        "--round-duration",
        "20ms",
        "--rest-duration",
        "1ms",
        "--rounds",
        "1",
    ])
    .env("TMPDIR", "/nonexistent")
    .output()
    .unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("ERRO action error"), "{text}");
    assert!(
        text.contains("INFO statistics"),
        "the rest is measured: {text}"
    );
    assert!(
        text.ends_with("ERRO actions failed                                failed=1\n"),
        "{text}"
    );
}

#[test]
fn an_engine_that_ends_ends_the_benchmark_with_1() {
    let mut engine = Command::new("sleep").arg("1000").spawn().unwrap();
    let mut bench = command(&[
        "bench",
        "^helper.DoNothing$",
        "--dry-run",
        "--round-duration",
        "1000s",
        "--pid",
        &engine.id().to_string(),
    ])
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    // The first line says that the first round has begun.
    let mut first = [0; 4];
    bench
        .stderr
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    engine.kill().unwrap();
    engine.wait().unwrap();
    let output = bench.wait_with_output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("which was to be watched, has ended"),
        "{text}"
    );
}

#[test]
fn counters_that_cannot_be_read_are_an_error() {
    let bench = |flag: &str, value: &str, error: &str| {
        let flag = format!("{flag}={value}");
        assert_fatal(&["bench", "DoNothing", "--dry-run", &flag], error);
    };
    bench(
        "--stats-file",
        "/nonexistent/stats",
        "cannot read /nonexistent/stats",
    );
    bench(
        "--metrics-file",
        "/nonexistent/metrics",
        "cannot read /nonexistent/metrics",
    );
    let url = format!("http://{}/metrics", free_address());
    bench("--metrics-url", &url, "connect: Connection refused");
}

#[test]
fn loads_that_make_no_sense_are_errors() {
    for rate in ["0", "-5", "NaN", "inf"] {
        let rate = format!("--rate={rate}");
        let error = "must be more than 0";
        assert_fatal(&["bench", "DoNothing", "--dry-run", &rate], error);
    }
    assert_fatal(
        &["bench", "--syscalls", "mix", "DoNothing"],
        "leave out 'DoNothing'",
    );
    for arguments in [
        &["bench", "--syscalls", "nosuch"][..],
        &["bench", "DoNothing", "--rate", "1", "--sleep", "1s"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(1), "{arguments:?}");
    }
}

/// Runs a load of one round without an engine; what it printed and measured.
fn loaded(arguments: &[&str]) -> (String, serde_json::Value) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("load-{}-{number}.json", std::process::id());
    let path = std::env::temp_dir().join(name);
    let common = "--rounds=1 --round-duration=200ms --rest-duration=1ms --json-result";
    let output = command(&["bench"])
        .args(arguments)
        .args(common.split(' '))
        .arg(&path)
        .output()
        .unwrap();
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    let json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    std::fs::remove_file(path).unwrap();
    (text, json)
}

#[test]
fn a_rate_is_kept_or_said_to_be_missed() {
    let (text, json) = loaded(&[
        "^helper.DoNothing$",
        "--dry-run",
        "--rate=1000",
        "--workers=2",
    ]);
    assert!(
        text.starts_with(
            "INFO round #1                                      dry-run=true rate=1000\n"
        ),
        "{text}"
    );
    assert!(text.contains("INFO lateness "), "{text}");
    let round = &json["rounds"][0];
    let number = |name: &str| round[name].as_f64().unwrap();
    let due = (1000.0 * number("loaded_seconds")).floor();
    // Besides the one that is due at the end, each worker may be about to begin one then.
    let begun_or_behind = number("expected") + number("behind");
    assert!((due..=due + 3.0).contains(&begun_or_behind), "{json}");
    assert_eq!(round["lateness"]["count"], round["expected"]);
    assert_eq!(
        (&round["sleep_ns"], &round["rate"]),
        (&().into(), &1000.0.into())
    );
}

#[test]
fn system_calls_are_made_and_counted() {
    let (text, json) = loaded(&["--syscalls", "mix", "--sleep", "0"]);
    assert!(text.contains("INFO system calls "), "{text}");
    assert!(!text.contains("lost="), "{text}");
    let round = &json["rounds"][0];
    let made = round["syscalls"].as_u64().unwrap();
    assert_eq!(made, 10 * round["expected"].as_u64().unwrap());
    assert!(made > 0);
}

/// A port that was free a moment ago.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

#[test]
fn a_test_passes_when_its_alert_comes() {
    let address = free_address();
    let over = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        // An engine that raises the alert all the time.
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let _ = post(
                    &address,
                    r#"{"rule":"Clear Log Activities","source":"syscall","priority":"x"}"#,
                );
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        let arguments = [
            "test",
            "ClearLog|DoNothing",
            "--sleep",
            "0",
            "--http-server-address",
            &address,
        ];
        let output = run(&arguments);
        over.store(true, Ordering::Relaxed);
        output
    });
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    let expected = "\
INFO action executed                               action=helper.DoNothing
INFO test skipped for helpers                      action=helper.DoNothing
INFO action executed                               action=syscall.ClearLogActivities
INFO test passed                                   action=syscall.ClearLogActivities rule=\"Clear Log Activities\" source=syscall
INFO tests finished                                failed=0 passed=1 skipped=1
";
    assert_eq!(text, expected);
}

fn post(address: &str, body: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

#[test]
fn a_test_fails_when_no_alert_comes() {
    let output = run(&[
        "test",
        "ClearLog",
        "--sleep",
        "0",
        "--test-timeout",
        "20ms",
        "--http-server-address",
        "127.0.0.1:0",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("ERRO test failed                                   action=syscall.ClearLogActivities error=\"no alert within 20ms\"\n"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "ERRO tests failed                                  failed=1 passed=0 skipped=0\n"
        ),
        "{text}"
    );
}
