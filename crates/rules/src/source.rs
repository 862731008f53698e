//! Where a piece of text was written: files, spans and positions.

/// One rules file as it was read: its name in messages, and its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// What messages call it; usually the path.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A file from its name and its bytes. Bytes that are not UTF-8 become U+FFFD, so that a
    /// stray Latin-1 comment does not stop a whole rules file.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            name: name.into(),
            text: String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// The index of a file among those that are loaded together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub u32);

/// A range of bytes in a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// Which file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The first byte of a file: where things are that concern the file as a whole.
    pub fn start_of(file: FileId) -> Self {
        Self {
            file,
            start: 0,
            end: 0,
        }
    }

    /// From the start of `self` to the end of `other`; `self` when they are not in one file or
    /// not in order.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.file == other.file && other.end >= self.start {
            Self {
                end: other.end.max(self.end),
                ..self
            }
        } else {
            self
        }
    }
}

/// A place in a file as people count it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The offset in bytes, from 0.
    pub offset: u32,
}

/// The files that are loaded together.
#[derive(Clone, Default, Debug)]
pub struct Sources {
    files: Vec<Source>,
    /// For each file, where its lines start.
    lines: Vec<Vec<u32>>,
}

impl Sources {
    /// Indexes the lines of some files.
    pub fn new(files: Vec<Source>) -> Self {
        let lines = files
            .iter()
            .map(|file| {
                let breaks = file
                    .text
                    .bytes()
                    .enumerate()
                    .filter(|&(_, byte)| byte == b'\n');
                std::iter::once(0)
                    .chain(breaks.map(|(at, _)| at as u32 + 1))
                    .collect()
            })
            .collect();
        Self { files, lines }
    }

    /// The files with their ids, in the order in which they are loaded.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.files
            .iter()
            .enumerate()
            .map(|(index, file)| (FileId(index as u32), file))
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The text of a file; empty for an id that is not of this collection.
    pub fn text(&self, file: FileId) -> &str {
        self.files
            .get(file.0 as usize)
            .map_or("", |file| &file.text)
    }

    /// The name of a file.
    pub fn name(&self, file: FileId) -> &str {
        self.files
            .get(file.0 as usize)
            .map_or("", |file| &file.name)
    }

    /// The text that a span covers.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file)
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// Line and column of an offset.
    pub fn position(&self, file: FileId, offset: u32) -> Position {
        let (line, start) = self.line_at(file, offset);
        let before = self
            .text(file)
            .get(start as usize..offset as usize)
            .unwrap_or_default();
        Position {
            line: line + 1,
            column: before.chars().count() as u32 + 1,
            offset,
        }
    }

    /// The line that holds an offset, without its end, and where it starts.
    pub fn line_text(&self, file: FileId, offset: u32) -> (&str, u32) {
        let (_, start) = self.line_at(file, offset);
        let rest = self.text(file).get(start as usize..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        (line.strip_suffix('\r').unwrap_or(line), start)
    }

    /// The index of the line that holds an offset, and where it starts.
    fn line_at(&self, file: FileId, offset: u32) -> (u32, u32) {
        let starts = self
            .lines
            .get(file.0 as usize)
            .map_or(&[][..], Vec::as_slice);
        let line = starts
            .partition_point(|&start| start <= offset)
            .saturating_sub(1);
        (line as u32, starts.get(line).copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let sources = Sources::new(vec![Source {
            name: "a".into(),
            text: "é: x\n\tü y".into(),
        }]);
        let at = |offset| {
            let position = sources.position(FileId(0), offset);
            (position.line, position.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(2), (1, 2));
        assert_eq!(at(6), (2, 1));
        assert_eq!(at(10), (2, 4));
        assert_eq!(sources.line_text(FileId(0), 10), ("\tü y", 6));
        assert_eq!(at(999), (2, 1), "an offset outside the text does not panic");
    }
}
