//! Loads that stop themselves, so that nothing depends on how fast the machine is.

use std::sync::Mutex;

use action::Prepared;

use super::*;

/// A task that notes its name and, when it was done often enough, waits to be stopped.
fn noting(log: &Arc<Mutex<Vec<&'static str>>>, name: &'static str) -> Task {
    let log = Arc::clone(log);
    Task::new(name, move || {
        let log = Arc::clone(&log);
        Ok(Prepared::new(move || {
            log.lock().unwrap().push(name);
            Ok(())
        }))
    })
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn tasks_take_turns_and_are_counted() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let tasks = vec![
        noting(&log, "a"),
        Task::new("b", || Err(Failure::skipped("never"))),
        noting(&log, "c").with_calls(3),
    ];
    let mut load = Load::start(tasks, 1, Descriptors::Own).unwrap();
    let refused: Vec<usize> = load.refused().iter().map(|(at, _)| *at).collect();
    assert_eq!((refused, load.is_idle()), (vec![1], false));
    for _ in 0..2 {
        log.lock().unwrap().clear();
        load.begin(Schedule::Unthrottled);
        wait_until("some are done", || load.sample().acts() >= 100);
        let done = load.end();
        let log = log.lock().unwrap();
        assert_eq!(done.acts(), log.len() as u64);
        let (a, c) = (done.tasks[0].done, done.tasks[2].done);
        assert!(a.abs_diff(c) <= 1 && done.tasks[1].done == 0, "{done:?}");
        assert!(log.windows(2).all(|pair| pair[0] != pair[1]));
        assert!((1..=a).contains(&done.tasks[0].time.len()), "{done:?}");
        assert_eq!((done.behind, done.lateness.len()), (0, 0));
        assert_eq!(done.syscalls, None, "nobody knows how many the first makes");
    }
}

#[test]
fn failures_do_not_count_and_the_hopeless_are_left_out() {
    let tasks = vec![
        Task::new("never", || {
            Ok(Prepared::new(|| Err(Failure::skipped("never"))))
        }),
        Task::new("sometimes", || {
            let mut calls = 0;
            Ok(Prepared::new(move || {
                calls += 1;
                if calls % 2 == 0 {
                    Err(Failure::skipped("even"))
                } else {
                    Ok(())
                }
            }))
        }),
        Task::new("always", || Ok(Prepared::new(|| Ok(())))),
    ];
    let mut load = Load::start(tasks, 2, Descriptors::Shared).unwrap();
    load.begin(Schedule::Unthrottled);
    wait_until("both have done some", || {
        let sample = load.sample();
        sample.tasks[0].failed == 6 && sample.tasks[2].done > 100
    });
    let done = load.end();
    let failed: Vec<u64> = done.tasks.iter().map(|task| task.failed).collect();
    assert_eq!((done.tasks[0].done, failed[0], failed[2]), (0, 6, 0));
    assert!(done.tasks[1].done.abs_diff(failed[1]) <= 2, "{done:?}");
    let mut reasons: Vec<(usize, String)> = done
        .failures
        .iter()
        .map(|(at, failure)| (*at, failure.to_string()))
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            (0, "skipped: never".to_owned()),
            (1, "skipped: even".to_owned())
        ]
    );
}

#[test]
fn each_is_done_once_and_what_fails_then_is_left_out() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let tasks = vec![
        noting(&log, "a"),
        Task::new("fails", || {
            Ok(Prepared::new(|| Err(Failure::skipped("no"))))
        }),
    ];
    let mut load = Load::start(tasks, 2, Descriptors::Own).unwrap();
    assert_eq!(load.once().len(), 1);
    assert_eq!(*log.lock().unwrap(), ["a"]);
    assert_eq!(load.refused()[0].0, 1);
    load.begin(Schedule::Unthrottled);
    wait_until("some are done", || load.sample().acts() > 10);
    assert_eq!(load.end().tasks[1].failed, 0);
}

/// A slow act does not lower the rate unseen: every act that was due is either done or said to be
/// behind, and those that had to wait count as late.
#[test]
fn a_rate_hides_nothing() {
    let (release, gate) = channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let stuck = Task::new("stuck", move || {
        let gate = Arc::clone(&gate);
        Ok(Prepared::new(move || {
            // The first act waits for the test; when the test hangs up, all go through.
            let _ = gate.lock().unwrap().recv();
            Ok(())
        }))
    });
    let mut load = Load::start(vec![stuck], 1, Descriptors::Own).unwrap();
    let begin = Instant::now();
    load.begin(Schedule::Rate(1_000.0));
    wait_until("20 more were due", || {
        begin.elapsed() > Duration::from_millis(30)
    });
    assert_eq!(load.sample().acts(), 0);
    drop(release);
    wait_until("they are made good", || load.sample().acts() >= 25);
    let sample = load.sample();
    assert!(sample.late >= 20, "{sample:?}");
    assert!(sample.latest >= Duration::from_millis(20), "{sample:?}");
    let done = load.end();
    let due = (1_000.0 * done.time.as_secs_f64()) as u64;
    let begun = done.acts();
    assert_eq!(begun + done.behind, due.max(begun), "{done:?}");
    assert_eq!(done.lateness.len(), begun);
    assert!(done.lateness.max() >= 20_000_000);
}

#[test]
fn workers_stop_when_told_and_undo_when_dropped() {
    struct Undo(Arc<AtomicBool>);
    impl Drop for Undo {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let undone = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&undone);
    let task = Task::new("undo", move || {
        let undo = Undo(Arc::clone(&flag));
        Ok(Prepared::new(move || {
            let _kept = &undo;
            Ok(())
        }))
    });
    let mut load = Load::start(vec![task], 1, Descriptors::Own).unwrap();
    // Long waits end when the load does.
    load.begin(Schedule::Every(Duration::from_secs(3600)));
    assert_eq!(load.end().acts(), 0);
    load.begin(Schedule::Rate(0.000_1));
    drop(load);
    assert!(undone.load(Ordering::Relaxed));
}

#[test]
fn a_load_without_tasks_ends() {
    let refused = vec![Task::new("no", || Err(Failure::skipped("no")))];
    let mut load = Load::start(refused, 2, Descriptors::Own).unwrap();
    assert!(load.is_idle());
    load.begin(Schedule::Unthrottled);
    assert_eq!(load.end().acts(), 0);
}

#[test]
fn system_calls_are_counted() {
    let tasks = vec![SyscallLoad::Mix.task(), SyscallLoad::Open.task()];
    let mut load = Load::start(tasks, 2, Descriptors::Own).unwrap();
    load.begin(Schedule::Unthrottled);
    wait_until("some are done", || load.sample().acts() > 100);
    let done = load.end();
    assert!(done.failures.is_empty(), "{done:?}");
    let calls = 10 * done.tasks[0].done + 2 * done.tasks[1].done;
    assert_eq!(done.syscalls, Some(calls));

    let mut load = Load::start(vec![SyscallLoad::Exec.task()], 1, Descriptors::Own).unwrap();
    load.begin(Schedule::Unthrottled);
    wait_until("a program has run", || load.sample().acts() > 0);
    let done = load.end();
    assert!(done.failures.is_empty(), "{done:?}");
    assert_eq!(done.syscalls, None);
}

/// What a worker opens is not in the table of the others.
#[test]
fn workers_have_descriptors_of_their_own() {
    for (descriptors, expected) in [(Descriptors::Own, false), (Descriptors::Shared, true)] {
        let (sender, opened) = channel();
        let sender = Mutex::new(sender);
        let task = Task::new("open", move || {
            let file = std::fs::File::open("/proc/self/mountinfo").unwrap();
            let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
            sender.lock().unwrap().send(fd).unwrap();
            Ok(Prepared::new(move || {
                let _kept = &file;
                Ok(())
            }))
        });
        let load = Load::start(vec![task], 1, descriptors).unwrap();
        let fd = opened.recv().unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
        // Another test may have a file of the same number: then the path differs.
        assert_eq!(link.ends_with("mountinfo"), expected, "{link:?}");
        drop(load);
    }
}

/// What a worker makes in memory is where it belongs for the worker, and nowhere for everybody else.
#[test]
fn files_in_memory_are_seen_by_the_worker_alone() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: mounting takes root");
        return;
    }
    let directory: &'static str = tempfile::tempdir()
        .unwrap()
        .keep()
        .to_str()
        .unwrap()
        .to_owned()
        .leak();
    let there = format!("{directory}/there");
    std::fs::write(&there, "").unwrap();
    let (sender, seen) = channel();
    let sender = Mutex::new(sender);
    let mut task = Task::new("make", move || {
        let new = format!("{directory}/new");
        std::fs::write(&new, "").unwrap();
        let files = [&there, &new].map(|path| std::path::Path::new(path).exists());
        sender.lock().unwrap().send(files).unwrap();
        Ok(Prepared::new(|| Ok(())))
    });
    task.writes = Box::leak(Box::new([directory, "/no/such/directory"]));
    let setting = Setting {
        descriptors: Descriptors::Own,
        files: Files::InMemory,
    };
    let load = Load::start(vec![task], 2, setting).unwrap();
    assert!(load.refused().is_empty(), "{:?}", load.refused());
    for _ in 0..2 {
        assert_eq!(seen.recv().unwrap(), [false, true]);
    }
    let found: Vec<_> = std::fs::read_dir(directory).unwrap().collect();
    assert_eq!(found.len(), 1, "{found:?}");
    drop(load);
    std::fs::remove_dir_all(directory).unwrap();
}

/// Not a test but a measurement;
/// `cargo test --release -p event-generator -- --ignored --nocapture acts_a_second`.
#[test]
#[ignore = "measures; says nothing about right or wrong"]
fn how_many_acts_a_second() {
    let context = action::Context::of_this_process().unwrap();
    let named = |name: &str| {
        let action = action::all().iter().find(|action| action.name == name);
        Task::of_action(action.unwrap(), &context)
    };
    for name in [
        "syscall.ReadSensitiveFileUntrusted",
        "syscall.ChangeThreadNamespace",
        "syscall.WriteBelowBinaryDir",
    ] {
        for (workers, descriptors) in [
            (1, Descriptors::Shared),
            (1, Descriptors::Own),
            (2, Descriptors::Shared),
            (2, Descriptors::Own),
        ] {
            let mut load = Load::start(vec![named(name)], workers, descriptors).unwrap();
            load.begin(Schedule::Unthrottled);
            std::thread::sleep(Duration::from_secs(2));
            let done = load.end();
            eprintln!(
                "{name} {workers} workers, {descriptors:?} table: {:.0}/s",
                done.rate()
            );
        }
    }
}
