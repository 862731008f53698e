//! Reading a capture.

use std::io::Read;
use std::path::Path;

use event::{EventView, ViewError};

use crate::block::{FRAME, HEAD, Kind, MAGIC, MAJOR, SECTION_HEADER};
use crate::converter::{Converted, Converter};
use crate::cursor::Cursor;
use crate::error::{Error, SectionError};
use crate::model::{Account, Descriptor, Interface, MachineInfo, Process};
use crate::section;
use crate::source::Source;
use crate::v1;

/// The longest block that is taken for one. The largest real ones are process lists: a hundred
/// thousand threads with full environments.
const MAX_BLOCK: u32 = 1 << 30;
/// The longest event block: an event is far shorter, except for what plugins hand over.
const MAX_EVENT_BLOCK: u32 = 256 << 20;
/// A section header, without options.
const SECTION_HEADER_LEN: u32 = 28;

/// How to read.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bring old events to the current schema, and leave out the ones that it no longer has.
    pub convert: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { convert: true }
    }
}

/// One block of a capture.
#[derive(Clone, PartialEq, Debug)]
pub enum Block<'a> {
    /// A capture starts: the first block, and again where another capture was appended. What was
    /// known of the machine does not hold any more.
    Start {
        /// The version of the format.
        major: u16,
        /// The version of the format.
        minor: u16,
    },
    /// The machine.
    Machine(MachineInfo),
    /// Its network interfaces.
    Interfaces(Vec<Interface>),
    /// Its users and groups.
    Accounts(Vec<Account>),
    /// Its threads.
    Processes(Vec<Process>),
    /// The open descriptors of one process.
    Descriptors {
        /// The process.
        tid: i64,
        /// Its descriptors.
        descriptors: Vec<Descriptor>,
    },
    /// Something happened.
    Event(Event<'a>),
}

/// A recorded event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// The CPU that it happened on.
    pub cpu: u16,
    /// Marks of the writer.
    pub flags: EventDumpFlags,
    /// The record, valid for [`EventView::parse`].
    pub record: &'a [u8],
}

/// Marks of an event in a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EventDumpFlags(pub u32);

impl EventDumpFlags {
    /// Stored for its effect on state only; not meant for rules.
    pub const STATE_ONLY: Self = Self(1);
    /// Stored in a block for long events.
    pub const LARGE: Self = Self(4);

    /// Whether all marks of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Reads a capture from front to back.
pub struct Reader<R: Read> {
    source: Source<R>,
    converter: Option<Converter>,
    /// The block at hand, from its head to its trailer.
    buffer: Vec<u8>,
    /// The record at hand, where it is not part of the buffer.
    rebuilt: Vec<u8>,
    events: u64,
    skipped: u64,
    started: bool,
}

/// Where an event record is.
#[derive(Clone, Copy)]
enum Place {
    /// In the block buffer, from here to there.
    Block(usize, usize),
    /// Rebuilt from version 1.
    Rebuilt,
}

impl Place {
    fn record<'a>(self, block: &'a [u8], rebuilt: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Block(from, to) => &block[from..to],
            Self::Rebuilt => rebuilt,
        }
    }
}

impl Reader<std::fs::File> {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// When it cannot be opened. What is in it is looked at by [`next_block`](Self::next_block).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let io = |source| Error::Io { offset: 0, source };
        let file = std::fs::File::open(path).map_err(io)?;
        Self::new(file, Options::default())
    }
}

impl<R: Read> Reader<R> {
    /// Reads from a stream, plain or compressed with gzip. It is buffered inside.
    ///
    /// # Errors
    ///
    /// When reading the first bytes fails.
    pub fn new(stream: R, options: Options) -> Result<Self, Error> {
        let source = Source::new(stream).map_err(|source| Error::Io { offset: 0, source })?;
        Ok(Self {
            source,
            converter: options.convert.then(Converter::new),
            buffer: Vec::new(),
            rebuilt: Vec::new(),
            events: 0,
            skipped: 0,
            started: false,
        })
    }

    /// How many bytes were read so far, after decompression.
    pub fn offset(&self) -> u64 {
        self.source.offset()
    }

    /// How many events were handed out.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many events and blocks were left out because their type is unknown.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The next block; `None` at the end. Blocks and events of unknown type are stepped over.
    ///
    /// # Errors
    ///
    /// See [`Error`]. After an error about a single event reading may go on; after any other the
    /// stream has lost its thread.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, Error> {
        loop {
            let offset = self.source.offset();
            let Some(kind) = self.read_block(offset)? else {
                if self.events == 0 {
                    return Err(Error::NoEvents { offset });
                }
                return Ok(None);
            };
            let Kind::Event { v1, flags } = kind else {
                match self.read_section(kind, offset)? {
                    Some(block) => return Ok(Some(block)),
                    None => continue,
                }
            };
            let Some((cpu, flags, place)) = self.locate_event(offset, v1, flags)? else {
                self.skipped += 1;
                continue;
            };
            let converted = match &mut self.converter {
                None => Converted::Unchanged,
                Some(converter) => converter
                    .convert(place.record(&self.buffer, &self.rebuilt))
                    .map_err(|source| Error::Convert { offset, source })?,
            };
            if converted == Converted::Dropped {
                continue;
            }
            self.events += 1;
            let record = match &self.converter {
                Some(converter) if converted == Converted::Changed => converter.record(),
                _ => place.record(&self.buffer, &self.rebuilt),
            };
            return Ok(Some(Block::Event(Event { cpu, flags, record })));
        }
    }

    /// Takes a whole block off the stream into the buffer; `None` at the end.
    fn read_block(&mut self, offset: u64) -> Result<Option<Kind>, Error> {
        let io = |source| Error::Io { offset, source };
        self.buffer.clear();
        let available = self.source.take(HEAD, &mut self.buffer).map_err(io)?;
        if available == 0 && self.started {
            return Ok(None);
        }
        let truncated = |block, needed: usize, available: usize| Error::Truncated {
            offset,
            block,
            needed: needed as u64,
            available: available as u64,
        };
        let Some(head) = self.buffer.first_chunk::<HEAD>() else {
            return Err(truncated(Kind::Unknown.name(), HEAD, available));
        };
        let (code, length) = head.split_at(4);
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_le_bytes);
        let (code, length) = (word(code), word(length));
        if !self.started && code != SECTION_HEADER {
            return Err(Error::NotACapture {
                offset,
                found: code,
                expected: SECTION_HEADER,
            });
        }
        self.started = true;
        let kind = Kind::of(code);
        let bad_length = |expected| Error::Length {
            offset,
            block: kind.name(),
            length,
            expected,
        };
        let is_event = matches!(kind, Kind::Event { .. });
        if kind == Kind::Section {
            // The magic comes before the length is believed: it tells a capture from a machine of
            // the other byte order, where the length is nonsense.
            let got = self.source.take(4, &mut self.buffer).map_err(io)?;
            if got < 4 {
                return Err(truncated(
                    kind.name(),
                    SECTION_HEADER_LEN as usize,
                    HEAD + got,
                ));
            }
            let magic = word(&self.buffer[HEAD..HEAD + 4]);
            if magic == MAGIC.swap_bytes() {
                return Err(Error::ByteOrder { offset });
            }
            if magic != MAGIC {
                return Err(Error::Magic {
                    offset,
                    found: magic,
                    expected: MAGIC,
                });
            }
            if length < SECTION_HEADER_LEN {
                return Err(bad_length("at least 28"));
            }
        }
        if (length as usize) < FRAME {
            return Err(bad_length("at least 12"));
        }
        if length > MAX_BLOCK {
            return Err(bad_length("at most 1 GiB"));
        }
        if is_event && length > MAX_EVENT_BLOCK {
            return Err(bad_length("at most 256 MiB"));
        }
        let total = length as usize;
        let rest = total - self.buffer.len();
        self.source.take(rest, &mut self.buffer).map_err(io)?;
        if self.buffer.len() < total {
            return Err(truncated(kind.name(), total, self.buffer.len()));
        }
        let trailer = word(&self.buffer[total - 4..]);
        // Writers of events have not always kept the trailer, and readers have never looked.
        if trailer != length && !is_event {
            return Err(Error::Trailer {
                offset,
                block: kind.name(),
                length,
                trailer,
            });
        }
        Ok(Some(kind))
    }

    fn read_section(&mut self, kind: Kind, offset: u64) -> Result<Option<Block<'static>>, Error> {
        let failed = |version| {
            move |(entry, source): (usize, SectionError)| Error::Section {
                offset,
                block: kind.name(),
                version,
                entry,
                source,
            }
        };
        let body = body(&self.buffer);
        Ok(Some(match kind {
            Kind::Section => {
                let (major, minor) = section_version(body).map_err(|e| failed(1)((0, e)))?;
                if major > MAJOR {
                    return Err(Error::Version {
                        offset,
                        major,
                        minor,
                        supported: MAJOR,
                    });
                }
                if let Some(converter) = &mut self.converter {
                    converter.clear();
                }
                Block::Start { major, minor }
            }
            Kind::Machine => {
                Block::Machine(section::machine::read(body).map_err(|e| failed(1)((0, e)))?)
            }
            Kind::Interfaces(version) => Block::Interfaces(
                section::interfaces::read(body, version).map_err(failed(version))?,
            ),
            Kind::Accounts(version) => {
                Block::Accounts(section::accounts::read(body, version).map_err(failed(version))?)
            }
            Kind::Processes(version) => {
                Block::Processes(section::processes::read(body, version).map_err(failed(version))?)
            }
            Kind::Descriptors(version) => {
                let (tid, descriptors) =
                    section::descriptors::read(body, version).map_err(failed(version))?;
                Block::Descriptors { tid, descriptors }
            }
            Kind::Unknown | Kind::Event { .. } => {
                self.skipped += 1;
                return Ok(None);
            }
        }))
    }

    /// Finds the record in the block at hand; `None` when its type is unknown.
    fn locate_event(
        &mut self,
        offset: u64,
        v1: bool,
        has_flags: bool,
    ) -> Result<Option<(u16, EventDumpFlags, Place)>, Error> {
        let failed = |source| Error::Section {
            offset,
            block: "event",
            version: if v1 { 1 } else { 2 },
            entry: 0,
            source,
        };
        let mut body = body(&self.buffer);
        let cpu = body.u16("cpu").map_err(failed)?;
        let flags = if has_flags {
            body.u32("flags").map_err(failed)?
        } else {
            0
        };
        let flags = EventDumpFlags(flags);
        let len = body.remaining();
        let record = body.bytes("event", len).map_err(failed)?;
        let event = |source| Error::Event { offset, source };
        let start = HEAD + (self.buffer.len() - FRAME - len);
        if v1 {
            let found = v1::rebuild(record, &mut self.rebuilt).map_err(event)?;
            return Ok(found.then_some((cpu, flags, Place::Rebuilt)));
        }
        match EventView::parse(record) {
            Ok(view) => {
                let end = start + view.record().len();
                Ok(Some((cpu, flags, Place::Block(start, end))))
            }
            Err(ViewError::UnknownType(_)) => Ok(None),
            Err(source) => Err(event(source)),
        }
    }
}

/// The body of a whole block.
fn body(block: &[u8]) -> Cursor<'_> {
    Cursor::new(&block[HEAD..block.len() - 4])
}

/// The version in a section header; options behind it are left alone.
fn section_version(mut body: Cursor<'_>) -> Result<(u16, u16), SectionError> {
    body.u32("magic")?;
    Ok((body.u16("major version")?, body.u16("minor version")?))
}
