//! Which calls the kernel drops for rules as people write them.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::path::Path;

use event::{SyscallCodeSet, SyscallSet};
use pushdown::{CallPlan, Follow, Needs, Plan, Seen};
use rules::{EventSource, Settings, Source, load};

fn plan(files: Vec<Source>) -> Plan {
    let loaded = load(files, vec![EventSource::syscall()], &Settings::default());
    let messages = rules::report::human(&loaded, false);
    let ruleset = loaded.ruleset.unwrap_or_else(|| panic!("{messages}"));
    let source = &ruleset.sources()[0];
    let traced = ruleset
        .syscalls()
        .union(&SyscallCodeSet::named(SyscallSet::SinspState));
    Plan::new(&ruleset, source, &traced, Needs::of(&ruleset, source))
}

fn of(conditions: &[&str]) -> Plan {
    let mut text = String::new();
    for (index, condition) in conditions.iter().enumerate() {
        text += &format!(
            "- rule: r{index}\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n"
        );
    }
    plan(vec![Source {
        name: "r.yaml".into(),
        text,
    }])
}

fn call<'a>(plan: &'a Plan, name: &str) -> &'a CallPlan {
    plan.calls
        .iter()
        .find(|call| call.syscall.name == name)
        .unwrap()
}

/// An `open` of a path with flags.
fn open(path: &str, flags: u64) -> Seen<'_> {
    Seen {
        args: [0, flags, 0, 0, 0, 0],
        result: 3,
        paths: [Some(path.as_bytes()), None],
        ..Seen::default()
    }
}

/// What the kernel asks, as the explanation shows it.
#[test]
fn conditions_become_questions() {
    for (condition, name, expected) in [
        (
            "evt.type = openat and fd.name = /etc/shadow",
            "openat",
            "path=/etc/shadow",
        ),
        (
            "evt.type in (open, openat) and evt.is_open_read = true and fd.num >= 0 and fd.typechar = 'f'",
            "openat",
            "result>=0 and not arg2&0o3=0o1 and not arg2&0o200000",
        ),
        (
            "evt.type = openat and (fd.name startswith /etc/ or fd.name pmatch (/root/.ssh))",
            "openat",
            "path=/root/.ssh or path=/etc/* or path=/root/.ssh/*",
        ),
        (
            "evt.type = openat and fd.directory = /",
            "openat",
            "path=/ or path in /",
        ),
        (
            "evt.type = openat and not fd.name startswith /tmp/",
            "openat",
            "not path=/tmp/*",
        ),
        (
            "evt.type = openat and fd.name glob '/home/*/.ssh/*'",
            "openat",
            "path=/home/* and path=*/.ssh/*",
        ),
        (
            "evt.type = openat and not fd.name glob '/home/*'",
            "openat",
            "anything",
        ),
        ("evt.type = openat and user.uid = 0", "openat", "anything"),
        (
            "evt.type = openat and container.id != host",
            "openat",
            "in a container",
        ),
        (
            "evt.type = openat and not container.id = host",
            "openat",
            "in a container",
        ),
        (
            "evt.type = openat and container.type = host and proc.name != cat",
            "openat",
            "not in a container and not process in (cat)",
        ),
        (
            "evt.type = openat and container.id in (host, 3ad7b26ded6d)",
            "openat",
            "anything",
        ),
        (
            "evt.type = openat and container.id startswith 3ad",
            "openat",
            "in a container",
        ),
        (
            "evt.type = openat and not container.id startswith 3ad",
            "openat",
            "anything",
        ),
        (
            "evt.type = openat and container.name = web and fd.name = /a",
            "openat",
            "path=/a and in a container",
        ),
        (
            "evt.type = openat and container.name = host",
            "openat",
            "anything",
        ),
        (
            "evt.type = openat and container.privileged = true",
            "openat",
            "in a container",
        ),
        (
            "evt.type = openat and not k8s.ns.name = kube-system",
            "openat",
            "anything",
        ),
        (
            "evt.type = openat and (user.uid = 0 or fd.name = /a)",
            "openat",
            "anything",
        ),
        (
            "evt.type = openat and user.uid = 0 and fd.name = /a",
            "openat",
            "path=/a",
        ),
        (
            "evt.type = rename and evt.arg.newpath endswith .sh",
            "rename",
            "path2=*.sh",
        ),
        (
            "evt.type = unlink and not fs.path.name = /a",
            "unlink",
            "result<0 or not path=/a",
        ),
        (
            "evt.type = chmod and evt.arg.mode contains S_ISUID",
            "chmod",
            "arg1&0o4000",
        ),
        (
            "evt.type = setuid and evt.rawarg.uid = 0",
            "setuid",
            "arg0=0",
        ),
        (
            "evt.type = ptrace and evt.arg.request = PTRACE_ATTACH",
            "ptrace",
            "arg0=16",
        ),
        (
            "evt.type = dup2 and evt.rawres in (0, 1) and fd.type in (ipv4, ipv6)",
            "dup2",
            "descriptor(result)=stream/datagram/raw and (result=0 or result=1)",
        ),
        (
            "evt.type = connect and proc.name in (a, b)",
            "connect",
            "process in (a, b)",
        ),
        (
            "evt.type = connect and fd.sport in (22, 80) and fd.sip = '10.0.0.1'",
            "connect",
            "address in 10.0.0.1/32 and (port in (22, 80))",
        ),
        (
            "evt.type = connect and fd.sport exists and not fd.sport in (53, 9) and fd.snet != '10.0.0.0/8'",
            "connect",
            "not port in (9, 53) and not address in (10.0.0.0/8)",
        ),
        (
            "evt.type = connect and fd.sip.name = example.com",
            "connect",
            "",
        ),
        (
            "evt.type = connect and not fd.sip.name = example.com",
            "connect",
            "anything",
        ),
        ("evt.type = accept and fd.sport = 22", "accept", "anything"),
        (
            "evt.type = socket and evt.arg.domain contains AF_PACKET",
            "socket",
            "arg0=17",
        ),
        (
            "evt.type = socket and evt.arg.domain contains AF_",
            "socket",
            "anything",
        ),
        ("evt.type = openat and evt.dir = '>'", "openat", ""),
        ("syscall.type = kill", "kill", "anything"),
    ] {
        let plan = of(&[condition]);
        let rules = &call(&plan, name).rules;
        let found = rules.first().map(|rule| rule.formula.to_string());
        assert_eq!(found.unwrap_or_default(), expected, "{condition}");
    }
}

#[test]
fn descriptors_are_followed_as_far_as_rules_read_them() {
    for (condition, follow) in [
        ("evt.type = openat and fd.name = /a", Follow::Directories),
        ("evt.type = mkdirat and fd.name = /a", Follow::Directories),
        ("evt.type = execve and fd.name exists", Follow::Directories),
        (
            "evt.type = connect and fd.sip = 1.2.3.4",
            Follow::Connections,
        ),
        (
            "evt.type = connect and fd.name_changed = true",
            Follow::Sockets,
        ),
        ("evt.type = read and fd.type = ipv4", Follow::Connections),
        (
            "evt.type = sendto and fd.name_changed = true",
            Follow::Connections,
        ),
        (
            "evt.type = read and fd.type = ipv4 and fd.ino = 1",
            Follow::Sockets,
        ),
        ("evt.type = dup and fd.type = ipv4", Follow::Connections),
        ("evt.type = dup and fd.name = /a", Follow::All),
        ("evt.type = fchmod and fd.name = /a", Follow::All),
        ("evt.type = execve and proc.stdin.type = ipv4", Follow::All),
        ("fd.name = /a", Follow::All),
    ] {
        assert_eq!(of(&[condition]).needs.follow, follow, "{condition}");
    }
}

#[test]
fn a_place_rules_out_what_is_elsewhere() {
    let plan = of(&[
        "evt.type = openat and container.id != host and proc.name != cat",
        "evt.type = openat and container.type = host and proc.name = sshd",
    ]);
    let slot = &call(&plan, "openat").slot;
    for (name, on_host, in_container) in [
        ("cat", false, false),
        ("sshd", true, true),
        ("nginx", false, true),
    ] {
        let verdicts = plan.processes.verdicts_by_name(name.as_bytes());
        for (place, expected) in [
            (Some(false), on_host),
            (Some(true), in_container),
            (None, on_host || in_container),
        ] {
            let seen = Seen {
                process: Some(verdicts.at(place)),
                ..open("/a", 0)
            };
            assert_eq!(slot.passes(&seen), expected, "{name} {place:?}");
        }
        assert!(slot.passes(&open("/a", 0)), "nothing is known");
    }
}

#[test]
fn a_thousand_rules_still_fit() {
    let conditions: Vec<String> = (0..1000)
        .map(|n| {
            format!(
                "evt.type in (open, openat) and fd.name = /srv/{n}/secret and proc.name != p{n}"
            )
        })
        .collect();
    let conditions: Vec<&str> = conditions.iter().map(String::as_str).collect();
    let plan = of(&conditions);
    let slot = &call(&plan, "open").slot;
    assert!(slot.passes(&open("/srv/999/secret", 0)));
    assert!(!slot.passes(&open("/srv/1000/secret", 0)));
    assert!(!slot.passes(&open("/dev/null", 0)));
}

/// Our own rules, and the shared ones where they are: what a machine does all day is dropped.
#[test]
fn what_default_rules_leave_to_the_kernel() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = root.join("../shared/conformance/rules/falco_rules.yaml");
    let ours = [
        "peregrine_rules",
        "peregrine_rules_incubating",
        "peregrine_rules_sandbox",
    ];
    let ours = ours.map(|name| root.join(format!("rules/{name}.yaml")));
    let files = ours
        .into_iter()
        .chain(Some(shared).filter(|path| path.exists()));
    let files = files
        .map(|path| Source {
            name: path.display().to_string(),
            text: std::fs::read_to_string(&path).unwrap(),
        })
        .collect();
    let plan = plan(files);
    assert_eq!(
        plan.needs.follow,
        Follow::Connections,
        "{}",
        pushdown::text(&plan)
    );
    const READ: u64 = 0o2_000_000;
    const READ_WRITE: u64 = 2;
    let slot = &call(&plan, "open").slot;
    let cases = [
        ("/dev/null", READ, false),
        ("/dev/zero", READ_WRITE, false),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", READ, false),
        ("/etc/ld.so.cache", READ, false),
        ("/proc/self/maps", READ, false),
        ("/srv/work/main.c", READ_WRITE, false),
        ("/etc/shadow", READ, true),
        ("/etc/passwd", READ_WRITE, true),
        ("/proc/1/environ", READ, true),
        ("/rootkit", READ_WRITE, true),
        ("relative", READ, true),
    ];
    for (path, flags, expected) in cases {
        let possible = slot.possible(&open(path, flags));
        let clauses = slot.clauses.iter().enumerate();
        let clauses: Vec<String> = clauses
            .filter(|(bit, _)| possible >> bit & 1 == 1)
            .map(|(_, clause)| clause.formula().to_string())
            .collect();
        assert_eq!(possible != 0, expected, "{path}: {clauses:#?}");
    }
    // And most of it without a look-up by the whole path.
    let table = slot.paths[0].as_ref().unwrap();
    assert!(table.starts.len() == pushdown::STARTS);
    let firsts: std::collections::BTreeSet<_> = table
        .keys
        .iter()
        .filter_map(|(key, _)| key.get(..4))
        .collect();
    let used: std::collections::BTreeSet<_> = firsts
        .iter()
        .map(|first| pushdown::start_of(first, table.factor))
        .collect();
    assert_eq!(used.len(), firsts.len(), "beginnings share entries");
}
