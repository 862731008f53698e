//! What matches in user space passes the tables: random conditions, random events.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use event::{Encoder, EventType, EventView, Syscall, SyscallCodeSet};
use field::{EventContext, Occurrence, Scratch, Surroundings};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use pushdown::{Needs, Plan, Seen, kind};
use rules::{EventSource, Matcher, Ruleset, Settings, Source, load};
use state::{Descriptor, DescriptorKind, L4Proto, Limits, State, Thread};

const NOW: u64 = 1_700_000_000_000_000_000;
const PID: i64 = 100;
const SOCKET: i64 = 7;
const AT_FDCWD: i64 = -100;

const PATHS: &[&str] = &[
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/shadow/",
    "/etc//shadow",
    "/etc/./shadow",
    "/tmp/../etc/shadow",
    "/tmp/x..",
    "/tmp/x../y",
    "/tmp/...",
    "/tmp/.hidden",
    "/",
    "//",
    "",
    "shadow",
    "../etc/shadow",
    ".",
    "/etc",
    "/etc/pam.d",
    "/etc/pam.d/sshd",
    "/etc/pam.d/a/b",
    "/home/u/.ssh/id_rsa",
    "/proc/1/environ",
    "/x/release_agent",
    "/release_agent",
    "/a",
    "/tmp/LONG",
];

const TEXTS: &[&str] = &[
    "/",
    "/etc",
    "/etc/",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/pam.d",
    "/etc/pam.d/",
    "/tmp/",
    "/tmp/x",
    "shadow",
    "../",
    "release_agent",
    "/release_agent",
    ".hidden",
    ".ssh/",
    "/home/u/.ssh/id_rsa",
    "a",
    "/tmp/LONG",
    "/tmp/..",
];

const CONTAINER: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

const COMMS: &[&str] = &["cat", "nginx", "sshd", "a-very-long-name"];

/// A path that is longer than the kernel looks at, or than its keys are.
fn long(text: &str, length: usize) -> String {
    text.replace("LONG", &"l".repeat(length))
}

#[derive(Clone, Debug)]
struct Call {
    name: &'static str,
    args: [u64; 6],
    result: i64,
    paths: [String; 2],
    comm: &'static str,
    remembers: bool,
    is_contained: bool,
    /// Whether the kernel was told where the process is.
    is_placed: bool,
    /// Where a connect leads, if it leads to an internet address.
    peer: Option<SocketAddr>,
}

const PEERS: &[Option<&str>] = &[
    None,
    Some("10.0.0.1:53"),
    Some("10.1.2.3:9"),
    Some("169.254.169.254:80"),
    Some("127.0.0.1:443"),
    Some("0.0.0.0:0"),
    Some("0.0.0.0:9"),
    Some("[::1]:53"),
    Some("[fd00:ec2::254]:80"),
    Some("[fd00::1]:65535"),
    Some("[::ffff:10.0.0.1]:443"),
    Some("[::]:9"),
];

/// A check of where a connection leads.
fn peer_check() -> impl Strategy<Value = String> {
    let join = |field: &'static str, sets: bool, constants: Vec<&'static str>| {
        let list = constants.join(", ");
        match (field, sets) {
            (_, true) => format!("{field} in ({list})"),
            (_, false) => format!("{field} = {}", constants[0]),
        }
    };
    let ports = vec!["0", "9", "53", "80", "443", "65535"];
    let addresses = vec![
        "'10.0.0.1'",
        "'169.254.169.254'",
        "'fd00:ec2::254'",
        "'::1'",
        "'127.0.0.1'",
        "'0.0.0.0'",
        "'10.9.9.9'",
    ];
    let networks = vec![
        "'10.0.0.0/8'",
        "'10.1.0.0/16'",
        "'127.0.0.0/8'",
        "'fd00::/8'",
        "'::/0'",
        "'0.0.0.0/0'",
        "'::ffff:0:0/96'",
    ];
    let fields = [
        (
            vec!["fd.sport", "fd.cport", "fd.lport", "fd.rport", "fd.port"],
            ports.clone(),
        ),
        (
            vec!["fd.sip", "fd.cip", "fd.rip", "fd.ip"],
            addresses.clone(),
        ),
        (vec!["fd.snet", "fd.cnet", "fd.net"], networks),
    ];
    let others = select(vec![
        "fd.sport exists",
        "fd.sip exists",
        "not fd.sport exists",
        "fd.sport > 52",
        "fd.sip.name = 'kubernetes.default'",
        "fd.sip.name != 'kubernetes.default'",
        "fd.l4proto = udp",
        "fd.typechar = 4",
    ])
    .prop_map(str::to_owned);
    let unequal = prop_oneof![
        select(ports).prop_map(|port| format!("fd.sport != {port}")),
        select(addresses).prop_map(|address| format!("fd.sip != {address}")),
    ];
    let lists = select(fields.to_vec()).prop_flat_map(move |(names, constants)| {
        let constants = proptest::collection::vec(select(constants), 1..4);
        // The first of each is the one that the kernel answers.
        let name = prop_oneof![Just(names[0]), select(names)];
        (name, any::<bool>(), constants).prop_map(move |(name, sets, list)| join(name, sets, list))
    });
    prop_oneof![4 => lists, 1 => unequal, 1 => others]
}

/// A check, as text. `{length}` long paths are the same as in events.
fn check() -> impl Strategy<Value = String> {
    let field = select(vec![
        "fd.name",
        "fd.nameraw",
        "fd.directory",
        "fd.filename",
        "fs.path.name",
        "fs.path.nameraw",
        "fs.path.source",
        "fs.path.target",
        "evt.arg.oldpath",
        "evt.arg.newpath",
        "evt.arg.name",
        "evt.arg.filename",
        "evt.abspath",
    ]);
    let one = select(vec![
        "=",
        "!=",
        "startswith",
        "endswith",
        "contains",
        "glob",
        "pmatch",
    ]);
    let text = prop_oneof![select(TEXTS), select(PATHS)];
    let path_check = (
        field,
        one,
        proptest::collection::vec(text, 1..4),
        any::<bool>(),
        0usize..3,
    )
        .prop_map(|(field, operator, texts, set, length)| {
            let texts: Vec<String> = texts
                .iter()
                .map(|text| long(text, [20, 127, 300][length]))
                .collect();
            let quoted: Vec<String> = texts.iter().map(|text| format!("'{text}'")).collect();
            match operator {
                "=" if set => format!("{field} in ({})", quoted.join(", ")),
                "pmatch" => format!("{field} pmatch ({})", quoted.join(", ")),
                "glob" => format!("{field} glob '*{}*'", texts[0]),
                _ => format!("{field} {operator} {}", quoted[0]),
            }
        });
    let fixed = select(vec![
        "evt.is_open_read = true",
        "evt.is_open_read = false",
        "evt.is_open_write = true",
        "evt.is_open_write != true",
        "evt.is_open_exec = true",
        "evt.is_open_exec = false",
        "evt.is_open_create = true",
        "evt.is_open_create = false",
        "evt.failed = true",
        "evt.failed = false",
        "evt.res = SUCCESS",
        "evt.res != SUCCESS",
        "evt.res startswith E",
        "evt.res in (SUCCESS, ENOENT)",
        "evt.rawres = 0",
        "evt.rawres >= 0",
        "evt.rawres > 0",
        "evt.rawres < 0",
        "evt.rawres <= 1",
        "evt.rawres != 0",
        "evt.rawres in (0, 1, 2)",
        "evt.rawres = -2",
        "fd.num >= 0",
        "fd.num = -1",
        "fd.num < 3",
        "fd.num != 3",
        "fd.num in (0, 1, 7)",
        "fd.typechar = 'f'",
        "fd.typechar = 'd'",
        "fd.typechar = 'o'",
        "fd.typechar in (4, 6)",
        "fd.typechar != 'f'",
        "fd.type = file",
        "fd.type in (ipv4, ipv6)",
        "fd.type != ipv4",
        "fd.type = unix",
        "fd.l4proto = udp",
        "fd.l4proto = tcp",
        "fd.l4proto != tcp",
        "fd.sockfamily = ip",
        "fd.sockfamily != ip",
        "evt.arg.mode contains S_ISUID",
        "evt.arg.mode contains S_IX",
        "evt.rawarg.uid = 0",
        "evt.rawarg.uid != 0",
        "evt.rawarg.uid in (0, 5)",
        "proc.name = cat",
        "proc.name in (nginx, sshd)",
        "proc.name != cat",
        "proc.name startswith a",
        "user.uid = 0",
        "evt.type = openat",
        "evt.type != chmod",
        "proc.name exists",
        "container.id = host",
        "container.id != host",
        "container.id in (host, 3ad7b26ded6d)",
        "container.id in (host)",
        "container.id = 3ad7b26ded6d",
        "container.id != 3ad7b26ded6d",
        "container.id startswith 3ad",
        "container.id contains o",
        "container.id exists",
        "container.type = host",
        "container.type != host",
        "container.type in (docker, podman)",
        "container.name = host",
        "container.name != host",
        "container.image = nginx",
        "container.image exists",
        "container.duration > 0",
        "k8s.ns.name = kube-system",
        "container.id = 3ad7b26ded6d and proc.name in (cat, sshd)",
        "container.id = host and proc.name = nginx",
        "evt.dir = '<'",
        "evt.dir = '>'",
        "evt.arg.request = PTRACE_ATTACH",
        "evt.arg.request in (PTRACE_ATTACH, PTRACE_SEIZE)",
        "evt.arg.flags contains CLONE_NEWUSER",
    ])
    .prop_map(str::to_owned);
    prop_oneof![3 => path_check, 2 => fixed, 2 => peer_check()]
}

fn condition() -> impl Strategy<Value = String> {
    check().prop_recursive(4, 12, 4, |inner| {
        let some = proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            some.clone()
                .prop_map(|parts| format!("({})", parts.join(" and "))),
            some.prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

fn call() -> impl Strategy<Value = Call> {
    let path = || (select(PATHS), 0usize..3).prop_map(|(path, at)| long(path, [20, 127, 300][at]));
    let flags = (
        select(vec![0u64, 1, 2, 3]),
        select(vec![0u64, 0o100, 0o20_200_000, 0o200_000, 0o100_200_000]),
    )
        .prop_map(|(access, more)| access | more);
    (
        select(vec![
            "openat", "creat", "rename", "chmod", "setuid", "dup2", "connect", "unlinkat",
            "ptrace", "unshare", "connect",
        ]),
        select(vec![-115i64, -2, -1, 0, 1, 3, SOCKET, 200]),
        (path(), path()),
        flags,
        select(vec![0u64, 0o644, 0o755, 0o4711, 5]),
        select(COMMS),
        (any::<[bool; 3]>(), select(PEERS)),
    )
        .prop_map(
            |(name, result, (first, second), flags, number, comm, (known, peer))| {
                let [remembers, is_contained, is_placed] = known;
                let args = match name {
                    "openat" => [AT_FDCWD as u64, 0, flags, number, 0, 0],
                    "creat" | "chmod" => [0, number, 0, 0, 0, 0],
                    "setuid" | "dup2" | "connect" => [
                        if name == "setuid" {
                            number
                        } else {
                            SOCKET as u64
                        },
                        result as u64,
                        0,
                        0,
                        0,
                        0,
                    ],
                    "ptrace" => [if number == 0 { 16 } else { 0x4206 }, 1, 0, 0, 0, 0],
                    "unshare" => [
                        if number == 0 {
                            0x1000_0000
                        } else {
                            0x4000_0000
                        },
                        0,
                        0,
                        0,
                        0,
                        0,
                    ],
                    _ => [0; 6],
                };
                // A duplicate of the socket has a number of its own.
                let result = match (name, result) {
                    (
                        "rename" | "chmod" | "setuid" | "connect" | "unlinkat" | "ptrace"
                        | "unshare",
                        1..,
                    ) => 0,
                    (_, result) => result,
                };
                Call {
                    name,
                    args,
                    result,
                    paths: [first, second],
                    comm,
                    remembers,
                    is_contained,
                    is_placed,
                    peer: peer.map(|peer| peer.parse().unwrap()),
                }
            },
        )
}

/// What the probe makes of native open flags.
fn portable(flags: u64) -> u32 {
    let access = match flags & 3 {
        1 => 2,
        2 => 3,
        _ => 1,
    };
    let bit = |from: u64, to: u32| if flags & from != 0 { to } else { 0 };
    access
        | bit(0o100, 1 << 2)
        | bit(0o20_000_000, 1 << 13)
        | bit(0o200_000, 1 << 10)
        | bit(0o100, 1 << 14)
}

impl Call {
    fn event_type(&self) -> EventType {
        Syscall::by_name(self.name).unwrap().exit.unwrap()
    }

    fn encode(&self, encoder: &mut Encoder) -> Vec<u8> {
        let [first, second] = &self.paths;
        let makes = portable(self.args[2]);
        let event = encoder.begin(self.event_type(), NOW, PID);
        event.i64(self.result);
        match self.name {
            "openat" => {
                let mode = if self.args[2] & 0o20_000_100 != 0 {
                    self.args[3] as u32
                } else {
                    0
                };
                event
                    .i64(AT_FDCWD)
                    .str(first)
                    .u32(makes)
                    .u32(mode)
                    .u32(0)
                    .u64(1)
            }
            "creat" => event
                .str(first)
                .u32(self.args[1] as u32 & 0o7777)
                .u32(0)
                .u64(1)
                .u16(0),
            "rename" => event.str(first).str(second),
            "chmod" => event.str(first).u32(self.args[1] as u32),
            "setuid" => event.u32(self.args[0] as u32),
            "dup2" => event.i64(SOCKET).i64(self.result),
            "unlinkat" => event.i64(AT_FDCWD).str(first).u32(0),
            "connect" => {
                match self.peer_in_record() {
                    Some(peer) => event.bytes(&tuple(peer)),
                    None => event.empty(),
                };
                event.i64(SOCKET).empty()
            }
            // 5 PTRACE_ATTACH is not the native number.
            "ptrace" => event
                .empty()
                .empty()
                .u16(if self.args[0] == 16 {
                    request("PTRACE_ATTACH")
                } else {
                    request("PTRACE_SEIZE")
                })
                .i64(1),
            "unshare" => event.u32(if self.args[0] == 0x1000_0000 {
                1 << 20
            } else {
                16
            }),
            other => panic!("{other}"),
        };
        encoder.finish().unwrap().to_vec()
    }

    /// A connection that failed has no other end.
    fn peer_in_record(&self) -> Option<SocketAddr> {
        let connects = self.name == "connect" && matches!(self.result, 0 | -115);
        self.peer.filter(|_| connects)
    }

    fn seen<'a>(&'a self, plan: &Plan) -> Seen<'a> {
        let [first, second] = &self.paths;
        let mut kinds = [0; 7];
        if matches!(self.name, "connect" | "dup2") {
            kinds[0] = kind::DATAGRAM;
            kinds[6] = if self.result >= 0 {
                kind::DATAGRAM
            } else {
                kind::NONE
            };
        }
        Seen {
            args: self.args,
            result: self.result,
            paths: [Some(first.as_bytes()), Some(second.as_bytes())],
            kinds,
            process: self.remembers.then(|| {
                plan.processes
                    .verdicts_by_name(&self.comm.as_bytes()[..self.comm.len().min(15)])
                    .at(self.is_placed.then_some(self.is_contained))
            }),
            peer: self.peer_in_record().map(|peer| (peer.ip(), peer.port())),
        }
    }
}

/// Both ends, as an event has them; this side is on the loopback.
fn tuple(peer: SocketAddr) -> Vec<u8> {
    let (family, local) = match peer {
        SocketAddr::V4(_) => (2, Ipv4Addr::LOCALHOST.octets().to_vec()),
        SocketAddr::V6(_) => (10, Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets().to_vec()),
    };
    let remote = match peer.ip() {
        std::net::IpAddr::V4(address) => address.octets().to_vec(),
        std::net::IpAddr::V6(address) => address.octets().to_vec(),
    };
    let mut out = vec![family];
    for (address, port) in [(local, 40_000), (remote, peer.port())] {
        out.extend_from_slice(&address);
        out.extend_from_slice(&port.to_le_bytes());
    }
    out
}

fn request(name: &str) -> u16 {
    let table = event::flag_table("ptrace_requests").unwrap();
    let value = table
        .entries
        .iter()
        .find(|entry| entry.name == name)
        .unwrap()
        .value;
    u16::try_from(value).unwrap()
}

/// A machine with one process that has one socket.
fn state(comm: &str, is_contained: bool) -> State {
    let mut state = State::new(Limits::default());
    let mut thread = Thread::new(PID, PID);
    thread.vtid = PID;
    thread.vpid = PID;
    thread.comm = comm.as_bytes()[..comm.len().min(15)].into();
    thread.cwd = b"/etc/".as_slice().into();
    thread.pidns_init_start_ts = NOW - 7_200_000_000_000;
    if is_contained {
        thread.cgroups = format!("cpu=/docker/{CONTAINER}\0").into_bytes().into();
    }
    thread.clone_ts = NOW - 3_600_000_000_000;
    state.seed_thread(thread);
    let mut socket = Descriptor::new(DescriptorKind::InetUnbound { v6: false });
    socket.l4 = L4Proto::Udp;
    state.seed_descriptor(PID, SOCKET, socket);
    state
}

fn ruleset(conditions: &[String]) -> Option<Ruleset> {
    let mut text = String::new();
    let calls = "openat, creat, rename, chmod, setuid, dup2, connect, unlinkat, ptrace, unshare";
    for (index, condition) in conditions.iter().enumerate() {
        text += &format!(
            "- rule: r{index}\n  desc: d\n  condition: \"evt.type in ({calls}) and {}\"\n  output: o\n  priority: INFO\n",
            condition.replace('\\', "\\\\")
        );
    }
    let files = vec![Source {
        name: "r.yaml".into(),
        text,
    }];
    load(files, vec![EventSource::syscall()], &Settings::default()).ruleset
}

/// How many calls matched, and how many did not match and were dropped.
#[derive(Default)]
struct Counts {
    matched: AtomicUsize,
    dropped: AtomicUsize,
}

#[test]
fn what_matches_passes() {
    let counts = Counts::default();
    let mut runner = TestRunner::new(Config {
        cases: 1024,
        source_file: Some(file!()),
        ..Config::default()
    });
    let conditions = proptest::collection::vec(condition(), 1..4);
    let calls = proptest::collection::vec(call(), 1..40);
    let result = runner.run(&(conditions, calls), |(conditions, calls)| {
        compare(&conditions, &calls, &counts)
    });
    if let Err(err) = result {
        panic!("{err}");
    }
    // A filter that drops nothing, or rules that match nothing, would pass as well. With so many cases
    // it is some three times as many, whatever the dice say.
    let Counts { matched, dropped } = counts;
    let (matched, dropped) = (matched.into_inner(), dropped.into_inner());
    println!("{matched} matched, {dropped} dropped");
    assert!(matched > 200 && dropped > 200, "{matched} {dropped}");
}

fn compare(conditions: &[String], calls: &[Call], counts: &Counts) -> Result<(), TestCaseError> {
    {
        let Some(ruleset) = ruleset(conditions) else {
            // Some checks do not go with each other; the language says so.
            return Ok(());
        };
        let source = &ruleset.sources()[0];
        let traced: SyscallCodeSet = ruleset.syscalls();
        let plan = Plan::new(&ruleset, source, &traced, Needs::of(&ruleset, source));
        let ruleset = Arc::new(ruleset);
        let mut matcher = Matcher::new(Arc::clone(&ruleset), "syscall").unwrap();
        let (mut scratch, surroundings) = (Scratch::new(), Surroundings::new("box"));
        let mut encoder = Encoder::new();
        for call in calls {
            let record = call.encode(&mut encoder);
            let event = EventView::parse(&record).unwrap();
            let mut state = state(call.comm, call.is_contained);
            let subject = state.apply(&event);
            let now = Occurrence {
                event: &event,
                number: 1,
                cpu: Some(0),
                first_ts: NOW,
                previous_ts: NOW,
                state: &state,
                subject,
                surroundings: &surroundings,
            };
            let mut context = EventContext::new(ruleset.sources()[0].fields(), now, &mut scratch);
            let mut matched = Vec::new();
            matcher.matches(&mut context, event.event_type(), &mut |rule, _, _| {
                matched.push(rule.name().to_string());
            });
            let planned = plan
                .calls
                .iter()
                .find(|found| found.syscall.name == call.name);
            if matched.is_empty() {
                let dropped = planned.is_some_and(|found| !found.slot.passes(&call.seen(&plan)));
                counts.dropped.fetch_add(dropped.into(), Ordering::Relaxed);
                continue;
            }
            counts.matched.fetch_add(1, Ordering::Relaxed);
            let planned = planned.expect("a call that a rule matches is planned for");
            prop_assert!(
                planned.slot.passes(&call.seen(&plan)),
                "{matched:?} match {call:?}, and the kernel would drop it: {}",
                pushdown::text(&plan)
            );
        }
    }
    Ok(())
}
