//! Substrings whatever the case. The case of ASCII letters only: what is compared are bytes.

/// Whether a text contains another, which must be in lower case.
pub(crate) fn contains_lower(text: &[u8], lower: &[u8]) -> bool {
    let Some((&first, rest)) = lower.split_first() else {
        return true;
    };
    let Some(last_start) = text.len().checked_sub(lower.len()) else {
        return false;
    };
    let starts = &text[..=last_start];
    let upper = first.to_ascii_uppercase();
    memchr::memchr2_iter(first, upper, starts)
        .any(|start| text[start + 1..start + lower.len()].eq_ignore_ascii_case(rest))
}

/// Whether a text contains another that is only known now.
pub(crate) fn contains_any_case(text: &[u8], other: &[u8]) -> bool {
    other.is_empty()
        || text
            .windows(other.len())
            .any(|window| window.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::{contains_any_case, contains_lower};

    #[test]
    fn case_does_not_matter() {
        assert!(contains_lower(b"xxFoOBar", b"foobar"));
        assert!(contains_lower(b"fofoo", b"foo"));
        assert!(contains_lower(b"", b""));
        assert!(!contains_lower(b"fo", b"foo"));
        assert!(!contains_lower(b"fofo", b"foo"));
        assert!(contains_any_case(b"xFOo", b"FoO"));
        assert!(contains_any_case(b"", b""));
        assert!(!contains_any_case(b"fo", b"foo"));
    }
}
