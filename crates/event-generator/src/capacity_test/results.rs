//! The files that are left: JSON, Markdown, a page.

use std::fs;
use std::path::{Path, PathBuf};

use ::capacity::report::{Report, VERSION, html, markdown, text};

use crate::Error;

/// Reads results of earlier runs.
///
/// # Errors
/// When one cannot be read, or is no result of this version.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Report>, Error> {
    paths
        .iter()
        .map(|path| {
            let bytes = fs::read(path).map_err(Error::io(format!("read {}", path.display())))?;
            let bad = |reason: String| {
                Error::Flags(format!(
                    "{} is no result of a capacity test: {reason}",
                    path.display()
                ))
            };
            let report: Report =
                serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
            if report.version != VERSION {
                return Err(bad(format!(
                    "it has version {}, expected {VERSION}",
                    report.version
                )));
            }
            Ok(report)
        })
        .collect()
}

/// Writes all three files; their names, a line each.
///
/// # Errors
/// When one cannot be written.
pub(super) fn write(report: &Report, output: &Path) -> Result<String, Error> {
    let json = serde_json::to_string_pretty(report)
        .map_err(|error| Error::io("write the result as JSON")(std::io::Error::other(error)))?;
    let mut files = put(output, "json", &(json + "\n"))?;
    files += &put(output, "md", &markdown(report))?;
    files += &write_page(std::slice::from_ref(report), output)?;
    Ok(files)
}

/// Writes the page; its name in a line.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_page(reports: &[Report], output: &Path) -> Result<String, Error> {
    put(output, "html", &html(reports))
}

/// The tables for a terminal, under the engines' names where there are several.
pub(super) fn tables(reports: &[Report]) -> String {
    let mut out = String::new();
    for report in reports {
        if reports.len() > 1 {
            out += &format!("{}\n", report.engine.name);
        }
        out += &text(report);
        out += "\n";
    }
    out
}

/// Readers see the old file or the new one, whole.
fn put(output: &Path, extension: &str, text: &str) -> Result<String, Error> {
    let mut name = output.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    let path = PathBuf::from(name);
    let new = path.with_extension(format!("{extension}.new"));
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, &path))
        .map_err(Error::io(format!("write {}", path.display())))?;
    Ok(format!("{}\n", path.display()))
}
