//! Many checks of texts on one operand, answered together by one look-up per event.
//!
//! The checks are the slots of an index. A look-up gives a row of bits: which slots the text
//! satisfies. Equality, prefixes, suffixes and substrings have an index of their own each, because
//! an event that needs one kind seldom needs the others.

mod prefix;
mod substrings;

use hashbrown::HashMap;

use crate::pool::OperandId;
use prefix::Prefixes;
use substrings::Substrings;

/// What the texts of an index are compared for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Equal,
    Prefix,
    Suffix,
    Substring,
}

impl Kind {
    /// With fewer checks than this a look-up costs more than the checks do one by one.
    pub(crate) fn worthwhile(self) -> usize {
        match self {
            Self::Equal => 2,
            Self::Prefix | Self::Suffix => 6,
            Self::Substring => 16,
        }
    }
}

/// An index of texts.
#[derive(Debug)]
pub(crate) struct TextIndex {
    pub(crate) operand: OperandId,
    /// How many words a row has.
    pub(crate) words: usize,
    finder: Finder,
    rows: Vec<u64>,
}

#[derive(Debug)]
enum Finder {
    Equal(HashMap<Box<[u8]>, u32, foldhash::fast::FixedState>),
    Prefix(Prefixes),
    Suffix(Prefixes),
    Substring(Substrings),
}

impl TextIndex {
    /// Makes an index of sets of texts; their numbers become slots.
    pub(crate) fn new<'a>(
        kind: Kind,
        operand: OperandId,
        sets: impl ExactSizeIterator<Item = Vec<&'a [u8]>>,
    ) -> Self {
        let words = sets.len().div_ceil(64);
        let mut rows_of: HashMap<Box<[u8]>, u32, foldhash::fast::FixedState> = HashMap::default();
        let mut rows: Vec<u64> = Vec::new();
        for (slot, set) in sets.enumerate() {
            for text in set {
                let next = u32::try_from(rows_of.len()).expect("there are few constants");
                let row = *rows_of.entry(text.into()).or_insert(next);
                if row == next {
                    rows.resize(rows.len() + words, 0);
                }
                rows[row as usize * words + slot / 64] |= 1 << (slot % 64);
            }
        }
        let finder = match kind {
            Kind::Equal => Finder::Equal(rows_of),
            Kind::Prefix => Finder::Prefix(Prefixes::new(rows_of, words, &mut rows)),
            Kind::Suffix => {
                let turned = rows_of.into_iter().map(|(text, row)| (turn(&text), row));
                Finder::Suffix(Prefixes::new(turned.collect(), words, &mut rows))
            }
            Kind::Substring => Finder::Substring(Substrings::new(rows_of)),
        };
        Self {
            operand,
            words,
            finder,
            rows,
        }
    }

    /// Writes which slots a text satisfies. `scratch` is memory for a turned text.
    pub(crate) fn find(&self, text: &[u8], out: &mut [u64], scratch: &mut Vec<u8>) {
        let row = match &self.finder {
            Finder::Equal(rows_of) => rows_of.get(text).copied(),
            Finder::Prefix(prefixes) => prefixes.find(text),
            Finder::Suffix(prefixes) => {
                // No text of the index is longer, so no more of this one matters.
                let end = text.len().saturating_sub(prefixes.longest());
                scratch.clear();
                scratch.extend(text[end..].iter().rev());
                prefixes.find(scratch)
            }
            Finder::Substring(substrings) => {
                out.fill(0);
                substrings.each(text, &mut |row| {
                    for (out, word) in out.iter_mut().zip(self.row(row)) {
                        *out |= word;
                    }
                });
                return;
            }
        };
        match row {
            Some(row) => out.copy_from_slice(self.row(row)),
            None => out.fill(0),
        }
    }

    fn row(&self, row: u32) -> &[u64] {
        &self.rows[row as usize * self.words..][..self.words]
    }
}

fn turn(text: &[u8]) -> Box<[u8]> {
    text.iter().rev().copied().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(kind: Kind, sets: &[Vec<Vec<u8>>], text: &[u8]) -> Vec<usize> {
        let slices: Vec<Vec<&[u8]>> = sets
            .iter()
            .map(|set| set.iter().map(Vec::as_slice).collect())
            .collect();
        let index = TextIndex::new(kind, OperandId(0), slices.into_iter());
        let mut row = vec![u64::MAX; index.words];
        index.find(text, &mut row, &mut Vec::new());
        (0..sets.len())
            .filter(|slot| row[slot / 64] >> (slot % 64) & 1 == 1)
            .collect()
    }

    fn holds(kind: Kind, text: &[u8], constant: &[u8]) -> bool {
        match kind {
            Kind::Equal => text == constant,
            Kind::Prefix => text.starts_with(constant),
            Kind::Suffix => text.ends_with(constant),
            Kind::Substring => {
                constant.is_empty() || text.windows(constant.len()).any(|part| part == constant)
            }
        }
    }

    proptest! {
        /// A look-up finds what trying each text finds. Few letters, so that much overlaps.
        #[test]
        fn an_index_agrees_with_trying_each(
            sets in proptest::collection::vec(
                proptest::collection::vec(proptest::collection::vec(97u8..100, 0..5), 1..4), 1..90),
            texts in proptest::collection::vec(proptest::collection::vec(97u8..100, 0..9), 1..9),
        ) {
            for kind in [Kind::Equal, Kind::Prefix, Kind::Suffix, Kind::Substring] {
                for text in &texts {
                    let expected: Vec<usize> = (0..sets.len())
                        .filter(|&slot| sets[slot].iter().any(|one| holds(kind, text, one)))
                        .collect();
                    prop_assert_eq!(found(kind, &sets, text), expected, "{:?} {:?}", kind, text);
                }
            }
        }
    }
}
