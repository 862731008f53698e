//! What can be wrong with a condition that parses.

use std::fmt;

use crate::ast::{Operator, Transformer};
use crate::context::FieldError;
use crate::span::Span;
use crate::value::ValueType;

/// One mistake in the meaning of a condition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompileError {
    /// Where it is.
    pub span: Span,
    /// What it is.
    pub kind: CompileErrorKind,
}

/// What is wrong. The [`Display`](fmt::Display) form is the message without the place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CompileErrorKind {
    /// The field cannot be used.
    Field {
        /// As it is written.
        field: String,
        /// Why not.
        error: FieldError,
    },
    /// The operator does not work on this type, or on lists.
    Operator {
        /// The operator.
        operator: Operator,
        /// The type of the left-hand side.
        ty: ValueType,
        /// Whether the left-hand side is a list.
        list: bool,
    },
    /// The constant is not of the type of the left-hand side.
    Constant {
        /// As it is written.
        constant: String,
        /// What it should have been.
        reason: String,
    },
    /// The transformer does not exist for this argument, or not for so many.
    Transformer {
        /// The transformer.
        transformer: Transformer,
        /// What is wrong.
        reason: String,
    },
    /// `toupper(…)[x]`: only `getopt` takes brackets.
    SelectorNotSupported(Transformer),
    /// The field may not stand inside a transformer.
    FieldNotTransformable(String),
    /// The field may not be compared with another one.
    FieldNotComparable(String),
    /// The operator only takes constants.
    OperatorTakesConstants(Operator),
    /// Both sides have different types.
    TypeMismatch {
        /// The type of the left-hand side.
        left: ValueType,
        /// The type of the right-hand side.
        right: ValueType,
    },
    /// One side is a list and the other is not.
    ListMismatch,
    /// A macro that was not expanded.
    Macro(String),
    /// A list where one value is needed, or another operand that has no meaning here.
    Misplaced(&'static str),
    /// A place that the parser did not understand.
    Hole,
}

/// Something that compiles but may not be meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// Where it is.
    pub span: Span,
    /// What it is.
    pub kind: WarningKind,
}

/// What may not be meant. The [`Display`](fmt::Display) form is the message without the place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WarningKind {
    /// A constant is the name of a field.
    ConstantLooksLikeField(String),
    /// A constant looks like a transformer.
    ConstantLooksLikeTransformer(String),
    /// A regular expression does what a cheaper operator does.
    RegexIsSimple {
        /// The regular expression.
        pattern: String,
        /// The operators that would do.
        instead: Operator,
    },
    /// A word stands where a list should and was taken as a list of that one word.
    UnknownList(String),
    /// A negative number is compared with an unsigned field.
    NegativeUnsigned {
        /// As it is written.
        constant: String,
        /// What it is compared as.
        value: u64,
    },
}

impl fmt::Display for CompileErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for CompileError {}
