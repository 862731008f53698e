//! The capacity test against an engine whose capacity is known, and what it leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use capacity::report::Report;
use capacity::search::Outcome;
use tempfile::TempDir;

/// Generous: it is a bound for what has gone wrong, not a measure.
const PATIENCE: Duration = Duration::from_secs(60);

/// An engine that holds so many events a second.
fn bounded_engine() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("tests run in <profile>/deps");
    let path = profile.join("examples/bounded_engine");
    assert!(
        path.exists(),
        "{} is not built; run `cargo build --examples` first",
        path.display()
    );
    path
}

/// The command that measures it.
fn measure(folder: &Path, capacity: u32, more: &[&str]) -> Command {
    let counters = folder.join("counters");
    let mut command = Command::new(env!("CARGO_BIN_EXE_event-generator"));
    let engine = format!(
        "{} {} {capacity} 20000",
        bounded_engine().display(),
        counters.display()
    );
    command
        .args([
            "capacity",
            "--as-is",
            "--syscalls",
            "mix",
            "--workers",
            "2",
            "--plain",
        ])
        .args(["--round-duration", "1s", "--start-rate", "300"])
        .args(["--engine-cmd", &engine])
        .arg("--stats-file")
        .arg(&counters)
        .arg("--output")
        .arg(folder.join("result"))
        .args(more)
        .env("TMPDIR", folder)
        .stdin(Stdio::null());
    command
}

fn report(folder: &Path, output: &Output) -> Report {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = fs::read_to_string(folder.join("result.json")).expect("there is a result");
    serde_json::from_str(&text).expect("it is one")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Takes half a minute because every round of every search is real.
#[test]
fn a_known_capacity_is_found_within_five_percent() {
    let runs: Vec<_> = [400_u32, 700, 1300]
        .into_iter()
        .map(|capacity| {
            thread::spawn(move || {
                let folder = folder();
                let output = measure(folder.path(), capacity, &["--precision", "4%"])
                    .output()
                    .expect("it starts");
                (capacity, report(folder.path(), &output))
            })
        })
        .collect();
    for run in runs {
        let (capacity, report) = run.join().expect("no panic");
        let run = &report.runs[0];
        let Outcome::Limit { rate, dirty } = run.outcome else {
            panic!("{capacity}: {:?}", run.outcome);
        };
        let capacity = f64::from(capacity);
        assert!(
            (0.95 * capacity..=1.05 * capacity).contains(&rate),
            "{rate} of {capacity}"
        );
        assert!(dirty > capacity, "{dirty} of {capacity}");
        assert!(run.rounds.iter().any(|round| round.latency.is_none()));
        assert!(!run.samples.is_empty() && run.baseline.is_some());
    }
}

#[test]
fn results_are_left_in_every_form_and_can_be_compared() {
    let folder = folder();
    let output = measure(
        folder.path(),
        400,
        &["--precision", "30%", "--name", "small"],
    )
    .output()
    .expect("it starts");
    let report = report(folder.path(), &output);
    assert_eq!(report.engine.name, "small");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("limit found"), "{table}");
    for extension in ["md", "html"] {
        let path = folder.path().join("result").with_extension(extension);
        assert!(path.exists(), "{}", path.display());
    }
    let json = folder.path().join("result.json");
    let output = Command::new(env!("CARGO_BIN_EXE_event-generator"))
        .arg("capacity")
        .arg("--output")
        .arg(folder.path().join("both"))
        .arg("--compare")
        .args([&json, &json])
        .output()
        .expect("it starts");
    assert!(output.status.success());
    let page = fs::read_to_string(folder.path().join("both.html")).expect("a page");
    assert!(page.contains("Capacity of small and small"));
}

#[test]
fn mistakes_are_named() {
    let cases: [(&[&str], &str); 7] = [
        (&[], "say which engine to measure"),
        (
            &["--pid", "1", "--cpus", "1"],
            "--cpus, --memory and --pin need --engine-cmd",
        ),
        (&["--engine-cmd", "'"], "--engine-cmd"),
        (
            &[
                "--engine-cmd",
                "/nonexistent/engine",
                "--as-is",
                "--syscalls",
                "open",
            ],
            "cannot execute",
        ),
        (
            &[
                "--engine-cmd",
                "true",
                "--as-is",
                "--syscalls",
                "open",
                "--stats-file",
                "/nonexistent",
            ],
            "ended at its start",
        ),
        (&["--compare", "/nonexistent"], "read /nonexistent"),
        (&["analyze", "--stats", "/etc/hostname"], "line 1"),
    ];
    for (arguments, expected) in cases {
        let output = Command::new(env!("CARGO_BIN_EXE_event-generator"))
            .arg("capacity")
            .args(arguments)
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

/// The groups and folders of a process of the capacity test.
fn leftovers(pid: u32, temporary: &Path) -> Vec<PathBuf> {
    let prefix = format!("event-generator-capacity-{pid}-");
    let mut places = vec![temporary.to_owned()];
    let cgroups = Path::new("/sys/fs/cgroup");
    places.push(cgroups.to_owned());
    for entry in fs::read_dir(cgroups).into_iter().flatten().flatten() {
        places.push(entry.path());
    }
    places
        .iter()
        .flat_map(|place| fs::read_dir(place).into_iter().flatten().flatten())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect()
}

fn engine_of(parent: &Child) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", parent.id())).ok()?;
    children.split_whitespace().find_map(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        name.starts_with("bounded_engine")
            .then(|| pid.parse().ok())?
    })
}

fn wait_for<T>(what: &str, mut get: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = get() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} does not come");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether cgroups can be made here; says why if not.
#[expect(clippy::print_stderr, reason = "this is how a test says that it skips")]
fn can_limit() -> bool {
    let root = Path::new("/sys/fs/cgroup");
    let place = [root.join("cpu"), root.join("cpu,cpuacct"), root.to_owned()];
    let trial = format!("event-generator-trial-{}", std::process::id());
    let can = place.iter().any(|place| {
        let path = place.join(&trial);
        fs::create_dir(&path)
            .and_then(|()| fs::remove_dir(&path))
            .is_ok()
    });
    if !can {
        eprintln!("skipped: cgroups cannot be made here");
    }
    can
}

#[test]
fn nothing_is_left_after_an_interruption_and_little_after_a_kill() {
    if !can_limit() {
        return;
    }
    let folder = folder();
    let start = || {
        let mut child = measure(
            folder.path(),
            1_000_000,
            &["--cpus", "0.5", "--memory", "64Mi"],
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
        let engine = wait_for("the engine", || {
            assert_eq!(child.try_wait().expect("it is ours"), None);
            engine_of(&child)
        });
        (child, engine)
    };
    let is_gone = |engine: u32| {
        wait_for("the end of the engine", || {
            let stat = fs::read_to_string(format!("/proc/{engine}/stat")).unwrap_or_default();
            let ended = !stat.contains("(bounded_engine") || stat.contains(") Z");
            ended.then_some(())
        });
    };

    let (mut child, engine) = start();
    assert!(!leftovers(child.id(), folder.path()).is_empty());
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.expect("kill is there").success());
    child.wait().expect("it is ours");
    is_gone(engine);
    assert_eq!(leftovers(child.id(), folder.path()), Vec::<PathBuf>::new());

    let (mut child, engine) = start();
    child.kill().expect("it runs");
    child.wait().expect("it is ours");
    // The kernel ends the engine with the one that started it.
    is_gone(engine);
    assert!(!leftovers(child.id(), folder.path()).is_empty());
    let (mut next, _) = start();
    assert_eq!(leftovers(child.id(), folder.path()), Vec::<PathBuf>::new());
    let interrupt = Command::new("kill")
        .args(["-INT", &next.id().to_string()])
        .status();
    assert!(interrupt.expect("kill is there").success());
    next.wait().expect("it is ours");
    assert_eq!(leftovers(next.id(), folder.path()), Vec::<PathBuf>::new());
}
