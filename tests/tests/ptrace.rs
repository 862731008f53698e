//! The engine without privileges: a command that is watched by an ordinary user, in a sandbox.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use end_to_end::{Folder, Running, binary, report_skip, repository, run, wait_for};

/// An ordinary user.
const NOBODY: u32 = 65_534;

const RULES: &str = "\
- rule: Accounts read
  desc: somebody reads the list of accounts
  condition: evt.type in (open, openat, openat2) and fd.name = /etc/passwd and proc.name = cat
  output: >
    read file=%fd.name command=(%proc.cmdline) parent=%proc.pname ancestor=%proc.aname[2]
    uid=%user.uid exe=%proc.exepath res=%evt.res
  priority: WARNING
- rule: Program started
  desc: a program is started
  condition: evt.type in (execve, execveat) and proc.name = sort
  output: started command=(%proc.cmdline) parent=%proc.pname env=%proc.env[MARK] cwd=%proc.cwd
  priority: NOTICE
- rule: Connection tried
  desc: a connection of the shell
  condition: evt.type = connect and proc.name = bash and fd.typechar = 4
  output: tried fd=%fd.name res=%evt.res
  priority: NOTICE
";

/// The engine and its files where everybody can get at them.
struct Sandbox {
    folder: Folder,
    engine: PathBuf,
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t0"))
}

impl Sandbox {
    /// `None`, with a line that says why, where nothing can be traced.
    fn new() -> Option<Self> {
        let tried = run(Command::new(binary("peregrine"))
            .args(["-u", "--dry-run", "-r"])
            .arg(repository().join("rules/peregrine_rules.yaml")));
        if !tried.status.success() {
            report_skip(&log(&tried));
            return None;
        }
        let folder = Folder::new();
        let engine = folder.join("peregrine");
        fs::copy(binary("peregrine"), &engine).expect("the temporary folder can be written");
        folder.write("rules.yaml", RULES);
        for file in ["", "peregrine", "rules.yaml"] {
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(folder.join(file), mode).expect("own file");
        }
        Some(Self { folder, engine })
    }

    /// The engine on our rules, with more options and the command.
    fn args(&self, args: &[&str]) -> Vec<OsString> {
        let mut all: Vec<OsString> = vec!["-r".into(), self.folder.join("rules.yaml").into()];
        all.extend(args.iter().map(Into::into));
        all
    }

    /// As an ordinary user: without root's rights nothing but this remains of them.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.engine);
        command
            .args(self.args(args))
            .current_dir("/")
            .env("MARK", "x");
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::to_owned).collect()
}

fn log(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn alert<'a>(lines: &'a [String], start: &str) -> &'a str {
    let mut found = lines.iter().filter(|line| line.contains(start));
    let alert = found
        .next()
        .unwrap_or_else(|| panic!("no {start}: {lines:#?}"));
    assert!(found.next().is_none(), "{start} only once: {lines:#?}");
    alert
}

const ACTS: &str =
    "cat /etc/passwd | sort; bash -c 'exec 3<>/dev/tcp/127.0.0.1/1' 2>/dev/null; exit 3";

fn check(output: &Output, uid: &str) {
    let lines = lines(output);
    assert!(output.status.success(), "{}", log(output));
    let read = alert(&lines, "read file=/etc/passwd");
    for part in [
        "command=(cat /etc/passwd)",
        "parent=sh",
        "exe=/usr/bin/cat",
        "res=SUCCESS",
        uid,
    ] {
        assert!(read.contains(part), "{part}: {read}");
    }
    let started = alert(&lines, "started command=(sort)");
    assert!(started.contains("parent=sh env=x cwd=/ "), "{started}");
    let tried = alert(&lines, "tried fd=");
    assert!(tried.contains("res=ECONNREFUSED"), "{tried}");
    assert!(
        lines.iter().any(|line| line.starts_with("root:")),
        "its own output"
    );
    assert!(
        log(output).contains("The command ended: exit status: 3"),
        "{}",
        log(output)
    );
}

#[test]
fn an_ordinary_user_watches_a_command() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    for options in [&["-u"][..], &["-o", "engine.kind=ptrace"], &[]] {
        let args = [options, &["--", "sh", "-c", ACTS]].concat();
        let output = run(&mut sandbox.command(&args));
        check(&output, if is_root() { "uid=65534" } else { "uid=" });
    }
}

#[test]
fn root_can_do_so_as_well() {
    if !is_root() {
        report_skip("not root");
        return;
    }
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let mut command = Command::new(&sandbox.engine);
    command.args(sandbox.args(&["-u", "--", "sh", "-c", ACTS]));
    let output = run(command.current_dir("/").env("MARK", "x"));
    check(&output, "uid=0");
}

#[test]
fn a_container_of_an_ordinary_user_is_enough() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    // Namespaces of its own, as a rootless container has them, and no way to more rights.
    let mut command = Command::new("unshare");
    command.args([
        "-U",
        "-p",
        "-f",
        "-n",
        "-m",
        "-i",
        "-r",
        "--mount-proc",
        "--",
    ]);
    command.args([
        "setpriv",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
    ]);
    command
        .arg(&sandbox.engine)
        .args(sandbox.args(&["-u", "--"]));
    command.args(["sh", "-c", "cat /etc/passwd | sort"]);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = run(command.current_dir("/").env("MARK", "x"));
    if log(&output).contains("unshare:") {
        report_skip("an ordinary user cannot make namespaces here");
        return;
    }
    let lines = lines(&output);
    assert!(output.status.success(), "{}", log(&output));
    let read = alert(&lines, "read file=/etc/passwd");
    assert!(
        read.contains("parent=sh ancestor=peregrine uid=0"),
        "{read}"
    );
    alert(&lines, "started command=(sort)");
}

#[test]
fn what_was_recorded_gives_the_same_alerts() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(sandbox.folder.path(), open).unwrap();
    let capture = sandbox.folder.join("command.scap");
    let capture = capture.to_str().unwrap();
    let live = run(&mut sandbox.command(&["-u", "-w", capture, "--", "sh", "-c", ACTS]));
    assert!(live.status.success(), "{}", log(&live));
    let replayed = run(&mut sandbox.command(&["-e", capture]));
    assert!(replayed.status.success(), "{}", log(&replayed));
    let alerts = |output| -> Vec<String> {
        let lines = lines(output).into_iter();
        lines
            .filter(|line| line.contains(": Warning ") || line.contains(": Notice "))
            .collect()
    };
    assert_eq!(alerts(&live).len(), 3);
    assert_eq!(alerts(&live), alerts(&replayed));
}

#[test]
fn children_that_the_engine_inherits_are_not_waited_for() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    // The shell starts the reader of the engine's output as a child of what becomes the engine.
    let script = "exec \"$@\" > >(sed 's/^/through: /')";
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash"]).arg(&sandbox.engine);
    command
        .args(sandbox.args(&["-u", "--", "cat", "/etc/passwd"]))
        .current_dir("/");
    let output = run(&mut command);
    assert!(output.status.success(), "{}", log(&output));
    let read = lines(&output);
    assert!(
        alert(&read, "read file=").starts_with("through: "),
        "{read:?}"
    );
}

#[test]
fn a_signal_ends_the_engine_and_the_command() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let script = "trap 'exit 9' TERM; cat /etc/passwd; while :; do sleep 0.05; done";
    let engine = Running::start(&mut sandbox.command(&["-u", "--", "sh", "-c", script]));
    wait_for("the alert", || {
        engine
            .stdout()
            .iter()
            .any(|line| line.contains("read file="))
            .then_some(())
    });
    let (status, _, log) = engine.stop();
    let log = log.join("\n");
    assert!(status.success(), "{log}");
    assert!(log.contains("Signal received"), "{log}");
    assert!(log.contains("The command ended: exit status: 9"), "{log}");
}

#[test]
fn a_command_that_does_not_want_to_end_is_ended() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let script =
        "trap '' TERM; (trap '' TERM; while :; do sleep 0.05; done) & cat /etc/passwd; wait";
    let output = run(&mut sandbox.command(&["-u", "-M", "1", "--", "sh", "-c", script]));
    assert!(output.status.success(), "{}", log(&output));
    let ended = "The command ended: signal: 9 (SIGKILL)";
    assert!(log(&output).contains(ended), "{}", log(&output));
    alert(&lines(&output), "read file=");
}

#[test]
fn mistakes_say_what_is_missing() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let failed = |args: &[&str], part: &str| {
        let output = run(&mut sandbox.command(args));
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", log(&output));
        assert!(log(&output).contains(part), "{part}: {}", log(&output));
    };
    failed(&["-u"], "there is no command to trace");
    failed(
        &["-u", "--", "no-such-command"],
        "failed to start `no-such-command`: No such file",
    );
    failed(&["-e", "x.scap", "--", "true"], "cannot be used with");
    if is_root() && binary("peregrine").exists() {
        // Without rights, the probe's error tells of the other way.
        failed(&[], "a single command can be watched: peregrine -u");
    }
    let tried = run(&mut sandbox.command(&["-u", "--dry-run"]));
    assert!(tried.status.success(), "{}", log(&tried));
}

#[test]
fn the_default_rules_work_for_a_command() {
    let Some(sandbox) = Sandbox::new() else {
        return;
    };
    let rules = sandbox.folder.join("rules.yaml");
    fs::copy(repository().join("rules/peregrine_rules.yaml"), &rules).unwrap();
    let script = "cp /bin/true \"$0/found\"; ln -s /etc/shadow \"$0/link\"; rm \"$0/found\"";
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(sandbox.folder.path(), open).unwrap();
    let folder = sandbox.folder.path().to_str().unwrap();
    let output = run(&mut sandbox.command(&["-u", "--", "sh", "-c", script, folder]));
    assert!(output.status.success(), "{}", log(&output));
    let text = lines(&output).join("\n");
    assert!(
        text.contains("symlink") || text.contains("Symlink"),
        "{text}"
    );
}
