//! A capture in memory, so that its events can be handled without reading them again.

use std::path::Path;

use capture::{Account, Block, Descriptor, Error, Interface, Process, Reader};
use state::{Limits, State};

/// The events of a capture, and the picture of the machine before them.
#[derive(Default)]
pub struct Recording {
    interfaces: Vec<Interface>,
    accounts: Vec<Account>,
    processes: Vec<Process>,
    descriptors: Vec<(i64, Vec<Descriptor>)>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Recording {
    /// Reads a capture.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut recording = Self::default();
        let mut reader = Reader::open(path)?;
        while let Some(block) = reader.next_block()? {
            match block {
                Block::Start { .. } | Block::Machine(_) => {}
                Block::Interfaces(found) => recording.interfaces = found,
                Block::Accounts(found) => recording.accounts = found,
                Block::Processes(found) => recording.processes = found,
                Block::Descriptors { tid, descriptors } => {
                    recording.descriptors.push((tid, descriptors));
                }
                Block::Event(event) => {
                    recording.bytes.extend_from_slice(event.record);
                    recording.ends.push(recording.bytes.len());
                }
            }
        }
        Ok(recording)
    }

    /// What was known before the first event.
    pub fn state(&self) -> State {
        let mut state = State::new(Limits::default());
        for interface in &self.interfaces {
            snapshot::seed_interface(&mut state, interface);
        }
        for account in &self.accounts {
            snapshot::seed_account(&mut state, account);
        }
        for process in &self.processes {
            snapshot::seed_process(&mut state, process);
        }
        for (tid, descriptors) in &self.descriptors {
            for descriptor in descriptors {
                snapshot::seed_descriptor(&mut state, *tid, descriptor);
            }
        }
        state
    }

    /// The events, as records.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[*start..*end])
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}
