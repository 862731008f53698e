//! Finding one's way through the text files of `/proc`.

/// The words of a line.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// The lines of a text.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
}

/// A decimal number.
pub(super) fn decimal<T: std::str::FromStr>(word: &[u8]) -> Option<T> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// A hexadecimal number without a prefix.
pub(super) fn hex(word: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()
}

/// An octal number.
pub(super) fn octal(word: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(word).ok()?, 8).ok()
}

/// The number in brackets of `socket:[123]`.
pub(super) fn bracketed(text: &[u8]) -> Option<u64> {
    let start = text.iter().position(|&byte| byte == b'[')? + 1;
    decimal(text.get(start..)?.strip_suffix(b"]")?)
}

/// The line of `status` that starts with `key` and a colon, without both.
pub(super) fn value<'a>(status: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    lines(status).find_map(|line| line.strip_prefix(key)?.strip_prefix(b":"))
}
