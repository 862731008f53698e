//! Which texts of a set does another contain? One pass of an automaton finds all of them.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use hashbrown::HashMap;

/// A set of texts, each with the number of a row of bits.
#[derive(Debug)]
pub(super) struct Substrings {
    automaton: AhoCorasick,
    /// By number of the pattern.
    rows: Box<[u32]>,
}

impl Substrings {
    pub(super) fn new(rows_of: HashMap<Box<[u8]>, u32, foldhash::fast::FixedState>) -> Self {
        let mut texts: Vec<_> = rows_of.into_iter().collect();
        texts.sort_unstable();
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(texts.iter().map(|(text, _)| text))
            .expect("constants of rules are much smaller than the 2 GiB that are too many");
        Self {
            automaton,
            rows: texts.into_iter().map(|(_, row)| row).collect(),
        }
    }

    /// Visits the row of each text that is contained, perhaps more than once.
    pub(super) fn each(&self, text: &[u8], visit: &mut dyn FnMut(u32)) {
        for found in self.automaton.find_overlapping_iter(text) {
            visit(self.rows[found.pattern().as_usize()]);
        }
    }
}
