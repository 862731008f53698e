//! How a check is evaluated.

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
