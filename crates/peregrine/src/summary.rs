//! What is said at the end of a run, and about rules without running them.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use alert::Priority;
use anyhow::{Result, bail};
use output::OutputsCounters;
use rules::{Loaded, describe};

use crate::engine::{Engine, Handled};
use crate::run::Ended;

/// Matches by priority and by rule.
pub(crate) fn of_run(engine: &Engine) -> String {
    let mut matched: Vec<(Priority, &str, u64)> = engine
        .ruleset()
        .rules()
        .iter()
        .filter(|rule| rule.match_count() > 0)
        .map(|rule| (rule.priority(), &**rule.name(), rule.match_count()))
        .collect();
    if let Some(correlator) = engine.correlator() {
        let fired = correlator
            .counters()
            .filter(|(_, counters)| counters.fired > 0);
        matched.extend(
            fired.map(|(item, counters)| (item.priority(), &**item.name(), counters.fired)),
        );
    }
    matched.sort();
    let mut out = format!("Events detected: {}\n", engine.handled.matches);
    out.push_str("Rule counts by severity:\n");
    for group in matched.chunk_by(|a, b| a.0 == b.0) {
        if let Some((priority, _, _)) = group.first() {
            let sum: u64 = group.iter().map(|(_, _, count)| count).sum();
            let _ = writeln!(out, "   {}: {sum}", priority.to_string().to_uppercase());
        }
    }
    out.push_str("Triggered rules by rule name:\n");
    for (_, name, count) in matched {
        let _ = writeln!(out, "   {name}: {count}");
    }
    out
}

/// Logs what `correlate` items and the counting of equal alerts had to forget, and what they held
/// back.
pub(crate) fn log_memory(engine: &Engine) {
    for (item, counters) in engine.correlator().iter().flat_map(|all| all.counters()) {
        if counters.evicted > 0 {
            tracing::warn!(
                "{} groups of `{}` were forgotten before their window ended; raise its max_groups",
                counters.evicted,
                item.name()
            );
        }
        tracing::debug!(
            "correlate `{}`: {} groups under way, {} alerts, {} evicted, {} expired, {} events \
             without a group",
            item.name(),
            counters.groups,
            counters.fired,
            counters.evicted,
            counters.expired,
            counters.ungrouped
        );
    }
    if let Some(counters) = engine.deduplicator().map(|all| all.counters()) {
        tracing::info!(
            "{} equal alerts were counted in {} summaries",
            counters.suppressed,
            counters.summaries
        );
        if counters.evicted > 0 {
            tracing::warn!(
                "{} windows of equal alerts ended early; raise deduplicate.max_groups",
                counters.evicted
            );
        }
    }
}

/// Logs what state had to leave out, and how it made good for lost events.
pub(crate) fn log_state(counters: &state::Counters) {
    let evicted = [
        ("threads", counters.n_evicted_threads),
        (
            "threads that were not taken in",
            counters.n_drops_full_threadtable,
        ),
        ("descriptors", counters.n_evicted_fds),
        (
            "descriptors that were not taken in",
            counters.n_drops_full_fdtable,
        ),
        ("users and groups", counters.n_drops_full_accounts),
        ("enter events", counters.n_store_evts_drops),
        ("ends of strings", counters.n_cut_strings),
    ];
    for (what, count) in evicted.into_iter().filter(|(_, count)| *count > 0) {
        tracing::warn!("State is full: it lacks {count} {what}");
    }
    if counters.n_gaps > 0 {
        tracing::info!(
            "Events were lost {} times; {} threads and {} descriptors were looked up since, {} \
             look-ups were over the budget",
            counters.n_gaps,
            counters.n_healed_threads,
            counters.n_healed_fds,
            counters.n_proc_lookups_refused
        );
    }
    tracing::debug!("State: {counters:?}");
}

/// Logs what was lost on the way, if anything was.
pub(crate) fn log_losses(handled: &Handled, drops: u64, outputs: &OutputsCounters) {
    if drops > 0 {
        tracing::warn!("{drops} events were dropped before they could be read");
    }
    if handled.malformed > 0 {
        tracing::error!("{} records could not be read", handled.malformed);
    }
    if outputs.rate_limited > 0 {
        tracing::warn!(
            "{} alerts were held back by outputs.rate",
            outputs.rate_limited
        );
    }
    let queue = outputs.queue.dropped + outputs.queue.discarded;
    if queue > 0 {
        tracing::warn!("{queue} alerts were lost because the queue was full or time was up");
    }
    for sink in &outputs.sinks {
        let lost = sink.failed + sink.dropped + sink.discarded;
        if lost > 0 {
            tracing::warn!(
                "{lost} of {} alerts did not get through to {}",
                sink.offered,
                sink.name
            );
        }
    }
    if let Some(grpc) = &outputs.grpc
        && grpc.lost > 0
    {
        tracing::warn!(
            "{} of {} alerts were lost to gRPC subscribers",
            grpc.lost,
            grpc.fanned_out
        );
    }
}

/// The option `-v`.
pub(crate) fn verbose(
    out: &mut dyn Write,
    ended: &Ended,
    elapsed: Duration,
    handled: u64,
) -> io::Result<()> {
    let seconds = elapsed.as_secs_f64();
    writeln!(out, "Driver Events:{}", ended.events)?;
    writeln!(out, "Driver Drops:{}", ended.drops)?;
    writeln!(
        out,
        "Elapsed time: {seconds:.3}, Captured Events: {handled}, {:.2} eps",
        handled as f64 / seconds.max(1e-9)
    )
}

/// `-L` and `-l RULE`.
pub(crate) fn describe(loaded: &Loaded, rule: Option<&str>, json: bool) -> Result<String> {
    let described = if json {
        describe::json(loaded, rule).map(|rules| {
            format!(
                "{}\n",
                serde_json::json!({ "falco_describe_results": rules })
            )
        })
    } else {
        describe::text(loaded, rule)
    };
    match (described, rule) {
        (Some(text), _) => Ok(text),
        (None, Some(name)) => bail!("there is no rule named '{name}'"),
        (None, None) => bail!("there are no rules"),
    }
}
