//! A place in the text, and the small things that can be read there. What a word means depends on
//! where it stands, so there is no list of tokens: the parser asks for what may come next.

use std::ops::Range;

use super::error::{Found, ParseError, ParseErrorKind};
use crate::span::{SourceId, Span};

/// The longest piece of the text that a message repeats.
const FOUND_LIMIT: usize = 40;

pub(super) struct Cursor<'a> {
    text: &'a str,
    source: SourceId,
    at: usize,
    /// Where the last word or sign stands that was taken.
    last: Range<usize>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, source: SourceId) -> Self {
        Self {
            text,
            source,
            at: 0,
            last: 0..0,
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Goes back to where the cursor has been before.
    pub(super) fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// Takes the next `length` bytes, which must end between two characters.
    pub(super) fn take(&mut self, length: usize) -> &'a str {
        let start = self.at;
        self.at += length;
        self.last = start..self.at;
        &self.text[start..self.at]
    }

    /// Skips blanks; says whether there were any.
    pub(super) fn blanks(&mut self) -> bool {
        let length = self
            .rest()
            .iter()
            .take_while(|&&byte| is_blank(byte))
            .count();
        self.at += length;
        length > 0
    }

    /// Takes a sign if it comes next.
    pub(super) fn sign(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign.as_bytes());
        if found {
            self.take(sign.len());
        }
        found
    }

    /// Whether a keyword comes next: the word, followed by a blank, `(` or the end.
    pub(super) fn at_keyword(&self, keyword: &str) -> bool {
        self.rest()
            .strip_prefix(keyword.as_bytes())
            .is_some_and(|rest| {
                rest.first()
                    .is_none_or(|&byte| is_blank(byte) || byte == b'(')
            })
    }

    /// The length of the name that comes next: a letter, then letters, digits and `_`.
    pub(super) fn name_length(&self) -> usize {
        name_length(self.rest())
    }

    /// The length of the name with dots that comes next, and whether it has dots.
    pub(super) fn dotted_name_length(&self) -> (usize, bool) {
        let rest = self.rest();
        let mut length = name_length(rest);
        let mut dotted = false;
        while length > 0 && rest.get(length) == Some(&b'.') {
            let part = name_length(&rest[length + 1..]);
            if part == 0 {
                break;
            }
            length += 1 + part;
            dotted = true;
        }
        (length, dotted)
    }

    /// The length of the bare text that comes next.
    pub(super) fn bare_length(&self) -> usize {
        self.rest()
            .iter()
            .take_while(|&&byte| is_bare(byte))
            .count()
    }

    /// What the text before the cursor ends in.
    pub(super) fn last(&self) -> &'a str {
        &self.text[self.last.clone()]
    }

    pub(super) fn span(&self, start: usize) -> Span {
        self.span_of(start..self.at)
    }

    pub(super) fn span_of(&self, range: Range<usize>) -> Span {
        let offset = |at| u32::try_from(at).expect("the length of the text fits into 32 bits");
        Span {
            source: self.source,
            start: offset(range.start),
            end: offset(range.end),
        }
    }

    /// The word or sign that comes next, with its place.
    pub(super) fn found(&self) -> (Found, Span) {
        let length = match self.peek() {
            None => return (Found::End, self.span(self.at)),
            Some(b'"' | b'\'') => {
                crate::quote::closing_quote(self.rest()).map_or(self.rest().len(), |end| end + 1)
            }
            Some(_) => match self.bare_length() {
                0 => 1,
                length => length,
            },
        };
        let word = &self.text[self.at..self.at + length];
        let shown = match word.char_indices().nth(FOUND_LIMIT) {
            Some((end, _)) => format!("{}…", &word[..end]),
            None => word.to_owned(),
        };
        (Found::Text(shown), self.span_of(self.at..self.at + length))
    }

    /// An error about what comes next.
    pub(super) fn expected(&self, expected: &'static [&'static str]) -> ParseError {
        let (found, span) = self.found();
        ParseError {
            span,
            kind: ParseErrorKind::Expected { expected, found },
        }
    }

    /// Skips to where the parser can make sense of the text again: an `and`, an `or` or a closing
    /// parenthesis outside quotes and balanced parentheses, or the end.
    pub(super) fn skip_to_boundary(&mut self) {
        let mut open = 0_usize;
        let mut after_word = false;
        let mut unclosed = None;
        while let Some(byte) = self.peek() {
            if open == 0 && !after_word && (self.at_keyword("and") || self.at_keyword("or")) {
                return;
            }
            after_word = is_bare(byte);
            match byte {
                b')' if open == 0 => return,
                b')' => open -= 1,
                b'(' => open += 1,
                // An unclosed quote is skipped alone, so that the rest is still looked at.
                b'"' | b'\'' if unclosed != Some(byte) => {
                    match crate::quote::closing_quote(self.rest()) {
                        Ok(length) => self.at += length,
                        Err(_) => unclosed = Some(byte),
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 8 | b'\r' | b'\n')
}

/// Whether a byte may stand in a text without quotes.
pub(crate) fn is_bare(byte: u8) -> bool {
    !matches!(
        byte,
        b'(' | b')' | b'"' | b'\'' | b'=' | b',' | b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | 8
    )
}

fn name_length(text: &[u8]) -> usize {
    match text.first() {
        Some(first) if first.is_ascii_alphabetic() => text
            .iter()
            .take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'_')
            .count(),
        _ => 0,
    }
}
