//! The captures of the conformance folder, against what Falco prints when it replays them.

#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

mod common;

use std::collections::BTreeMap;

use capture::{Block, Reader};
use event::{EventType, EventView};

/// What Falco stores for the end of a call, or takes for itself, and does not hand to rules.
const HIDDEN: [&str; 4] = [
    "SYSCALL_OPEN_E",
    "SOCKET_CONNECT_E",
    "SYSCALL_EXECVE_19_E",
    "CONTAINER_JSON_2_E",
];

/// `evt.type` as users see it.
fn name(view: &EventView<'_>) -> &'static str {
    match (view.event_type(), view.syscall()) {
        (EventType::GENERIC_E | EventType::GENERIC_X, Some(call)) => call.name,
        _ => view.info().name,
    }
}

#[test]
fn numbers_types_and_times_are_the_ones_of_falco() {
    for (path, expected) in common::captures() {
        let mut reader = Reader::open(&path).unwrap();
        let mut found = 0;
        let mut hidden = BTreeMap::<&str, u64>::new();
        while let Some(block) = reader.next_block().unwrap() {
            let Block::Event(event) = block else { continue };
            found += 1;
            let view = EventView::parse(event.record).unwrap();
            let Some(line) = expected.get(&found) else {
                *hidden.entry(view.info().ident).or_default() += 1;
                continue;
            };
            let place = format!("{} event {found}", path.display());
            assert_eq!(line["evt.type"], name(&view), "{place}");
            assert_eq!(line["evt.time"], view.ts(), "{place}");
            let direction = if view.info().is_exit() { "<" } else { ">" };
            assert_eq!(line["evt.dir"], direction, "{place}");
            if let Some(tid) = line.get("thread.tid") {
                assert_eq!(tid.as_i64(), Some(view.tid()), "{place}");
            }
        }
        eprintln!("{}: {found} events, hidden: {hidden:?}", path.display());
        assert_eq!(found, expected.len() as u64 + hidden.values().sum::<u64>());
        assert!(
            hidden.keys().all(|ident| HIDDEN.contains(ident)),
            "{hidden:?}"
        );
        assert_eq!(reader.events(), found);
        assert_eq!(reader.skipped(), 0);
    }
}
