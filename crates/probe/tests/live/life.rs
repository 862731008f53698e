//! How threads and processes begin and end.

use crate::Case;
use crate::harness::{Event, Harness, Value, at, call, check, own_ids};
use crate::memory::check_sizes;

pub(crate) const CASES: &[Case] = &[
    (&["clone", "clone3"], clones),
    #[cfg(target_arch = "x86_64")]
    (&["fork", "vfork"], forks),
    (&["clone"], namespaces),
    (&["sched_process_exit"], exits),
];

pub(crate) fn exit(code: usize) -> ! {
    loop {
        call(libc::SYS_exit_group, [code]);
    }
}

/// A copy of this process that runs `child`; its id.
pub(crate) fn fork(child: impl FnOnce()) -> i64 {
    let pid = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0]);
    if pid == 0 {
        child();
        exit(0);
    }
    pid
}

pub(crate) fn wait(pid: i64) {
    assert_eq!(
        call(libc::SYS_wait4, [pid as usize, 0, libc::__WALL as usize, 0]),
        pid
    );
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|err| panic!("{path}: {err}"))
}

pub(crate) fn status(name: &str) -> String {
    let status = read("/proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name}"))
        .trim()
        .to_owned()
}

/// The control groups as the event should name them, from `/proc`.
fn cgroups() -> Vec<u8> {
    let of_process = read("/proc/self/cgroup");
    let lines: Vec<Vec<&str>> = of_process
        .lines()
        .map(|line| line.splitn(3, ':').collect())
        .collect();
    let mut bytes = Vec::new();
    for (name, names) in [
        ("cpuset", ["cpuset", ""]),
        ("cpu", ["cpu", ""]),
        ("cpuacct", ["cpuacct", ""]),
        ("io", ["io", "blkio"]),
        ("memory", ["memory", ""]),
    ] {
        let own = lines.iter().find(|line| {
            line[1]
                .split(',')
                .any(|controller| !controller.is_empty() && names.contains(&controller))
        });
        let unified = lines.iter().find(|line| line[0] == "0");
        let line = own.or(unified).expect("one of them");
        bytes.extend(format!("{name}={}\0", line[2]).bytes());
    }
    bytes
}

/// When the first process began, in nanoseconds since the epoch.
fn boot() -> i64 {
    let stat = read("/proc/1/stat");
    let after_name = stat.rsplit_once(')').expect("the name is in brackets").1;
    let ticks: f64 = after_name
        .split_whitespace()
        .nth(19)
        .expect("its start")
        .parse()
        .expect("a number");
    let now = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.expect("after 1970").as_nanos() as i64
    };
    // The two clocks are read one after the other, and a busy machine may do much in between.
    loop {
        let before = now();
        let up: f64 = read("/proc/uptime")
            .split_whitespace()
            .next()
            .expect("two")
            .parse()
            .expect("a number");
        let after = now();
        if after - before < 5_000_000 {
            return after - ((up - ticks / 100.0) * 1e9) as i64;
        }
    }
}

/// What all these events say of a process that shares everything with this one, but for ids and
/// counters.
pub(crate) fn check_process(event: &Event) {
    let limit = read("/proc/self/limits");
    let files = limit
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .expect("there");
    let files: i64 = files
        .split_whitespace()
        .next()
        .expect("soft")
        .parse()
        .expect("a number");
    assert_eq!(event.number("fdlimit"), files);
    let cwd = std::env::current_dir().expect("it exists");
    assert_eq!(event.text("cwd"), cwd.to_str().expect("UTF-8"));
    assert_eq!(event.bytes("cgroups"), cgroups());
}

fn check_copy(event: &Event, tid: i64, pid: i64, parent: i64, result: i64, flags: i64) {
    let line = std::fs::read("/proc/self/cmdline").expect("there");
    let first = line.iter().position(|&byte| byte == 0).expect("ended") + 1;
    check_process(event);
    check_sizes(event);
    check!(event,
        res: result, exe: &String::from_utf8_lossy(&line[..first - 1]).into_owned(),
        args: line[first..].to_vec(), tid: tid, pid: pid, ptid: parent, cwd: Value::Any,
        fdlimit: Value::Any, pgft_maj: Value::Any, pgft_min: Value::Any, vm_size: Value::Any,
        vm_rss: Value::Any, vm_swap: 0, comm: Value::Any, cgroups: Value::Any, flags: flags,
        uid: own_ids().0, gid: own_ids().1, vtid: tid, vpid: pid, pidns_init_start_ts: Value::Any);
    let start = event.number("pidns_init_start_ts");
    assert!((start - boot()).abs() < 50_000_000, "{start} {}", boot());
}

/// The thread that started this process.
pub(crate) fn own_parent(event: &Event) -> i64 {
    let ptid = event.number("ptid");
    let of_parent = read(&format!("/proc/{ptid}/status"));
    let process = of_parent
        .lines()
        .find_map(|line| line.strip_prefix("Tgid:"))
        .expect("there")
        .trim();
    assert_eq!(process, std::os::unix::process::parent_id().to_string());
    ptid
}

/// The events of a call that made a child: the parent's and the child's.
fn both(events: &[Event], ident: &str, parent: i64, child: i64) -> (Event, Event) {
    let find = |tid| {
        let mut own = events
            .iter()
            .filter(|event| event.ident() == ident && event.tid() == tid);
        let event = own
            .next()
            .unwrap_or_else(|| panic!("no {ident} of {tid}: {events:?}"))
            .clone();
        assert!(own.next().is_none(), "more than one {ident} of {tid}");
        event
    };
    (find(parent), find(child))
}

fn check_both(events: &[Event], ident: &str, parent: i64, child: i64, flags: i64) {
    let pid = i64::from(std::process::id());
    let (of_parent, of_child) = both(events, ident, parent, child);
    check_copy(
        &of_parent,
        parent,
        pid,
        own_parent(&of_parent),
        child,
        flags,
    );
    // On aarch64 the child's side comes from elsewhere, always as clone and without these flags.
    if cfg!(target_arch = "x86_64") {
        check_copy(&of_child, child, child, parent, 0, flags);
    }
}

fn clones(h: &mut Harness) {
    let flags = libc::SIGCHLD | libc::CLONE_FS | libc::CLONE_UNTRACED;
    let (child, tid, events) = h.run(&["clone"], || {
        let child = call(libc::SYS_clone, [flags as usize, 0, 0, 0, 0]);
        if child == 0 {
            exit(0);
        }
        wait(child);
        child
    });
    check_both(&events, "SYSCALL_CLONE_20_X", tid, child, 2 | 16384);

    let mut id = 0u32;
    // flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls
    let parent_set_tid = libc::CLONE_PARENT_SETTID as u64;
    let args = [
        parent_set_tid,
        0,
        0,
        (&raw mut id) as u64,
        libc::SIGCHLD as u64,
        0,
        0,
        0,
    ];
    let (child, tid, events) = h.run(&["clone3"], || {
        let child = call(libc::SYS_clone3, [at(&args), 64]);
        if child == 0 {
            exit(0);
        }
        wait(child);
        child
    });
    check_both(&events, "SYSCALL_CLONE3_X", tid, child, 512);

    let (res, event) = h.one("clone", || {
        call(libc::SYS_clone, [libc::CLONE_SIGHAND as usize, 0, 0, 0, 0])
    });
    assert_eq!(res, -i64::from(libc::EINVAL));
    assert_eq!((event.number("res"), event.number("flags")), (res, 2048));
}

#[cfg(target_arch = "x86_64")]
fn forks(h: &mut Harness) {
    let (child, tid, events) = h.run(&["fork"], || {
        let child = call(libc::SYS_fork, []);
        if child == 0 {
            exit(0);
        }
        wait(child);
        child
    });
    check_both(&events, "SYSCALL_FORK_20_X", tid, child, 0);

    let (child, tid, events) = h.run(&["vfork"], || {
        let child: i64;
        // SAFETY: the child shares this stack, and so does nothing with it: it ends on the spot.
        unsafe {
            std::arch::asm!(
                "syscall",
                "test rax, rax",
                "jnz 2f",
                "mov eax, 60",
                "xor edi, edi",
                "syscall",
                "2:",
                inout("rax") libc::SYS_vfork => child,
                out("rcx") _, out("r11") _, out("rdi") _,
            );
        }
        wait(child);
        child
    });
    check_both(
        &events,
        "SYSCALL_VFORK_20_X",
        tid,
        child,
        32768 | 134_217_728,
    );
}

fn namespaces(h: &mut Harness) {
    let mut flags = libc::SIGCHLD | libc::CLONE_NEWPID | libc::CLONE_NEWNS;
    let mut portable = 64 | 32;
    if !h.privileged() {
        // Anybody may, in a user namespace, where that is allowed at all.
        flags |= libc::CLONE_NEWUSER;
        portable |= 1 << 20;
    }
    let (child, tid, events) = h.run(&["clone"], || {
        let child = call(libc::SYS_clone, [flags as usize, 0, 0, 0, 0]);
        if child == 0 {
            exit(0);
        }
        if child > 0 {
            wait(child);
        }
        child
    });
    h.needs_rights(child);
    if child < 0 {
        let event = find(&events, "SYSCALL_CLONE_20_X", tid);
        assert_eq!(
            (event.number("flags"), event.number("res")),
            (portable, child)
        );
        return;
    }
    let (of_parent, of_child) = both(&events, "SYSCALL_CLONE_20_X", tid, child);
    assert_eq!(
        (of_parent.number("flags"), of_parent.number("res")),
        (portable, child)
    );
    assert_eq!(
        (
            of_child.tid(),
            of_child.number("tid"),
            of_child.number("pid")
        ),
        (child, child, child)
    );
    assert_eq!((of_child.number("vtid"), of_child.number("vpid")), (1, 1));
    assert_eq!(
        of_child.number("flags") & (1 << 29),
        1 << 29,
        "it is in a pid namespace"
    );
    // The child is the first process of its namespace.
    let age = of_child.view().ts() as i64 - of_child.number("pidns_init_start_ts");
    assert!((0..1_000_000_000).contains(&age), "{age}");
}

fn exits(h: &mut Harness) {
    let (child, _, events) = h.run(&["sched_process_exit"], || {
        let child = fork(|| exit(7));
        wait(child);
        child
    });
    let event = find(&events, "PROCEXIT_1_E", child);
    check!(event, status: 7 << 8, ret: 7, sig: 0, core: 0, reaper_tid: 0);

    let (child, _, events) = h.run(&["sched_process_exit"], || {
        let child = fork(|| {
            loop {
                call(libc::SYS_nanosleep, [at(&[1u64, 0]), 0]);
            }
        });
        call(libc::SYS_kill, [child as usize, libc::SIGKILL as usize]);
        wait(child);
        child
    });
    let event = find(&events, "PROCEXIT_1_E", child);
    check!(event, status: 9, ret: 0, sig: 9, core: 0, reaper_tid: 0);

    // A grandchild that outlives its parent goes to the nearest process that wants such.
    call(libc::SYS_prctl, [libc::PR_SET_CHILD_SUBREAPER as usize, 1]);
    let (child, _, events) = h.run(&["sched_process_exit"], || {
        let child = fork(|| {
            fork(|| {
                call(libc::SYS_nanosleep, [at(&[0u64, 50_000_000]), 0]);
            });
            exit(0);
        });
        wait(child);
        // And the grandchild.
        call(libc::SYS_wait4, [usize::MAX, 0, libc::__WALL as usize, 0]);
        child
    });
    call(libc::SYS_prctl, [libc::PR_SET_CHILD_SUBREAPER as usize, 0]);
    let event = find(&events, "PROCEXIT_1_E", child);
    let reaper = event.number("reaper_tid");
    let task = format!("/proc/self/task/{reaper}");
    assert!(
        std::path::Path::new(&task).exists(),
        "{reaper} is no thread of this process"
    );
}

pub(crate) fn find(events: &[Event], ident: &str, tid: i64) -> Event {
    let mut own = events
        .iter()
        .filter(|event| event.ident() == ident && event.tid() == tid);
    let event = own
        .next()
        .unwrap_or_else(|| panic!("no {ident} of {tid}: {events:?}"))
        .clone();
    assert!(own.next().is_none(), "more than one {ident}");
    event
}
