//! How a check is evaluated.

use hashbrown::HashMap;

use crate::ast::{Operator, Quantifier};
use crate::context::FieldId;
use crate::matching::matcher::Matcher;
use crate::pool::OperandId;

/// How a check is evaluated.
#[derive(Debug)]
pub(crate) enum Test {
    /// There is a value.
    Exists,
    /// The value of a field that has at most one is tested: by far the most frequent test.
    Field {
        field: FieldId,
        /// `!=`: the value must not pass.
        negated: bool,
        matcher: Matcher,
    },
    /// Each value is tested by itself.
    Each(Fold, Matcher),
    /// Each value is tested against each constant.
    Quantified(Quantifier, Fold, Box<[Matcher]>),
    /// A look-up that many checks share has the answer.
    Indexed {
        fold: Fold,
        /// Which look-up.
        index: u32,
        /// Which of its answers.
        slot: u32,
    },
    /// Each value is compared with each value of the other side.
    Compare(Fold, Operator, OperandId),
}

/// How the results for the values of a field become one. A field without values gives false
/// however it is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fold {
    /// One value passes.
    Some,
    /// No value passes: `!=`.
    None,
    /// All values pass: `in` on lists.
    All,
}

/// Answers all questions whether a text is equal to constants with one look-up per event.
///
/// The checks on one operand that ask for equality with texts (`=`, `!=`, `in`) are its slots. Each
/// text that any of them names has a row of bits: which slots name it.
#[derive(Debug)]
pub(crate) struct TextIndex {
    pub(crate) operand: OperandId,
    /// How many words a row has.
    pub(crate) words: usize,
    rows_of: HashMap<Box<[u8]>, u32, foldhash::fast::FixedState>,
    rows: Vec<u64>,
}

impl TextIndex {
    /// Makes an index of sets of texts; their numbers become slots.
    pub(crate) fn new<'a>(
        operand: OperandId,
        sets: impl ExactSizeIterator<Item = Vec<&'a [u8]>>,
    ) -> Self {
        let words = sets.len().div_ceil(64);
        let mut index = Self {
            operand,
            words,
            rows_of: HashMap::default(),
            rows: Vec::new(),
        };
        for (slot, set) in sets.enumerate() {
            for text in set {
                let next = u32::try_from(index.rows_of.len()).expect("there are few constants");
                let row = *index.rows_of.entry(text.into()).or_insert(next);
                if row == next {
                    index.rows.resize(index.rows.len() + words, 0);
                }
                index.rows[row as usize * words + slot / 64] |= 1 << (slot % 64);
            }
        }
        index
    }

    /// The row of a text, if any set contains it.
    pub(crate) fn row(&self, text: &[u8]) -> Option<&[u64]> {
        let row = *self.rows_of.get(text)? as usize;
        Some(&self.rows[row * self.words..][..self.words])
    }
}
