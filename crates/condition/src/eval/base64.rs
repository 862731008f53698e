//! Base 64 with the standard alphabet; the padding may be missing.

/// Decodes a text. `None` when it is not base 64.
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let end = text
        .iter()
        .rposition(|&byte| byte != b'=')
        .map_or(0, |last| last + 1);
    let (text, padding) = text.split_at(end);
    let partial = text.len() % 4;
    let padding_fits = padding.is_empty() || (partial + padding.len() == 4 && partial >= 2);
    if partial == 1 || !padding_fits {
        return None;
    }
    for chunk in text.chunks(4) {
        let mut bits = 0_u32;
        for &byte in chunk {
            bits = bits << 6 | digit(byte)?;
        }
        bits <<= 6 * (4 - chunk.len());
        out.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    Some(())
}

fn digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(digit.into())
}

#[cfg(test)]
mod tests {
    fn decode(text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        super::decode(text.as_bytes(), &mut out).map(|()| out)
    }

    #[test]
    fn padding_is_optional() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm8=", b"fo"),
            ("Zm8", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYg==", b"foob"),
            ("/+8=", b"\xff\xef"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
        }
        for wrong in ["Z", "Zg=", "Zg===", "Zm9v=", "=", "Z m9", "Zm9-"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
