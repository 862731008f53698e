//! The condition language: lexer, parser, types, compiler and evaluator.

mod context;
mod value;

pub use context::{Catalog, Context, FieldDesc, FieldError, FieldId, Shape};
pub use value::{Value, ValueType};
