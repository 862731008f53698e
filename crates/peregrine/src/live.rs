//! Events of this machine, through the probe.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use alert::{Alert, Priority};
use anyhow::{Context, Result};
use event::SyscallCodeSet;
use probe::{Options, Probe, Reader};
use rules::Ruleset;

use crate::engine::Engine;
use crate::housekeeping::{Housekeeping, SourceCounters, wall_clock};
use crate::signals::Signals;

/// Waits between two looks at the rings grow from the first to the second while nothing comes. The
/// longest one is also how late an event of a quiet machine can be. Looking costs some microseconds,
/// and what comes within a millisecond at full speed is a small part of a ring.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(5);

/// After a batch of this many events the next one is taken without a wait: the engine is behind.
const BEHIND: usize = 8192;

/// How late an event may come, at most, once the rings have been emptied: what should have happened
/// by now is not missed before.
const LATENESS: u64 = 100_000_000;

/// Records wait in the rings for about this long, for the sake of their order.
const HELD_BACK: Duration = Duration::from_micros(50);

/// How often CPUs that came online are looked for.
const CPU_INTERVAL: Duration = Duration::from_secs(1);

/// The probe, loaded, with its reader.
pub(crate) struct Live {
    probe: Probe,
    reader: Reader,
}

impl Live {
    /// Loads the probe. Nothing is traced before [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// When the machine or the rights of this process do not allow it.
    pub(crate) fn load(options: &Options) -> Result<Self> {
        let mut probe = Probe::load(options)?;
        let reader = probe.reader().context("failed to map the rings")?;
        Ok(Self { probe, reader })
    }

    /// Traces these system calls from now on.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(crate) fn start(&mut self, syscalls: &SyscallCodeSet) -> Result<()> {
        self.probe
            .set_syscalls(syscalls.iter())
            .context("failed to choose system calls")?;
        self.probe.attach().context("failed to attach the probe")
    }

    /// What the probe has counted.
    pub(crate) fn counters(&self) -> SourceCounters {
        counters(&self.probe)
    }

    /// Feeds the engine until a signal, the time limit, or the action `exit` ends it. Then the
    /// probe is taken off, and what is in the rings is still handled. On SIGHUP the rules are taken
    /// from `reload`; state and what is in the rings stay, and if it fails the rules do, too.
    ///
    /// # Errors
    ///
    /// When the rings of a new CPU cannot be made.
    pub(crate) fn watch(
        &mut self,
        engine: &mut Engine,
        keeping: &mut Housekeeping,
        signals: &Signals,
        duration: Option<Duration>,
        reload: &dyn Fn() -> Result<(Ruleset, SyscallCodeSet)>,
    ) -> Result<End> {
        let Self { probe, reader } = self;
        let deadline = duration.map(|duration| Instant::now() + duration);
        let mut next_cpus = Instant::now() + CPU_INTERVAL;
        let mut wait = SHORTEST_WAIT;
        let end = loop {
            let mut exit = false;
            let handled = reader.drain(|cpu, record| {
                engine.handle(cpu, record);
                // A batch can take long, and statistics are wanted on time.
                if keeping.is_due(time_of(record)) {
                    exit |= keeping.run(wall_clock(), &counters(probe), &engine.outputs);
                }
            });
            engine.flush();
            let now = wall_clock();
            if keeping.is_due(now) {
                exit |= keeping.run(now, &counters(probe), &engine.outputs);
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
                    Ok((ruleset, syscalls)) => {
                        // First what is traced, then what is looked for: no rule waits in vain.
                        probe
                            .set_syscalls(syscalls.iter())
                            .context("failed to choose system calls")?;
                        engine.replace_rules(ruleset);
                        tracing::info!(
                            "Watching {} system calls with the new rules",
                            syscalls.len()
                        );
                    }
                    Err(err) => reload_failed(engine, &err, now),
                }
            }
            let instant = Instant::now();
            if deadline.is_some_and(|deadline| instant >= deadline) {
                break End::Deadline;
            }
            if instant >= next_cpus {
                next_cpus = instant + CPU_INTERVAL;
                let added = probe
                    .add_new_cpus(reader)
                    .context("failed to follow a new CPU")?;
                if added > 0 {
                    tracing::info!("{added} CPUs came online and are watched");
                }
            }
            if handled > 0 {
                wait = SHORTEST_WAIT;
            }
            if handled < BEHIND {
                thread::sleep(wait);
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        };
        probe.detach();
        while reader.has_data() {
            if reader.drain(|cpu, record| engine.handle(cpu, record)) == 0 {
                thread::sleep(HELD_BACK);
            }
        }
        Ok(end)
    }
}

/// Why watching ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// SIGINT or SIGTERM.
    Signal,
    /// The option `-M`.
    Deadline,
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

fn counters(probe: &Probe) -> SourceCounters {
    let counters = match probe.counters() {
        Ok(counters) => counters,
        Err(err) => {
            tracing::error!("The counters of the probe cannot be read: {err}");
            return SourceCounters::default();
        }
    };
    let total = counters.total();
    SourceCounters {
        // Calls that the kernel kept from the probe were never counted as events.
        events: total.events + counters.skipped_runs,
        drops: counters.drops(),
        ring_full: total.ring_full.by_name().to_vec(),
        too_big: total.too_big,
        other: counters.drops() - total.ring_full.total() - total.too_big,
    }
}
