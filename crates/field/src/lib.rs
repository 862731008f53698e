//! Every field that conditions and outputs can name, and the output formatter.
//!
//! Rules speak of events in fields: `proc.name`, `fd.sip`, `evt.arg.flags`. What a field is called,
//! what type it has, which argument it takes and what it means is written down once, in
//! `table/fields.txt`; the build script makes a Rust table of it, from which look-ups, lists and the
//! documentation come, and one enum per class. The extractor of a class is one `match` over its
//! enum, so that a row without an extractor does not compile.
//!
//! The way of a field through the crate:
//!
//! 1. While rules load, [`Fields`] resolves a name and its argument, checks the argument, and hands
//!    out a `FieldId`. This is the only time that names are compared.
//! 2. For each event an [`EventContext`] is made from an [`Occurrence`]: the event, the state after
//!    it, and what surrounds both. Nothing is looked up before it is asked for.
//! 3. A condition asks by id. What lies in the event or in state is borrowed from there. Text that
//!    has to be put together (a command line, the name of a connection, an absolute path) is put
//!    into [`Scratch`] memory, once per event, and stays there for whoever asks next; the memory is
//!    used again for the next event, so that a warm context does not allocate.
//! 4. When a rule matches, its [`Template`] makes text and typed values of the same fields.
//!
//! A field may be *absent* (`None`, `<NA>`, `null`): the event has no such thing, or what it would be
//! made from is not known. An empty text or a zero is a value. Which is which is Falco's choice,
//! because rules rely on it; a test replays captures and compares every value.
//!
//! Some fields are accepted but have no data behind them; the table marks them `absent` and says
//! why. What is known of containers beyond their id comes through [`ContainerMetadata`]; where there
//! is none, those fields are absent.
//!
//! The crate does no I/O and does not know alerts.

mod argument;
mod catalog;
mod context;
mod event_names;
mod extract;
mod lasting;
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
pub use extract::fs_path::path_parameter;
pub use list::{ListFormat, ListOptions, fields_page, list_fields, type_name};
pub use metadata::{ContainerInfo, ContainerMetadata, Mount};
pub use output::{ABSENT, OutputForm, OutputValue};
pub use table::{
    ArgumentKind, ArgumentRule, Class, FieldFlags, FieldInfo, Sources, classes, fields,
};
pub use template::{Template, TemplateError, TemplateErrorKind};
pub use time::{TimeForm, write_time};
pub use view::{Occurrence, Surroundings};
