//! The rules that come with the project, and Falco's: they load, and ours fire on what they are for.

mod common;

use std::sync::Arc;

use common::{CREATE, READ, TRUNCATE, WRITE, World};
use rules::examples::{self, Coverage, Events, Trial};
use rules::{Matching, Settings, Source, Version, report};

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

/// What each rule is for, and what it leaves alone, stands in `rules/examples/`.
#[test]
fn every_rule_has_examples_and_passes_them() {
    let names = [
        "peregrine_rules.yaml",
        "peregrine_rules_incubating.yaml",
        "peregrine_rules_sandbox.yaml",
    ];
    let texts = names.map(read);
    let settings = Settings {
        matching: Matching::All,
        ..Settings::default()
    };
    let ruleset = Arc::new(common::ruleset(
        &texts.each_ref().map(|text| &**text),
        &settings,
    ));
    let files = names
        .iter()
        .map(|name| Source {
            name: (*name).to_owned(),
            text: read(&format!("examples/{name}")),
        })
        .collect();
    let read = examples::read(files, &ruleset);
    assert_eq!(report::problems(&read.files, &read.diagnostics, false), "");
    for example in &read.examples {
        let Events::Written(written) = &example.events else {
            panic!("{} is a capture", example.name);
        };
        let mut trial = Trial::new(&ruleset).unwrap();
        trial.run(written);
        assert_eq!(example.judge(&trial.raised), [], "{}", example.name);
    }
    let coverage = Coverage::of(&read.examples, &ruleset);
    assert!(
        coverage.without_positive.is_empty() && coverage.without_negative.is_empty(),
        "{coverage:?}"
    );
}

/// Of the rules that an event matches, the first is reported.
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
