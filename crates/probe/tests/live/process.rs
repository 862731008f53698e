//! What processes do to themselves and to each other.

use crate::Case;
use crate::harness::{Event, Harness, Value, at, call, check, minus, text};

pub(crate) const CASES: &[Case] = &[
    (&["kill", "tkill", "tgkill"], signals),
    (&["setns", "unshare", "seccomp"], confinement),
    (&["nanosleep", "futex"], waiting),
    (&["setrlimit", "getrlimit", "prlimit64"], limits),
    (&["prctl"], prctl),
    (&["ptrace"], ptrace),
    (&["process_vm_readv", "process_vm_writev"], foreign_memory),
];

fn signals(h: &mut Harness) {
    let own = std::process::id() as usize;
    let (_, event) = h.one("kill", || call(libc::SYS_kill, [own, 0]));
    check!(event, res: 0, pid: own, sig: 0);
    let (res, event) = h.one("kill", || call(libc::SYS_kill, [minus(0x7fff_fff0), 15]));
    assert_eq!(res, -i64::from(libc::ESRCH));
    check!(event, res: res, pid: -0x7fff_fff0i64, sig: 15);
    let (_, event) = h.one("tkill", || call(libc::SYS_tkill, [own, 0]));
    check!(event, res: 0, tid: own, sig: 0);
    let (_, event) = h.one("tgkill", || call(libc::SYS_tgkill, [own, own, 0]));
    check!(event, res: 0, pid: own, tid: own, sig: 0);
}

fn confinement(h: &mut Harness) {
    let (res, event) = h.one("setns", || {
        call(libc::SYS_setns, [minus(1), libc::CLONE_NEWNET as usize])
    });
    check!(event, res: res, fd: -1, nstype: 16);
    let flags = libc::CLONE_FS | libc::CLONE_NEWNS | libc::CLONE_NEWUTS;
    let (res, event) = h.one("unshare", || call(libc::SYS_unshare, [flags as usize]));
    h.needs_rights(res);
    check!(event, res: res, flags: 2 | 32 | 128);
    let (res, event) = h.one("seccomp", || call(libc::SYS_seccomp, [99, 3, 0]));
    check!(event, res: res, op: 99, flags: 3);
}

fn waiting(h: &mut Harness) {
    let time = [0u64, 2_000];
    let (_, event) = h.one("nanosleep", || call(libc::SYS_nanosleep, [at(&time), 0]));
    check!(event, res: 0, interval: 2_000);
    let word = 7u32;
    let (res, events) = h.all("futex", || {
        call(
            libc::SYS_futex,
            [
                at(&word),
                (libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG) as usize,
                3,
            ],
        )
    });
    // The thread's own beginning and end are futexes too.
    let own: Vec<Event> = events
        .into_iter()
        .filter(|event| event.number("addr") == at(&word) as i64)
        .collect();
    assert_eq!(own.len(), 1);
    check!(own[0], res: res, addr: at(&word), op: 129, val: 3);
}

fn limits(h: &mut Harness) {
    let mut old = [0u64; 2];
    let to = old.as_mut_ptr() as usize;
    let (_, event) = h.one("getrlimit", || {
        call(libc::SYS_getrlimit, [libc::RLIMIT_NOFILE as usize, to])
    });
    check!(event, res: 0, cur: old[0], max: old[1], resource: 7);
    let (res, event) = h.one("getrlimit", || call(libc::SYS_getrlimit, [200, to]));
    check!(event, res: res, cur: -1, max: -1, resource: 255);
    // The same again, so that nothing changes.
    let (_, event) = h.one("setrlimit", || {
        call(libc::SYS_setrlimit, [libc::RLIMIT_NOFILE as usize, to])
    });
    check!(event, res: 0, cur: old[0], max: old[1], resource: 7);
    let mut before = [0u64; 2];
    let before_to = before.as_mut_ptr() as usize;
    let (_, event) = h.one("prlimit64", || {
        call(
            libc::SYS_prlimit64,
            [0, libc::RLIMIT_NOFILE as usize, to, before_to],
        )
    });
    check!(event, res: 0, newcur: old[0], newmax: old[1], oldcur: before[0], oldmax: before[1],
        pid: 0, resource: 7);
    let (_, event) = h.one("prlimit64", || call(libc::SYS_prlimit64, [0, 3, 0, 0]));
    check!(event, res: 0, newcur: -1, newmax: -1, oldcur: -1, oldmax: -1, pid: 0, resource: 3);
}

fn prctl(h: &mut Harness) {
    let (_, event) = h.one("prctl", || {
        call(
            libc::SYS_prctl,
            [libc::PR_SET_NAME as usize, text(c"new name")],
        )
    });
    check!(event, res: 0, option: 15, arg2_str: "new name", arg2_int: 0);
    let (_, event) = h.one("prctl", || {
        call(libc::SYS_prctl, [libc::PR_SET_CHILD_SUBREAPER as usize, 1])
    });
    check!(event, res: 0, option: 36, arg2_str: Value::Empty, arg2_int: 1);
    let answer = 0i32;
    let (_, event) = h.one("prctl", || {
        call(
            libc::SYS_prctl,
            [libc::PR_GET_CHILD_SUBREAPER as usize, at(&answer)],
        )
    });
    check!(event, res: 0, option: 37, arg2_str: Value::Empty, arg2_int: 1);
    call(libc::SYS_prctl, [libc::PR_SET_CHILD_SUBREAPER as usize, 0]);
}

fn ptrace(h: &mut Harness) {
    let (res, event) = h.one("ptrace", || {
        call(
            libc::SYS_ptrace,
            [libc::PTRACE_ATTACH as usize, 0x7fff_fff0, 0, 0],
        )
    });
    assert!(res < 0);
    check!(event, res: res, addr: Value::Empty, data: Value::Empty, request: 11, pid: 0x7fff_fff0);
    if !h.knows_the_kernel() {
        // The source is the one tracer that a process can have.
        return;
    }

    let variant = |index: u8, value: u64| {
        let mut bytes = vec![index];
        bytes.extend(value.to_le_bytes());
        bytes
    };
    let secret = 0x1122_3344_5566_7788u64;
    let mut seen = 0u64;
    let to = (&raw mut seen) as usize;
    // A child with the same memory contents that lets itself be traced.
    let child = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0]);
    if child == 0 {
        loop {
            call(libc::SYS_nanosleep, [at(&[1u64, 0]), 0]);
        }
    }
    let pid = child as usize;
    let (res, events) = h.all("ptrace", || {
        let attached = call(libc::SYS_ptrace, [libc::PTRACE_ATTACH as usize, pid, 0, 0]);
        call(libc::SYS_wait4, [pid, 0, libc::__WALL as usize, 0]);
        call(
            libc::SYS_ptrace,
            [libc::PTRACE_PEEKDATA as usize, pid, at(&secret), to],
        );
        call(
            libc::SYS_ptrace,
            [libc::PTRACE_SETOPTIONS as usize, pid, 0, 1],
        );
        call(
            libc::SYS_ptrace,
            [libc::PTRACE_DETACH as usize, pid, 0, libc::SIGKILL as usize],
        );
        call(libc::SYS_wait4, [pid, 0, libc::__WALL as usize, 0]);
        attached
    });
    assert_eq!(res, 0);
    assert_eq!(seen, secret);
    assert_eq!(events.len(), 4);
    check!(events[0], res: 0, addr: variant(0, 0), data: variant(0, 0), request: 11, pid: child);
    check!(events[1], res: 0, addr: variant(0, at(&secret) as u64), data: variant(0, secret),
        request: 3, pid: child);
    check!(events[2], res: 0, addr: variant(0, 0), data: variant(0, 1), request: 14, pid: child);
    check!(events[3], res: 0, addr: variant(0, 0), data: vec![1, 9], request: 12, pid: child);
}

fn foreign_memory(h: &mut Harness) {
    let source = *b"some bytes of another process";
    let mut target = [0u8; 64];
    let local = [
        (target.as_mut_ptr() as usize, 5usize),
        (target.as_mut_ptr() as usize + 5, 40),
    ];
    let remote = (at(&source), source.len());
    let own = std::process::id();
    let (res, event) = h.one("process_vm_readv", || {
        call(
            libc::SYS_process_vm_readv,
            [own as usize, at(&local), 2, at(&remote), 1, 0],
        )
    });
    assert_eq!(res, source.len() as i64);
    check!(event, res: res, pid: own, data: source.to_vec());
    let remote = (target.as_mut_ptr() as usize, 4usize);
    let local = (at(b"data"), 4usize);
    let (res, event) = h.one("process_vm_writev", || {
        call(
            libc::SYS_process_vm_writev,
            [own as usize, at(&local), 1, at(&remote), 1, 0],
        )
    });
    check!(event, res: res, pid: own, data: b"data".to_vec());
    let (res, event) = h.one("process_vm_writev", || {
        call(
            libc::SYS_process_vm_writev,
            [0x7fff_fff0, at(&local), 1, at(&remote), 1, 0],
        )
    });
    check!(event, res: res, pid: 0x7fff_fff0, data: Value::Empty);
}
