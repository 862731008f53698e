//! Events of the whole machine, through the probe.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use container::{ContainerId, ContainerType};
use event::{EventType, EventView};
use probe::{Known, Noisy, Options, Place, Prepared, Probe, Reader, Spender};
use state::procfs::{Listed, OpenFile, OpenFiles, Procfs, Tasks};
use state::{Limits, State};

use crate::filter::{Chosen, tables};
use crate::housekeeping::{ProgramRuns, SourceCounters, SourceDetails};
use crate::live::{BEHIND, Drained, Source};
use crate::top::NoisyRow;

/// Waits between two looks at the rings lie between these. The longest one is also how late an event
/// can be. To wake up costs some microseconds, on a virtual machine as much as a hundred events do,
/// and what comes within a millisecond at full speed is a small part of a ring.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(5);

/// A wait that brought fewer events than this was too short to pay for itself: the next is longer.
const TOO_FEW: usize = 1024;

/// After one that brought more, the next is as short as can be.
const PLENTY: usize = 4096;

/// Records wait in the rings for about this long, for the sake of their order.
const HELD_BACK: Duration = Duration::from_micros(50);

/// From so many processes on, loading the program that lists them takes less time than reading
/// `/proc/<pid>` of each.
const MANY_PROCESSES: usize = 2000;

/// The probe, loaded, with its reader.
pub(crate) struct ProbeSource {
    probe: Probe,
    reader: Reader,
    wait: Duration,
    /// Whether the filter has to be told where threads are.
    is_filtering: bool,
}

impl ProbeSource {
    /// Loads the probe, from what was prepared if something was. Nothing is traced before [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// When the machine or the rights of this process do not allow it.
    pub(crate) fn load(prepared: Option<Prepared>, options: &Options) -> Result<Self> {
        let mut probe = match prepared {
            Some(prepared) => Probe::load_prepared(prepared, options)?,
            None => Probe::load(options)?,
        };
        if let Some(refusal) = probe.reduced() {
            tracing::warn!(
                "This kernel does not take all of the probe; arguments are read when calls return"
            );
            tracing::debug!("{refusal}");
        }
        let reader = probe.reader().context("failed to map the rings")?;
        Ok(Self {
            probe,
            reader,
            wait: SHORTEST_WAIT,
            is_filtering: false,
        })
    }

    /// Traces from now on what was chosen: events wait in the rings.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(crate) fn start(&mut self, chosen: &Chosen) -> Result<()> {
        self.select(chosen)?;
        self.probe.attach().context("failed to attach the probe")
    }
}

impl Source for ProbeSource {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn drain(
        &mut self,
        mut each: impl FnMut(u16, &[u8], &dyn Fn() -> SourceCounters),
    ) -> Result<Drained> {
        let Self {
            probe,
            reader,
            is_filtering,
            ..
        } = self;
        let mut refused = None;
        let handled = reader.drain(|cpu, record| {
            each(cpu, record, &|| counters(probe));
            if *is_filtering && let Some(control_groups) = control_groups(record) {
                let told = probe.place(control_groups, || {
                    place_of(container::identify(control_groups))
                });
                refused = refused.take().or(told.err());
            }
        });
        if let Some(err) = refused {
            tracing::warn!("{err}; the filter lets more pass than it has to");
            *is_filtering = false;
        }
        Ok(Drained::Events(handled))
    }

    fn pause(&mut self, handled: usize) {
        self.wait = next_wait(self.wait, handled);
        if handled < BEHIND {
            thread::sleep(self.wait);
        }
    }

    fn counters(&self) -> SourceCounters {
        counters(&self.probe)
    }

    fn details(&self) -> SourceDetails {
        let noisy = self.probe.noisy().unwrap_or_else(|err| {
            tracing::debug!("who is noisy cannot be read: {err}");
            Vec::new()
        });
        let programs = self.probe.program_runs().into_iter();
        SourceDetails {
            engine_name: "modern_bpf",
            noisy: noisy.into_iter().map(noisy_row).collect(),
            programs: programs
                .map(|program| ProgramRuns {
                    name: program.name,
                    runs: program.runs,
                    run_time_ns: program.run_time_ns,
                })
                .collect(),
        }
    }

    /// What no rule can match is dropped. The filter comes first: a call that was not traced before
    /// is filtered from its beginning.
    fn select(&mut self, chosen: &Chosen) -> Result<()> {
        let tables = chosen.plan.as_ref().map(tables);
        self.probe
            .set_filter(tables.as_ref())
            .context("failed to load the filter into the kernel")?;
        self.is_filtering = tables.is_some();
        self.probe
            .set_syscalls(chosen.selection.syscalls.iter())
            .context("failed to choose system calls")
    }

    fn list(&self, procfs: &Procfs) -> Listed {
        let mut tasks = None;
        if procfs.count() >= MANY_PROCESSES {
            tasks = self.probe.tasks().unwrap_or_else(|err| {
                tracing::warn!("{err}; processes are read from /proc");
                None
            });
        }
        let files = self.probe.open_files().unwrap_or_else(|err| {
            tracing::warn!("{err}; descriptors are read from /proc");
            None
        });
        Listed {
            tasks: tasks.map(Tasks::new).unwrap_or_default(),
            files: files.map(of_state).unwrap_or_default(),
        }
    }

    fn know(&mut self, state: &State) {
        if !self.is_filtering {
            return;
        }
        let threads = state
            .threads()
            .filter(|thread| !thread.is_placeholder())
            .filter_map(|thread| {
                Some(Known {
                    tid: thread.tid.try_into().ok()?,
                    name: &thread.comm,
                    place: place_of(thread.container),
                })
            });
        if let Err(err) = self.probe.know(threads) {
            tracing::info!(
                "This kernel cannot be told which threads there are; what those did that started \
                 before is filtered without regard to their names and containers"
            );
            tracing::debug!("{err}");
        }
    }

    fn take_care(&mut self) -> Result<()> {
        let added = self
            .probe
            .keep_up(&mut self.reader)
            .context("failed to follow a new CPU")?;
        if added > 0 {
            tracing::info!("{added} CPUs came online and are watched");
        }
        Ok(())
    }

    fn finish(&mut self, mut each: impl FnMut(u16, &[u8])) -> Result<()> {
        self.probe.detach();
        while self.reader.has_data() {
            if self.reader.drain(&mut each) == 0 {
                thread::sleep(HELD_BACK);
            }
        }
        Ok(())
    }
}

/// How long to wait after a wait that brought so many events.
fn next_wait(wait: Duration, handled: usize) -> Duration {
    match handled {
        ..TOO_FEW => (wait * 2).min(LONGEST_WAIT),
        TOO_FEW..=PLENTY => wait,
        _ => SHORTEST_WAIT,
    }
}

/// What an event of a new thread or program tells of control groups, when state takes all of it.
fn control_groups(record: &[u8]) -> Option<&[u8]> {
    /// Which parameter it is; these events have the same ones up to there.
    const CGROUPS: usize = 14;
    let event_type = record
        .get(20..)
        .and_then(<[u8]>::first_chunk)
        .map(|bytes| EventType(u16::from_le_bytes(*bytes)))?;
    let tells = matches!(
        event_type,
        EventType::SYSCALL_CLONE_20_X
            | EventType::SYSCALL_CLONE3_X
            | EventType::SYSCALL_FORK_20_X
            | EventType::SYSCALL_VFORK_20_X
            | EventType::SYSCALL_EXECVE_19_X
    );
    let event = tells.then(|| EventView::parse(record).ok()).flatten()?;
    let text = event.param(CGROUPS)?;
    (text.len() <= Limits::default().string_bytes).then_some(text)
}

/// Where a thread is. A container whose id is the word for "none" is neither: a condition cannot
/// tell it from the host.
fn place_of(container: Option<(ContainerId, ContainerType)>) -> Place {
    match container {
        None => Place::Host,
        Some((id, _)) if id.as_bytes() == b"host" => Place::Unknown,
        Some(_) => Place::Container,
    }
}

fn noisy_row(noisy: Noisy) -> NoisyRow {
    let (kind, id) = match noisy.who {
        Spender::Process(pid) => ("process", u64::from(pid)),
        Spender::ControlGroup(inode) => ("cgroup", inode),
    };
    NoisyRow {
        kind: kind.to_owned(),
        id,
        name: noisy.comm,
        lost: noisy.lost,
    }
}

/// Descriptors in the form in which the state takes them.
fn of_state(files: Vec<probe::OpenFile>) -> OpenFiles {
    files
        .into_iter()
        .map(|file| {
            let of_state = OpenFile {
                fd: file.fd.into(),
                flags: file.flags,
                dev: file.dev,
                ino: file.ino,
                mode: file.mode.into(),
                link: file.link,
            };
            (file.pid.into(), of_state)
        })
        .collect()
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
        // Calls that the kernel kept from the probe were never counted as events, and neither were
        // those that the filter decided upon: it is a part of the engine that runs in the kernel.
        events: total.events + counters.skipped_runs + total.filtered,
        drops: counters.drops(),
        ring_full: total.ring_full.by_name().to_vec(),
        too_big: total.too_big,
        other: counters.drops() - total.ring_full.total() - total.too_big,
        filtered: total.filtered,
        over_budget: total.over_budget,
        per_cpu: counters
            .per_cpu
            .iter()
            .map(|cpu| (cpu.events, cpu.drops()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wait at which it settles with so many events a millisecond.
    fn settled(rate: f64) -> Duration {
        let mut wait = SHORTEST_WAIT;
        for _ in 0..20 {
            wait = next_wait(wait, (wait.as_secs_f64() * 1e3 * rate) as usize);
        }
        wait
    }

    #[test]
    fn the_busier_the_machine_the_shorter_the_wait() {
        let milliseconds = |rate| settled(rate).as_millis();
        for (rate, expected) in [(0.0, 5), (100.0, 5), (300.0, 4), (600.0, 2), (2000.0, 1)] {
            assert_eq!(milliseconds(rate), expected, "{rate} events a millisecond");
        }
        assert_eq!(next_wait(LONGEST_WAIT, PLENTY + 1), SHORTEST_WAIT);
    }

    #[test]
    fn a_container_that_is_called_host_is_not_taken_for_one() {
        let id = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
        for (path, expected) in [
            ("/".to_owned(), Place::Host),
            ("/user.slice".to_owned(), Place::Host),
            (format!("/docker/{id}"), Place::Container),
            ("/lxc/web".to_owned(), Place::Container),
            ("/lxc/host".to_owned(), Place::Unknown),
        ] {
            let text = format!("cpu={path}\0");
            let place = place_of(container::identify(text.as_bytes()));
            assert_eq!(place, expected, "{path}");
        }
    }
}
