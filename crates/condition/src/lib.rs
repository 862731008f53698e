//! The condition language: from the text of a condition to its verdict on an event.
//!
//! ```text
//!  text ──parse──► Expr ──expand_macros──► Expr ──PoolBuilder::add──► Pool ──Evaluator──► bool
//!                                                       ▲                        ▲
//!                                                    Catalog                  Context
//! ```
//!
//! The crate knows nothing of events, fields or rules. A [`Catalog`] tells it what fields there
//! are and of which type, when a condition is compiled; a [`Context`] tells it their values, when
//! it is evaluated.
//!
//! **Every mistake at once.** The parser goes on after a mistake at the next `and`, `or` or
//! parenthesis, and the compiler goes on after everything, so one look at the messages is enough.
//! Each message has a [`Span`]: a range of bytes in a text that the caller numbers, so that it can
//! follow a mistake through macros, and through lists that it put into the text itself, back to a
//! line of a file.
//!
//! **One pool for all conditions.** Rules share macros, and macros share checks. In a [`Pool`]
//! equal checks, fields and sub-conditions exist once, and the [`Evaluator`] answers each at most
//! once per event. All checks for equality with texts on one field (`proc.name in (…)`, in
//! whatever rules) are answered together by one look-up in one table, and so are many checks for
//! prefixes, suffixes or substrings. Nothing is allocated per event, and nothing has to be cleared
//! between events.
//!
//! **Not every condition is looked at.** A [`Dispatch`] of many conditions finds out with a few
//! checks that they share, and a few look-ups, which of them can still hold.
//!
//! **Two truth values.** A check of a field that has no value is false, whatever its operator, also
//! `!=`; `not` turns false into true. There is no third value.
//!
//! **Bytes, not characters.** Texts come from the kernel and need not be UTF-8. They are compared
//! byte by byte; only regular expressions see characters.
//!
//! **No order.** No check has an effect but its result, so the compiler puts cheap ones first.
//!
//! ```
//! # use condition::{Catalog, Context, FieldDesc, FieldError, FieldId, Shape, Value, ValueType};
//! # use std::ops::ControlFlow;
//! # struct Fields;
//! # impl Catalog for Fields {
//! #     fn resolve(&mut self, name: &str, _: Option<&str>) -> Result<FieldDesc, FieldError> {
//! #         let id = match name {
//! #             "proc.name" => FieldId(0),
//! #             "fd.name" => FieldId(1),
//! #             _ => return Err(FieldError::Unknown { suggestion: None }),
//! #         };
//! #         let (ty, shape) = (ValueType::String, Shape::Scalar);
//! #         Ok(FieldDesc { id, ty, shape, rhs_allowed: true, transformers_allowed: true })
//! #     }
//! #     fn is_field_name(&self, text: &str) -> bool { text == "proc.name" || text == "fd.name" }
//! # }
//! # struct Event;
//! # impl Context for Event {
//! #     fn value(&mut self, field: FieldId) -> Option<Value<'_>> {
//! #         Some(Value::Bytes(if field.0 == 0 { b"cat" } else { b"/etc/shadow" }))
//! #     }
//! #     fn each(
//! #         &mut self, _: FieldId, _: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
//! #     ) -> bool { false }
//! # }
//! # let (mut fields, mut event) = (Fields, Event);
//! use std::sync::Arc;
//!
//! use condition::{Evaluator, PoolBuilder, parse};
//!
//! let tree = parse("proc.name in (cat, less) and fd.name pmatch (/etc)").unwrap();
//! let mut builder = PoolBuilder::new();
//! let compiled = builder.add(&tree, &mut fields).unwrap();
//! let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
//! evaluator.begin_event();
//! assert!(evaluator.matches(compiled.condition, &mut event));
//! ```

mod ast;
mod compile;
mod context;
mod dispatch;
mod eval;
mod expand;
mod index;
mod matching;
mod parse;
mod pool;
mod print;
mod program;
pub mod quote;
mod span;

mod value;

pub use ast::{
    Call, Check, Expr, ExprKind, FieldRef, Literal, Operand, OperandKind, Operator, Quantifier,
    Right, Transformer, Values, ValuesKind,
};
pub use compile::{CompileError, CompileErrorKind, Compiled, PoolBuilder, Warning, WarningKind};
pub use context::{Catalog, Context, FieldDesc, FieldError, FieldId, Shape};
pub use dispatch::Dispatch;
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
