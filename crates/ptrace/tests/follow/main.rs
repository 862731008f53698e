//! Threads and processes are followed wherever they go, and nothing else is held up.
//!
//! Each test traces this very program, which then plays one of the scenes of `scenes.rs`.

#![expect(unsafe_code, reason = "makes system calls")]

mod scenes;

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use event::{EventType, EventView, Syscall, SyscallCodeSet};
use ptrace::{Counters, Error, Options, Progress, Tracer};

/// Far more than any scene takes, on any machine: whoever gets here hangs.
const FOREVER: Duration = Duration::from_secs(60);

/// An event, as much of it as these tests look at.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    event: &'static str,
    tid: i64,
    /// The parameter that says most: a result, a status, a signal.
    number: i64,
    texts: Vec<String>,
}

struct Played {
    seen: Vec<Seen>,
    counters: Counters,
    status: i32,
    pid: i64,
}

impl Played {
    fn of<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a Seen> {
        self.seen.iter().filter(move |seen| seen.event == event)
    }
}

fn codes(names: &[&str]) -> SyscallCodeSet {
    names
        .iter()
        .map(|name| Syscall::by_name(name).expect("it exists").code)
        .collect()
}

fn command(scene: &str) -> Vec<OsString> {
    let own = std::env::current_exe().expect("running");
    let variable = format!("{}={scene}", scenes::VARIABLE);
    let words = [
        "--exact",
        "scene",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ];
    ["/usr/bin/env".into(), variable.into(), own.into()]
        .into_iter()
        .chain(words.map(OsString::from))
        .collect()
}

fn seen(record: &[u8]) -> Seen {
    let view = EventView::parse(record).expect("a valid record");
    let info = view.info();
    let index = if view.event_type() == EventType::SIGNALDELIVER_E {
        2
    } else {
        0
    };
    let texts = info.params.iter().enumerate().filter_map(|(index, param)| {
        use event::ParamType as T;
        let is_text = matches!(param.ty, T::Charbuf | T::Fspath | T::Fsrelpath);
        let text = is_text.then(|| view.str(index)).flatten()?;
        Some(String::from_utf8_lossy(text).into_owned())
    });
    Seen {
        event: info.ident,
        tid: view.tid(),
        number: view
            .i64(index)
            .or(view.u64(index).map(|n| n as i64))
            .unwrap_or(0),
        texts: texts.collect(),
    }
}

/// Whether tracing works here; says why if not.
#[expect(clippy::print_stdout, reason = "a test that did not run says so")]
fn possible() -> bool {
    let result = Tracer::check();
    if let Err(err) = &result {
        println!("skipped: {err}");
    }
    result.is_ok()
}

/// Plays a scene to its end, with these calls wanted.
fn play(scene: &str, wanted: &[&str]) -> Played {
    let mut tracer = Tracer::prepare(&command(scene), &codes(wanted), Options::default())
        .unwrap_or_else(|err| panic!("{err}"));
    tracer.start().expect("it is there");
    let mut events = Vec::new();
    let began = Instant::now();
    let mut last = 0;
    loop {
        let progress = tracer.poll(Duration::from_millis(100), |_, record| {
            let view = EventView::parse(record).expect("a valid record");
            assert!(view.ts() >= last, "time goes on");
            last = view.ts();
            events.push(seen(record));
        });
        if progress.unwrap_or_else(|err| panic!("{scene}: {err}")) == Progress::Ended {
            break;
        }
        assert!(began.elapsed() < FOREVER, "{scene} hangs");
    }
    let counters = tracer.counters();
    assert_eq!(counters.events, events.len() as u64, "nothing is lost");
    Played {
        seen: events,
        counters,
        status: tracer.status().expect("it has ended"),
        pid: i64::from(tracer.pid()),
    }
}

#[test]
#[ignore = "the traced command of the other tests"]
fn scene() {
    scenes::play();
}

#[test]
fn a_thread_that_changes_the_program_becomes_the_process() {
    if !possible() {
        return;
    }
    let wanted = ["execve", "sched_process_exit", "clone3", "clone"];
    let played = play("exec-from-thread", &wanted);
    assert_eq!(played.status, 0);
    let last = played
        .of("SYSCALL_EXECVE_19_X")
        .last()
        .expect("it was started");
    assert_eq!(last.tid, played.pid);
    assert_eq!(last.texts[0], "scene end");
    let threads = played
        .seen
        .iter()
        .filter(|seen| seen.event.starts_with("SYSCALL_CLONE") && seen.number == 0)
        .count();
    let exits = played.of("PROCEXIT_1_E").count();
    // All threads end but the one that goes on, and that ends as the new program.
    assert_eq!(exits, 1 + threads);
    let own = played
        .of("PROCEXIT_1_E")
        .filter(|exit| exit.tid == played.pid);
    assert_eq!(own.count(), 2, "the first thread's end, and the program's");
}

#[test]
fn every_child_is_followed_even_one_that_asks_not_to_be() {
    if !possible() {
        return;
    }
    let wanted = ["clone", "sched_process_exit", "mkdir", "mkdirat"];
    let played = play("many-children", &wanted);
    assert_eq!(played.status, 0);
    let mut statuses: HashMap<i64, u64> = HashMap::new();
    for exit in played
        .of("PROCEXIT_1_E")
        .filter(|exit| exit.tid != played.pid)
    {
        *statuses.entry(exit.number >> 8).or_default() += 1;
    }
    for status in 0..100 {
        let expected = scenes::CHILDREN as u64 / 100;
        let count = statuses.get(&status).copied().unwrap_or(0);
        // The threads of the test program itself end with 0.
        assert!(
            count == expected || (status == 0 && count >= expected),
            "{status}: {count}"
        );
    }
    let births = played
        .of("SYSCALL_CLONE_20_X")
        .filter(|seen| seen.number == 0);
    assert_eq!(births.count(), scenes::CHILDREN);
    let mut names: Vec<&str> = played
        .seen
        .iter()
        .filter(|seen| seen.event.starts_with("SYSCALL_MKDIR"))
        .map(|seen| seen.texts[0].as_str())
        .collect();
    names.sort_unstable();
    let mut expected: Vec<String> = (0..scenes::CHILDREN)
        .map(|child| format!("/absent/child-{child}"))
        .collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn threads_at_the_same_time_tell_their_own_calls() {
    if !possible() {
        return;
    }
    let wanted = ["mkdir", "mkdirat"];
    let played = play("many-threads", &wanted);
    assert_eq!(played.status, 0);
    let mut of_thread: HashMap<i64, Vec<&str>> = HashMap::new();
    for seen in played.seen.iter() {
        of_thread.entry(seen.tid).or_default().push(&seen.texts[0]);
    }
    assert_eq!(of_thread.len(), scenes::THREADS);
    for names in of_thread.values() {
        let prefix = names[0].rsplit_once('-').expect("as made").0;
        let expected: Vec<String> = (0..scenes::ROUNDS)
            .map(|round| format!("{prefix}-{round}"))
            .collect();
        assert_eq!(*names, expected, "in its own order");
    }
}

#[test]
fn programs_started_side_by_side_are_all_seen() {
    if !possible() {
        return;
    }
    let played = play("spawn", &["execve", "vfork", "clone", "clone3", "fork"]);
    assert_eq!(played.status, 0);
    let started = played
        .of("SYSCALL_EXECVE_19_X")
        .filter(|seen| seen.number == 0 && seen.texts[0] == "/bin/true");
    assert_eq!(started.count(), scenes::PROGRAMS);
}

#[test]
fn stopped_processes_stay_stopped_until_they_are_continued() {
    if !possible() {
        return;
    }
    let played = play("stop-and-continue", &["signal_deliver", "kill"]);
    assert_eq!(played.status, 0);
    for signal in [libc::SIGSTOP, libc::SIGCONT, libc::SIGTERM] {
        let number = i64::from(signal);
        let found = played
            .of("SIGNALDELIVER_E")
            .any(|seen| seen.number == number);
        assert!(found, "{signal}: {:?}", played.seen);
    }
}

#[test]
fn interrupted_calls_go_on() {
    if !possible() {
        return;
    }
    let played = play("interrupted", &["read", "signal_deliver", "rt_sigaction"]);
    assert_eq!(played.status, 0);
}

#[test]
fn makers_that_are_killed_leave_nobody_behind() {
    if !possible() {
        return;
    }
    let played = play("killed-in-a-storm", &["clone", "sched_process_exit"]);
    assert_eq!(played.status & 0x7f, libc::SIGKILL);
}

#[test]
fn unwanted_calls_do_not_stop() {
    if !possible() {
        return;
    }
    let played = play("unwanted", &["mkdir", "mkdirat"]);
    assert_eq!(played.status, 0);
    assert_eq!(played.seen.len(), 1, "the one that says that it was here");
    let counters = played.counters;
    assert_eq!(counters.unwanted_stops, 0);
    // One wanted call, and the threads of the test program.
    assert!(counters.call_stops < 20, "{counters:?}");
    assert!(counters.changes < 60, "{counters:?}");
}

#[test]
fn calls_of_32_bits_give_the_same_events() {
    if !possible() {
        return;
    }
    let played = play("ia32", &["mkdir", "mkdirat", "lseek", "socket"]);
    if played.status == scenes::NO_IA32 << 8 {
        println!("skipped: this kernel has no 32-bit calls");
        return;
    }
    assert_eq!(played.status, 0);
    let names: Vec<_> = played
        .of("SYSCALL_MKDIRAT_X")
        .map(|seen| &seen.texts)
        .collect();
    assert_eq!(names, [&["/absent/narrow"]]);
    assert_eq!(
        played.of("SYSCALL_LSEEK_X").last().map(|seen| seen.number),
        Some(-9)
    );
    let sockets: Vec<_> = played
        .of("SOCKET_SOCKET_X")
        .map(|seen| seen.number)
        .collect();
    assert_eq!(sockets, [-i64::from(libc::EAFNOSUPPORT)]);
}

/// Forbids this thread, and what it starts, the calls that strict sandboxes forbid: reading others'
/// memory, and copying their descriptors.
fn forbid_the_short_ways() {
    let step = |code, jt, k| libc::sock_filter { code, jt, jf: 0, k };
    const DENY: u32 = 0x0005_0000 | libc::EPERM as u32;
    const ALLOW: u32 = 0x7fff_0000;
    let filter = [
        step(0x20, 0, 0), // the number
        step(0x15, 2, libc::SYS_process_vm_readv as u32),
        step(0x15, 1, libc::SYS_pidfd_getfd as u32),
        step(0x06, 0, ALLOW),
        step(0x06, 0, DENY),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the program outlives the call, which copies it; this thread is this test's own.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(
            libc::syscall(libc::SYS_seccomp, 1, 0, &raw const program),
            0
        );
    }
}

#[test]
fn a_sandbox_that_forbids_the_short_ways_leaves_the_long_ones() {
    if !possible() {
        return;
    }
    forbid_the_short_ways();
    let mut tuples = Vec::new();
    let wanted = codes(&["connect", "mkdirat", "sendto"]);
    let mut tracer = Tracer::prepare(&command("connect"), &wanted, Options::default())
        .unwrap_or_else(|err| panic!("{err}"));
    tracer.start().expect("it is there");
    let mut names = Vec::new();
    while tracer
        .poll(FOREVER, |_, record| {
            let view = EventView::parse(record).expect("a valid record");
            let param = |name| {
                let index = view.info().param(name).expect("it has one").0;
                view.param(index).expect("it has one").to_vec()
            };
            match view.info().ident {
                "SOCKET_CONNECT_X" => tuples.push((param("tuple"), param("addr"))),
                "SYSCALL_MKDIRAT_X" => names.extend(seen(record).texts),
                _ => tuples.push((param("tuple"), Vec::new())),
            }
        })
        .unwrap_or_else(|err| panic!("{err}"))
        != Progress::Ended
    {}
    assert_eq!(tracer.status(), Some(0));
    assert_eq!(names, ["/absent/mark"]);
    assert_eq!(tuples.len(), 4);
    for (tuple, addr) in &tuples[..2] {
        // Both ends; the peer's is the one that was asked for.
        assert!(tuple.len() == 13 || tuple.len() == 37, "{tuple:?}");
        let half = tuple.len() / 2;
        assert_eq!(tuple[1 + half..], addr[1..]);
        assert_ne!(tuple[half - 1..=half], [0, 0], "a port of our own");
    }
    let (unix, _) = &tuples[2];
    assert!(unix[1..17] != [0; 16] && unix.len() > 18, "{unix:?}");
    let (udp, _) = &tuples[3];
    assert_eq!((udp[0], udp.len()), (2, 13));
    assert_ne!(udp[5..7], [0, 0], "a port of our own");
}

#[test]
fn a_command_that_cannot_be_started_is_an_error() {
    if !possible() {
        return;
    }
    let prepare = |command: &str| {
        let words = [OsString::from(command)];
        Tracer::prepare(&words, &codes(&["execve"]), Options::default())
    };
    for command in ["no-such-command-anywhere", "/etc/passwd", "/"] {
        let Err(Error::Command { .. }) = prepare(command) else {
            panic!("{command} can be started");
        };
    }
    assert!(matches!(
        Tracer::prepare(&[], &codes(&[]), Options::default()),
        Err(Error::NoCommand)
    ));
    // Executable, but no program: known only once it was tried.
    let file = std::env::temp_dir().join(format!("ptrace-follow-{}", std::process::id()));
    std::fs::write(&file, "\x7fELFnothing").expect("the temporary folder can be written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&file, mode).expect("own file");
    let mut tracer = prepare(file.to_str().expect("UTF-8")).expect("it looks like a program");
    tracer.start().expect("it is there");
    let mut events = 0;
    let error = loop {
        match tracer.poll(FOREVER, |_, _| events += 1) {
            Ok(Progress::Running { .. }) => {}
            Ok(Progress::Ended) => panic!("it ran"),
            Err(error) => break error,
        }
    };
    std::fs::remove_file(&file).expect("own file");
    assert!(matches!(error, Error::Command { .. }), "{error}");
    assert_eq!(events, 1, "that it failed is an event, too");
}

#[test]
fn whoever_is_traced_ends_with_the_tracer() {
    if !possible() {
        return;
    }
    let gone = |pid: i32| !std::fs::exists(format!("/proc/{pid}")).expect("it can be looked for");
    let mut tracer = Tracer::prepare(&command("wait"), &codes(&["mkdirat"]), Options::default())
        .unwrap_or_else(|err| panic!("{err}"));
    tracer.start().expect("it is there");
    let pid = tracer.pid();
    let mut begun = false;
    while !begun {
        tracer.poll(FOREVER, |_, _| begun = true).expect("it runs");
    }
    assert!(!gone(pid));
    drop(tracer);
    assert!(gone(pid), "dropping the tracer waits for it");
}
