//! Standard output.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use super::lines::write_lines;
use super::{BatchSink, SinkInbox};
use crate::batch::Slice;
use crate::error::StartError;
use crate::inbox::Load;

/// Standard output, past the standard library's buffer, so that what is counted as sent is out.
#[derive(Debug)]
pub(crate) struct StdoutSink {
    file: File,
}

impl StdoutSink {
    pub(crate) fn new() -> Result<Self, StartError> {
        let file = io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|source| StartError::File {
                what: "stdout_output",
                path: "/dev/stdout".into(),
                source,
            })?;
        Ok(Self { file: file.into() })
    }
}

impl BatchSink for StdoutSink {
    fn name(&self) -> &'static str {
        "stdout"
    }

    fn deliver(&mut self, mut slice: Slice, inbox: &SinkInbox) {
        // Locked for the whole batch, so that nothing the program prints gets between.
        let mut stdout = io::stdout().lock();
        let printed = stdout.flush();
        let result =
            write_lines(&mut self.file, &mut slice, inbox).map_err(|failure| failure.error);
        if let Err(error) = result.and(printed) {
            inbox.fail(slice.alerts(), error.to_string());
        }
    }
}
