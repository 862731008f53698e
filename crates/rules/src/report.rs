//! Diagnostics as people and programs read them.
//!
//! * [`human`]: what a terminal shows: the lines of the file with carets and remarks in place;
//! * [`text`]: Falco's text form, for `-V` where somebody parses it;
//! * [`json`]: Falco's JSON form, `falco_load_results`.
//!
//! All of them count lines and columns from 1, and columns in characters.

mod human;
mod json;
mod text;

use crate::diagnostic::Diagnostic;
use crate::source::Sources;

pub use human::{human, problems};
pub use json::json;
pub use text::text;

/// The widest line that Falco's forms show of a file, in characters.
const SNIPPET_WIDTH: usize = 160;

/// The line of a problem, cut to [`SNIPPET_WIDTH`] around it, with a caret below.
fn snippet(files: &Sources, found: &Diagnostic) -> String {
    let (file, offset) = (found.span.file, found.span.start);
    let (line, start) = files.line_text(file, offset);
    let column = line
        .get(..(offset.saturating_sub(start) as usize).min(line.len()))
        .map_or(0, |before| before.chars().count());
    let from = column.saturating_sub(SNIPPET_WIDTH / 2);
    let shown: String = line.chars().skip(from).take(SNIPPET_WIDTH).collect();
    // Tabs stay tabs, so that the caret stands below its character.
    let blank = |c| if c == '\t' { '\t' } else { ' ' };
    let indent: String = line
        .chars()
        .skip(from)
        .take(column - from)
        .map(blank)
        .collect();
    format!("{shown}\n{indent}^\n")
}
