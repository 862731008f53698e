//! The condition language: lexer, parser, types, compiler and evaluator.

mod ast;
mod compile;
mod context;
mod eval;
mod expand;
mod matching;
mod parse;
mod pool;
mod print;
pub mod quote;
mod span;
mod test;
mod value;

pub use ast::{
    Call, Check, Expr, ExprKind, FieldRef, Literal, Operand, OperandKind, Operator, Quantifier,
    Right, Transformer, Values, ValuesKind,
};
pub use compile::{CompileError, CompileErrorKind, Compiled, PoolBuilder, Warning, WarningKind};
pub use context::{Catalog, Context, FieldDesc, FieldError, FieldId, Shape};
pub use eval::Evaluator;
pub use expand::{ExpandError, expand_lists, expand_macros};
pub use matching::utf8::sanitize_utf8;
pub use parse::{
    Found, ParseError, ParseErrorKind, ParseOptions, parse, parse_operand, parse_recovering,
    parse_with,
};
pub use pool::{
    CheckDef, CheckId, CondId, Constant, Node, NodeKind, OperandDef, OperandDefKind, OperandId,
    Pool, RightDef,
};
pub use span::{Position, SourceId, Span};
pub use value::{Value, ValueType};
