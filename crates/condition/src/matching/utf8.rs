//! Text that may not be UTF-8.

/// Appends bytes as UTF-8: each longest prefix of a character that is not continued, and each byte
/// that cannot begin one, becomes U+FFFD.
pub fn sanitize_utf8(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}
