//! Falco's text form.

use std::fmt::Write as _;

use crate::diagnostic::Diagnostic;
use crate::load::Loaded;
use crate::source::FileId;

use super::snippet;

/// The result for one file: `<file>: Ok`, or what is wrong with it. With `verbose`, warnings of a
/// good file are listed too.
pub fn text(loaded: &Loaded, file: FileId, verbose: bool) -> String {
    let errors: Vec<&Diagnostic> = loaded.errors(file).collect();
    let warnings: Vec<&Diagnostic> = loaded.warnings(file).collect();
    let mut out = String::from(loaded.files.name(file));
    out.push_str(match (errors.is_empty(), warnings.is_empty()) {
        (false, _) => ": Invalid\n",
        (true, true) => ": Ok\n",
        (true, false) => ": Ok, with warnings\n",
    });
    list(loaded, "Errors", &errors, &mut out);
    if verbose || !errors.is_empty() {
        list(loaded, "Warnings", &warnings, &mut out);
    }
    out
}

fn list(loaded: &Loaded, kind: &str, found: &[&Diagnostic], out: &mut String) {
    if found.is_empty() {
        return;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{} {kind}:", found.len());
    for found in found {
        for (depth, location) in found.locations.iter().enumerate() {
            let position = loaded
                .files
                .position(location.span.file, location.span.start);
            out.push_str(if depth == 0 { "In " } else { "    " });
            out.push_str(location.place.name());
            if !location.name.is_empty() {
                let _ = write!(out, " '{}'", location.name);
            }
            let name = loaded.files.name(location.span.file);
            let _ = writeln!(out, ": ({name}:{}:{})", position.line, position.column);
        }
        let _ = write!(out, "------\n{}------\n", snippet(&loaded.files, found));
        let _ = writeln!(
            out,
            "{} ({}): {}",
            found.code.name(),
            found.code.short(),
            found.message
        );
    }
}
