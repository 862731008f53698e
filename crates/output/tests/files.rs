//! File, syslog and program, each against the real thing.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use alert::Priority;
use output::{FileConfig, Outputs, OutputsConfig, ProgramConfig, StartError, SyslogConfig};
use tempfile::tempdir;

use common::{assert_balanced, assert_complete, eventually, number_of, numbered, sink, start};

const PATIENCE: Duration = Duration::from_secs(20);

fn to_file(path: &Path, keep_alive: bool) -> OutputsConfig {
    let file = FileConfig {
        path: path.to_owned(),
        keep_alive,
    };
    OutputsConfig {
        file: Some(file),
        ..OutputsConfig::default()
    }
}

fn numbers(path: &Path) -> Vec<usize> {
    fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(number_of)
        .collect()
}

#[test]
fn file_gets_every_line_in_order() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("events.txt");
    for keep_alive in [false, true] {
        fs::write(&path, "22:13:20.000000000: Notice 0\n").unwrap();
        let outputs = start(&to_file(&path, keep_alive));
        for number in 1..=20_000 {
            assert!(outputs.send(numbered(number)));
        }
        let counters = outputs.stop(PATIENCE);
        assert_complete(&counters);
        assert_eq!(sink(&counters, "file").sent, 20_000);
        assert_eq!(numbers(&path), (0..=20_000).collect::<Vec<_>>());
    }
}

#[test]
fn rotated_file_is_found_again() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("events.txt");
    let old = directory.path().join("events.1.txt");

    // Kept open: the old file gets lines until somebody says otherwise.
    let outputs = start(&to_file(&path, true));
    outputs.send(numbered(1));
    eventually("the first line", || numbers(&path) == [1]);
    fs::rename(&path, &old).unwrap();
    outputs.send(numbered(2));
    eventually("the second line", || numbers(&old) == [1, 2]);
    outputs.reopen();
    outputs.send(numbered(3));
    eventually("the third line", || numbers(&path) == [3]);
    assert_complete(&outputs.stop(PATIENCE));

    // Not kept open: it is found by name each time.
    let outputs = start(&to_file(&path, false));
    outputs.send(numbered(4));
    eventually("the fourth line", || numbers(&path) == [3, 4]);
    fs::remove_file(&path).unwrap();
    outputs.send(numbered(5));
    eventually("the fifth line", || numbers(&path) == [5]);
    assert_complete(&outputs.stop(PATIENCE));
}

#[test]
fn file_that_cannot_be_opened_is_an_error_at_start() {
    let error = Outputs::start(&to_file(Path::new("/nonexistent/events.txt"), true)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("file_output.filename /nonexistent/events.txt"),
        "{text}"
    );
    assert!(text.contains("No such file or directory"), "{text}");
}

#[test]
fn nothing_enabled_is_an_error_at_start() {
    let error = Outputs::start(&OutputsConfig::default()).unwrap_err();
    assert!(matches!(error, StartError::NoOutput));
    let error = Outputs::check(&OutputsConfig::default()).unwrap_err();
    assert!(matches!(error, StartError::NoOutput));
    assert!(Outputs::check(&to_program("true", true)).is_ok());
}

#[test]
fn full_disk_is_counted() {
    let outputs = start(&to_file(Path::new("/dev/full"), true));
    for number in 0..100 {
        outputs.send(numbered(number));
    }
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    assert_eq!(sink(&counters, "file").failed, 100);
}

#[test]
fn syslog_messages() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("log");
    let daemon = UnixDatagram::bind(&path).unwrap();
    daemon.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = SyslogConfig {
        socket: path.clone(),
        ident: "peregrine".into(),
    };
    let config = OutputsConfig {
        syslog: Some(config),
        ..OutputsConfig::default()
    };
    let outputs = start(&config);
    let receive = |daemon: &UnixDatagram| {
        let mut buffer = [0; 1_000];
        let length = daemon.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };

    let mut critical = numbered(7);
    critical.priority = Priority::Critical;
    outputs.send(critical);
    let message = receive(&daemon);
    // <number>Mmm dd HH:MM:SS ident[pid]: line
    assert!(message.starts_with("<10>"), "{message}");
    let (head, line) = message.split_at(4 + 15);
    assert_eq!(
        head.bytes().filter(|&byte| byte == b':').count(),
        2,
        "{message}"
    );
    let tag = format!(" peregrine[{}]: ", std::process::id());
    assert_eq!(line, format!("{tag}22:13:20.000000007: Critical 7"));

    // The daemon restarts.
    drop(daemon);
    fs::remove_file(&path).unwrap();
    outputs.send(numbered(8));
    eventually("a failure", || {
        sink(&outputs.counters(), "syslog").failed == 1
    });
    let daemon = UnixDatagram::bind(&path).unwrap();
    daemon.set_read_timeout(Some(PATIENCE)).unwrap();
    outputs.send(numbered(9));
    assert!(receive(&daemon).ends_with("Notice 9"));

    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    assert_eq!(sink(&counters, "syslog").sent, 2);
}

#[test]
fn syslog_over_a_stream() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("log");
    let daemon = UnixListener::bind(&path).unwrap();
    let config = SyslogConfig {
        socket: path,
        ident: "p".into(),
    };
    let outputs = start(&OutputsConfig {
        syslog: Some(config),
        ..OutputsConfig::default()
    });
    outputs.send(numbered(1));
    outputs.send(numbered(2));
    let (connection, _) = daemon.accept().unwrap();
    // The first message says whether anybody is there; it may have its own connection.
    let mut messages = BufReader::new(connection).split(0);
    assert!(messages.next().unwrap().unwrap().ends_with(b"Notice 1"));
    assert!(messages.next().unwrap().unwrap().ends_with(b"Notice 2"));
    assert_complete(&outputs.stop(PATIENCE));
}

#[test]
fn missing_syslog_daemon_is_no_error_at_start_but_counted() {
    let config = SyslogConfig {
        socket: "/nonexistent/log".into(),
        ident: "p".into(),
    };
    let outputs = start(&OutputsConfig {
        syslog: Some(config),
        ..OutputsConfig::default()
    });
    outputs.send(numbered(1));
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    assert_eq!(sink(&counters, "syslog").failed, 1);
}

fn to_program(command: &str, keep_alive: bool) -> OutputsConfig {
    let program = ProgramConfig {
        command: command.to_owned(),
        keep_alive,
    };
    OutputsConfig {
        program: Some(program),
        ..OutputsConfig::default()
    }
}

#[test]
fn program_gets_every_line() {
    let directory = tempdir().unwrap();
    for keep_alive in [true, false] {
        let path = directory.path().join(format!("{keep_alive}.txt"));
        let command = format!("echo run >> {0}.runs; cat >> {0}", path.display());
        let outputs = start(&to_program(&command, keep_alive));
        for number in 0..50 {
            outputs.send(numbered(number));
        }
        let counters = outputs.stop(PATIENCE);
        assert_complete(&counters);
        assert_eq!(sink(&counters, "program").sent, 50);
        assert_eq!(numbers(&path), (0..50).collect::<Vec<_>>());
        let runs = fs::read_to_string(format!("{}.runs", path.display()))
            .unwrap()
            .lines()
            .count();
        assert_eq!(runs, if keep_alive { 1 } else { 50 });
    }
}

#[test]
fn program_that_ends_is_started_again() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("lines.txt");
    // Reads one line and ends.
    let command = format!("head -n 1 >> {}", path.display());
    let outputs = start(&to_program(&command, true));
    for number in 0..5 {
        outputs.send(numbered(number));
        eventually("the line", || numbers(&path).last() == Some(&number));
        // Until it has ended, a line would go into its pipe unread.
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_complete(&outputs.stop(PATIENCE));
    assert_eq!(numbers(&path), [0, 1, 2, 3, 4]);
}

#[test]
fn program_that_fails_is_counted() {
    let outputs = start(&to_program("exit 3", false));
    outputs.send(numbered(1));
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    assert_eq!(sink(&counters, "program").failed, 1);
}

/// A program that does not read blocks its own sink only; what is lost is counted to the last alert.
#[test]
fn stuck_sink_harms_nobody_else() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("events.txt");
    let pid = directory.path().join("pid");
    let command = format!(
        "echo $$ >> {}; exec sleep 600 > /dev/null 2>&1",
        pid.display()
    );
    let config = OutputsConfig {
        queue_capacity: 1_000,
        timeout: Duration::from_millis(100),
        ..to_program(&command, true)
    };
    let config = OutputsConfig {
        file: to_file(&path, true).file,
        ..config
    };
    let outputs = start(&config);
    let mut offered = 0;
    let mut accepted = 0;
    for _ in 0..30 {
        for _ in 0..500 {
            accepted += usize::from(outputs.send(numbered(offered)));
            offered += 1;
        }
        let counters = outputs.counters();
        assert_balanced(&counters);
        eventually("the file has it all", || {
            sink(&outputs.counters(), "file").sent == accepted as u64
        });
    }
    let counters = outputs.counters();
    let stuck = sink(&counters, "program");
    assert!(
        stuck.dropped > 0 && stuck.pending > 0 && stuck.pending <= 1_000,
        "{counters:?}"
    );
    assert_eq!(sink(&counters, "file").dropped, 0);

    let begin = Instant::now();
    let counters = outputs.stop(Duration::from_millis(300));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "a stuck sink does not hold up the end"
    );
    // Killed now, it is not started again: nobody waits for the sink any more.
    let first = fs::read_to_string(&pid).unwrap();
    assert!(
        Command::new("kill")
            .arg(first.trim())
            .status()
            .unwrap()
            .success()
    );
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(fs::read_to_string(&pid).unwrap(), first);
    assert_complete(&counters);
    assert_eq!(counters.queue.offered, offered as u64);
    let stuck = sink(&counters, "program");
    assert_eq!(stuck.discarded, stuck.offered - stuck.sent - stuck.dropped);
    assert_eq!(numbers(&path).len(), accepted);
    assert_eq!(
        counters.queue_drops(),
        (offered - accepted) as u64 + stuck.dropped
    );
}

/// Floods a small queue: each alert is either in the file or counted as lost.
#[test]
fn sent_and_dropped_are_what_was_offered() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("events.txt");
    let config = OutputsConfig {
        queue_capacity: 64,
        ..to_file(&path, true)
    };
    let outputs = start(&config);
    let refused: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let outputs = &outputs;
                scope.spawn(move || {
                    (0..25_000)
                        .filter(|n| !outputs.send(numbered(thread * 25_000 + n)))
                        .count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    assert_eq!(counters.queue.offered, 100_000);
    assert_eq!(counters.queue.dropped, refused as u64);
    assert!(refused > 0, "64 places are not enough for this");
    let mut arrived = numbers(&path);
    assert_eq!(arrived.len() as u64 + counters.queue_drops(), 100_000);
    arrived.sort_unstable();
    arrived.dedup();
    assert_eq!(
        arrived.len() as u64,
        sink(&counters, "file").sent,
        "no alert twice"
    );
}

#[test]
fn rate_limit_counts_what_it_holds_back() {
    let directory = tempdir().unwrap();
    let limit = output::RateLimit {
        rate: 1.0,
        max_burst: 10.0,
    };
    let config = OutputsConfig {
        rate_limit: Some(limit),
        ..to_file(&directory.path().join("events.txt"), true)
    };
    let outputs = start(&config);
    let now = u64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_nanos(),
    )
    .unwrap();
    let admitted = (0..100).filter(|_| outputs.admit(now)).count();
    assert!((10..12).contains(&admitted), "{admitted}");
    assert!(outputs.admit(now + 2_000_000_000));
    assert_eq!(outputs.stop(PATIENCE).rate_limited, 100 - admitted as u64);
}

#[test]
fn buffered_outputs_arrive_all_the_same() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("events.txt");
    let outputs = start(&OutputsConfig {
        buffered: true,
        ..to_file(&path, true)
    });
    for number in 0..100 {
        outputs.send(numbered(number));
        std::thread::sleep(Duration::from_millis(1));
    }
    eventually("all lines", || numbers(&path).len() == 100);
    drop(outputs);
    let mut text = String::new();
    fs::File::open(&path)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.lines().count(), 100);
}
