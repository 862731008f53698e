//! Every field: name, type, documentation and extractor; the output formatter.

mod argument;
mod catalog;
mod event_names;
mod suggest;
mod table;

pub use catalog::{Fields, StaticFieldError, field_info};
pub use table::{
    ArgumentKind, ArgumentRule, Class, FieldFlags, FieldInfo, Sources, classes, fields,
};
