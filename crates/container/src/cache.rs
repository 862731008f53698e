//! Answers that were given before.

use std::collections::HashMap;
use std::sync::Arc;

use crate::{ContainerId, ContainerType, identify};

/// How many sets of cgroups are remembered. A host has far fewer, and starting again costs little.
const CAPACITY: usize = 4096;

/// Remembers which container a set of cgroups names, so that a fork or an exec costs a look-up
/// and not a search through a dozen paths.
#[derive(Default, Debug)]
pub struct Cache {
    known: HashMap<Arc<[u8]>, Option<(ContainerId, ContainerType)>>,
}

impl Cache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// What [`identify`] says, perhaps from memory.
    pub fn identify(&mut self, cgroups: &Arc<[u8]>) -> Option<(ContainerId, ContainerType)> {
        if let Some(&known) = self.known.get(cgroups) {
            return known;
        }
        if self.known.len() >= CAPACITY {
            self.known.clear();
        }
        let found = identify(cgroups);
        self.known.insert(Arc::clone(cgroups), found);
        found
    }
}
