//! What the tests share: alerts to send, and patience.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and what it cannot do without ends it"
)]

pub(crate) mod grpc;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alert::{Alert, Priority};
use output::{Outputs, OutputsConfig, OutputsCounters, SinkCounters};

/// Alert number `number`: its output is the number.
pub(crate) fn numbered(number: usize) -> Alert {
    Alert {
        ts: 1_700_000_000_000_000_000 + number as u64,
        rule: "Test rule".into(),
        priority: Priority::Notice,
        source: "syscall".into(),
        output: number.to_string(),
        fields: vec![
            ("number".into(), (number as u64).into()),
            ("proc.name".into(), "cat".into()),
        ],
        tags: Some(Arc::from(["host".to_owned()])),
        hostname: "node".into(),
    }
}

/// The number of an alert, from its text line.
pub(crate) fn number_of(line: &str) -> usize {
    line.rsplit_once(' ')
        .and_then(|(_, number)| number.parse().ok())
        .expect(line)
}

/// Starts what is configured.
pub(crate) fn start(config: &OutputsConfig) -> Outputs {
    Outputs::start(config).unwrap_or_else(|error| panic!("{error}"))
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The counters of one sink.
pub(crate) fn sink(counters: &OutputsCounters, name: &str) -> SinkCounters {
    counters
        .sinks
        .iter()
        .find(|sink| sink.name == name)
        .cloned()
        .expect(name)
}

/// Every alert is in exactly one column.
pub(crate) fn assert_balanced(counters: &OutputsCounters) {
    let queue = counters.queue;
    assert_eq!(
        queue.offered,
        queue.routed + queue.dropped + queue.discarded + queue.pending,
        "{counters:?}"
    );
    for sink in &counters.sinks {
        assert_eq!(
            sink.offered,
            sink.sent + sink.failed + sink.dropped + sink.discarded + sink.pending,
            "{counters:?}"
        );
    }
    if let Some(grpc) = &counters.grpc {
        assert_eq!(
            grpc.fanned_out,
            grpc.delivered + grpc.lost + grpc.pending,
            "{counters:?}"
        );
        assert_eq!(
            grpc.kept,
            grpc.taken + grpc.forgotten + grpc.backlog,
            "{counters:?}"
        );
    }
}

/// And once all is over, every sink was offered what was routed.
pub(crate) fn assert_complete(counters: &OutputsCounters) {
    assert_balanced(counters);
    assert_eq!(counters.queue.pending, 0);
    for sink in &counters.sinks {
        assert_eq!(sink.offered, counters.queue.routed, "{counters:?}");
        assert_eq!(sink.pending, 0, "{counters:?}");
    }
    if let Some(grpc) = &counters.grpc {
        assert_eq!(grpc.offered, counters.queue.routed, "{counters:?}");
        assert_eq!(grpc.pending, 0, "{counters:?}");
        assert_eq!(grpc.backlog, 0, "{counters:?}");
    }
}
