//! A file that lines are appended to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use super::lines::write_lines;
use super::{BatchSink, SinkInbox};
use crate::batch::Slice;
use crate::config::FileConfig;
use crate::error::StartError;
use crate::inbox::Load;

/// A file that lines are appended to.
#[derive(Debug)]
pub(crate) struct FileSink {
    path: PathBuf,
    keep_alive: bool,
    file: Option<File>,
    /// Whether the file ends in the middle of a line.
    torn: bool,
}

impl FileSink {
    /// Opens the file, so that a path of no use is known at once.
    pub(crate) fn new(config: &FileConfig) -> Result<Self, StartError> {
        let mut sink = Self {
            path: config.path.clone(),
            keep_alive: config.keep_alive,
            file: None,
            torn: false,
        };
        // To open a pipe or a device may take until somebody reads it, which is for the sink's own
        // thread to wait for.
        let special = std::fs::metadata(&sink.path).is_ok_and(|file| !file.is_file());
        if !special || sink.path.is_dir() {
            sink.file = Some(sink.open().map_err(|source| StartError::File {
                what: "file_output.filename",
                path: config.path.clone(),
                source,
            })?);
        }
        Ok(sink)
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path)
    }

    fn write(&mut self, slice: &mut Slice, inbox: &SinkInbox) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        if self.torn {
            file.write_all(b"\n")?;
            self.torn = false;
        }
        write_lines(&mut file, slice, inbox).map_err(|failure| {
            self.torn = failure.torn;
            failure.error
        })?;
        if self.keep_alive {
            self.file = Some(file);
        }
        Ok(())
    }
}

impl BatchSink for FileSink {
    fn name(&self) -> &'static str {
        "file"
    }

    fn deliver(&mut self, mut slice: Slice, inbox: &SinkInbox) {
        if let Err(error) = self.write(&mut slice, inbox) {
            inbox.fail(slice.alerts(), format!("{}: {error}", self.path.display()));
        }
    }

    fn reopen(&mut self) {
        self.file = None;
        self.torn = false;
    }
}
