//! Every field: name, type, documentation and extractor; the output formatter.

mod argument;
mod catalog;
mod context;
mod event_names;
mod extract;
mod list;
mod metadata;
mod output;
mod suggest;
mod table;
mod template;
mod time;
mod view;

pub use catalog::{Fields, StaticFieldError, field_info};
pub use context::{EventContext, Scratch};
pub use list::{ListFormat, ListOptions, fields_page, list_fields, type_name};
pub use metadata::{ContainerInfo, ContainerMetadata, Mount};
pub use output::{ABSENT, OutputValue};
pub use table::{
    ArgumentKind, ArgumentRule, Class, FieldFlags, FieldInfo, Sources, classes, fields,
};
pub use template::{Template, TemplateError, TemplateErrorKind};
pub use time::{TimeForm, write_time};
pub use view::{Occurrence, Surroundings};
