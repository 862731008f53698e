//! What processes are like at the start, as the kernel lists them, and as `/proc` shows them.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use probe::{Options, Probe};
use state::procfs::{Listed, Tasks};
use state::{State, Thread};

use crate::files::Folder;
use crate::harness::{at, call, minus, text};
use crate::life::{exit, fork, wait};
use crate::seeding::seeded;
use crate::with_probe;

/// A process that is gone when the test is over.
struct Kept(i64);

impl Kept {
    /// A copy of this process that does something and then sleeps. Back when it does.
    fn fork(prepare: impl FnOnce() -> bool) -> Self {
        Self::clone(0, prepare)
    }

    fn clone(flags: i32, prepare: impl FnOnce() -> bool) -> Self {
        let (mut told, tell) = std::io::pipe().expect("there are pipes");
        let flags = (libc::SIGCHLD | flags) as usize;
        let pid = call(libc::SYS_clone, [flags, 0, 0, 0, 0]);
        if pid == 0 {
            // A panic here would unwind into what belongs to the test.
            if !prepare() {
                exit(1);
            }
            // Not as a `File`: it would be closed twice.
            call(libc::SYS_write, [tell.as_raw_fd() as usize, text(c"x"), 1]);
            loop {
                call(libc::SYS_ppoll, [0, 0, 0, 0, 0]);
            }
        }
        assert!(pid > 0, "{pid}");
        let kept = Self(pid);
        drop(tell);
        told.read_exact(&mut [0])
            .expect("the process tells that it is ready");
        kept
    }

    #[expect(
        clippy::zombie_processes,
        reason = "it is waited for when this is dropped"
    )]
    fn program(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let child: Child = command.spawn().expect("the program is there");
        Self(child.id().into())
    }

    /// Returns when it sleeps: until then it has page faults.
    fn settle(&self) {
        while !self.stat().is_some_and(|stat| stat.contains(") S ")) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn stat(&self) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        call(libc::SYS_kill, [self.0 as usize, libc::SIGKILL as usize]);
        wait(self.0);
    }
}

/// Names and values of fields.
macro_rules! fields {
    ($thread:expr, $($name:ident)*) => {
        vec![$((stringify!($name), format!("{:?}", $thread.$name))),*]
    };
}

/// Everything that both ways find alike.
fn alike(thread: &Thread) -> Vec<(&'static str, String)> {
    let mut fields = fields!(thread, tid pid ptid sid pgid vtid vpid vpgid root fd_limit flags uid
        gid loginuid cap_inheritable cap_permitted cap_effective exe_ino exe_ctime exe_mtime
        exe_writable exe_from_memfd container tty vm_size);
    for (name, bytes) in [
        ("comm", &thread.comm),
        ("exe", &thread.exe),
        ("exepath", &thread.exepath),
        ("args", &thread.args),
        ("env", &thread.env),
        ("cwd", &thread.cwd),
        ("cgroups", &thread.cgroups),
    ] {
        fields.push((name, bytes.escape_ascii().to_string()));
    }
    fields
}

/// `/proc` tells of times in hundredths of a second.
fn is_about(left: u64, right: u64) -> bool {
    left.abs_diff(right) < 100_000_000
}

fn of(state: &State, tid: i64) -> &Thread {
    state
        .thread(tid)
        .unwrap_or_else(|| panic!("{tid} is not there"))
}

/// A program that sleeps, from memory.
fn hidden() -> Kept {
    let program = std::fs::read("/usr/bin/sleep").expect("it can be read");
    let memory = call(libc::SYS_memfd_create, [text(c"hidden"), 0]) as i32;
    // SAFETY: the descriptor was made right here, and is nobody else's.
    let mut file = unsafe { std::fs::File::from_raw_fd(memory) };
    file.write_all(&program).expect("memory can be written");
    Kept::program(Command::new(format!("/proc/self/fd/{memory}")).arg("1000"))
}

/// A program without any argument, which reads from `input`.
fn without_arguments(input: &impl AsRawFd) -> Kept {
    let input = input.as_raw_fd() as usize;
    let path = std::fs::canonicalize("/usr/bin/cat").expect("it is there");
    let kept = Kept(fork(|| {
        call(libc::SYS_dup3, [input, 0, 0]);
        let empty = [0usize];
        call(
            libc::SYS_execve,
            [text(c"/usr/bin/cat"), at(&empty), at(&empty)],
        );
        exit(1);
    }));
    let exe = format!("/proc/{}/exe", kept.0);
    while std::fs::read_link(&exe).ok().as_deref() != Some(Path::new(&path)) {
        assert!(kept.stat().is_some_and(|stat| !stat.contains(") Z ")));
        thread::sleep(Duration::from_millis(1));
    }
    kept
}

/// Where this process's arguments end.
fn end_of_arguments() -> usize {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("it can be read");
    // The 49th of all fields. What follows the name begins with the third.
    let fields = stat.rsplit_once(')').expect("there is a name").1;
    let field = fields.split_whitespace().nth(46).expect("it is there");
    field.parse().expect("an address")
}

/// Writes over the NUL at the end of the arguments, as those do who show what they are at.
fn spoil_arguments(end: usize) -> bool {
    // SAFETY: the address is that of the last byte of this process's arguments, which are memory of
    // the process that may be written; nobody reads them in this copy of the test.
    unsafe { std::ptr::write_volatile((end - 1) as *mut u8, b'x') };
    true
}

/// Makes a terminal and takes it.
fn take_terminal() -> bool {
    call(libc::SYS_setsid, []);
    let flags = (libc::O_RDWR | libc::O_NOCTTY) as usize;
    let main = call(libc::SYS_openat, [minus(100), text(c"/dev/ptmx"), flags, 0]);
    let unlocked = 0i32;
    call(
        libc::SYS_ioctl,
        [main as usize, libc::TIOCSPTLCK as usize, at(&unlocked)],
    );
    let other = call(
        libc::SYS_ioctl,
        [main as usize, libc::TIOCGPTPEER as usize, flags],
    );
    call(
        libc::SYS_ioctl,
        [other as usize, libc::TIOCSCTTY as usize, 0],
    ) == 0
}

#[test]
fn the_kernel_lists_processes_as_proc_shows_them() {
    with_probe(|| {
        let probe = Probe::load(&Options::default()).unwrap_or_else(|err| panic!("{err}"));
        let dir = Folder::new("tasks");
        let path = |name: &str| {
            std::fs::create_dir_all(dir.path(name)).expect("the folder is ours");
            dir.c(name)
        };
        let (gone, new_root) = (path("gone"), path("new_root"));
        let limit = libc::rlimit {
            rlim_cur: 77,
            rlim_max: 99,
        };
        let end = end_of_arguments();
        let (input, _open) = std::io::pipe().expect("there are pipes");
        let kept = [
            Kept::fork(|| true),
            Kept::program(
                Command::new("sleep")
                    .arg("1000")
                    .arg("0")
                    .env("A", "b")
                    .current_dir("/usr"),
            ),
            Kept::program(
                Command::new("sleep")
                    .arg("1000")
                    .env_clear()
                    .process_group(0),
            ),
            Kept::program(Command::new("sleep").arg("1000").arg0("")),
            // More than is kept, and so much that nothing else fits beside it.
            Kept::program(
                Command::new("sleep")
                    .arg("1000")
                    .args(vec!["0"; 3000])
                    .env("LONG", "x".repeat(9000)),
            ),
            hidden(),
            without_arguments(&input),
            Kept::fork(|| spoil_arguments(end)),
            Kept::fork(take_terminal),
            Kept::fork(|| {
                let change = [
                    call(libc::SYS_chdir, [text(&gone)]),
                    call(
                        libc::SYS_unlinkat,
                        [minus(100), text(&gone), libc::AT_REMOVEDIR as usize],
                    ),
                    call(
                        libc::SYS_prctl,
                        [libc::PR_SET_NAME as usize, text(c"a) b (c"), 0, 0, 0],
                    ),
                ];
                call(libc::SYS_setsid, []) > 0 && change == [0; 3]
            }),
            Kept::fork(|| {
                let change = [
                    call(libc::SYS_chroot, [text(&new_root)]),
                    call(
                        libc::SYS_prlimit64,
                        [0, libc::RLIMIT_NOFILE as usize, at(&limit), 0],
                    ),
                    call(libc::SYS_setresgid, [1234, 1235, 1236]),
                    call(libc::SYS_setresuid, [2234, 2235, 2236]),
                ];
                change == [0; 4]
            }),
            Kept::clone(libc::CLONE_NEWPID, || true),
        ];
        kept.iter().for_each(Kept::settle);
        let (tids, tid_of) = std::sync::mpsc::channel();
        let (end, until) = std::sync::mpsc::channel::<()>();
        let other = thread::Builder::new().name("listed".into()).spawn(move || {
            tids.send(call(libc::SYS_gettid, []))
                .expect("the test waits");
            until.recv().expect_err("nothing is sent");
        });
        let tid = tid_of.recv().expect("the thread runs");

        let Some(records) = probe.tasks().unwrap_or_else(|err| panic!("{err}")) else {
            eprintln!("skipped: this kernel cannot list threads, or this is a pid namespace");
            drop(end);
            return;
        };
        let tasks = Tasks::new(records);
        for process in &kept {
            assert!(tasks.has(process.0), "{} is not listed", process.0);
        }
        let by_kernel = seeded(&Listed {
            tasks,
            ..Listed::default()
        });
        let by_proc = seeded(&Listed::default());
        let boot = of(&by_proc, 1).clone_ts;
        for process in &kept {
            let (kernel, proc) = (of(&by_kernel, process.0), of(&by_proc, process.0));
            assert_eq!(alike(kernel), alike(proc));
            let faults = |thread: &Thread| (thread.pf_minor, thread.pf_major);
            assert_eq!(faults(kernel), faults(proc), "{}", process.0);
            assert!(is_about(kernel.clone_ts, proc.clone_ts));
            assert_ne!(
                kernel.clone_ts, proc.clone_ts,
                "the kernel's is more precise"
            );
            // `/proc` of the namespace is not mounted, so that only the kernel knows its start.
            let first = if kernel.is_in_pid_namespace() {
                kernel.clone_ts
            } else {
                boot
            };
            assert!(is_about(kernel.pidns_init_start_ts, first));
        }
        let (kernel, proc) = (of(&by_kernel, tid), of(&by_proc, tid));
        assert_eq!(&*kernel.comm, b"listed");
        let without_size = |thread: &Thread| {
            let mut fields = alike(thread);
            fields.retain(|(name, _)| *name != "vm_size");
            fields
        };
        assert_eq!(without_size(kernel), without_size(proc));
        assert!(is_about(kernel.clone_ts, proc.clone_ts));
        drop(end);
        other.expect("there is room").join().expect("it ends");
    });
}
