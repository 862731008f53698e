//! Writing lines to something that takes bytes.

use std::io::{self, ErrorKind, Write};

use super::SinkInbox;
use crate::batch::Slice;

/// Why lines were not written.
#[derive(Debug)]
pub(super) struct WriteError {
    pub(super) error: io::Error,
    /// Whether the first line that remains was written in part.
    pub(super) torn: bool,
}

/// Writes as many lines at once as the other side takes, and settles each once its newline is out.
/// After an error, `slice` holds what remains.
pub(super) fn write_lines(
    out: &mut impl Write,
    slice: &mut Slice,
    inbox: &SinkInbox,
) -> Result<(), WriteError> {
    let whole = slice.clone();
    let text = whole.text().as_bytes();
    let mut written = 0;
    let mut settled = 0;
    while written < text.len() {
        let error = match out.write(&text[written..]) {
            Ok(0) => io::Error::from(ErrorKind::WriteZero),
            Ok(bytes) => {
                written += bytes;
                let lines = whole.lines_within(written);
                inbox.settle(lines - settled);
                slice.skip(lines - settled);
                settled = lines;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        let torn = written > 0 && text[written - 1] != b'\n';
        return Err(WriteError { error, torn });
    }
    Ok(())
}
