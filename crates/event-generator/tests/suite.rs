//! `suite` as its users run it: exit codes, reports, messages, what is left behind. What needs an engine is
//! played by posts of our own.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_event-generator");

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .arg("suite")
        .args(arguments)
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether this is root; says so if not.
#[expect(clippy::print_stderr, reason = "this is how a test says that it skips")]
fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root = status
        .lines()
        .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    if !root {
        eprintln!("skipped: not root");
    }
    root
}

/// A test that does one thing, and more lines of it.
fn one(call: &str, arguments: &str, more: &str) -> String {
    format!(
        "tests: [{{name: t, rule: R, runner: HostRunner, steps: [{{type: syscall, name: s, syscall: {call}, \
         args: {{{arguments}}}}}]{more}}}]"
    )
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn a_step_that_fails_fails_the_run() {
    if !is_root() {
        return;
    }
    let yaml = one("openat", "pathname: /nonexistent/x, flags: O_RDONLY", "");
    let output = run(&["run", "--description", &yaml]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("step s: openat: No such file"),
        "{}",
        stderr(&output)
    );
    let yaml = one("openat", "pathname: /dev/null, flags: O_RDONLY", "");
    let output = run(&["run", "--description", &yaml]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_script_that_fails_fails_the_run() {
    if !is_root() {
        return;
    }
    for (script, said) in [
        (
            "before: \"false\"",
            "script `before`: its last command ended with 1",
        ),
        ("before: exit 3", "script `before`: bash ended with 3"),
        ("after: exit 4", "script `after`: it ended with 4"),
    ] {
        let yaml = one("dup", "oldFd: 1", &format!(", {script}"));
        let output = run(&["run", "--description", &yaml]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

#[test]
fn a_test_without_its_alert_fails_and_every_report_says_so() {
    if !is_root() {
        return;
    }
    let yaml = one("dup", "oldFd: 1", "");
    let port = free_port();
    for (format, expected) in [
        (
            "text",
            "Test Suite: R\n   Test: t\n      Failed: expected at least 1 matching alert within 50ms, found 0",
        ),
        ("json", "\"status\":\"failed\""),
        ("yaml", "status: \"failed\""),
        (
            "junit",
            "<testsuite name=\"R\" tests=\"1\" failures=\"1\" errors=\"0\"",
        ),
        ("tap", "TAP version 14\n1..1\nnot ok 1 - R: t"),
    ] {
        let address = format!("127.0.0.1:{port}");
        let output = run(&[
            "test",
            "--description",
            &yaml,
            "--http-server-address",
            &address,
            "--alert-timeout",
            "50ms",
            "--report-format",
            format,
        ]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(
            stdout(&output).contains(expected),
            "{format}: {}",
            stdout(&output)
        );
        assert!(
            stderr(&output).contains("no alert came at all"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn a_suite_that_takes_too_long_still_reports_and_fails() {
    if !is_root() {
        return;
    }
    let slow = one("dup", "oldFd: 1", ", before: sleep 600");
    let address = format!("127.0.0.1:{}", free_port());
    let began = Instant::now();
    let output = run(&[
        "test",
        "--description",
        &slow,
        "--http-server-address",
        &address,
        "--timeout",
        "1s",
        "--report-format",
        "tap",
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("not ok 1 - R: t"),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("longer than --timeout"),
        "{}",
        stdout(&output)
    );
    // Far below what the script would take; not a measure.
    assert!(began.elapsed() < Duration::from_secs(300));
    // The time of a single test is bounded too, and what it started is killed.
    let slow = one("dup", "oldFd: 1", ", timeout: 300ms, before: sleep 601");
    let output = run(&["run", "--description", &slow]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("it took longer than 300ms"),
        "{}",
        stderr(&output)
    );
    for pid in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(pid.path().join("cmdline")).unwrap_or_default();
        assert_ne!(
            line,
            b"sleep\x00601\x00",
            "{} is left",
            pid.path().display()
        );
    }
}

#[test]
fn a_port_in_use_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let yaml = one("dup", "oldFd: 1", "");
    let output = run(&[
        "test",
        "--description",
        &yaml,
        "--http-server-address",
        &address,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("cannot take alerts on"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_variable_does_not_make_it_run_suites() {
    for (name, value) in [
        ("SUITE", "1"),
        ("FALCO_EVENT_GENERATOR_TEST_ID", "abc"),
        ("FALCO_EVENT_GENERATOR_BAGGAGE", "x"),
    ] {
        let output = Command::new(PROGRAM)
            .arg("list")
            .env("HOME", "/nonexistent")
            .env(name, value)
            .output()
            .unwrap();
        assert!(output.status.success());
        assert!(
            stdout(&output).contains("syscall.ReadSensitiveFileUntrusted"),
            "{name}"
        );
    }
}

#[test]
fn no_file_gets_capabilities_and_nothing_is_left() {
    use std::os::unix::fs::MetadataExt;
    if !is_root() {
        return;
    }
    let state = || {
        let listing = |dir: &str| {
            let mut names: Vec<String> = std::fs::read_dir(dir)
                .unwrap()
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .filter(|name| name.contains("suite-caps"))
                .collect();
            names.sort();
            names
        };
        let links = std::fs::metadata(PROGRAM).unwrap();
        (
            links.nlink(),
            links.ctime_nsec(),
            listing("/tmp"),
            std::fs::read("/etc/passwd").unwrap(),
        )
    };
    let before = state();
    let yaml = "tests: [{name: caps, rule: R, runner: HostRunner, context: {processes: [{user: suite-caps-user}, \
                {user: daemon, exePath: /tmp/suite-caps/program, capabilities: 'cap_chown,cap_kill=ep'}]}, \
                before: 'grep -q ^CapEff:.*0000000021$ /proc/self/status && test $(id -u) = 1 && ! getcap \
                /tmp/suite-caps/program | grep cap_', resources: [{type: process, name: p}], steps: []}]";
    for in_place in ["--in-place=false", "--in-place=true"] {
        let output = run(&["run", in_place, "--description", yaml]);
        assert!(output.status.success(), "{in_place}: {}", stderr(&output));
        assert_eq!(state(), before, "{in_place}");
    }
}

#[test]
fn changes_are_kept_in_memory() {
    if !is_root() {
        return;
    }
    let yaml = one(
        "openat",
        "pathname: /etc/suite-memory, flags: O_CREAT|O_WRONLY, mode: 0600",
        ", before: 'touch /bin/suite-memory /dev/shm/suite-memory; rm /etc/hostname'",
    );
    let output = run(&["run", "--description", &yaml]);
    assert!(output.status.success(), "{}", stderr(&output));
    for path in [
        "/etc/suite-memory",
        "/bin/suite-memory",
        "/dev/shm/suite-memory",
    ] {
        assert!(!std::path::Path::new(path).exists(), "{path}");
    }
    assert!(std::path::Path::new("/etc/hostname").exists());
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let yaml = "tests:\n  - name: t\n    runner: HostRunner\n    expectedOutcom: {}\n    steps:\n      - type: syscall\n        name: s\n        syscall: openat\n        args: {pathname: /x, flags: O_RDNLY, dirFd: \"${nothing.fd}\"}\n";
    let output = run(&["test", "--description", yaml]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    for expected in [
        "unknown key `expectedOutcom`",
        "did you mean `expectedOutcome`?",
        "--description:4:5",
        "did you mean `O_RDONLY`?",
        "--description:9:37",
        "test `t` names no rule",
        "the suites have 3 errors; no test was run",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

/// Posts an alert to a suite that is under way; the answer's first line.
fn post(port: u16, body: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn alerts_are_matched_by_mark_with_priorities_and_numbers_as_they_are() {
    if !is_root() {
        return;
    }
    // The test hands its own mark out through a file.
    let file = std::env::temp_dir().join(format!("suite-mark-{}", std::process::id()));
    std::fs::write(&file, "").unwrap();
    let yaml = format!(
        "tests: [{{name: t, rule: R, runner: HostRunner, before: 'printf %s \"$FALCO_EVENT_GENERATOR_TEST_ID\" > {}', \
         expectedOutcome: {{priority: WARNING, hostname: h, outputFields: {{proc.pid: \"12345678\", x: \"1.5\"}}}}}}]",
        file.display()
    );
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let child = command(&[
        "test",
        "--in-place",
        "--description",
        &yaml,
        "--http-server-address",
        &address,
        "--report-format",
        "json",
    ])
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mark = loop {
        let text = std::fs::read_to_string(&file).unwrap();
        if text.len() == 16 {
            break text;
        }
        assert!(Instant::now() < deadline, "the test has no mark");
        std::thread::sleep(Duration::from_millis(5));
    };
    std::fs::remove_file(&file).unwrap();
    let alert = |env: &str, priority: &str, pid: &str| {
        format!(
            "{{\"rule\":\"R\",\"source\":\"syscall\",\"hostname\":\"h\",\"priority\":\"{priority}\",\
             \"output_fields\":{{\"proc.env\":\"{env}\",\"proc.pid\":{pid},\"x\":1.50}}}}"
        )
    };
    let key = "FALCO_EVENT_GENERATOR_TEST_ID";
    // Somebody else's, one that was cut, and what is no alert: none of them counts or crashes.
    assert!(
        post(
            port,
            &alert(&format!("{key}=0123456789abcdef"), "Warning", "1")
        )
        .contains("200")
    );
    assert!(post(port, &alert(key, "Warning", "2")).contains("200"));
    assert!(post(port, "not an alert").contains("400"));
    // Ours, with another number; ours, as expected.
    assert!(
        post(
            port,
            &alert(&format!("{key}={mark} A=b"), "Warning", "12345679")
        )
        .contains("200")
    );
    assert!(
        post(
            port,
            &alert(&format!("{key}={mark} A=b"), "warning", "12345678")
        )
        .contains("200")
    );
    let output = child.wait_with_output().unwrap();
    let text = stdout(&output);
    assert!(output.status.success(), "{text}\n{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let test = &report["testReports"][0];
    assert_eq!(report["suite"], "R");
    assert_eq!(test["successfulMatches"], 1);
    let warning = &test["generatedWarnings"][0]["fieldWarnings"][0];
    assert_eq!(warning["field"], "proc.pid");
    assert_eq!(warning["expected"], "12345678");
    assert_eq!(warning["got"], "12345679");
}

#[test]
fn the_schema_is_explained() {
    let output = run(&[
        "explain",
        "tests.steps{type=syscall}{syscall=openat2}.args.how",
    ]);
    assert!(output.status.success());
    assert!(stdout(&output).contains("resolve"), "{}", stdout(&output));
    let output = run(&["explain", "tests.setps"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("did you mean `steps`?"),
        "{}",
        stderr(&output)
    );
}
