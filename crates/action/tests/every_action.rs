//! Does every action for real, on the host and as if in a container, as root and as nobody, and
//! looks at what is left behind: nothing.
//!
//! It has no test harness because stand-ins are the program itself under other names, and those have
//! to reach [`action::stand_in::main`].

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test, although not one of the harness"
)]

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use action::sandbox::{Isolation, Janitor, Setting, Worker};
use action::{Action, Context, Failure, Suitability};

/// Where actions make things.
const PLACES: &[&str] = &[
    "/tmp",
    "/bin",
    "/etc",
    "/lib",
    "/root",
    "/home",
    "/dev",
    "/dev/shm",
    "/var/lib",
    "/var/lib/rpm",
    "/",
];

/// Waits for more than five seconds, which need not be done in every way.
const SLOW: &str = "syscall.ReadSensitiveFileTrustedAfterStartup";

const NOBODY: u32 = 65534;

fn main() -> ExitCode {
    if let Some(code) = action::stand_in::main() {
        return code;
    }
    let context = Context::of_this_process().unwrap();
    let who = if context.is_root() {
        "root"
    } else {
        "not root"
    };
    for in_container in [false, true] {
        let context = with(context.clone(), |c| c.in_container = in_container);
        let mut outcomes = BTreeMap::new();
        for action in action::all() {
            if in_container && action.name == SLOW {
                continue;
            }
            let outcome = do_it(action, &context);
            *outcomes.entry(outcome).or_insert(0) += 1;
            assert_eq!(leftovers(), Vec::<String>::new(), "after {}", action.name);
            assert_eq!(children(), Vec::<String>::new(), "after {}", action.name);
        }
        eprintln!("as {who}, in_container={in_container}: {outcomes:?}");
        assert!(outcomes["done"] >= 20, "{outcomes:?}");
    }
    in_processes_of_their_own(&context, Isolation::Sandbox);
    in_processes_of_their_own(&context, Isolation::InPlace);
    broken_preparation_leaves_nothing(&context);
    an_interruption_is_heard(&context);
    if context.is_root() {
        again_as_nobody();
    } else {
        eprintln!("skipped: the actions that need root; this is not root");
    }
    ExitCode::SUCCESS
}

fn with(mut context: Context, change: impl FnOnce(&mut Context)) -> Context {
    change(&mut context);
    context
}

/// Prepares, does it a few times, and drops it.
fn do_it(action: &Action, context: &Context) -> &'static str {
    let mut prepared = match action.prepare(context) {
        Ok(prepared) => prepared,
        Err(Failure::Skipped { reason }) => {
            eprintln!("skipped: {}: {reason}", action.name);
            return "skipped";
        }
        Err(failure) => panic!("{}: {failure}", action.name),
    };
    if let (Some(spawn), Suitability::OnRequest) = (action.spawns, action.suitability) {
        assert_eq!(children(), [spawn.name], "{}", action.name);
    }
    for _ in 0..3 {
        match prepared.run() {
            Ok(()) => {}
            Err(Failure::Skipped { reason }) => {
                eprintln!("skipped: {}: {reason}", action.name);
                return "skipped";
            }
            Err(failure) => panic!("{}: {failure}", action.name),
        }
    }
    "done"
}

/// Has every action done by a process of its own, and looks at what is left behind on the machine.
fn in_processes_of_their_own(context: &Context, isolation: Isolation) {
    let journals = std::env::temp_dir().join(format!("journals-{}", std::process::id()));
    let setting = Setting {
        context: context.clone(),
        isolation,
        runtime: None,
        janitor: Janitor::default(),
        journals: journals.clone(),
        limit: Duration::from_secs(60),
    };
    let mut outcomes = BTreeMap::new();
    for action in action::all() {
        if isolation == Isolation::InPlace && action.name == SLOW {
            continue;
        }
        let outcome = match Worker::start(action, &setting, "token").and_then(|mut worker| {
            let done = worker.act();
            if isolation == Isolation::Sandbox {
                assert_eq!(
                    marked(action::temp::PREFIX, worker.pid()),
                    Vec::<String>::new()
                );
            }
            done
        }) {
            Ok(()) => "done",
            Err(Failure::Skipped { reason }) => {
                eprintln!("skipped: {isolation:?}: {}: {reason}", action.name);
                "skipped"
            }
            Err(failure) => panic!("{isolation:?}: {}: {failure}", action.name),
        };
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    drop(setting);
    assert!(!journals.exists(), "a journal is left");
    assert_eq!(children(), Vec::<String>::new());
    assert_eq!(groups(), Vec::<String>::new());
    eprintln!("{isolation:?}: {outcomes:?}");
    assert!(outcomes["done"] >= 20, "{outcomes:?}");
}

/// Control groups that this process made.
fn groups() -> Vec<String> {
    let mark = format!("{:08x}", std::process::id());
    let mut found = Vec::new();
    let mut dirs = vec![std::path::PathBuf::from("/sys/fs/cgroup")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("docker-") && name.contains(&mark) {
                found.push(name);
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                dirs.push(entry.path());
            }
        }
    }
    found
}

/// What lies around with our process's mark on it.
fn leftovers() -> Vec<String> {
    marked(action::temp::PREFIX, std::process::id())
}

/// What lies around with the mark of a process on it.
fn marked(prefix: &str, process: u32) -> Vec<String> {
    let mark = format!("{prefix}{process}-");
    PLACES
        .iter()
        .filter_map(|place| std::fs::read_dir(place).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().display().to_string()))
        .filter(|path| path.contains(&mark))
        .collect()
}

/// The names of our children.
fn children() -> Vec<String> {
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap();
    children
        .split_whitespace()
        .map(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap())
        .map(|comm| comm.trim_end().to_owned())
        .collect()
}

/// A program that cannot be started must not leave its link behind.
fn broken_preparation_leaves_nothing(context: &Context) {
    let context = with(context.clone(), |c| c.program = "/nowhere/at/all".into());
    for name in [
        "helper.CombinedServerClient",
        "syscall.PtraceAntiDebugAttempt",
    ] {
        let failure = action::find(name).unwrap().prepare(&context).unwrap_err();
        assert!(matches!(failure, Failure::Failed { .. }), "{failure}");
        assert_eq!(leftovers(), Vec::<String>::new());
        assert_eq!(children(), Vec::<String>::new());
    }
}

/// Waiting for a server to grow old ends when the user wants to stop.
fn an_interruption_is_heard(context: &Context) {
    context.cancel.cancel();
    let slow = action::find(SLOW).unwrap();
    match slow.prepare(context).unwrap_err() {
        Failure::Interrupted => {}
        Failure::Skipped { reason } => eprintln!("skipped: an interruption: {reason}"),
        failure => panic!("{failure}"),
    }
    assert_eq!(leftovers(), Vec::<String>::new());
    assert_eq!(children(), Vec::<String>::new());
}

fn again_as_nobody() {
    let program = std::env::current_exe().unwrap();
    if Command::new("test")
        .arg("-x")
        .arg(&program)
        .uid(NOBODY)
        .gid(NOBODY)
        .status()
        .is_ok_and(|s| s.success())
    {
        let status = Command::new(program)
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir(Path::new("/"))
            .status()
            .unwrap();
        assert!(status.success(), "as nobody: {status}");
    } else {
        eprintln!("skipped: as nobody: the test program lies where nobody may not go");
    }
}
