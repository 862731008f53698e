//! Suites against the live engine: the engine's own end-to-end tests, written as suites.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::path::Path;
use std::process::{Command, Output};

use end_to_end::{Folder, Running, binary, live, repository, run};
use serde_json::Value;

/// An engine with the rules of the suites, which hands alerts out on a socket.
/// Its statistics are in `stats`.
fn engine(folder: &Folder) -> (Running, String) {
    let socket = format!("unix://{}", folder.join("engine.sock").display());
    let config = folder.write(
        "config.yaml",
        &format!(
            "stdout_output: {{enabled: false}}\nrules_files: []\nconfig_files: []\njson_output: true\n\
             grpc: {{enabled: true, bind_address: \"{socket}\"}}\ngrpc_output: {{enabled: true}}\n\
             append_output:\n  - extra_fields: [proc.env, proc.pid, proc.ppid, evt.type, evt.res, fd.name, \
             fd.type, proc.name, proc.exe, proc.exepath, proc.cmdline, proc.pname, user.uid, container.id, \
             evt.num]\n"
        ),
    );
    let rules = repository().join("tests/suites/rules.yaml");
    let stats = folder.join("stats");
    let engine = Running::engine([
        "-c".as_ref(),
        config.as_os_str(),
        "-r".as_ref(),
        rules.as_os_str(),
        "-s".as_ref(),
        stats.as_os_str(),
        "--stats-interval".as_ref(),
        "100".as_ref(),
    ]);
    (engine, socket)
}

/// How many events the engine has lost.
fn drops(folder: &Folder) -> u64 {
    let stats = std::fs::read_to_string(folder.join("stats")).unwrap_or_default();
    let last = stats.lines().last().unwrap_or("{}");
    let sample: Value = serde_json::from_str(last.trim_end_matches(',')).unwrap_or_default();
    sample["cur"]["drops"].as_u64().unwrap_or(0)
}

fn suite_test(socket: &str, arguments: &[&str]) -> Output {
    run(Command::new(binary("event-generator"))
        .args(["suite", "test", "--timeout", "5m", "--parallel", "2"])
        .args(["--grpc-unix-socket", socket])
        .args(arguments)
        .env("HOME", "/nonexistent"))
}

/// The reports on tests, by the name of the test.
fn reports(output: &Output) -> Vec<(String, Value)> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .flat_map(|line| {
            let suite: Value = serde_json::from_str(line).unwrap();
            suite["testReports"].as_array().unwrap().clone()
        })
        .map(|report| (report["test"].as_str().unwrap().to_owned(), report))
        .collect()
}

/// What a run has left where its tests write, and control groups of programs that are no more.
fn left() -> Vec<String> {
    let files = ["/tmp", "/dev/shm"]
        .iter()
        .flat_map(|dir| std::fs::read_dir(dir).into_iter().flatten().flatten())
        .map(|entry| entry.path().display().to_string())
        .filter(|path| path.contains("peregrine-suite"));
    files
        .chain(groups_left(Path::new("/sys/fs/cgroup")))
        .collect()
}

/// Groups below `dir` that an event generator made which has ended.
fn groups_left(dir: &Path) -> Vec<String> {
    // After this, the number of the process that made it, in hexadecimal digits.
    const MARK: &str = "6576656e742d67656e";
    let maker = |path: &str| {
        let digits = path.split_once(MARK)?.1.get(..8)?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = entry.path().display().to_string();
            match maker(&path) {
                Some(maker) if !Path::new(&format!("/proc/{maker}")).exists() => found.push(path),
                _ => found.extend(groups_left(&entry.path())),
            }
        }
    }
    found
}

#[test]
fn samples_and_own_suites_pass() {
    if !live() {
        return;
    }
    let folder = Folder::new();
    let (engine, socket) = engine(&folder);
    let suites = repository().join("tests/suites");
    let samples = suites.join("samples");
    let extensions = suites.join("extensions.yaml");
    let arguments = [
        "-d",
        samples.to_str().unwrap(),
        "-f",
        extensions.to_str().unwrap(),
        "--report-format",
        "json",
    ];
    // Where others flood the machine, the engine may lose events, and then counts them: such a run says
    // nothing and is repeated.
    let mut output = suite_test(&socket, &arguments);
    for _ in 0..4 {
        if output.status.success() || drops(&folder) == 0 {
            break;
        }
        output = suite_test(&socket, &arguments);
    }
    let log = String::from_utf8_lossy(&output.stderr);
    let reports = reports(&output);
    let bad: Vec<&Value> = reports
        .iter()
        .map(|(_, report)| report)
        .filter(|report| report["status"] != "passed" && report["status"] != "skipped")
        .collect();
    assert!(output.status.success() && bad.is_empty(), "{bad:#?}\n{log}");
    assert!(reports.len() > 60, "only {} tests:\n{log}", reports.len());
    assert_eq!(left(), Vec::<String>::new());

    // An alert where none may come, and none where one has to, fail.
    for (rule, count) in [("Suite sensitive file", "0"), ("Suite process", "5")] {
        let yaml = format!(
            "tests: [{{name: wrong, rule: {rule}, runner: HostRunner, expectedOutcome: {{count: {count}, \
             within: 1s}}, steps: [{{type: syscall, name: look, syscall: openat, args: \
             {{pathname: /etc/shadow, flags: O_RDONLY}}}}]}}]"
        );
        let output = suite_test(&socket, &["--description", &yaml, "--report-format", "tap"]);
        let text = String::from_utf8_lossy(&output.stdout);
        // Lost events make a silence look right; that is not what is tested here.
        assert!(
            output.status.code() == Some(1) || drops(&folder) > 0,
            "{text}"
        );
    }
    let (status, _, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
}
