//! Text that knows where each of its bytes was written.
//!
//! A condition is put together from pieces: a folded YAML scalar loses its line breaks, `append`
//! joins two scalars of different files, lists are substituted, exceptions are wrapped around it.
//! [`Text`] carries, beside the characters, the place each of them came from, so that an error in
//! the result points at what somebody wrote.

use std::ops::Range;

use crate::source::Span;

/// A string made of pieces, each with the span that it came from.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Text {
    string: String,
    /// In order of `start`, covering the string without gaps.
    pieces: Vec<Piece>,
}

/// From `start` to the start of the next piece, the text came from `span`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Piece {
    start: u32,
    span: Span,
    /// Whether text and span agree byte for byte; otherwise every byte stands for the whole span
    /// (an escape sequence, a folded line break, a parenthesis of ours).
    exact: bool,
}

impl Text {
    /// Text that did not come from a file; every byte of it stands for `span`.
    pub fn synthetic(string: &str, span: Span) -> Self {
        let mut text = Self::default();
        text.push_synthetic(string, span);
        text
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.string
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.string.is_empty()
    }

    /// Appends characters that stand in the file as they are here, from the start of `span`.
    pub(crate) fn push_exact(&mut self, string: &str, span: Span) {
        if string.is_empty() {
            return;
        }
        let start = self.string.len() as u32;
        self.string.push_str(string);
        if let Some(last) = self.pieces.last()
            && last.exact
            && last.span.file == span.file
            && last.span.start + (start - last.start) == span.start
        {
            return; // It goes on where the last piece ended.
        }
        self.pieces.push(Piece {
            start,
            span,
            exact: true,
        });
    }

    /// Appends characters that all stand for `span`.
    pub(crate) fn push_synthetic(&mut self, string: &str, span: Span) {
        if string.is_empty() {
            return;
        }
        let start = self.string.len() as u32;
        self.string.push_str(string);
        self.pieces.push(Piece {
            start,
            span,
            exact: false,
        });
    }

    /// Appends another text.
    pub fn push(&mut self, other: &Self) {
        self.push_range(other, 0..other.string.len());
    }

    /// Appends a part of another text. A range that is not on character boundaries appends
    /// nothing.
    pub fn push_range(&mut self, other: &Self, range: Range<usize>) {
        let Some(part) = other.string.get(range.clone()) else {
            return;
        };
        if part.is_empty() {
            return;
        }
        let base = self.string.len() as u32;
        let (from, to) = (range.start as u32, range.end as u32);
        let first = other.piece_index(from);
        for piece in other
            .pieces
            .iter()
            .skip(first)
            .take_while(|piece| piece.start < to)
        {
            let skipped = from.saturating_sub(piece.start);
            let span = if piece.exact {
                Span {
                    start: piece.span.start + skipped,
                    ..piece.span
                }
            } else {
                piece.span
            };
            let start = base + (piece.start + skipped - from);
            self.pieces.push(Piece {
                start,
                span,
                exact: piece.exact,
            });
        }
        self.string.push_str(part);
    }

    /// Keeps the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len < self.string.len() && self.string.is_char_boundary(len) {
            self.string.truncate(len);
            self.pieces.retain(|piece| (piece.start as usize) < len);
        }
    }

    /// The trimmed text.
    #[must_use]
    pub fn trimmed(&self) -> Self {
        let left = self.string.len() - self.string.trim_start().len();
        let right = self.string.trim_end().len();
        let mut out = Self::default();
        out.push_range(self, left..right.max(left));
        out
    }

    /// Where a range of the text was written. A range that crosses pieces of one file gives the
    /// span from the first to the last; one that crosses files, the part in the first file.
    pub fn span(&self, range: Range<usize>) -> Option<Span> {
        let len = self.string.len();
        let start = range.start.min(len);
        // The end of the text is a place too: one past what the last byte stands for.
        if start == len {
            let last = self.pieces.last()?;
            let at = if last.exact {
                last.span.start + (len as u32 - last.start)
            } else {
                last.span.end
            };
            return Some(Span {
                start: at,
                end: at,
                ..last.span
            });
        }
        let first = self.byte_span(start)?;
        let end = range.end.clamp(start, len);
        if end == start {
            return Some(Span {
                end: first.start,
                ..first
            });
        }
        let last = self.byte_span(end - 1)?;
        if last.file == first.file && last.end < first.start {
            return Some(first);
        }
        Some(first.to(last))
    }

    /// Where all of it was written.
    pub fn whole(&self) -> Option<Span> {
        self.span(0..self.string.len())
    }

    fn piece_index(&self, at: u32) -> usize {
        self.pieces
            .partition_point(|piece| piece.start <= at)
            .saturating_sub(1)
    }

    fn byte_span(&self, at: usize) -> Option<Span> {
        let piece = self.pieces.get(self.piece_index(at as u32))?;
        if !piece.exact {
            return Some(piece.span);
        }
        let start = piece.span.start + (at as u32 - piece.start);
        Some(Span {
            start,
            end: start + 1,
            ..piece.span
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    fn span(start: u32, end: u32) -> Span {
        Span {
            file: FileId(0),
            start,
            end,
        }
    }

    #[test]
    fn a_part_of_a_part_still_points_at_its_place() {
        let mut text = Text::default();
        text.push_exact("abc", span(10, 13));
        text.push_synthetic(" ", span(13, 17));
        text.push_exact("def", span(17, 20));
        let mut part = Text::synthetic("(", span(9, 9));
        part.push_range(&text, 1..6);
        assert_eq!(part.as_str(), "(bc de");
        assert_eq!(part.span(1..2), Some(span(11, 12)));
        assert_eq!(part.span(3..4), Some(span(13, 17)));
        assert_eq!(part.span(1..6), Some(span(11, 19)));
        assert_eq!(part.span(6..6), Some(span(19, 19)), "the end of the text");
    }
}
