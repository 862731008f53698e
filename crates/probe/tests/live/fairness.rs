//! Whoever floods a ring loses records, and nobody else does.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use event::{EventType, EventView, Syscall, SyscallCode};
use probe::{Options, Probe, Spender};

use crate::harness::{at, call, text};
use crate::with_probe;

pub(crate) fn codes(names: &[&str]) -> Vec<SyscallCode> {
    let code = |name: &&str| Syscall::by_name(name).expect("it exists").code;
    names.iter().map(code).collect()
}

/// Puts the calling process on the first CPU, so that all share one ring.
fn pin() {
    call(libc::SYS_sched_setaffinity, [0, 8, at(&[1u64])]);
}

/// A control group that is gone when the test is over. Others who work on this machine share the
/// group that the test is in, and its budget.
pub(crate) struct Group(PathBuf);

impl Group {
    /// In the unified hierarchy, or in the memory controller's; `None` where none can be made.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let roots = [
            "/sys/fs/cgroup/unified",
            "/sys/fs/cgroup/memory",
            "/sys/fs/cgroup",
        ];
        Self::in_one_of(&roots, name)
    }

    /// The same in the first of these hierarchies that is there.
    pub(crate) fn in_one_of(roots: &[&str], name: &str) -> Option<Self> {
        let name = format!("probe-live-{}-{name}", std::process::id());
        roots
            .iter()
            .map(|root| Path::new(root).join(&name))
            .find(|path| {
                std::fs::create_dir(path).is_ok()
                    && (path.join("cgroup.procs").exists() || std::fs::remove_dir(path).is_err())
            })
            .map(Self)
    }

    pub(crate) fn procs(&self) -> CString {
        let path = self.0.join("cgroup.procs").into_os_string();
        CString::new(path.into_encoded_bytes()).expect("no NUL")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Puts the calling process into a control group, with nothing but system calls.
pub(crate) fn join(procs: &CStr) {
    let file = call(
        libc::SYS_openat,
        [0, text(procs), libc::O_WRONLY as usize, 0],
    );
    call(libc::SYS_write, [file as usize, text(c"0"), 1]);
    call(libc::SYS_close, [file as usize]);
}

/// Makes a child that runs `work` on the first CPU in a group and ends; hands back its process id.
fn child(group: &Group, work: impl FnOnce()) -> i64 {
    let procs = group.procs();
    let child = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0]);
    if child == 0 {
        join(&procs);
        pin();
        work();
        call(libc::SYS_exit_group, [0]);
    }
    call(libc::SYS_wait4, [child as usize, 0, 0, 0]);
    child
}

#[test]
fn a_flood_does_not_drown_the_others() {
    with_probe(|| {
        let (Some(loud), Some(calm)) = (Group::new("loud"), Group::new("calm")) else {
            eprintln!("skipped: no control group can be made here");
            return;
        };
        // Nobody reads the ring meanwhile: the worst that can happen.
        let mut probe = Probe::load(&Options {
            buffer_bytes: 2 << 20,
            ..Options::default()
        })
        .unwrap_or_else(|err| panic!("{err}"));
        let mut reader = probe.reader().expect("it is the first");
        probe
            .set_syscalls(codes(&[
                "chroot",
                "clone",
                "clone3",
                "fork",
                "vfork",
                "execve",
                "sched_process_exit",
            ]))
            .expect("the selection changes");
        probe.attach().expect("it attaches");
        let flood = 60_000;
        let flooder = child(&loud, || {
            for _ in 0..flood {
                call(libc::SYS_chroot, [0]);
            }
        });
        // Each of these is a process of its own that does one thing.
        let quiet: Vec<i64> = (0..20)
            .map(|_| {
                child(&calm, || {
                    call(libc::SYS_chroot, [text(c"/nowhere")]);
                })
            })
            .collect();
        // So that nothing is added between reading and counting.
        probe.detach();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let mut seen: HashMap<(i64, EventType), u64> = HashMap::new();
        let mut total = 0;
        while reader.drain(|_, record| {
            let event = EventView::parse(record).expect("a valid record");
            *seen.entry((event.tid(), event.event_type())).or_default() += 1;
            total += 1;
        }) > 0
        {}
        for tid in &quiet {
            for kind in [EventType::SYSCALL_CHROOT_X, EventType::PROCEXIT_1_E] {
                assert_eq!(seen.get(&(*tid, kind)), Some(&1), "{kind:?} of {tid}");
            }
        }
        let delivered = seen[&(flooder, EventType::SYSCALL_CHROOT_X)];
        assert!(delivered < flood, "the ring is smaller than that");
        assert_eq!(seen[&(flooder, EventType::PROCEXIT_1_E)], 1, "it matters");
        let counters = probe.counters().expect("they can be read");
        let sum = counters.total();
        assert_eq!(sum.events, total + counters.drops());
        assert!(sum.over_budget > 0);
        let noisy = probe.noisy().expect("it can be read");
        let of_flooder = noisy
            .iter()
            .find(|noisy| noisy.who == Spender::Process(flooder as u32))
            .expect("its losses are known");
        assert_eq!(of_flooder.lost, flood - delivered);
        assert!(
            noisy
                .iter()
                .any(|noisy| matches!(noisy.who, Spender::ControlGroup(_))
                    && noisy.lost >= of_flooder.lost),
            "{noisy:?}"
        );
    });
}

/// A process in a control group of its own that makes many short-lived children.
fn bomb(group: &Group, children: usize) -> Child {
    let script = format!("i=0; while [ $i -lt {children} ]; do i=$((i+1)); (:); done; echo done");
    let procs = group.procs();
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdout(Stdio::piped());
    // SAFETY: between fork and exec nothing but system calls is made.
    unsafe {
        command.pre_exec(move || {
            join(&procs);
            pin();
            Ok(())
        });
    }
    command.spawn().expect("there is a shell")
}

#[test]
fn important_records_of_other_groups_survive_a_fork_bomb() {
    with_probe(|| {
        let (Some(loud), Some(calm)) = (Group::new("bomb"), Group::new("other")) else {
            eprintln!("skipped: no control group can be made here");
            return;
        };
        let mut probe = Probe::load(&Options {
            buffer_bytes: 1 << 19,
            ..Options::default()
        })
        .unwrap_or_else(|err| panic!("{err}"));
        let mut reader = probe.reader().expect("it is the first");
        probe
            .set_syscalls(codes(&[
                "clone",
                "clone3",
                "fork",
                "vfork",
                "execve",
                "sched_process_exit",
            ]))
            .expect("the selection changes");
        probe.attach().expect("it attaches");
        let mut bomb = bomb(&loud, 1500);
        let mut done = String::new();
        let mut output = bomb.stdout.take().expect("it has one");
        output.read_to_string(&mut done).expect("it is text");
        bomb.wait().expect("it is ours");
        let last = child(&calm, || ());
        // So that nothing is added between reading and counting.
        probe.detach();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let mut ended = false;
        while reader.drain(|_, record| {
            let event = EventView::parse(record).expect("a valid record");
            ended |= event.tid() == last && event.event_type() == EventType::PROCEXIT_1_E;
        }) > 0
        {}
        let counters = probe.counters().expect("they can be read");
        assert_eq!(done.trim(), "done");
        assert!(
            counters.total().over_budget > 0,
            "it was enough to fill the ring: {counters:?}"
        );
        assert!(ended, "there was room for another group");
    });
}
