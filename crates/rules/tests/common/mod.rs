//! A small machine to try rules on: processes, descriptors, and events that a real state has seen.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "no test file uses all of it"
)]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::net::IpAddr;
use std::sync::Arc;

use condition::Evaluator;
use event::{Encoder, EventType, EventView};
use field::{EventContext, Occurrence, Scratch, Surroundings};
use rules::{
    Correlator, EventSource, Loaded, Matcher, Matching, OutputPart, Ruleset, Settings, Source,
    load, report,
};
use state::{
    Descriptor, DescriptorKind, L4Proto, Limits, SocketRole, SocketTuple, State, Thread, User,
};

/// The time of the first event.
pub const NOW: u64 = 1_700_000_000_000_000_000;

/// Loads texts as files `0.yaml`, `1.yaml`, ….
pub fn load_texts(texts: &[&str], settings: &Settings) -> Loaded {
    let files = texts
        .iter()
        .enumerate()
        .map(|(index, text)| Source {
            name: format!("{index}.yaml"),
            text: (*text).to_owned(),
        })
        .collect();
    load(files, vec![EventSource::syscall()], settings)
}

/// The rules of texts that must load.
pub fn ruleset(texts: &[&str], settings: &Settings) -> Ruleset {
    let loaded = load_texts(texts, settings);
    let messages = report::human(&loaded, false);
    loaded.ruleset.unwrap_or_else(|| panic!("{messages}"))
}

pub struct World {
    pub state: State,
    matcher: Matcher,
    /// Evaluates whole conditions, without the index.
    check: Evaluator,
    surroundings: Surroundings,
    scratch: Scratch,
    encoder: Encoder,
    number: u64,
    pub correlator: Option<Correlator<String>>,
    /// What `correlate` items said.
    pub correlated: Vec<String>,
    /// The time of the next event, where that matters.
    pub clock: Option<u64>,
}

/// What matched an event: the name of the rule and its output.
pub type Alerts = Vec<(String, String)>;

impl World {
    pub fn new(ruleset: Ruleset) -> Self {
        let check = Evaluator::new(Arc::clone(ruleset.sources()[0].pool()));
        let ruleset = Arc::new(ruleset);
        let correlator = Correlator::new(Arc::clone(&ruleset));
        let matcher = Matcher::new(ruleset, "syscall").expect("the source is there");
        let mut world = Self {
            state: State::new(Limits::default()),
            matcher,
            check,
            surroundings: Surroundings::new("box"),
            scratch: Scratch::new(),
            encoder: Encoder::new(),
            number: 0,
            correlator,
            correlated: Vec::new(),
            clock: None,
        };
        world.process(1, 0, "systemd", &[]);
        for (uid, name) in [(0, "root"), (1, "daemon"), (1000, "anna")] {
            world.state.seed_user(User {
                uid,
                gid: uid,
                name: name.as_bytes().into(),
                home: b"/".as_slice().into(),
                shell: b"/bin/sh".as_slice().into(),
            });
        }
        world
    }

    pub fn ruleset(&self) -> &Ruleset {
        self.matcher.ruleset()
    }

    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    pub fn matcher_mut(&mut self) -> &mut Matcher {
        &mut self.matcher
    }

    /// Adds a process that started long ago.
    pub fn process(&mut self, pid: i64, parent: i64, comm: &str, args: &[&str]) -> &mut Self {
        self.process_with(pid, parent, comm, args, |_| {})
    }

    pub fn process_with(
        &mut self,
        pid: i64,
        parent: i64,
        comm: &str,
        args: &[&str],
        change: impl FnOnce(&mut Thread),
    ) -> &mut Self {
        let mut thread = Thread::new(pid, pid);
        thread.ptid = parent;
        thread.vtid = pid;
        thread.vpid = pid;
        thread.comm = comm.as_bytes().into();
        thread.exe = comm.as_bytes().into();
        thread.exepath = format!("/usr/bin/{comm}").into_bytes().into();
        thread.args = args
            .iter()
            .flat_map(|arg| [arg.as_bytes(), &[0]].concat())
            .collect();
        thread.cwd = b"/tmp/".as_slice().into();
        thread.clone_ts = NOW - 60_000_000_000;
        change(&mut thread);
        self.state.seed_thread(thread);
        self
    }

    /// Puts the processes that follow in a container: use in [`process_with`](Self::process_with).
    pub fn in_container(thread: &mut Thread) {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        thread.cgroups = format!("memory=/docker/{id}\0").into_bytes().into();
    }

    pub fn file(&mut self, pid: i64, fd: i64, path: &str) -> &mut Self {
        let mut descriptor = Descriptor::new(DescriptorKind::File);
        descriptor.name = path.as_bytes().into();
        descriptor.name_raw = path.as_bytes().into();
        self.state.seed_descriptor(pid, fd, descriptor);
        self
    }

    pub fn tcp(&mut self, pid: i64, fd: i64, from: (&str, u16), to: (&str, u16)) -> &mut Self {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let tuple = SocketTuple {
            source_ip: ip(from.0),
            source_port: from.1,
            destination_ip: ip(to.0),
            destination_port: to.1,
            l4: L4Proto::Tcp,
            role: SocketRole::Client,
        };
        self.state
            .seed_descriptor(pid, fd, Descriptor::new(DescriptorKind::Inet(tuple)));
        self
    }

    /// Sends an event through state and rules.
    pub fn event(
        &mut self,
        event_type: EventType,
        tid: i64,
        fill: impl FnOnce(&mut Encoder),
    ) -> Alerts {
        let ts = self.clock.unwrap_or(NOW + (self.number + 1) * 1000);
        let mut encoder = std::mem::take(&mut self.encoder);
        encoder.begin(event_type, ts, tid);
        fill(&mut encoder);
        let alerts = self.record(encoder.finish().unwrap());
        self.encoder = encoder;
        alerts
    }

    /// Sends a record through state and rules.
    pub fn record(&mut self, record: &[u8]) -> Alerts {
        self.number += 1;
        let event = EventView::parse(record).unwrap();
        let (ts, event_type) = (event.ts(), event.event_type());
        self.advance(ts);
        let subject = self.state.apply(&event);
        let now = Occurrence {
            event: &event,
            number: self.number,
            cpu: None,
            first_ts: NOW,
            previous_ts: ts,
            state: &self.state,
            subject,
            surroundings: &self.surroundings,
        };
        let ruleset = Arc::clone(self.matcher.ruleset());
        let fields = ruleset.sources()[0].fields();
        let mut context = EventContext::new(fields, now, &mut self.scratch);
        let mut alerts = Vec::new();
        let mut expected = Vec::new();
        self.check.begin_event();
        for rule in ruleset.enabled() {
            if self.check.matches(rule.condition(), &mut context) {
                expected.push(rule.name().to_string());
            }
        }
        self.matcher
            .matches(&mut context, event_type, &mut |rule, context, evaluator| {
                let mut text = String::new();
                rule.output().render(context, evaluator, &mut text);
                alerts.push((rule.name().to_string(), text));
            });
        if let Some(correlator) = &mut self.correlator {
            let correlated = &mut self.correlated;
            self.matcher
                .steps(&mut context, event_type, &mut |id, context, evaluator| {
                    let item = &ruleset.correlations()[id.correlation as usize];
                    let said = correlator.observe(id, ts, context, &mut |facts, context| {
                        let mut text = format!("{}: ", item.name());
                        for part in item.output() {
                            match part {
                                OutputPart::Template(template) => {
                                    template.render(context, evaluator, &mut text);
                                }
                                OutputPart::Count => text.push_str(&facts.count.to_string()),
                                OutputPart::Window => text.push_str(item.window()),
                                OutputPart::By => text.push_str(&facts.by()),
                            }
                        }
                        text
                    });
                    correlated.extend(said);
                });
        }
        self.compare(&alerts, &expected);
        alerts
    }

    /// Lets time pass for `correlate` items.
    pub fn advance(&mut self, now: u64) {
        if let Some(correlator) = &mut self.correlator {
            let correlated = &mut self.correlated;
            correlator.advance(now, &mut |_, said| correlated.push(said));
        }
    }

    /// The index and what it makes of conditions must not change what matches.
    fn compare(&self, alerts: &Alerts, expected: &[String]) {
        let found: Vec<&String> = alerts.iter().map(|(name, _)| name).collect();
        match self.ruleset().matching() {
            Matching::First => {
                assert_eq!(found.len(), expected.len().min(1), "{expected:?}");
                assert!(
                    found.iter().all(|name| expected.contains(name)),
                    "{found:?}: {expected:?}"
                );
            }
            Matching::All => {
                assert_eq!(found.len(), expected.len(), "{found:?}: {expected:?}");
                assert!(
                    expected.iter().all(|name| found.contains(&name)),
                    "{found:?}: {expected:?}"
                );
            }
        }
    }

    /// The names of the rules that an event matches.
    pub fn names(
        &mut self,
        event_type: EventType,
        tid: i64,
        fill: impl FnOnce(&mut Encoder),
    ) -> Vec<String> {
        self.event(event_type, tid, fill)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    /// A process opens a file; returns the names of the rules that match.
    pub fn open(&mut self, tid: i64, path: &str, flags: u32) -> Vec<String> {
        self.names(EventType::SYSCALL_OPENAT_2_X, tid, |event| {
            event
                .i64(7)
                .i64(-100)
                .str(path)
                .u32(flags)
                .u32(0o644)
                .u32(0)
                .u64(0);
        })
    }

    /// A process has become another program.
    pub fn exec(&mut self, exec: &Exec<'_>) -> Vec<String> {
        self.names(EventType::SYSCALL_EXECVE_19_X, exec.pid, |event| {
            exec.encode(event);
        })
    }
}

/// Flags of [`World::open`].
pub const READ: u32 = 1;
pub const WRITE: u32 = 2;
pub const CREATE: u32 = 4;
pub const TRUNCATE: u32 = 0x100;

/// Flags of [`Exec`].
pub const UPPER_LAYER: u32 = 2;
pub const FROM_MEMFD: u32 = 4;

/// A successful `execve`.
pub struct Exec<'a> {
    pub pid: i64,
    pub parent: i64,
    pub path: &'a str,
    pub exe: &'a str,
    pub args: &'a [&'a str],
    pub uid: u32,
    pub tty: u32,
    pub cwd: &'a str,
    pub flags: u32,
    pub in_container: bool,
    pub env: &'a [&'a str],
}

impl<'a> Exec<'a> {
    /// Process 100, a child of process `parent`, runs a program of `/usr/bin`.
    pub fn new(path: &'a str, args: &'a [&'a str]) -> Self {
        Self {
            pid: 100,
            parent: 1,
            path,
            exe: path,
            args,
            uid: 0,
            tty: 0,
            cwd: "/tmp",
            flags: 0,
            in_container: false,
            env: &[],
        }
    }

    fn encode(&self, event: &mut Encoder) {
        let joined = |texts: &[&str]| -> Vec<u8> {
            texts
                .iter()
                .flat_map(|text| [text.as_bytes(), &[0]].concat())
                .collect()
        };
        let comm: String = self
            .path
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .chars()
            .take(15)
            .collect();
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let cgroups = match self.in_container {
            true => format!("memory=/docker/{id}\0"),
            false => "memory=/user.slice\0".to_owned(),
        };
        event.i64(0).str(self.exe).bytes(&joined(self.args));
        event
            .i64(self.pid)
            .i64(self.pid)
            .i64(self.parent)
            .str(self.cwd);
        event.u64(1024).u64(0).u64(0).u32(0).u32(0).u32(0).str(comm);
        event.bytes(cgroups.as_bytes()).bytes(&joined(self.env));
        event
            .u32(self.tty)
            .i64(self.pid)
            .u32(u32::MAX)
            .u32(self.flags);
        event.u64(0).u64(1 << 21).u64(1 << 21);
        event.u64(1).u64(0).u64(0).u32(self.uid).str(self.path);
        event.i64(self.pid).u32(self.uid).str(self.path);
    }
}

/// Everything that was said of files.
pub fn report_of(loaded: &Loaded) -> String {
    report::human(loaded, false)
}
