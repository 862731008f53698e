//! Quotes and escapes.
//!
//! A quote that follows a backslash never closes a text, even when that backslash is itself
//! escaped; rules in the field rely on it. So no quoted text can end in an escaped backslash, and
//! [`escape`] writes such an end as `\x5c`.

use std::fmt::Write;
use std::ops::Range;

/// Why a quoted text cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnquoteError {
    /// It does not begin with a quote.
    #[error("expected a quote")]
    NoQuote,
    /// The closing quote is missing.
    #[error("the quote is never closed")]
    Unterminated,
    /// Something follows the closing quote.
    #[error("unexpected text after the closing quote")]
    TrailingText,
    /// A backslash is followed by something that it cannot escape. Holds the bytes of the escape,
    /// counted from the opening quote.
    #[error("invalid escape")]
    InvalidEscape(Range<usize>),
}

/// Writes bytes as a text in double quotes that [`unescape`] reads back.
pub fn escape(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '"' => quoted.push_str("\\\""),
                '\\' => quoted.push_str("\\\\"),
                '\x08' => quoted.push_str("\\b"),
                '\x0c' => quoted.push_str("\\f"),
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                char if char.is_ascii_control() => push_hex(&mut quoted, char as u8),
                char => quoted.push(char),
            }
        }
        for &byte in chunk.invalid() {
            push_hex(&mut quoted, byte);
        }
    }
    if bytes.ends_with(b"\\") {
        quoted.truncate(quoted.len() - 2);
        push_hex(&mut quoted, b'\\');
    }
    quoted.push('"');
    quoted
}

fn push_hex(text: &mut String, byte: u8) {
    write!(text, "\\x{byte:02x}").expect("a String takes any text");
}

/// Reads a whole text in single or double quotes.
///
/// # Errors
///
/// When it is not exactly one quoted text, or has an escape that does not exist.
pub fn unescape(quoted: &str) -> Result<Vec<u8>, UnquoteError> {
    let end = closing_quote(quoted.as_bytes())?;
    if end + 1 != quoted.len() {
        return Err(UnquoteError::TrailingText);
    }
    unescape_content(quoted.as_bytes(), end)
}

/// The index of the quote that closes the text that begins with a quote.
pub(crate) fn closing_quote(text: &[u8]) -> Result<usize, UnquoteError> {
    let Some(&quote @ (b'"' | b'\'')) = text.first() else {
        return Err(UnquoteError::NoQuote);
    };
    let mut from = 1;
    while let Some(index) = memchr::memchr(quote, &text[from..]).map(|at| from + at) {
        if text[index - 1] != b'\\' {
            return Ok(index);
        }
        from = index + 1;
    }
    Err(UnquoteError::Unterminated)
}

/// Resolves the escapes between the quotes at 0 and `end`.
pub(crate) fn unescape_content(text: &[u8], end: usize) -> Result<Vec<u8>, UnquoteError> {
    let quote = text[0];
    let mut bytes = Vec::with_capacity(end - 1);
    let mut at = 1;
    while at < end {
        if text[at] != b'\\' {
            bytes.push(text[at]);
            at += 1;
            continue;
        }
        let (byte, length) = match text[at + 1] {
            b'b' => (8, 2),
            b'f' => (12, 2),
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b' ' | b'\\' => (b'\\', 2),
            b'/' => (b'/', 2),
            other if other == quote => (quote, 2),
            b'x' => match text[at + 2..end]
                .first_chunk::<2>()
                .and_then(|&hex| hex_byte(hex))
            {
                Some(byte) => (byte, 4),
                None => return Err(UnquoteError::InvalidEscape(at..(at + 4).min(end))),
            },
            _ => return Err(UnquoteError::InvalidEscape(at..at + 2)),
        };
        bytes.push(byte);
        at += length;
    }
    Ok(bytes)
}

/// The byte that two hexadecimal digits stand for.
pub(crate) fn hex_byte(digits: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some(digit(digits[0])? << 4 | digit(digits[1])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_after_an_escaped_backslash_does_not_close() {
        assert_eq!(unescape(r#""a\\"b""#), Ok(br#"a\"b"#.to_vec()));
        assert_eq!(unescape(r"'a\\'"), Err(UnquoteError::Unterminated));
        assert_eq!(unescape(r"'a\ '"), Ok(br"a\".to_vec()));
    }

    #[test]
    fn what_is_escaped_reads_back() {
        for bytes in [
            &b"\\"[..],
            b"",
            b"a\\\\",
            b"\"",
            b"\\\"",
            b"\xff\x00\n'",
            "é\u{7f}".as_bytes(),
        ] {
            assert_eq!(unescape(&escape(bytes)).as_deref(), Ok(bytes));
        }
    }

    #[test]
    fn only_the_enclosing_quote_is_escaped() {
        assert_eq!(unescape(r#""\'""#), Err(UnquoteError::InvalidEscape(1..3)));
        assert_eq!(unescape(r#"'\"'"#), Err(UnquoteError::InvalidEscape(1..3)));
    }
}
