//! What the end-to-end tests share: temporary folders, the engine as a child process, waiting for a
//! condition.
//!
//! The binaries are the ones of the same build (`target/debug`); `scripts/test` builds them first.

use std::convert::Infallible;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Generous: it is a bound for what has gone
/// wrong, not a measure.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A binary of the workspace.
///
/// # Panics
///
/// When it has not been built.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("tests run in target/<profile>/deps");
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is not built; run `cargo build` first",
        path.display()
    );
    path
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
        .to_owned()
}

/// The folder of conformance data beside the repository, or `None` with a line that says so.
pub fn conformance() -> Option<PathBuf> {
    let path = repository().join("../shared/conformance");
    if path.exists() {
        return Some(path);
    }
    report_skip("../shared/conformance is absent");
    None
}

/// Says why a test does nothing.
#[expect(clippy::print_stderr, reason = "this is how a test says that it skips")]
pub fn report_skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// Whether the probe can run here; says why if not.
pub fn live() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root = status
        .lines()
        .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    let reason = if !root {
        "not root"
    } else if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        "the kernel has no BTF"
    } else {
        return true;
    };
    report_skip(reason);
    false
}

/// A folder of its own that is gone when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[expect(
        clippy::new_without_default,
        reason = "making a folder is not a default"
    )]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("peregrine-e2e-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder can be made");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file into it.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, text).expect("a temporary file can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits until something holds.
///
/// # Panics
///
/// When it does not within [`PATIENCE`].
pub fn wait_for<T>(what: &str, check: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, check).unwrap_or_else(|| panic!("waited in vain for {what}"))
}

/// Waits until something holds; `None` when it does not in this time.
pub fn wait_at_most<T>(patience: Duration, mut check: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let found = check();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs `work` in a child of this process, without an exec; hands back its id, for [`reap`]. Other threads
/// may hold locks as the child is made, so `work` makes system calls only and allocates nothing.
///
/// # Panics
///
/// When no process can be made.
pub fn fork(work: impl FnOnce() -> Infallible) -> i32 {
    #[expect(unsafe_code, reason = "`Command` cannot do without an exec")]
    // SAFETY: what the child does is bounded by what the documentation asks of `work`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        work();
    }
    child
}

/// Waits for the end of a process that [`fork`] made.
pub fn reap(child: i32) {
    #[expect(unsafe_code, reason = "there is no safe way to wait for a fork")]
    // SAFETY: it is our own child, and nobody else waits for it.
    unsafe {
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}

/// The number right behind the first `name` in a line.
pub fn number_after(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(name)?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

/// Runs a program to its end.
///
/// # Panics
///
/// When it cannot be started.
pub fn run(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|err| panic!("failed to run {command:?}: {err}"))
}

/// A program that runs beside the test; killed when it is dropped.
pub struct Running {
    child: Child,
    stdout: Arc<Mutex<Vec<String>>>,
    stderr: Arc<Mutex<Vec<String>>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Running {
    /// Starts it and collects what it prints.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|err| panic!("failed to start {command:?}: {err}"));
        let stdout: Arc<Mutex<Vec<String>>> = Arc::default();
        let stderr: Arc<Mutex<Vec<String>>> = Arc::default();
        let readers = vec![
            collect(child.stdout.take().expect("piped"), Arc::clone(&stdout)),
            collect(child.stderr.take().expect("piped"), Arc::clone(&stderr)),
        ];
        Self {
            child,
            stdout,
            stderr,
            readers,
        }
    }

    /// Starts the engine with these arguments and waits until it watches.
    ///
    /// # Panics
    ///
    /// When it ends before that.
    pub fn engine<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        let mut engine = Self::start(Command::new(binary("peregrine")).args(args));
        wait_for("the engine to watch", || {
            let ended = engine.child.try_wait().expect("a child can be waited for");
            let log = engine.stderr().join("\n");
            assert!(ended.is_none(), "the engine ended ({ended:?}):\n{log}");
            log.contains("Watching ").then_some(())
        });
        engine
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The lines of standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.lock().expect("no reader panics").clone()
    }

    /// The lines of standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.lock().expect("no reader panics").clone()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).expect("a pid fits");
        #[expect(unsafe_code, reason = "there is no safe way to signal a child")]
        // SAFETY: the child has not been waited for, so the id is still its own.
        unsafe {
            libc::kill(pid, signal);
        }
    }

    /// Waits for its end, and returns what it printed.
    ///
    /// # Panics
    ///
    /// When it does not end within [`PATIENCE`].
    pub fn finish(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        let status = wait_for("the program to end", || {
            self.child.try_wait().expect("a child can be waited for")
        });
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        (status, self.stdout(), self.stderr())
    }

    /// Asks it to end with SIGTERM and waits for that.
    ///
    /// # Panics
    ///
    /// When it does not end within [`PATIENCE`].
    pub fn stop(self) -> (ExitStatus, Vec<String>, Vec<String>) {
        self.signal(libc::SIGTERM);
        self.finish()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(
    pipe: impl std::io::Read + Send + 'static,
    into: Arc<Mutex<Vec<String>>>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            into.lock().expect("no reader panics").push(line);
        }
    })
}
