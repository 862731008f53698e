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
        /// What is wrong with it.
        reason: String,
    },
    /// The constant can never be a value of the field: `evt.type = opennat`.
    ImpossibleConstant {
        /// As it is written.
        constant: String,
        /// Why not, in the words of the catalogue.
        reason: String,
    },
    /// The transformer does not take these arguments.
    Arguments {
        /// The transformer.
        transformer: Transformer,
        /// What it takes.
        expected: &'static str,
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
    /// A place that the parser did not understand, or an expression that no text can give.
    Hole,
}

impl CompileErrorKind {
    /// Whether what the condition speaks of does not exist in this engine, in contrast to being
    /// used wrongly. Rules may ask to be skipped then.
    pub fn is_unknown(&self) -> bool {
        matches!(
            self,
            Self::Field {
                error: FieldError::Unknown { .. },
                ..
            } | Self::ImpossibleConstant { .. }
        )
    }
}

impl fmt::Display for CompileErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { field, error } => match error {
                FieldError::Unknown { suggestion: None } => write!(f, "unknown field '{field}'"),
                FieldError::Unknown {
                    suggestion: Some(suggestion),
                } => {
                    write!(f, "unknown field '{field}', did you mean '{suggestion}'?")
                }
                FieldError::ArgumentRequired => {
                    write!(f, "field '{field}' needs an argument in brackets")
                }
                FieldError::ArgumentNotAllowed => write!(f, "field '{field}' takes no argument"),
                FieldError::InvalidArgument(expected) => {
                    write!(f, "invalid argument of field '{field}': {expected}")
                }
            },
            Self::Operator {
                operator,
                list: true,
                ..
            } => write!(
                f,
                "operator '{operator}' does not work on lists; 'exists', 'in' and 'intersects' do"
            ),
            Self::Operator {
                operator,
                ty,
                list: false,
            } => {
                write!(
                    f,
                    "operator '{operator}' does not work on {}",
                    describe(*ty)
                )
            }
            Self::Constant { constant, reason } | Self::ImpossibleConstant { constant, reason } => {
                write!(f, "invalid value '{constant}': {reason}")
            }
            Self::Arguments {
                transformer,
                expected,
            } => {
                write!(f, "transformer '{transformer}' takes {expected}")
            }
            Self::SelectorNotSupported(transformer) => {
                write!(
                    f,
                    "transformer '{transformer}' does not support field arguments"
                )
            }
            Self::FieldNotTransformable(field) => {
                write!(f, "field '{field}' does not support transformers")
            }
            Self::FieldNotComparable(field) => {
                write!(f, "field '{field}' can only be compared with constants")
            }
            Self::OperatorTakesConstants(operator) => {
                write!(f, "operator '{operator}' only compares with constants")
            }
            Self::TypeMismatch { left, right } => write!(
                f,
                "the left-hand side is {} but the right-hand side is {}",
                describe(*left),
                describe(*right)
            ),
            Self::ListMismatch => f.write_str("a list can only be compared with a list"),
            Self::Macro(name) => write!(f, "Undefined macro '{name}' used in filter."),
            Self::Hole => f.write_str("incomplete condition"),
        }
    }
}

/// A type in words.
pub(super) fn describe(ty: ValueType) -> &'static str {
    match ty {
        ValueType::String => "a text",
        ValueType::Path => "a path",
        ValueType::Buffer => "a buffer",
        ValueType::Int(8) => "a signed 8-bit number",
        ValueType::Int(16) => "a signed 16-bit number",
        ValueType::Int(32) => "a signed 32-bit number",
        ValueType::Int(_) => "a signed 64-bit number",
        ValueType::Uint(8) => "an unsigned 8-bit number",
        ValueType::Uint(16) => "an unsigned 16-bit number",
        ValueType::Uint(32) => "an unsigned 32-bit number",
        ValueType::Uint(_) => "an unsigned 64-bit number",
        ValueType::Double => "a floating-point number",
        ValueType::Bool => "true or false",
        ValueType::RelTime => "a duration in nanoseconds",
        ValueType::AbsTime => "a time in nanoseconds",
        ValueType::Port => "a port",
        ValueType::IpAddr => "an IP address",
        ValueType::IpNet => "a network",
    }
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
        /// The operator that would do.
        operator: Operator,
        /// What it would be given.
        value: String,
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

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConstantLooksLikeField(name) => write!(
                f,
                "'{name}' is compared as a text although it is the name of a field; write \
                 'val({name})' to compare with the field"
            ),
            Self::ConstantLooksLikeTransformer(text) => write!(
                f,
                "'{text}' is compared as a text although it looks like a transformer; remove the \
                 quotes to apply it"
            ),
            Self::RegexIsSimple {
                pattern,
                operator,
                value,
            } => write!(
                f,
                "the regular expression '{pattern}' can be replaced by the cheaper \
                 '{operator} {value}'"
            ),
            Self::UnknownList(name) => {
                write!(
                    f,
                    "there is no list '{name}'; it is taken as a list of that one value"
                )
            }
            Self::NegativeUnsigned { constant, value } => {
                write!(
                    f,
                    "the field is never negative; '{constant}' is compared as {value}"
                )
            }
        }
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
