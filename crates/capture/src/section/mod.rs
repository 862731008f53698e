//! The blocks that picture the machine, each read in every version and written in the last.

pub(crate) mod accounts;
pub(crate) mod descriptors;
pub(crate) mod interfaces;
pub(crate) mod machine;
pub(crate) mod processes;

use crate::cursor::Cursor;
use crate::error::SectionError;

/// Reads entries until only padding is left. An error comes with the number of its entry.
pub(crate) fn entries<'a, T>(
    mut body: Cursor<'a>,
    mut read: impl FnMut(&mut Cursor<'a>) -> Result<T, SectionError>,
) -> Result<Vec<T>, (usize, SectionError)> {
    let mut out = Vec::new();
    while body.has_entry() {
        out.push(read(&mut body).map_err(|err| (out.len(), err))?);
    }
    Ok(out)
}
