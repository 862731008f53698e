//! Events of a capture file.

use std::path::Path;

use anyhow::{Context, Result};
use capture::{Block, EventDumpFlags, Reader};
use state::{Limits, State};

use crate::engine::Engine;
use crate::signals::Signals;

/// An event of a capture with this mark is there for its effect on state.
const STATE_ONLY: EventDumpFlags = EventDumpFlags(1);

/// Feeds the engine with a capture until its end or a signal. Returns how many events there were.
///
/// # Errors
///
/// When the file cannot be read, is not a capture, or is damaged. What came before the damage has
/// been handled.
pub(crate) fn replay(
    path: &Path,
    engine: &mut Engine,
    limits: &Limits,
    signals: &Signals,
) -> Result<u64> {
    let failed = || format!("failed to replay {}", path.display());
    let mut reader = Reader::open(path).with_context(failed)?;
    while !signals.stop() {
        let Some(block) = reader.next_block().with_context(failed)? else {
            break;
        };
        match block {
            // Another machine, or another time: what was known does not hold any more.
            Block::Start { .. } => engine.begin_again(State::new(limits.clone())),
            Block::Machine(_) => {}
            Block::Interfaces(interfaces) => {
                for interface in &interfaces {
                    snapshot::seed_interface(&mut engine.state, interface);
                }
            }
            Block::Accounts(accounts) => {
                for account in &accounts {
                    snapshot::seed_account(&mut engine.state, account);
                }
            }
            Block::Processes(processes) => {
                for process in &processes {
                    snapshot::seed_process(&mut engine.state, process);
                }
            }
            Block::Descriptors { tid, descriptors } => {
                for descriptor in &descriptors {
                    snapshot::seed_descriptor(&mut engine.state, tid, descriptor);
                }
            }
            Block::Event(event) if event.flags.contains(STATE_ONLY) => {
                engine.handle_for_state(event.cpu, event.record);
            }
            Block::Event(event) => engine.handle(event.cpu, event.record),
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
