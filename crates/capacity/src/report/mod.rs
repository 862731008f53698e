//! What is shown of a capacity test: tables, JSON, one page of HTML.

mod analysis;
mod html;
mod model;
mod plot;
mod plots;
mod table;

pub use analysis::analysis;
pub use html::html;
pub use model::{Engine, Machine, Method, Report, Run, TimedSample, VERSION};
pub use table::{markdown, text};
