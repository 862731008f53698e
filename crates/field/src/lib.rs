//! Every field: name, type, documentation and extractor; the output formatter.

mod argument;
mod catalog;
mod event_names;
mod suggest;
mod table;
mod time;

pub use catalog::{Fields, StaticFieldError, field_info};
pub use time::{TimeForm, write_time};
pub use table::{
    ArgumentKind, ArgumentRule, Class, FieldFlags, FieldInfo, Sources, classes, fields,
};
