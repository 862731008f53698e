//! Events of a capture file.

use std::path::Path;

use anyhow::{Context, Result};
use capture::{Block, EventDumpFlags, MachineInfo, Reader};
use state::{Limits, State};

use crate::engine::Engine;

/// What takes the events of a capture.
pub(crate) trait Listener {
    /// What is known of the machine.
    fn state(&mut self) -> &mut State;

    /// Another machine begins, or another time: nothing that was known holds any more.
    fn begin_again(&mut self, state: State) {
        *self.state() = state;
    }

    /// The machine that the events are of.
    fn machine(&mut self, _machine: MachineInfo) {}

    /// An event; without `with_rules`, for its effect on state only.
    fn event(&mut self, cpu: u16, record: &[u8], with_rules: bool);
}

impl Listener for Engine {
    fn state(&mut self) -> &mut State {
        &mut self.state
    }

    fn begin_again(&mut self, state: State) {
        Self::begin_again(self, state);
    }

    fn machine(&mut self, machine: MachineInfo) {
        self.machine = machine;
    }

    fn event(&mut self, cpu: u16, record: &[u8], with_rules: bool) {
        if with_rules {
            self.handle(cpu, record);
        } else {
            self.handle_for_state(cpu, record);
        }
    }
}

/// Feeds a listener with a capture until its end, or until it is told to stop. Returns how many
/// events there were.
///
/// # Errors
///
/// When the file cannot be read, is not a capture, or is damaged. What came before the damage has
/// been handled.
pub(crate) fn replay(
    path: &Path,
    listener: &mut impl Listener,
    limits: &Limits,
    stop: &dyn Fn() -> bool,
) -> Result<u64> {
    let failed = || format!("failed to replay {}", path.display());
    let mut reader = Reader::open(path).with_context(failed)?;
    while !stop() {
        let Some(block) = reader.next_block().with_context(failed)? else {
            break;
        };
        match block {
            // Another machine, or another time: what was known does not hold any more.
            Block::Start { .. } => listener.begin_again(State::new(limits.clone())),
            Block::Machine(machine) => listener.machine(machine),
            Block::Interfaces(interfaces) => {
                for interface in &interfaces {
                    snapshot::seed_interface(listener.state(), interface);
                }
            }
            Block::Accounts(accounts) => {
                for account in &accounts {
                    snapshot::seed_account(listener.state(), account);
                }
            }
            Block::Processes(processes) => {
                for process in &processes {
                    snapshot::seed_process(listener.state(), process);
                }
            }
            Block::Descriptors { tid, descriptors } => {
                for descriptor in &descriptors {
                    snapshot::seed_descriptor(listener.state(), tid, descriptor);
                }
            }
            Block::Event(event) => {
                let with_rules = !event.flags.contains(EventDumpFlags::STATE_ONLY);
                listener.event(event.cpu, event.record, with_rules);
            }
        }
    }
    if reader.skipped() > 0 {
        tracing::warn!(
            "{} blocks or events of unknown type were left out of {}",
            reader.skipped(),
            path.display()
        );
    }
    if reader.events() == 0 {
        anyhow::bail!("there are no events in {}", path.display());
    }
    Ok(reader.events())
}
