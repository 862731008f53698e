//! Shell patterns as `fnmatch` understands them without flags: `*` and `?` also match `/` and a
//! leading dot, `[…]` is one byte out of a set, a backslash takes away the meaning of what
//! follows. Bytes are compared, so `?` matches one byte. `[` that is never closed is itself.

use memchr::memmem;

/// A pattern made ready for many texts.
///
/// It is cut at its stars. The first piece must match at the start and the last at the end; each
/// piece between them is looked for from left to right, and the first place is always as good as
/// any other, so nothing is ever tried again.
#[derive(Debug)]
pub(crate) struct Glob {
    first: Piece,
    middle: Vec<Piece>,
    /// What follows the last star; `None` when there is no star.
    last: Option<Piece>,
    fold: bool,
}

/// What stands between two stars; always matches the same number of bytes.
#[derive(Debug)]
enum Piece {
    Literal(Box<memmem::Finder<'static>>),
    Items(Vec<Item>),
}

/// One byte of a text.
#[derive(Clone, Debug)]
enum Item {
    Byte(u8),
    Any,
    Set(Box<[u64; 4]>),
    /// Matches nothing: a backslash at the end.
    Never,
}

impl Glob {
    /// Reads a pattern. With `fold`, the case of ASCII letters does not matter.
    pub(crate) fn new(pattern: &[u8], fold: bool) -> Self {
        let mut pieces = vec![Vec::new()];
        let mut rest = pattern;
        while let Some((token, length)) = next_token(rest) {
            rest = &rest[length..];
            let current = pieces.last_mut().expect("there is always a piece");
            match token {
                Token::Star => pieces.push(Vec::new()),
                Token::One => current.push(Item::Any),
                Token::Byte(byte) if fold => current.push(Item::Byte(byte.to_ascii_lowercase())),
                Token::Byte(byte) => current.push(Item::Byte(byte)),
                Token::Bracket(bracket) => current.push(Item::Set(bracket.bits(fold))),
                Token::Never => current.push(Item::Never),
            }
        }
        let last = (pieces.len() > 1).then(|| pieces.pop().expect("there are two"));
        let mut pieces = pieces.into_iter().map(|items| Piece::new(items, fold));
        let first = pieces.next().expect("there is always a piece");
        let middle = pieces.filter(|piece| piece.length() > 0).collect();
        Self {
            first,
            middle,
            last: last.map(|items| Piece::new(items, fold)),
            fold,
        }
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        let fold = self.fold;
        let Some(rest) = self.first.strip_start(text, fold) else {
            return false;
        };
        let Some(last) = &self.last else {
            return rest.is_empty();
        };
        let Some(mut rest) = last.strip_end(rest, fold) else {
            return false;
        };
        for piece in &self.middle {
            match piece.find(rest, fold) {
                Some(at) => rest = &rest[at + piece.length()..],
                None => return false,
            }
        }
        true
    }
}

impl Piece {
    fn new(items: Vec<Item>, fold: bool) -> Self {
        let bytes: Option<Vec<u8>> = items
            .iter()
            .map(|item| match item {
                Item::Byte(byte) if !fold => Some(*byte),
                _ => None,
            })
            .collect();
        match bytes {
            Some(bytes) => Self::Literal(Box::new(memmem::Finder::new(&bytes).into_owned())),
            None => Self::Items(items),
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Literal(finder) => finder.needle().len(),
            Self::Items(items) => items.len(),
        }
    }

    fn strip_start<'t>(&self, text: &'t [u8], fold: bool) -> Option<&'t [u8]> {
        let (start, rest) = text.split_at_checked(self.length())?;
        self.matches(start, fold).then_some(rest)
    }

    fn strip_end<'t>(&self, text: &'t [u8], fold: bool) -> Option<&'t [u8]> {
        let (rest, end) = text.split_at_checked(text.len().checked_sub(self.length())?)?;
        self.matches(end, fold).then_some(rest)
    }

    /// Whether a text as long as the piece matches.
    fn matches(&self, text: &[u8], fold: bool) -> bool {
        match self {
            Self::Literal(finder) => finder.needle() == text,
            Self::Items(items) => items
                .iter()
                .zip(text)
                .all(|(item, &byte)| item.matches(byte, fold)),
        }
    }

    fn find(&self, text: &[u8], fold: bool) -> Option<usize> {
        match self {
            Self::Literal(finder) => finder.find(text),
            Self::Items(items) => text
                .windows(items.len())
                .position(|window| self.matches(window, fold)),
        }
    }
}

impl Item {
    fn matches(&self, byte: u8, fold: bool) -> bool {
        match self {
            Self::Byte(wanted) if fold => byte.to_ascii_lowercase() == *wanted,
            Self::Byte(wanted) => byte == *wanted,
            Self::Any => true,
            Self::Set(bits) => bits[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1,
            Self::Never => false,
        }
    }
}

/// Whether a text matches a pattern that is only known now. Takes no memory, and at most time in
/// proportion to the product of the lengths.
pub(crate) fn matches_once(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star does not match here.
    let mut retry = None;
    loop {
        let token = next_token(&pattern[p..]);
        let advanced = match (&token, text.get(t)) {
            (Some((Token::Star, length)), _) => {
                p += length;
                retry = Some((p, t));
                continue;
            }
            (None, None) => return true,
            (Some((token, length)), Some(&byte)) if token.matches(byte, fold) => {
                p += length;
                t += 1;
                true
            }
            _ => false,
        };
        if !advanced {
            match retry {
                Some((after_star, from)) if from < text.len() => {
                    (p, t) = (after_star, from + 1);
                    retry = Some((after_star, t));
                }
                _ => return false,
            }
        }
    }
}

/// Whether a pattern has anything but literal bytes.
pub(crate) fn is_pattern(text: &[u8]) -> bool {
    memchr::memchr3(b'*', b'?', b'[', text).is_some() || memchr::memchr(b'\\', text).is_some()
}

enum Token<'p> {
    Star,
    One,
    Byte(u8),
    Bracket(Bracket<'p>),
    Never,
}

impl Token<'_> {
    fn matches(&self, byte: u8, fold: bool) -> bool {
        match self {
            Self::Star | Self::Never => false,
            Self::One => true,
            Self::Byte(wanted) if fold => byte.eq_ignore_ascii_case(wanted),
            Self::Byte(wanted) => byte == *wanted,
            Self::Bracket(bracket) => bracket.matches(byte, fold),
        }
    }
}

fn next_token(pattern: &[u8]) -> Option<(Token<'_>, usize)> {
    let token = match pattern {
        [] => return None,
        [b'*', ..] => (Token::Star, 1),
        [b'?', ..] => (Token::One, 1),
        [b'\\'] => (Token::Never, 1),
        [b'\\', byte, ..] => (Token::Byte(*byte), 2),
        [b'[', rest @ ..] => match Bracket::new(rest) {
            Some((bracket, length)) => (Token::Bracket(bracket), 1 + length),
            None => (Token::Byte(b'['), 1),
        },
        [byte, ..] => (Token::Byte(*byte), 1),
    };
    Some(token)
}

/// A set of bytes: `[a-z]`, `[!0-9]`, `[[:alpha:]_]`.
struct Bracket<'p> {
    negated: bool,
    /// The text up to the closing bracket, without a leading `!` or `^`.
    content: &'p [u8],
}

enum Member {
    Range(u8, u8),
    Class(fn(u8) -> bool),
}

impl<'p> Bracket<'p> {
    /// Reads what follows the opening bracket. Returns the length with the closing bracket.
    fn new(text: &'p [u8]) -> Option<(Self, usize)> {
        let negated = matches!(text, [b'!' | b'^', ..]);
        let content = &text[usize::from(negated)..];
        let mut at = 0;
        while at == 0 || content.get(at) != Some(&b']') {
            let (_, length) = next_member(content.get(at..)?)?;
            at += length;
        }
        Some((
            Self {
                negated,
                content: &content[..at],
            },
            usize::from(negated) + at + 1,
        ))
    }

    fn matches(&self, byte: u8, fold: bool) -> bool {
        let mut rest = self.content;
        let mut found = false;
        while let Some((member, length)) = next_member(rest) {
            rest = &rest[length..];
            let holds = |byte: u8| match member {
                Member::Range(from, to) => (from..=to).contains(&byte),
                Member::Class(class) => class(byte),
            };
            found |= holds(byte)
                || fold && (holds(byte.to_ascii_lowercase()) || holds(byte.to_ascii_uppercase()));
        }
        found != self.negated
    }

    fn bits(&self, fold: bool) -> Box<[u64; 4]> {
        let mut bits = Box::new([0; 4]);
        for byte in 0..=u8::MAX {
            if self.matches(byte, fold) {
                bits[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
        }
        bits
    }
}

fn next_member(text: &[u8]) -> Option<(Member, usize)> {
    if let Some(class) = text.strip_prefix(b"[:")
        && let Some(end) = memmem::find(class, b":]")
        && let Some(class) = class_of(&class[..end])
    {
        return Some((Member::Class(class), end + 4));
    }
    let (from, length) = member_byte(text)?;
    match text.get(length..) {
        Some([b'-', rest @ ..]) if !matches!(rest, [b']', ..] | []) => {
            let (to, to_length) = member_byte(rest)?;
            Some((Member::Range(from, to), length + 1 + to_length))
        }
        _ => Some((Member::Range(from, from), length)),
    }
}

fn member_byte(text: &[u8]) -> Option<(u8, usize)> {
    match *text {
        [b'\\', byte, ..] => Some((byte, 2)),
        [b'[', b'.' | b'=', byte, b'.' | b'=', b']', ..] => Some((byte, 5)),
        [byte, ..] => Some((byte, 1)),
        [] => None,
    }
}

fn class_of(name: &[u8]) -> Option<fn(u8) -> bool> {
    Some(match name {
        b"alnum" => |byte| byte.is_ascii_alphanumeric(),
        b"alpha" => |byte| byte.is_ascii_alphabetic(),
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => |byte| byte.is_ascii_control(),
        b"digit" => |byte| byte.is_ascii_digit(),
        b"graph" => |byte| byte.is_ascii_graphic(),
        b"lower" => |byte| byte.is_ascii_lowercase(),
        b"print" => |byte| byte.is_ascii_graphic() || byte == b' ',
        b"punct" => |byte| byte.is_ascii_punctuation(),
        b"space" => |byte| byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => |byte| byte.is_ascii_uppercase(),
        b"xdigit" => |byte| byte.is_ascii_hexdigit(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn both(pattern: &[u8], text: &[u8], fold: bool) -> bool {
        let compiled = Glob::new(pattern, fold).matches(text);
        assert_eq!(
            compiled,
            matches_once(pattern, text, fold),
            "{pattern:?} {text:?} {fold}"
        );
        compiled
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "a/b", true),
            ("a*b*c", "a/b/c", true),
            ("a*b*c", "abcb", false),
            ("/home/*/.ssh/*", "/home/u/.ssh/id", true),
            ("*../*../*", "../../x", true),
            ("*../*../*", "../x", false),
            ("?", "", false),
            ("?", "/", true),
            ("a?c", "abc", true),
            ("[a-c]", "b", true),
            ("[!a-c]", "b", false),
            ("[^a-c]", "d", true),
            ("[]a]", "]", true),
            ("[!]a]", "]", false),
            ("[a-]", "-", true),
            ("[[:digit:]x]*", "9z", true),
            ("[[:digit:]]", "a", false),
            ("[\\]]", "]", true),
            ("[abc", "[abc", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\", "a", false),
            ("a\\", "a\\", false),
            ("*aab", "aaab", true),
            ("aab*baa", "aabaa", false),
            ("ABC", "abc", false),
        ] {
            assert_eq!(
                both(pattern.as_bytes(), text.as_bytes(), false),
                expected,
                "{pattern} {text}"
            );
        }
        assert!(both(b"*FOO[A-C]\xff*", b"xfooB\xffx", true));
        assert!(both(b"[[:upper:]]", b"a", true));
    }

    #[test]
    fn hostile_patterns_are_not_slow() {
        let pattern = "a*".repeat(5000) + "b";
        let text = "a".repeat(20_000);
        assert!(!Glob::new(pattern.as_bytes(), false).matches(text.as_bytes()));
    }

    /// The definition, written down as plainly as possible.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (next_token(pattern), text) {
            (None, text) => text.is_empty(),
            (Some((Token::Star, length)), text) => {
                (0..=text.len()).any(|skip| by_definition(&pattern[length..], &text[skip..]))
            }
            (Some(_), []) => false,
            (Some((token, length)), [byte, rest @ ..]) => {
                token.matches(*byte, false) && by_definition(&pattern[length..], rest)
            }
        }
    }

    proptest! {
        #[test]
        fn matches_what_the_definition_says(pattern in "[ab*?\\[\\]!^\\\\-]{0,10}", text in "[ab*\\[-]{0,10}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(both(pattern, text, false), by_definition(pattern, text));
        }
    }
}
