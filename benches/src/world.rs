//! A small machine, and rules in any number.

use std::fmt::Write;
use std::path::Path;

use event::EventView;
use field::{Occurrence, Surroundings};
use rules::{EventSource, Ruleset, Settings, Source, load};
use state::{Limits, State, Subject, Thread};

/// The time of all events, ns since the epoch.
pub const NOW: u64 = 1_700_000_000_000_000_000;

/// The process that the events are of.
pub const PID: i64 = 100;

/// A process with two ancestors.
pub fn machine() -> State {
    let mut state = State::new(Limits::default());
    for (pid, parent, name) in [(1, 0, "systemd"), (60, 1, "bash"), (PID, 60, "cat")] {
        let mut thread = Thread::new(pid, pid);
        thread.ptid = parent;
        thread.comm = name.as_bytes().into();
        thread.exe = name.as_bytes().into();
        thread.exepath = format!("/usr/bin/{name}").into_bytes().into();
        thread.cwd = b"/home/anna/".as_slice().into();
        state.seed_thread(thread);
    }
    state
}

/// So many rules of the kinds that rules files are made of: files below folders, names of programs
/// and of their parents, flags of opens. No event of the benches breaks one.
pub fn ruleset(count: usize) -> Ruleset {
    let mut text = String::new();
    for n in 0..count {
        let condition = match n % 4 {
            0 => format!(
                "evt.type in (open, openat, openat2) and evt.is_open_write=true and \
                 fd.name startswith /srv/{n}/ and not proc.name in (keeper{n}, backup)"
            ),
            1 => format!(
                "evt.type in (open, openat, openat2) and evt.is_open_read=true and \
                 (fd.name in (/etc/secret{n}, /etc/key{n}) or fd.directory=/root/{n}) and \
                 proc.pname!=sshd"
            ),
            2 => format!(
                "evt.type in (execve, execveat) and proc.name in (tool{n}, agent{n}) and \
                 proc.pname in (httpd, nginx{n})"
            ),
            _ => format!("evt.type in (open, openat, connect) and proc.name=name{n} and fd.num>=0"),
        };
        let _ = write!(
            text,
            "- rule: rule {n}\n  desc: a bench\n  condition: >\n    {condition}\n  \
             output: opened (file=%fd.name command=%proc.cmdline)\n  priority: NOTICE\n"
        );
    }
    loaded(vec![Source::from_bytes("bench.yaml", text.as_bytes())])
}

/// The rules of some files, together.
pub fn rulesets_of(files: &[&Path]) -> Ruleset {
    let read = |path: &&Path| match std::fs::read(path) {
        Ok(text) => Source::from_bytes(path.to_string_lossy(), &text),
        Err(err) => panic!("cannot read the rules file {}: {err}", path.display()),
    };
    loaded(files.iter().map(read).collect())
}

fn loaded(files: Vec<Source>) -> Ruleset {
    let loaded = load(files, vec![EventSource::syscall()], &Settings::default());
    let problems = rules::report::human(&loaded, false);
    loaded
        .ruleset
        .unwrap_or_else(|| panic!("the rules have errors:\n{problems}"))
}

/// An event with all that its fields are made from.
pub fn surrounded<'a>(
    event: &'a EventView<'a>,
    state: &'a State,
    subject: Subject,
    surroundings: &'a Surroundings,
) -> Occurrence<'a> {
    Occurrence {
        event,
        number: 1,
        cpu: Some(0),
        first_ts: NOW,
        previous_ts: NOW,
        state,
        subject,
        surroundings,
    }
}
