//! Constants: quoted, bare and numbers.

use super::cursor::Cursor;
use super::error::{ParseError, ParseErrorKind};
use crate::ast::Literal;
use crate::quote::{UnquoteError, closing_quote, unescape_content};

/// Reads a text with or without quotes.
pub(super) fn value(
    cursor: &mut Cursor<'_>,
    expected: &'static [&'static str],
) -> Result<Literal, ParseError> {
    let start = cursor.at();
    let bytes = match (cursor.peek(), cursor.bare_length()) {
        (Some(b'"' | b'\''), _) => quoted(cursor)?,
        (_, 0) => return Err(cursor.expected(expected)),
        (_, length) => cursor.take(length).into(),
    };
    Ok(Literal {
        bytes,
        span: cursor.span(start),
    })
}

/// Reads the text in quotes that comes next.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, ParseError> {
    let start = cursor.at();
    let text = cursor.rest();
    let Ok(end) = closing_quote(text) else {
        let quote = text[0];
        let escaped_backslash = text
            .windows(3)
            .any(|window| window == [b'\\', b'\\', quote]);
        let kind = ParseErrorKind::UnterminatedString { escaped_backslash };
        return Err(ParseError {
            span: cursor.span_of(start..start + text.len()),
            kind,
        });
    };
    let quoted = cursor.take(end + 1);
    unescape_content(text, end).map_err(|error| {
        let UnquoteError::InvalidEscape(range) = error else {
            unreachable!("the text has both its quotes");
        };
        let boundary = |&end: &usize| quoted.is_char_boundary(end);
        let end = (range.end..=quoted.len())
            .find(boundary)
            .unwrap_or(quoted.len());
        let span = cursor.span_of(start + range.start..start + end);
        let escape = quoted[range.start..end].to_owned();
        ParseError {
            span,
            kind: ParseErrorKind::InvalidEscape(escape),
        }
    })
}

/// The length of the number that a text begins with: hexadecimal after `0x`, or decimal with an
/// optional sign, point and exponent.
pub(crate) fn number_length(text: &[u8]) -> usize {
    let digits = |from: usize| {
        text[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    if let [b'0', b'x' | b'X', rest @ ..] = text {
        let digits = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        if digits > 0 {
            return 2 + digits;
        }
    }
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    if whole == 0 {
        return 0;
    }
    let mut length = sign + whole;
    if text.get(length) == Some(&b'.') {
        length += 1 + digits(length + 1);
    }
    if let Some([b'e' | b'E', b'+' | b'-', b'0'..=b'9']) = text.get(length..length + 3) {
        length += 2 + digits(length + 2);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::number_length;

    #[test]
    fn numbers() {
        for (text, length) in [
            ("", 0),
            ("+", 0),
            ("-1", 2),
            ("0x", 1),
            ("0x1f)", 4),
            ("1.", 2),
            ("1.5e", 3),
            ("1.5e+10 ", 7),
            ("1e5", 1),
            ("!0", 0),
        ] {
            assert_eq!(number_length(text.as_bytes()), length, "{text}");
        }
    }
}
