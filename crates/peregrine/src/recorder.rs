//! Captures that the engine writes: a picture of the machine, then events.

use std::fs::File;
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use capture::{Compression, EventDumpFlags, MachineInfo, WriteError, Writer};

use crate::picture::{self, Picture};

/// Writes a capture.
pub(crate) struct Recorder {
    path: PathBuf,
    /// `None` once writing has failed.
    writer: Option<Writer<BufWriter<File>>>,
    /// What comes before the next event.
    next: Next,
    /// Events written.
    pub(crate) events: u64,
    /// Events that could not be written.
    pub(crate) lost: u64,
}

/// What a recording needs before its next event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Picture,
    SectionAndPicture,
    Event,
}

impl Recorder {
    /// Starts a capture, compressed like those of other writers. The picture of the machine is
    /// written with the first event.
    ///
    /// # Errors
    ///
    /// When the file cannot be made or written.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Self::begin(path, File::create(path))
    }

    /// Starts a capture under a name that nobody has chosen, which may be in a folder that everybody
    /// may write to: what is there already is replaced and never followed, and the new file is for
    /// the owner alone.
    ///
    /// # Errors
    ///
    /// When the file cannot be made or written.
    pub(crate) fn create_private(path: &Path) -> Result<Self> {
        if let Err(err) = std::fs::remove_file(path)
            && err.kind() != std::io::ErrorKind::NotFound
        {
            return Self::begin(path, Err(err));
        }
        let mut options = File::options();
        Self::begin(
            path,
            options.write(true).create_new(true).mode(0o600).open(path),
        )
    }

    fn begin(path: &Path, file: std::io::Result<File>) -> Result<Self> {
        let failed = || format!("failed to write the capture {}", path.display());
        let file = file.with_context(failed)?;
        let writer = Writer::new(BufWriter::new(file), Compression::Gzip).with_context(failed)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Some(writer),
            next: Next::Picture,
            events: 0,
            lost: 0,
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in the file so far; what is being compressed is still to come.
    pub(crate) fn written(&self) -> u64 {
        self.writer.as_ref().map_or(0, Writer::written)
    }

    /// Whether writing has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.writer.is_none()
    }

    /// Other events of another time begin: another section, with a picture of its own.
    pub(crate) fn begin_again(&mut self) {
        if self.next == Next::Event {
            self.next = Next::SectionAndPicture;
        }
    }

    /// Writes one event; with the first one the picture of the machine, which is as it was before
    /// that event. The first failure ends the recording, is logged, and what comes after it is
    /// counted.
    pub(crate) fn event(
        &mut self,
        cpu: u16,
        flags: EventDumpFlags,
        record: &[u8],
        picture: &Picture<'_>,
    ) {
        let Some(writer) = &mut self.writer else {
            self.lost += 1;
            return;
        };
        let begun = match self.next {
            Next::Event => Ok(()),
            Next::Picture => picture::write(writer, picture),
            Next::SectionAndPicture => writer
                .section()
                .and_then(|()| picture::write(writer, picture)),
        };
        self.next = Next::Event;
        match begun.and_then(|()| writer.event(cpu, flags, record)) {
            Ok(()) => self.events += 1,
            Err(err @ WriteError::EventTooLong { .. }) => {
                tracing::warn!("An event is too long for a capture and left out: {err}");
                self.lost += 1;
            }
            Err(err) => {
                let err = anyhow::Error::from(err);
                tracing::error!("The capture {} ends early: {err:#}", self.path.display());
                self.lost += 1;
                self.writer = None;
            }
        }
    }

    /// Ends the capture. One that no event came into holds the picture alone.
    ///
    /// # Errors
    ///
    /// When what is left cannot be written, or writing has failed before.
    pub(crate) fn finish(mut self, picture: &Picture<'_>) -> Result<Written> {
        let path = self.path.display();
        let Some(mut writer) = self.writer.take() else {
            anyhow::bail!(
                "the capture {path} is not complete: {} events are missing",
                self.lost
            );
        };
        let failed = || format!("failed to end the capture {path}");
        if self.next == Next::Picture {
            picture::write(&mut writer, picture).with_context(failed)?;
        }
        let buffered = writer.finish().with_context(failed)?;
        let file = buffered
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .with_context(failed)?;
        file.sync_all().with_context(failed)?;
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        if self.lost > 0 {
            tracing::warn!("{} events were left out of {path}", self.lost);
        }
        Ok(Written { bytes })
    }
}

/// A capture that was ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    /// Length of the file.
    pub(crate) bytes: u64,
}

/// This machine, as a capture describes it; 0 for what cannot be read.
pub(crate) fn this_machine(hostname: &str) -> MachineInfo {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    };
    MachineInfo {
        num_cpus: std::thread::available_parallelism().map_or(0, |count| count.get() as u32),
        memory_size: value(&read("/proc/meminfo"), "MemTotal:") * 1024,
        max_pid: read("/proc/sys/kernel/pid_max").trim().parse().unwrap_or(0),
        hostname: hostname.as_bytes().to_vec(),
        boot_ts: value(&read("/proc/stat"), "btime") * 1_000_000_000,
        ..MachineInfo::default()
    }
}
