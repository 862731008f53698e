//! Captures replayed: what Falco's rules say of them (nothing), and that the index never changes
//! what our own rules say (the world compares each verdict with that of the whole condition).

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests may panic and say why they skip"
)]

mod common;

use std::path::Path;

use capture::{Block, Options, Reader};
use common::World;
use rules::{Matching, Settings};

fn replay(world: &mut World, path: &Path) -> Vec<String> {
    let file = std::fs::File::open(path).unwrap();
    let mut reader = Reader::new(file, Options { convert: true }).unwrap();
    let mut alerts = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        match block {
            Block::Processes(list) => {
                list.iter()
                    .for_each(|process| snapshot::seed_process(&mut world.state, process));
            }
            Block::Accounts(list) => {
                list.iter()
                    .for_each(|account| snapshot::seed_account(&mut world.state, account));
            }
            Block::Interfaces(list) => {
                list.iter()
                    .for_each(|found| snapshot::seed_interface(&mut world.state, found));
            }
            Block::Descriptors { tid, descriptors } => {
                for descriptor in &descriptors {
                    snapshot::seed_descriptor(&mut world.state, tid, descriptor);
                }
            }
            Block::Event(event) => {
                alerts.extend(
                    world
                        .record(event.record)
                        .into_iter()
                        .map(|(rule, text)| format!("{rule}: {text}")),
                );
            }
            _ => {}
        }
    }
    alerts
}

fn captures() -> Vec<std::path::PathBuf> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/captures"
    );
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("skipped: {folder} is not there");
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "scap")
        })
        .collect()
}

#[test]
fn falcos_rules_find_nothing() {
    let rules = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/rules/falco_rules.yaml"
    );
    for path in captures() {
        let text = std::fs::read_to_string(rules).unwrap();
        let mut world = World::new(common::ruleset(&[&text], &Settings::default()));
        assert_eq!(
            replay(&mut world, &path),
            Vec::<String>::new(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn the_index_does_not_change_what_our_rules_find() {
    let read = |name: &str| {
        let path = format!("{}/../../rules/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let stable = read("peregrine_rules.yaml");
    let incubating = read("peregrine_rules_incubating.yaml");
    let sandbox = read("peregrine_rules_sandbox.yaml");
    let settings = Settings {
        matching: Matching::All,
        ..Settings::default()
    };
    for path in captures() {
        let mut world = World::new(common::ruleset(
            &[&stable, &incubating, &sandbox],
            &settings,
        ));
        for alert in replay(&mut world, &path) {
            eprintln!("{}: {alert}", path.display());
        }
    }
}
