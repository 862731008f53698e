//! Which texts of a set does another begin with?
//!
//! Among the texts in order, the one before or at a given text begins with each text of the set
//! that the given one begins with. So a binary search and a walk from there to ever shorter
//! beginnings finds the longest that fits, and its row says what the shorter ones say too.

use hashbrown::HashMap;

/// A set of texts, each with the number of a row of bits.
#[derive(Debug)]
pub(super) struct Prefixes {
    /// How each text begins, in the same order: most comparisons need no more, and these lie together.
    heads: Box<[u64]>,
    sorted: Box<[Entry]>,
    longest: usize,
}

#[derive(Debug)]
struct Entry {
    head: u64,
    text: Box<[u8]>,
    row: u32,
    /// The longest other text of the set that this one begins with.
    shorter: Option<u32>,
}

impl Prefixes {
    /// Adds to each text's row what the rows of its beginnings say.
    pub(super) fn new(
        rows_of: HashMap<Box<[u8]>, u32, foldhash::fast::FixedState>,
        words: usize,
        rows: &mut [u64],
    ) -> Self {
        let mut texts: Vec<_> = rows_of.into_iter().collect();
        texts.sort_unstable();
        let mut sorted: Vec<Entry> = Vec::with_capacity(texts.len());
        for (text, row) in texts {
            let before = sorted.len().checked_sub(1);
            let head = head_of(&text);
            let shorter = longest(&sorted, before, head, &text);
            if let Some(shorter) = shorter {
                let from = sorted[shorter].row as usize * words;
                for word in 0..words {
                    rows[row as usize * words + word] |= rows[from + word];
                }
            }
            let shorter = shorter.map(|at| u32::try_from(at).expect("there are few constants"));
            sorted.push(Entry {
                head,
                text,
                row,
                shorter,
            });
        }
        Self {
            heads: sorted.iter().map(|entry| entry.head).collect(),
            longest: sorted
                .iter()
                .map(|entry| entry.text.len())
                .max()
                .unwrap_or(0),
            sorted: sorted.into(),
        }
    }

    /// The row of the longest text that this one begins with.
    pub(super) fn find(&self, text: &[u8]) -> Option<u32> {
        let head = head_of(text);
        let mut after = self.heads.partition_point(|other| *other < head);
        while let Some(entry) = self.sorted.get(after)
            && entry.head == head
            && *entry.text <= *text
        {
            after += 1;
        }
        let found = longest(&self.sorted, after.checked_sub(1), head, text)?;
        Some(self.sorted[found].row)
    }

    /// How long the longest text is.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }
}

/// The first bytes of a text as a number: of two texts whose numbers differ, the one with the lesser
/// number comes first.
fn head_of(text: &[u8]) -> u64 {
    text.first_chunk().map_or_else(
        || {
            let mut head = [0; 8];
            head[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(head)
        },
        |head| u64::from_be_bytes(*head),
    )
}

/// The longest text that `text` begins with, from `at`, the last one not after it, on.
fn longest(sorted: &[Entry], mut at: Option<usize>, head: u64, text: &[u8]) -> Option<usize> {
    while let Some(candidate) = at {
        let entry = &sorted[candidate];
        // Bytes that the beginning does not have say nothing.
        let beyond = 64 - 8 * entry.text.len().min(8) as u32;
        let differs = (entry.head ^ head).checked_shr(beyond).unwrap_or(0);
        if differs == 0 && text.starts_with(&entry.text) {
            return Some(candidate);
        }
        at = entry.shorter.map(|shorter| shorter as usize);
    }
    None
}
