//! Seeding from `/proc`.

use std::path::PathBuf;

use crate::State;

/// Reads the machine's present state from `/proc`.
#[derive(Debug)]
pub struct Procfs {
    root: PathBuf,
}

impl Procfs {
    /// A reader of `<host_root>/proc` and `<host_root>/etc`; `/` when there is no prefix.
    pub fn new(host_root: impl Into<PathBuf>) -> Self {
        Self {
            root: host_root.into(),
        }
    }

    /// Reads everything into `state`: threads, descriptors, users, groups, interfaces.
    pub fn seed(&mut self, state: &mut State) {
        let _ = (&self.root, state);
    }
}
