//! JSON, written by hand into a buffer.
//!
//! Escapes are those of the field's consumers' parsers' common denominator and of Falco: the two
//! character forms where JSON has them, `\u00xx` for other controls, everything else as it is.

use std::fmt::Write;

use crate::FieldValue;

/// What to write for a byte: itself (0), a two-character escape (its letter), or `\u00xx` (`u`).
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = b'u';
        control += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Appends `text` with what JSON strings cannot hold escaped, without quotes around it.
pub(crate) fn escape(out: &mut String, text: &str) {
    let mut clean = 0;
    let mut at = clean_length(text.as_bytes());
    while let Some(&byte) = text.as_bytes().get(at) {
        // Bytes that need an escape are ASCII, so both cuts are at character boundaries.
        out.push_str(&text[clean..at]);
        clean = at + 1;
        let escape = ESCAPES[usize::from(byte)];
        out.push('\\');
        out.push(char::from(escape));
        if escape == b'u' {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.push_str("00");
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
        at = clean + clean_length(&text.as_bytes()[clean..]);
    }
    out.push_str(&text[clean..]);
}

/// How many bytes come before the first that needs an escape. Sixteen are looked at at once, for
/// nearly all texts need none.
fn clean_length(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<16>();
    let is_clean = |block: &&[u8; 16]| {
        let dirty = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
        !block.iter().fold(false, |any, byte| any | dirty(byte))
    };
    let start = 16 * blocks.iter().take_while(is_clean).count();
    let rest = bytes[start..].iter();
    let clean = rest
        .take_while(|byte| ESCAPES[usize::from(**byte)] == 0)
        .count();
    start + clean
}

/// Appends a JSON string.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text);
    out.push('"');
}

/// Appends a decimal number.
pub(crate) fn number(out: &mut String, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[at..]).expect("digits are ASCII"));
}

/// Appends a value.
pub(crate) fn value(out: &mut String, value: &FieldValue) {
    match value {
        FieldValue::Null => out.push_str("null"),
        FieldValue::String(text) => string(out, text),
        FieldValue::U64(unsigned) => number(out, *unsigned),
        FieldValue::I64(signed) => {
            if *signed < 0 {
                out.push('-');
            }
            number(out, signed.unsigned_abs());
        }
        // `{:?}` is the shortest form that reads back the same, always with a point or an exponent.
        FieldValue::F64(float) if float.is_finite() => {
            write!(out, "{float:?}").expect("writing to a string cannot fail");
        }
        // JSON has no infinities.
        FieldValue::F64(_) => out.push_str("null"),
        FieldValue::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        FieldValue::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                self::value(out, item);
            }
            out.push(']');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        let mut out = String::new();
        string(
            &mut out,
            "a\"b\\c\u{8}\t\n\u{c}\r\u{0}\u{1f}\u{7f}/é\u{fffd}",
        );
        assert_eq!(
            out,
            "\"a\\\"b\\\\c\\b\\t\\n\\f\\r\\u0000\\u001f\u{7f}/é\u{fffd}\""
        );
    }

    #[test]
    fn numbers_at_their_limits() {
        for (input, expected) in [
            (FieldValue::U64(0), "0"),
            (FieldValue::U64(u64::MAX), "18446744073709551615"),
            (FieldValue::I64(i64::MIN), "-9223372036854775808"),
            (FieldValue::F64(1.0), "1.0"),
            (FieldValue::F64(1e300), "1e300"),
            (FieldValue::F64(f64::NAN), "null"),
            (FieldValue::F64(f64::NEG_INFINITY), "null"),
        ] {
            let mut out = String::new();
            value(&mut out, &input);
            assert_eq!(out, expected);
        }
    }
}
