//! Replaces the names of macros and lists by what they stand for.

use crate::ast::{Expr, Literal};
use crate::span::Span;

/// Why a macro cannot be expanded. The [`Display`](std::fmt::Display) form is the message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExpandError {
    /// There is no such macro.
    #[error("Undefined macro '{name}' used in filter.")]
    Undefined {
        /// Its name.
        name: String,
        /// Where it is used.
        span: Span,
    },
    /// A macro uses itself, directly or through others.
    #[error("reference loop in macro '{name}'")]
    Loop {
        /// The macro that was being expanded already.
        name: String,
        /// Where it is used again.
        span: Span,
    },
    /// The condition with all macros expanded nests too deeply.
    #[error("exceeded max depth limit of {limit} while expanding macro '{name}'")]
    TooDeep {
        /// The macro that goes too deep.
        name: String,
        /// Where it is used.
        span: Span,
        /// The limit.
        limit: usize,
    },
}

/// Replaces each macro by its definition, whose own macros are replaced as well. Returns the
/// expanded tree; the spans of what comes from a macro point into that macro's text.
///
/// # Errors
///
/// All macros that cannot be expanded.
pub fn expand_macros<'a>(
    _expr: &Expr,
    _definition: &mut dyn FnMut(&str) -> Option<&'a Expr>,
) -> Result<Expr, Vec<ExpandError>> {
    unimplemented!()
}

/// Replaces the name of each list after `in`, `intersects`, `pmatch`, `oneof`, `anyof` and `allof`
/// by its values. A name that `values` does not know is left as it is.
pub fn expand_lists(_expr: &mut Expr, _values: &mut dyn FnMut(&str) -> Option<Vec<Literal>>) {
    unimplemented!()
}
