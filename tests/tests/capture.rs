//! Captures that the engine writes: on a match, and of everything (`-w`), live and from a replay.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use capture::{Block, Compression, EventDumpFlags, MachineInfo, Process, Reader, Writer};
use end_to_end::{Folder, Running, binary, live, run, wait_for};
use event::{Encoder, EventType};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
const CONFIG: &str = "stdout_output: {enabled: true}\nrules_files: []\nconfig_files: []\n";
const AT_FDCWD: i64 = -100;

/// `enter` asks for a recording of two seconds, `extend` asks for none but says three seconds.
const RULES: &str = "
- rule: Enter
  desc: goes into a folder
  condition: evt.type = chdir and evt.arg.path = sub
  output: enter cwd=%proc.cwd name=%proc.name
  priority: NOTICE
  capture: true
  capture_duration: 2000
- rule: Extend
  desc: opens the file that makes a recording longer
  condition: evt.type = openat and fd.filename = extend
  output: extend file=%fd.name name=%proc.name user=%user.name
  priority: NOTICE
  capture_duration: 3000
- rule: Opened
  desc: opens any other file
  condition: evt.type = openat
  output: opened file=%fd.name name=%proc.name parent=%proc.pname
  priority: NOTICE
";

struct Builder {
    writer: Writer<Vec<u8>>,
    encoder: Encoder,
}

impl Builder {
    /// A capture of a machine with two processes.
    fn new() -> Self {
        let writer = Writer::new(Vec::new(), Compression::None).unwrap();
        let mut builder = Self {
            writer,
            encoder: Encoder::new(),
        };
        builder.picture("elsewhere");
        builder
    }

    fn picture(&mut self, hostname: &str) {
        let machine = MachineInfo {
            hostname: hostname.into(),
            num_cpus: 7,
            ..MachineInfo::default()
        };
        self.writer.machine(&machine).unwrap();
        self.writer.interfaces(&[]).unwrap();
        self.writer.accounts(&[]).unwrap();
        let process = |tid, ptid, comm: &str| Process {
            tid,
            pid: tid,
            ptid,
            vtid: tid,
            vpid: tid,
            comm: comm.into(),
            exe: comm.into(),
            cwd: b"/jobs/".to_vec(),
            root: b"/".to_vec(),
            ..Process::default()
        };
        self.writer
            .processes(&[process(100, 50, "worker"), process(50, 1, "parent")])
            .unwrap();
    }

    fn open(&mut self, at: u64, name: &str) -> &mut Self {
        self.encoder
            .begin(EventType::SYSCALL_OPENAT_2_X, START + at, 100)
            .i64(3)
            .i64(AT_FDCWD)
            .str(name)
            .u32(1)
            .u32(0)
            .u32(0)
            .u64(0);
        self.write()
    }

    fn chdir(&mut self, at: u64, path: &str) -> &mut Self {
        self.encoder
            .begin(EventType::SYSCALL_CHDIR_X, START + at, 100)
            .i64(0)
            .str(path);
        self.write()
    }

    fn write(&mut self) -> &mut Self {
        let record = self.encoder.finish().unwrap();
        self.writer
            .event(1, EventDumpFlags::default(), record)
            .unwrap();
        self
    }

    fn finish(self, path: &Path) {
        fs::write(path, self.writer.finish().unwrap()).unwrap();
    }
}

/// Files are opened every second, after five of them the process goes into a folder.
fn story(path: &Path) {
    let mut builder = Builder::new();
    for second in 0..5 {
        builder.open(second * SECOND, "early");
    }
    builder.chdir(5 * SECOND, "sub");
    builder
        .open(6 * SECOND, "extend")
        .open(9 * SECOND, "late")
        .open(9 * SECOND + 1, "later")
        .open(20 * SECOND, "much too late");
    builder.finish(path);
}

struct Setup {
    folder: Folder,
    config: PathBuf,
    rules: PathBuf,
}

impl Setup {
    fn new() -> Self {
        let folder = Folder::new();
        let config = folder.write("config.yaml", CONFIG);
        let rules = folder.write("rules.yaml", RULES);
        Self {
            folder,
            config,
            rules,
        }
    }

    /// Replays a capture; the alerts, and the log.
    fn replay(&self, capture: &Path, more: &[&str]) -> (Vec<String>, String) {
        let output = run(Command::new(binary("peregrine"))
            .arg("-c")
            .arg(&self.config)
            .arg("-r")
            .arg(&self.rules)
            .arg("-e")
            .arg(capture)
            .args(more));
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{log}");
        let alerts = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|line| line.contains("Notice") || line.contains("Informational"))
            .map(str::to_owned)
            .collect();
        (alerts, log)
    }

    /// Replays with `capture` on; the alerts, the log, and the recordings in order.
    fn capture(&self, capture: &Path, more: &[&str]) -> (Vec<String>, String, Vec<PathBuf>) {
        let prefix = self.folder.join("match");
        let prefix = format!("capture.path_prefix={}", prefix.display());
        let mut options = vec!["-o", "capture.enabled=true", "-o", &prefix];
        options.extend(more);
        let (alerts, log) = self.replay(capture, &options);
        (alerts, log, self.recordings())
    }

    fn recordings(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains("/match_"))
            .collect();
        found.sort();
        found
    }
}

fn events_in(path: &Path) -> u64 {
    let mut reader = Reader::open(path).unwrap();
    while reader.next_block().unwrap().is_some() {}
    reader.events()
}

#[test]
fn a_match_is_recorded_with_what_follows_and_replays_on_its_own() {
    let setup = Setup::new();
    let whole = setup.folder.join("whole.scap");
    story(&whole);
    let (alerts, log, recordings) = setup.capture(&whole, &[]);
    assert_eq!(alerts.len(), 10, "{alerts:#?}");
    assert!(log.contains("1 of 1 recordings"), "{log}");

    // The name says when and at which event it began.
    assert_eq!(recordings.len(), 1, "{recordings:#?}");
    let name = format!("match_{:020}_{:020}.scap", START + 5 * SECOND, 6);
    assert!(recordings[0].ends_with(&name), "{recordings:#?}");

    // From the match to the last event in time: one rule made it longer, a third one even more.
    assert_eq!(events_in(&recordings[0]), 4);
    let (replayed, _) = setup.replay(&recordings[0], &[]);
    assert_eq!(replayed, alerts[5..9]);
    assert!(replayed[0].contains("enter cwd=/jobs/sub/ name=worker"));
    assert!(replayed[2].contains("file=/jobs/sub/late name=worker parent=parent"));

    // The file is for its owner, and its machine is the recorded one.
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(&recordings[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut reader = Reader::open(&recordings[0]).unwrap();
    let machine = loop {
        match reader.next_block().unwrap() {
            Some(Block::Machine(machine)) => break machine,
            Some(_) => {}
            None => panic!("there is no machine"),
        }
    };
    assert_eq!(
        (machine.hostname.as_slice(), machine.num_cpus),
        (&b"elsewhere"[..], 7)
    );
}

#[test]
fn a_recording_ends_in_time_and_the_next_match_starts_another() {
    let setup = Setup::new();
    let whole = setup.folder.join("whole.scap");
    let mut builder = Builder::new();
    for start in [0, 30 * SECOND, 60 * SECOND] {
        builder
            .chdir(start, "sub")
            .chdir(start + 2 * SECOND, "..")
            .chdir(start + 2 * SECOND + 1, "..");
    }
    builder.finish(&whole);
    let (_, _, recordings) = setup.capture(&whole, &[]);
    assert_eq!(recordings.len(), 3, "{recordings:#?}");
    assert!(recordings.iter().all(|path| events_in(path) == 2));

    // No more files than that, and it is said.
    for path in recordings {
        fs::remove_file(path).unwrap();
    }
    let (_, log, recordings) = setup.capture(&whole, &["-o", "capture.max_files=2"]);
    assert_eq!(recordings.len(), 2);
    assert!(
        log.contains("1 matches were not recorded because of"),
        "{log}"
    );
}

#[test]
fn every_rule_records_if_the_configuration_says_so() {
    let setup = Setup::new();
    let whole = setup.folder.join("whole.scap");
    story(&whole);
    let more = [
        "-o",
        "capture.mode=all_rules",
        "-o",
        "capture.default_duration=1500",
    ];
    let (alerts, _, recordings) = setup.capture(&whole, &more);
    let counts: Vec<u64> = recordings.iter().map(|path| events_in(path)).collect();
    assert_eq!(counts, [9, 1]);
    let (replayed, _) = setup.replay(&recordings[0], &[]);
    assert_eq!(replayed, alerts[..9]);
}

#[test]
fn a_limit_of_events_ends_a_recording_and_is_an_alert() {
    let setup = Setup::new();
    let whole = setup.folder.join("whole.scap");
    story(&whole);
    let (alerts, log, recordings) = setup.capture(&whole, &["-o", "capture.max_file_events=2"]);
    assert_eq!(recordings.len(), 1);
    assert_eq!(events_in(&recordings[0]), 2);
    let said = alerts
        .iter()
        .find(|line| line.contains("Falco internal: capture event limit reached"));
    assert!(
        said.is_some_and(
            |line| line.contains("max_file_events=2") && line.contains("Informational")
        ),
        "{alerts:#?}"
    );
    assert!(log.contains("1 ended at a limit"), "{log}");
}

#[test]
fn a_limit_of_size_ends_a_recording_and_is_an_alert() {
    let setup = Setup::new();
    let whole = setup.folder.join("whole.scap");
    let mut builder = Builder::new();
    builder.chdir(0, "sub");
    // Names that do not compress.
    let mut seed = 1_u64;
    for index in 0..3000 {
        let mut name = format!("{index}-");
        for _ in 0..250 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            name.push_str(&format!("{:04x}", seed >> 48));
        }
        builder.open(index, &name);
    }
    builder.finish(&whole);
    let (alerts, _, recordings) = setup.capture(
        &whole,
        &["-o", "capture.max_file_size_mb=1", "-o", "priority=debug"],
    );
    assert_eq!(recordings.len(), 1);
    let size = fs::metadata(&recordings[0]).unwrap().len();
    assert!((1 << 20..(1 << 20) + 200_000).contains(&size), "{size}");
    assert!(events_in(&recordings[0]) < 3001);
    let said = |line: &&String| line.contains("Falco internal: capture size limit reached");
    assert!(
        alerts
            .iter()
            .find(said)
            .is_some_and(|line| line.contains("max_file_size_mb=1"))
    );
}

#[test]
fn what_cannot_be_recorded_is_counted_and_said_and_the_alerts_still_come() {
    let setup = Setup::new();
    let whole = setup.folder.join("whole.scap");
    story(&whole);
    let nowhere = format!(
        "capture.path_prefix={}/absent/x",
        setup.folder.path().display()
    );
    let (alerts, log, _) = setup.capture(&whole, &["-o", &nowhere]);
    assert_eq!(alerts.len(), 10);
    assert!(
        log.contains("A match cannot be recorded: failed to write the capture"),
        "{log}"
    );
    assert!(log.contains("1 recordings of matches failed"), "{log}");
}

#[test]
fn a_replay_can_be_recorded_again_with_all_its_parts() {
    let setup = Setup::new();
    let (whole, copy) = (
        setup.folder.join("whole.scap"),
        setup.folder.join("copy.scap"),
    );
    let mut builder = Builder::new();
    builder.chdir(0, "sub").open(1, "one");
    // Another machine follows, where nobody has gone anywhere.
    builder.writer.section().unwrap();
    builder.picture("third");
    builder.open(2 * SECOND, "two");
    builder.finish(&whole);
    let (alerts, _) = setup.replay(&whole, &["-w", copy.to_str().unwrap()]);
    assert_eq!(alerts.len(), 3);
    assert!(alerts[1].contains("file=/jobs/sub/one") && alerts[2].contains("file=/jobs/two"));
    let (again, _) = setup.replay(&copy, &[]);
    assert_eq!(again, alerts);

    let output = run(Command::new(binary("peregrine"))
        .arg("-c")
        .arg(&setup.config)
        .arg("-r")
        .arg(&setup.rules)
        .arg("-e")
        .arg(&copy)
        .arg("-w")
        .arg(&copy));
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("give -w another file"));
    assert_eq!(setup.replay(&copy, &[]).0, alerts);
}

#[test]
fn a_live_match_is_recorded_and_replays_on_its_own() {
    if !live() {
        return;
    }
    let mut setup = Setup::new();
    let marker = setup.folder.write("marker", "");
    let other = setup.folder.write("other", "");
    let rule = |name: &str, path: &Path, capture: bool| {
        format!(
            "- rule: {name}\n  desc: a file that only this test opens\n  condition: evt.type in \
             (open, openat, openat2) and fd.name = {}\n  output: opened file=%fd.name \
             process=%proc.name exe=%proc.exepath parent=%proc.pname pid=%proc.pid \
             cwd=%proc.cwd user=%user.name flags=%evt.arg.flags\n  priority: NOTICE\n  capture: \
             {capture}\n  capture_duration: 600000\n",
            path.display()
        )
    };
    let rules = rule("Marker", &marker, true) + &rule("Other", &other, false);
    setup.rules = setup.folder.write("rules.yaml", &rules);
    let prefix = format!(
        "capture.path_prefix={}/match",
        setup.folder.path().display()
    );
    let engine = Running::engine([
        "-c".as_ref(),
        setup.config.as_os_str(),
        "-r".as_ref(),
        setup.rules.as_os_str(),
        "-o".as_ref(),
        "capture.enabled=true".as_ref(),
        "-o".as_ref(),
        prefix.as_ref(),
    ]);
    let alerts = |lines: &[String]| -> Vec<String> {
        let ours = lines.iter().filter(|line| line.contains("opened file="));
        ours.cloned().collect()
    };
    let wait = |count: usize| {
        wait_for("alerts", || {
            (alerts(&engine.stdout()).len() >= count).then_some(())
        });
    };
    // Not part of the recording: there is none yet.
    File::open(&other).unwrap();
    wait(1);
    run(Command::new("cat").arg(&marker));
    wait(2);
    for _ in 0..3 {
        run(Command::new("sh")
            .arg("-c")
            .arg(format!("cat {}", other.display())));
        File::open(&other).unwrap();
    }
    wait(8);
    let (status, stdout, stderr) = engine.stop();
    assert!(status.success(), "{}", stderr.join("\n"));
    let live = alerts(&stdout);
    assert_eq!(live.len(), 8, "{live:#?}");
    assert!(live[1].contains("process=cat"), "{}", live[1]);

    let recordings = setup.recordings();
    assert_eq!(recordings.len(), 1, "{recordings:#?}");
    let (replayed, _) = setup.replay(&recordings[0], &[]);
    assert_eq!(alerts(&replayed), live[1..]);
}
