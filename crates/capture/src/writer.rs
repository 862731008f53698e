//! Writing a capture.

use std::io::{self, Write};

use event::{EventView, ViewError};
use flate2::Compression as Level;
use flate2::write::GzEncoder;

use crate::block::{FRAME, MAGIC, MAJOR, MINOR, SECTION_HEADER, code, padding};
use crate::cursor::Fields;
use crate::model::{Account, Descriptor, Interface, MachineInfo, Process};
use crate::reader::EventDumpFlags;
use crate::section;

/// The longest event block that readers take, but for the types with wide lengths.
const MAX_EVENT: usize = 64 << 10;

/// Whether a capture is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    /// As it is.
    None,
    /// With gzip.
    #[default]
    Gzip,
}

/// Why something cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The event is not a record.
    #[error("failed to write event: {0}")]
    Event(#[from] ViewError),
    /// The event is longer than readers take.
    #[error("event of {len} bytes is too long for a capture, at most {max} are possible")]
    EventTooLong {
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A list is longer than its length field can say.
    #[error("{block} of {len} bytes is too long for one block")]
    BlockTooLong {
        /// What it is.
        block: &'static str,
        /// Its length.
        len: usize,
    },
    /// Writing failed.
    #[error("failed to write capture")]
    Io(#[from] io::Error),
}

type Result<T> = std::result::Result<T, WriteError>;

/// Writes a capture. Readers expect the machine first, then interfaces, accounts, processes, the
/// descriptors of each process, and from then on only events.
pub struct Writer<W: Write> {
    sink: Sink<W>,
    /// The body of the block at hand.
    body: Fields,
}

enum Sink<W: Write> {
    Plain(Counted<W>),
    Gzip(GzEncoder<Counted<W>>),
}

/// Counts what reaches the stream.
struct Counted<W> {
    inner: W,
    written: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.inner.write(bytes)?;
        self.written += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Sink<W> {
    fn counted(&self) -> &Counted<W> {
        match self {
            Self::Plain(sink) => sink,
            Self::Gzip(sink) => sink.get_ref(),
        }
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(sink) => sink.write(bytes),
            Self::Gzip(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.flush(),
            Self::Gzip(sink) => sink.flush(),
        }
    }
}

impl<W: Write> Writer<W> {
    /// Starts a capture on a stream, which should be buffered: every event is one write.
    ///
    /// # Errors
    ///
    /// When the stream fails.
    pub fn new(stream: W, compression: Compression) -> Result<Self> {
        let stream = Counted {
            inner: stream,
            written: 0,
        };
        let sink = match compression {
            Compression::None => Sink::Plain(stream),
            // The fastest level: recording happens beside the load that is recorded.
            Compression::Gzip => Sink::Gzip(GzEncoder::new(stream, Level::fast())),
        };
        let mut writer = Self {
            sink,
            body: Fields::default(),
        };
        writer.section()?;
        Ok(writer)
    }

    /// Begins again: what follows is of another machine, or of another time, as if another capture
    /// had been appended. [`new`](Self::new) has begun the first one.
    ///
    /// # Errors
    ///
    /// When the stream fails.
    pub fn section(&mut self) -> Result<()> {
        self.body.u32(MAGIC);
        self.body.u16(MAJOR);
        self.body.u16(MINOR);
        // The length of the section is not known in advance.
        self.body.u64(u64::MAX);
        self.block(SECTION_HEADER, "section header")
    }

    /// Writes what is known of the machine.
    ///
    /// # Errors
    ///
    /// When the stream fails.
    pub fn machine(&mut self, machine: &MachineInfo) -> Result<()> {
        section::machine::write(machine, &mut self.body);
        self.block(code::MACHINE, "machine information")
    }

    /// Writes the interface list.
    ///
    /// # Errors
    ///
    /// When the stream fails or the list is too long.
    pub fn interfaces(&mut self, interfaces: &[Interface]) -> Result<()> {
        for interface in interfaces {
            section::interfaces::write(interface, &mut self.body);
        }
        self.block(code::INTERFACES, "interface list")
    }

    /// Writes the user list.
    ///
    /// # Errors
    ///
    /// When the stream fails or the list is too long.
    pub fn accounts(&mut self, accounts: &[Account]) -> Result<()> {
        for account in accounts {
            section::accounts::write(account, &mut self.body);
        }
        self.block(code::ACCOUNTS, "user list")
    }

    /// Writes the process list. Strings are cut to what readers take: 1 KiB for names and paths,
    /// 4 KiB for arguments, environment and control groups.
    ///
    /// # Errors
    ///
    /// When the stream fails or the list is too long.
    pub fn processes<'p>(
        &mut self,
        processes: impl IntoIterator<Item = &'p Process>,
    ) -> Result<()> {
        for process in processes {
            section::processes::write(process, &mut self.body);
        }
        self.block(code::PROCESSES, "process list")
    }

    /// Writes the descriptors of one process.
    ///
    /// # Errors
    ///
    /// When the stream fails or the list is too long.
    pub fn descriptors<'d>(
        &mut self,
        tid: i64,
        descriptors: impl IntoIterator<Item = &'d Descriptor>,
    ) -> Result<()> {
        self.body.i64(tid);
        for descriptor in descriptors {
            section::descriptors::write(descriptor, &mut self.body);
        }
        self.block(code::DESCRIPTORS, "descriptor list")
    }

    /// Writes an event.
    ///
    /// # Errors
    ///
    /// When the stream fails, or the event is no record or one that readers would not take.
    pub fn event(&mut self, cpu: u16, flags: EventDumpFlags, record: &[u8]) -> Result<()> {
        let view = EventView::parse(record)?;
        let record = view.record();
        let large = view.info().is_large();
        if !large && record.len() + FRAME + 8 > MAX_EVENT {
            let max = MAX_EVENT - FRAME - 8;
            return Err(WriteError::EventTooLong {
                len: record.len(),
                max,
            });
        }
        let flags = if large {
            EventDumpFlags(flags.0 | EventDumpFlags::LARGE.0)
        } else {
            flags
        };
        let has_flags = flags != EventDumpFlags::default();
        self.body.u16(cpu);
        if has_flags {
            self.body.u32(flags.0);
        }
        self.body.raw(record);
        self.block(
            match (has_flags, large) {
                (false, false) => code::EVENT,
                (true, false) => code::EVENT_FLAGS,
                (false, true) => code::EVENT_LARGE,
                (true, true) => code::EVENT_FLAGS_LARGE,
            },
            "event",
        )
    }

    /// How many bytes have reached the stream. With compression some are still to come.
    pub fn written(&self) -> u64 {
        self.sink.counted().written
    }

    /// Hands everything written so far to the stream, and flushes it.
    ///
    /// # Errors
    ///
    /// When the stream fails.
    pub fn flush(&mut self) -> Result<()> {
        Ok(self.sink.flush()?)
    }

    /// Ends the capture and gives the stream back. A compressed capture that is not ended is one
    /// that is cut short.
    ///
    /// # Errors
    ///
    /// When the stream fails.
    pub fn finish(mut self) -> Result<W> {
        self.sink.flush()?;
        Ok(match self.sink {
            Sink::Plain(sink) => sink.inner,
            Sink::Gzip(sink) => sink.finish()?.inner,
        })
    }

    /// Writes the body at hand as a block.
    fn block(&mut self, code: u32, name: &'static str) -> Result<()> {
        let len = self.body.bytes.len();
        let total = len + padding(len) + FRAME;
        let length = u32::try_from(total)
            .ok()
            .filter(|length| *length <= 1 << 30);
        let result = match length {
            Some(length) => self.frame(code, length).map_err(WriteError::Io),
            None => Err(WriteError::BlockTooLong { block: name, len }),
        };
        self.body.bytes.clear();
        result
    }

    fn frame(&mut self, code: u32, length: u32) -> io::Result<()> {
        let len = self.body.bytes.len();
        self.sink.write_all(&code.to_le_bytes())?;
        self.sink.write_all(&length.to_le_bytes())?;
        self.sink.write_all(&self.body.bytes)?;
        self.sink.write_all(&[0; 3][..padding(len)])?;
        self.sink.write_all(&length.to_le_bytes())
    }
}
