//! Events of this machine as they happen, whatever brings them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alert::{Alert, Priority};
use anyhow::Result;
use rules::Ruleset;
use state::State;
use state::procfs::{Listed, Procfs};

use crate::engine::Engine;
use crate::filter::Chosen;
use crate::host::HostWatch;
use crate::housekeeping::{Housekeeping, SourceCounters, SourceDetails, wall_clock};
use crate::memory;
use crate::metrics::FileSum;
use crate::signals::Signals;

/// After a batch of this many events the next one is taken without a wait: the engine is behind.
pub(crate) const BEHIND: usize = 8192;

/// How late an event may come, at most, once the source has been emptied: what should have happened
/// by now is not missed before.
const LATENESS: u64 = 100_000_000;

/// How often a source looks after itself.
const CARE_INTERVAL: Duration = Duration::from_secs(1);

/// Where live events come from. Used through generics, never as an object: the way of an event to
/// the engine is the hottest path of the program.
pub(crate) trait Source {
    /// Lets events come from now on, for a source that does not before state has been seeded.
    ///
    /// # Errors
    ///
    /// When nothing can come.
    fn begin(&mut self) -> Result<()>;

    /// Hands out what there is, as CPU, record and a way to the counters.
    ///
    /// # Errors
    ///
    /// When the source is broken.
    fn drain(
        &mut self,
        each: impl FnMut(u16, &[u8], &dyn Fn() -> SourceCounters),
    ) -> Result<Drained>;

    /// Waits until there may be more, after so many.
    fn pause(&mut self, handled: usize);

    /// What it has counted.
    fn counters(&self) -> SourceCounters;

    /// What takes longer to find out.
    fn details(&self) -> SourceDetails;

    /// Brings from now on what was chosen.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    fn select(&mut self, chosen: &Chosen) -> Result<()>;

    /// What is there now, as far as the source can list it.
    fn list(&self, _procfs: &Procfs) -> Listed {
        Listed::default()
    }

    /// Takes what is known of the threads that were there when it began.
    fn know(&mut self, _state: &State) {}

    /// Follows changes of the machine.
    ///
    /// # Errors
    ///
    /// When what is needed for that cannot be made.
    fn take_care(&mut self) -> Result<()>;

    /// Ends, and hands out what is left.
    ///
    /// # Errors
    ///
    /// When the source is broken.
    fn finish(&mut self, each: impl FnMut(u16, &[u8])) -> Result<()>;
}

/// Rules that were loaded again.
pub(crate) struct Reloaded {
    pub(crate) ruleset: Ruleset,
    pub(crate) chosen: Chosen,
    /// What they came from.
    pub(crate) files: Vec<FileSum>,
}

/// What a source had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Drained {
    /// So many events.
    Events(usize),
    /// No more, for ever.
    Ended,
}

/// Feeds the engine until a signal, the time limit, the end of the source, or the action `exit`
/// ends it. Then the source is closed, and what is left in it is still handled. On SIGHUP the rules
/// are taken from `reload`; state and what waits in the source stay, and if it fails the rules do,
/// too.
///
/// # Errors
///
/// When the source is broken.
pub(crate) fn watch(
    source: &mut impl Source,
    engine: &mut Engine,
    keeping: &mut Housekeeping,
    signals: &Signals,
    host: &mut HostWatch,
    duration: Option<Duration>,
    reload: &dyn Fn() -> Result<Reloaded>,
) -> Result<End> {
    let deadline = duration.map(|duration| Instant::now() + duration);
    let mut next_care = Instant::now() + CARE_INTERVAL;
    let end = loop {
        let mut exit = false;
        let drained = source.drain(|cpu, record, counters| {
            engine.handle(cpu, record);
            // A batch can take long, and statistics are wanted on time.
            if keeping.is_due(time_of(record)) {
                exit |= keeping.run(wall_clock(), &counters(), &engine.outputs);
            }
        })?;
        let Drained::Events(handled) = drained else {
            break End::Source;
        };
        engine.flush();
        let now = wall_clock();
        if keeping.report_is_wanted() {
            keeping.give_report(engine.report(), now, &source.counters(), source.details());
        }
        if keeping.metrics_are_wanted(now) {
            keeping.give_metrics(engine, now, &source.counters(), &source.details());
        }
        if keeping.is_due(now) {
            let counters = source.counters();
            exit |= keeping.run(now, &counters, &engine.outputs);
            engine.note_drops(counters.drops, now);
            host.look(engine, now);
            if handled < BEHIND {
                engine.pass_time(now.saturating_sub(LATENESS));
            }
        }
        if exit {
            break End::Drops;
        }
        if signals.stop() {
            break End::Signal;
        }
        if signals.take_reopen() {
            engine.outputs.reopen();
        }
        if signals.take_reload() {
            tracing::info!("SIGHUP received, loading the rules again");
            match reload() {
                Ok(loaded) => {
                    // First what is traced, then what is looked for: no rule waits in vain.
                    source.select(&loaded.chosen)?;
                    engine.replace_rules(loaded.ruleset);
                    keeping.note_load(now, loaded.files);
                    memory::give_back();
                    tracing::info!(
                        "Watching {} system calls with the new rules",
                        loaded.chosen.selection.syscalls.len()
                    );
                }
                Err(err) => reload_failed(engine, &err, now),
            }
        }
        let instant = Instant::now();
        if deadline.is_some_and(|deadline| instant >= deadline) {
            break End::Deadline;
        }
        if instant >= next_care {
            next_care = instant + CARE_INTERVAL;
            source.take_care()?;
        }
        source.pause(handled);
    };
    source.finish(|cpu, record| engine.handle(cpu, record))?;
    Ok(end)
}

/// Why watching ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// SIGINT or SIGTERM.
    Signal,
    /// The option `-M`.
    Deadline,
    /// Nothing can come any more.
    Source,
    /// `syscall_event_drops.actions` says so.
    Drops,
}

/// Says that the old rules stay, in the log and as an alert.
fn reload_failed(engine: &Engine, err: &anyhow::Error, now: u64) {
    let message = format!("Falco internal: hot restart failure: {err:#}");
    tracing::error!("{message}; the rules stay as they were");
    engine.outputs.send(Alert::internal(
        now,
        "Falco internal: hot restart failure",
        Priority::Critical,
        message,
        Vec::new(),
        Arc::clone(&engine.hostname),
    ));
}

fn time_of(record: &[u8]) -> u64 {
    record
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
