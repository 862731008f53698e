//! The captures of the conformance folder, against what Falco prints when it replays them.

#![expect(clippy::print_stderr, reason = "a test that skips says so")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use capture::{Block, Reader};
use event::{EventType, EventView};
use serde_json::Value;

fn folder() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/captures");
    if !path.is_dir() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// `evt.type` as users see it.
fn name(view: &EventView<'_>) -> &'static str {
    match (view.event_type(), view.syscall()) {
        (EventType::GENERIC_E | EventType::GENERIC_X, Some(call)) => call.name,
        _ => view.info().name,
    }
}

#[test]
fn numbers_types_and_times_are_the_ones_of_falco() {
    let Some(folder) = folder() else { return };
    let mut captures = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ext| ext != "scap") {
            continue;
        }
        captures += 1;
        let lines = fs::read_to_string(path.with_extension("fields.jsonl")).unwrap();
        let expected: BTreeMap<u64, Value> = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|line| (line["evt.num"].as_u64().unwrap(), line))
            .collect();
        let mut reader = Reader::open(&path).unwrap();
        let mut found = 0;
        let mut hidden = BTreeMap::<&str, u32>::new();
        while let Some(block) = reader.next_block().unwrap() {
            let Block::Event(event) = block else { continue };
            found += 1;
            let view = EventView::parse(event.record).unwrap();
            let Some(line) = expected.get(&found) else {
                // What Falco does not hand to rules: enter events that it only stores.
                *hidden.entry(view.info().ident).or_default() += 1;
                continue;
            };
            assert_eq!(
                line["evt.type"],
                name(&view),
                "{} event {found}",
                path.display()
            );
            assert_eq!(
                line["evt.time"],
                view.ts(),
                "{} event {found}",
                path.display()
            );
            let direction = if view.info().is_exit() { "<" } else { ">" };
            assert_eq!(
                line["evt.dir"],
                direction,
                "{} event {found}",
                path.display()
            );
            if let Some(tid) = line.get("thread.tid") {
                assert_eq!(
                    tid.as_i64(),
                    Some(view.tid()),
                    "{} event {found}",
                    path.display()
                );
            }
        }
        let hidden_count: u32 = hidden.values().sum();
        assert_eq!(found, expected.len() as u64 + u64::from(hidden_count));
        for ident in hidden.keys() {
            assert!(
                [
                    "SYSCALL_OPEN_E",
                    "SOCKET_CONNECT_E",
                    "SYSCALL_EXECVE_19_E",
                    "CONTAINER_JSON_2_E"
                ]
                .contains(ident),
                "{ident} is hidden"
            );
        }
        assert_eq!(Some(&found), expected.keys().last());
        assert_eq!(reader.events(), found);
        assert_eq!(reader.skipped(), 0);
    }
    assert!(captures >= 7, "{captures} captures");
}
