//! One snapshot of everything.

use std::borrow::Cow;

use ::metrics::{Description, Snapshot, names};
use config::MetricsConfig;
use output::OutputsCounters;

use super::{Before, Loads, resources};
use crate::engine::{Engine, SOURCE};
use crate::housekeeping::{SourceCounters, SourceDetails};

/// So many of the noisiest are named.
const NOISIEST: usize = 20;

type Labels = Vec<(Cow<'static, str>, String)>;

/// Labels of which the first takes part in the field's name.
fn labels<const N: usize>(labels: [(&'static str, &str); N]) -> Labels {
    labels
        .into_iter()
        .map(|(name, value)| (Cow::Borrowed(name), value.to_owned()))
        .collect()
}

/// Gathers what the configuration wants.
pub(super) fn gather(
    config: &MetricsConfig,
    loads: &Loads,
    engine: &Engine,
    now: u64,
    counters: &SourceCounters,
    details: &SourceDetails,
) -> Snapshot {
    let is_on = |group| config.groups.contains(&group);
    let mut snapshot = Snapshot::new();
    let seconds = now.saturating_sub(loads.started) as f64 / 1e9;
    let outputs = engine.outputs.counters();
    add_base(&mut snapshot, loads, engine, now, details);
    snapshot.add(&names::EVENTS, engine.handled.events);
    snapshot.add(&names::QUEUE_DROPS, outputs.queue_drops());
    add_outputs(&mut snapshot, &outputs);
    if is_on("rules_counters_enabled") {
        add_rules(&mut snapshot, engine);
    }
    if is_on("resource_utilization_enabled") {
        resources::add(&mut snapshot, seconds);
    }
    if is_on("state_counters_enabled") {
        add_state(&mut snapshot, &engine.state.counters());
    }
    if is_on("kernel_event_counters_enabled") {
        add_kernel(&mut snapshot, counters, details);
    }
    if is_on("kernel_event_counters_per_cpu_enabled") {
        for (cpu, (events, drops)) in counters.per_cpu.iter().enumerate() {
            let cpu = cpu.to_string();
            let of_cpu = || labels([("cpu", cpu.as_str())]);
            snapshot.add_labelled(&names::KERNEL_CPU_EVENTS, of_cpu(), *events);
            snapshot.add_labelled(&names::KERNEL_CPU_DROPS, of_cpu(), *drops);
        }
    }
    if is_on("libbpf_stats_enabled") {
        // Where the kernel does not count, nothing is said rather than 0.
        for program in details.programs.iter().filter(|program| program.runs > 0) {
            let named = || labels([("program", &program.name)]);
            let average = program.run_time_ns.checked_div(program.runs).unwrap_or(0);
            snapshot.add_labelled(&names::PROGRAM_RUNS, named(), program.runs);
            snapshot.add_labelled(&names::PROGRAM_TIME, named(), program.run_time_ns);
            snapshot.add_labelled(&names::PROGRAM_AVERAGE, named(), average);
        }
    }
    snapshot
}

/// Adds what changed since the snapshot before.
pub(super) fn add_changes(
    snapshot: &mut Snapshot,
    config: &MetricsConfig,
    before: Before,
    current: Before,
) {
    let seconds = current.at.saturating_sub(before.at) as f64 / 1e9;
    let rate = |now: u64, before: u64| {
        let rate = now.saturating_sub(before) as f64 / seconds.max(1e-9);
        (rate * 10.0).round() / 10.0
    };
    snapshot.add(&names::EVENTS_BEFORE, before.events);
    snapshot.add(&names::EVENTS_RATE, rate(current.events, before.events));
    if !config.groups.contains(&"kernel_event_counters_enabled") {
        return;
    }
    let events = current.kernel_events.saturating_sub(before.kernel_events);
    let drops = current.kernel_drops.saturating_sub(before.kernel_drops);
    snapshot.add(&names::KERNEL_EVENTS_BEFORE, before.kernel_events);
    snapshot.add(
        &names::KERNEL_EVENTS_RATE,
        rate(current.kernel_events, before.kernel_events),
    );
    snapshot.add(&names::KERNEL_DROPS_BEFORE, before.kernel_drops);
    snapshot.add(
        &names::KERNEL_DROPS_RATE,
        rate(current.kernel_drops, before.kernel_drops),
    );
    snapshot.add(
        &names::KERNEL_DROPS_PERCENT,
        100.0 * drops as f64 / events.max(1) as f64,
    );
}

fn add_base(
    snapshot: &mut Snapshot,
    loads: &Loads,
    engine: &Engine,
    now: u64,
    details: &SourceDetails,
) {
    let machine = &engine.machine;
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    snapshot.add(&names::TIME, now);
    snapshot.add(&names::VERSION, env!("CARGO_PKG_VERSION"));
    snapshot.add(&names::KERNEL_RELEASE, release.trim());
    snapshot.add(&names::HOSTNAME, &*engine.hostname);
    snapshot.add(&names::SOURCE, SOURCE);
    snapshot.add(&names::START_TS, loads.started);
    snapshot.add(&names::RELOAD_TS, loads.loaded);
    snapshot.add(&names::HOST_BOOT_TS, machine.boot_ts);
    let seconds = now.saturating_sub(loads.started) / 1_000_000_000;
    snapshot.add(&names::DURATION_SECONDS, seconds);
    snapshot.add(&names::HOST_CPUS, u64::from(machine.num_cpus));
    snapshot.add_labelled(
        &names::ENGINE_NAME,
        labels([("evt_source", SOURCE)]),
        details.engine_name,
    );
    for (description, files) in [
        (&names::RULES_FILE_SHA256, &loads.rules_files),
        (&names::CONFIG_FILE_SHA256, &loads.config_files),
    ] {
        for file in files {
            let named = labels([("file_name", &file.name)]);
            snapshot.add_labelled(description, named, file.sha256.as_str());
        }
    }
}

fn add_rules(snapshot: &mut Snapshot, engine: &Engine) {
    snapshot.add(&names::RULES_MATCHES, engine.handled.matches);
    let ruleset = engine.ruleset();
    for rule in ruleset.rules().iter().filter(|rule| rule.match_count() > 0) {
        let priority = rule.priority().number().to_string();
        let mut labels = labels([
            ("rule_name", rule.name()),
            ("priority", &priority),
            ("source", rule.source()),
        ]);
        for tag in rule.tags().iter() {
            labels.push((Cow::Owned(format!("tag_{tag}")), "true".to_owned()));
        }
        snapshot.add_labelled(&names::RULE_MATCHES, labels, rule.match_count());
    }
    let report = engine.report();
    for row in report.rules.iter().filter(|row| row.evaluations > 0) {
        let named = || labels([("rule_name", &row.rule)]);
        snapshot.add_labelled(&names::RULE_EVALUATIONS, named(), row.evaluations);
        snapshot.add_labelled(&names::RULE_TIME, named(), row.ns);
    }
    for row in &report.syscalls {
        let named = || labels([("syscall", &row.syscall)]);
        snapshot.add_labelled(&names::CALL_EVENTS, named(), row.events);
        snapshot.add_labelled(&names::CALL_TIME, named(), row.ns);
    }
}

fn add_state(snapshot: &mut Snapshot, state: &state::Counters) {
    let numbers: [(&'static Description, u64); 17] = [
        (&names::THREADS, state.n_threads),
        (&names::FDS, state.n_fds),
        (&names::ADDED_THREADS, state.n_added_threads),
        (&names::REMOVED_THREADS, state.n_removed_threads),
        (
            &names::FULL_THREAD_TABLE_DROPS,
            state.n_drops_full_threadtable,
        ),
        (&names::CACHED_THREAD_LOOKUPS, state.n_cached_thread_lookups),
        (
            &names::NONCACHED_THREAD_LOOKUPS,
            state.n_noncached_thread_lookups,
        ),
        (&names::FAILED_THREAD_LOOKUPS, state.n_failed_thread_lookups),
        (&names::ADDED_FDS, state.n_added_fds),
        (&names::REMOVED_FDS, state.n_removed_fds),
        (&names::CACHED_FD_LOOKUPS, state.n_cached_fd_lookups),
        (&names::NONCACHED_FD_LOOKUPS, state.n_noncached_fd_lookups),
        (&names::FAILED_FD_LOOKUPS, state.n_failed_fd_lookups),
        (&names::STORED_EVENTS, state.n_stored_evts),
        (&names::STORED_EVENT_DROPS, state.n_store_evts_drops),
        (&names::RETRIEVED_EVENTS, state.n_retrieved_evts),
        (&names::RETRIEVED_EVENT_DROPS, state.n_retrieve_evts_drops),
    ];
    for (description, number) in numbers {
        snapshot.add(description, number);
    }
}

fn add_kernel(snapshot: &mut Snapshot, counters: &SourceCounters, details: &SourceDetails) {
    snapshot.add(&names::KERNEL_EVENTS, counters.events);
    snapshot.add(&names::KERNEL_DROPS, counters.drops);
    let ring_full: u64 = counters.ring_full.iter().map(|(_, count)| count).sum();
    snapshot.add(&names::KERNEL_BUFFER_DROPS, ring_full);
    for (kind, count) in &counters.ring_full {
        let of_kind = labels([("drop", kind), ("dir", "exit")]);
        snapshot.add_labelled(&names::KERNEL_BUFFER_DROPS_OF, of_kind, *count);
    }
    snapshot.add(&names::KERNEL_SCRATCH_DROPS, counters.too_big);
    snapshot.add(&names::FILTERED, counters.filtered);
    snapshot.add(&names::OVER_BUDGET, counters.over_budget);
    for row in details.noisy.iter().take(NOISIEST) {
        let who = format!("{} {}", row.kind, row.id);
        let id = row.id.to_string();
        let named = labels([
            ("spender", who.as_str()),
            ("kind", &row.kind),
            ("id", &id),
            ("comm", &row.name),
        ]);
        snapshot.add_labelled(&names::NOISY_LOST, named, row.lost);
    }
}

fn add_outputs(snapshot: &mut Snapshot, outputs: &OutputsCounters) {
    let queue = [
        ("sent", outputs.queue.routed),
        ("failed", 0),
        ("dropped", outputs.queue.dropped),
        ("discarded", outputs.queue.discarded),
    ];
    let sinks = outputs.sinks.iter().map(|sink| {
        let results = [
            ("sent", sink.sent),
            ("failed", sink.failed),
            ("dropped", sink.dropped),
            ("discarded", sink.discarded),
        ];
        (sink.name, results, sink.pending)
    });
    let grpc = outputs.grpc.iter().map(|grpc| {
        let results = [
            ("sent", grpc.delivered),
            ("failed", 0),
            ("dropped", grpc.lost),
            ("discarded", grpc.forgotten),
        ];
        ("grpc", results, grpc.pending + grpc.backlog)
    });
    let all = std::iter::once(("queue", queue, outputs.queue.pending))
        .chain(sinks)
        .chain(grpc);
    for (name, results, pending) in all {
        for (result, count) in results {
            let of_result = labels([("output", name), ("result", result)]);
            snapshot.add_labelled(&names::SINK_ALERTS, of_result, count);
            let field = match result {
                "sent" => &names::SINK_SENT,
                "failed" => &names::SINK_FAILED,
                "dropped" => &names::SINK_DROPPED,
                _ => continue,
            };
            snapshot.add_labelled(field, labels([("output", name)]), count);
        }
        snapshot.add_labelled(&names::SINK_PENDING, labels([("output", name)]), pending);
    }
    snapshot.add(&names::RATE_LIMITED, outputs.rate_limited);
    if let Some(grpc) = &outputs.grpc {
        snapshot.add(&names::SUBSCRIBERS, grpc.subscribers.len() as u64);
        snapshot.add(&names::SUBSCRIBER_LOST, grpc.lost);
    }
}
