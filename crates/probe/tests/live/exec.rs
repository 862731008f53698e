//! Processes that change their program, or try to.

use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use crate::Case;
use crate::files::str_of;
use crate::harness::{Event, Harness, Value, at, call, check, own_ids, text};
use crate::life::{check_process, find, fork, own_parent, read, status, wait};

pub(crate) const CASES: &[Case] = &[
    (&["execve"], exec),
    (&["execve", "execveat"], exec_of_memory),
    (&["execve", "execveat"], exec_that_fails),
];

/// The end of the list of words, and words before it.
fn words<const N: usize>(words: [&std::ffi::CStr; N]) -> Vec<usize> {
    words.iter().map(|word| text(word)).chain([0]).collect()
}

/// What an exec event says of a process started by this one.
fn check_started(event: &Event, child: i64, parent: i64) {
    check_process(event);
    assert_eq!((event.number("tid"), event.number("pid")), (child, child));
    assert_eq!(event.number("ptid"), parent);
    assert!(event.number("vm_size") > 0 && event.number("pgft_min") > 0);
    let stat = read("/proc/self/stat");
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .expect("the name")
        .1
        .split_whitespace()
        .collect();
    assert_eq!(event.number("tty").to_string(), fields[4]);
    assert_eq!(event.number("pgid").to_string(), fields[2]);
    assert_eq!(event.number("vpgid").to_string(), fields[2]);
    assert_eq!(
        event.number("loginuid").to_string(),
        read("/proc/self/loginuid")
    );
    for (name, field) in [
        ("cap_inheritable", "CapInh:"),
        ("cap_permitted", "CapPrm:"),
        ("cap_effective", "CapEff:"),
    ] {
        let caps = i64::from_str_radix(&status(field), 16).expect("hexadecimal");
        assert_eq!(event.number(name), caps, "{name}");
    }
    assert_eq!((event.number("uid"), event.number("gid")), own_ids());
}

fn check_file(event: &Event, data: &std::fs::Metadata) {
    let nanos = |seconds: i64, nanos: i64| seconds * 1_000_000_000 + nanos;
    assert_eq!(event.number("exe_ino"), data.ino() as i64);
    assert_eq!(
        event.number("exe_ino_ctime"),
        nanos(data.ctime(), data.ctime_nsec())
    );
    assert_eq!(
        event.number("exe_ino_mtime"),
        nanos(data.mtime(), data.mtime_nsec())
    );
}

fn exec(h: &mut Harness) {
    let program = c"/bin/true";
    let args = words([c"-a name", c"one", c"two words", c""]);
    let env = words([c"A=1", c"LONG=value of B"]);
    let (child, tid, events) = h.run(&["execve"], || {
        let child = fork(|| {
            call(
                libc::SYS_execve,
                [text(program), at(&args[..]), at(&env[..])],
            );
        });
        wait(child);
        child
    });
    let event = find(&events, "SYSCALL_EXECVE_19_X", child);
    check_started(&event, child, tid);
    let path = std::fs::canonicalize(str_of(program)).expect("every system has it");
    check_file(&event, &std::fs::metadata(&path).expect("there"));
    let path = path.to_str().expect("UTF-8").to_owned();
    check!(event,
        res: 0, exe: "-a name", args: b"one\0two words\0\0".to_vec(), tid: Value::Any,
        pid: Value::Any, ptid: Value::Any, cwd: Value::Any, fdlimit: Value::Any,
        pgft_maj: Value::Any, pgft_min: Value::Any, vm_size: Value::Any, vm_rss: Value::Any,
        vm_swap: 0, comm: "true", cgroups: Value::Any, env: b"A=1\0LONG=value of B\0".to_vec(),
        tty: Value::Any, vpgid: Value::Any, loginuid: Value::Any, flags: i32::from(h.privileged()),
        cap_inheritable: Value::Any, cap_permitted: Value::Any, cap_effective: Value::Any,
        exe_ino: Value::Any, exe_ino_ctime: Value::Any, exe_ino_mtime: Value::Any, uid: Value::Any,
        trusted_exepath: &path, pgid: Value::Any, gid: Value::Any, filename: "/bin/true");

    // More words than a page holds are cut, and the last one is ended; nobody without rights could
    // write to the program.
    let long = std::ffi::CString::new("x".repeat(3000)).expect("no NUL");
    let args = words([c"true", &long, &long]);
    let (child, _, events) = h.run(&["execve"], || {
        let child = fork(|| {
            call(libc::SYS_setgid, [12_345]);
            call(libc::SYS_setgroups, [0, 0]);
            call(libc::SYS_setuid, [12_345]);
            call(
                libc::SYS_execve,
                [text(program), at(&args[..]), at(&[0usize])],
            );
        });
        wait(child);
        child
    });
    let event = find(&events, "SYSCALL_EXECVE_19_X", child);
    let args = event.bytes("args");
    assert_eq!(args.len(), 4096 - 5);
    assert_eq!(
        (&args[..3000], args[3000], args.last()),
        (long.as_bytes(), 0, Some(&0))
    );
    assert_eq!(event.bytes("env"), [0; 0]);
    let ids = (event.number("uid"), event.number("gid"));
    let changed = if h.privileged() {
        (12_345, 12_345)
    } else {
        own_ids()
    };
    assert_eq!(ids, changed);
    assert_eq!(
        (event.number("flags"), event.number("cap_effective")),
        (0, 0)
    );
}

fn exec_of_memory(h: &mut Harness) {
    let program = std::fs::read("/bin/true").expect("every system has it");
    let memory = call(libc::SYS_memfd_create, [text(c"hidden"), 0]);
    let written = call(
        libc::SYS_write,
        [memory as usize, at(&program[..]), program.len()],
    );
    assert_eq!(written, program.len() as i64);
    let args = words([c"innocent"]);
    let (child, tid, events) = h.run(&["execve", "execveat"], || {
        let child = fork(|| {
            let flags = libc::AT_EMPTY_PATH as usize;
            call(
                libc::SYS_execveat,
                [memory as usize, text(c""), at(&args[..]), 0, flags],
            );
        });
        wait(child);
        child
    });
    // Success is always reported as execve.
    let event = find(&events, "SYSCALL_EXECVE_19_X", child);
    check_started(&event, child, tid);
    check_file(
        &event,
        &std::fs::metadata(format!("/proc/self/fd/{memory}")).expect("open"),
    );
    assert_eq!(event.text("exe"), "innocent");
    assert_eq!(event.number("flags"), 1 | 4, "writable, from memory");
    assert_eq!(event.text("trusted_exepath"), "memfd:hidden");
    assert_eq!(event.text("filename"), format!("/dev/fd/{memory}"));
    assert!(
        !events
            .iter()
            .any(|event| event.ident() == "SYSCALL_EXECVEAT_X")
    );
}

fn exec_that_fails(h: &mut Harness) {
    let args = words([c"program", c"-x", c"file name"]);
    let env = words([c"E=1", c"F=2"]);
    let own = std::fs::canonicalize("/proc/self/exe").expect("running");
    let parent = |event: &Event| own_parent(event);
    let (res, event) = h.one("execve", || {
        call(
            libc::SYS_execve,
            [text(c"/absent/program"), at(&args[..]), at(&env[..])],
        )
    });
    assert_eq!(res, -i64::from(libc::ENOENT));
    let pid = i64::from(std::process::id());
    check_process(&event);
    check_file(&event, &std::fs::metadata(&own).expect("there"));
    check!(event,
        res: res, exe: "program", args: b"-x\0file name\0".to_vec(), tid: event.tid(), pid: pid,
        ptid: parent(&event), cwd: Value::Any, fdlimit: Value::Any, pgft_maj: Value::Any,
        pgft_min: Value::Any, vm_size: Value::Any, vm_rss: Value::Any, vm_swap: 0,
        comm: Value::Any, cgroups: Value::Any, env: b"E=1\0F=2\0".to_vec(), tty: Value::Any,
        vpgid: Value::Any, loginuid: Value::Any, flags: Value::Any, cap_inheritable: Value::Any,
        cap_permitted: Value::Any, cap_effective: Value::Any, exe_ino: Value::Any,
        exe_ino_ctime: Value::Any, exe_ino_mtime: Value::Any, uid: own_ids().0,
        trusted_exepath: own.to_str().expect("UTF-8"), pgid: Value::Any, gid: own_ids().1,
        filename: "/absent/program");
    let file = std::fs::File::open("/etc").expect("every system has it");
    let (res, event) = h.one("execveat", || {
        call(
            libc::SYS_execveat,
            [
                file.as_raw_fd() as usize,
                text(c"absent"),
                at(&args[..]),
                0,
                0,
            ],
        )
    });
    assert_eq!(res, -i64::from(libc::ENOENT));
    assert_eq!(
        (event.number("res"), event.text("exe")),
        (res, "program".into())
    );
    assert_eq!(event.bytes("args"), b"-x\0file name\0");
    assert_eq!(event.bytes("env"), [0; 0]);
}
