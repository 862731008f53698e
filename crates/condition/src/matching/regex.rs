//! Regular expressions in the POSIX syntax of RE2, which must match a value as a whole.
//!
//! The engine is the `regex` crate. A pattern is read by RE2's rules and written again for the
//! engine wherever both differ:
//!
//! * Perl's additions are refused, as RE2 refuses them: `(?…)`, `\d`, `\w`, `\s`, `\b`, `\p…`. A
//!   rules file that loads here also loads there.
//! * `a+?` is `(a+)?`, not a lazy `a+`; a `{` that begins no repetition is itself; inside brackets
//!   `[`, `&&`, `--` and `~~` have no meaning.
//! * `^` and `$` also match at the begin and end of each line.
//!
//! What is matched is text: bytes that are not UTF-8 become U+FFFD first.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::CharIndices;

use regex::{Regex, RegexBuilder};

use super::utf8;

/// The highest count that a repetition may have.
const MAX_REPEAT: u32 = 1000;

/// How deeply groups may nest.
const MAX_GROUPS: usize = 100;

/// A pattern, compiled.
#[derive(Debug)]
pub(crate) struct PosixRegex(Regex);

impl PosixRegex {
    /// Compiles a pattern; says why it is not one.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let translated = Translator::new(pattern).translate()?;
        RegexBuilder::new(&format!(r"\A(?:{translated})\z"))
            .multi_line(true)
            .build()
            .map(Self)
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
                error => format!("invalid regular expression: {error}"),
            })
    }

    /// Whether the whole text matches. `scratch` is used for text that is not UTF-8.
    pub(crate) fn matches(&self, text: &[u8], scratch: &mut String) -> bool {
        match std::str::from_utf8(text) {
            Ok(text) => self.0.is_match(text),
            Err(_) => {
                scratch.clear();
                utf8::sanitize_utf8(text, scratch);
                self.0.is_match(scratch)
            }
        }
    }
}

struct Translator<'p> {
    pattern: &'p str,
    chars: Peekable<CharIndices<'p>>,
    out: String,
    /// Where the last thing that can be repeated begins in `out`.
    atom: Option<usize>,
    /// Whether that already is a repetition.
    repeated: bool,
    /// Where the open groups begin in `out`.
    groups: Vec<usize>,
}

impl<'p> Translator<'p> {
    fn new(pattern: &'p str) -> Self {
        let chars = pattern.char_indices().peekable();
        Self {
            pattern,
            chars,
            out: String::new(),
            atom: None,
            repeated: false,
            groups: Vec::new(),
        }
    }

    fn translate(mut self) -> Result<String, String> {
        while let Some((at, char)) = self.chars.next() {
            match char {
                '(' => {
                    if self.groups.len() == MAX_GROUPS {
                        return Err(format!("more than {MAX_GROUPS} nested groups"));
                    }
                    if self.chars.peek().is_some_and(|&(_, next)| next == '?') {
                        return Err("'(?' is not in the POSIX syntax".to_owned());
                    }
                    self.groups.push(self.out.len());
                    self.out.push_str("(?:");
                    self.atom = None;
                }
                ')' => {
                    let start = self.groups.pop().ok_or("')' without '('")?;
                    self.out.push(')');
                    self.set_atom(start);
                }
                '|' => {
                    self.out.push('|');
                    self.atom = None;
                }
                '*' | '+' | '?' => self.repeat(char.encode_utf8(&mut [0; 4]))?,
                '{' => match self.repetition(at)? {
                    Some(length) => {
                        let operator = &self.pattern[at..at + length];
                        self.repeat(operator)?;
                        while self
                            .chars
                            .next_if(|&(index, _)| index < at + length)
                            .is_some()
                        {}
                    }
                    None => self.literal('{'),
                },
                '[' => self.bracket(at)?,
                '\\' => {
                    let char = self.escape()?;
                    self.literal(char);
                }
                '^' | '$' | '.' => {
                    let start = self.out.len();
                    self.out.push(char);
                    self.set_atom(start);
                }
                char => self.literal(char),
            }
        }
        match self.groups.pop() {
            Some(_) => Err("'(' without ')'".to_owned()),
            None => Ok(self.out),
        }
    }

    fn set_atom(&mut self, start: usize) {
        self.atom = Some(start);
        self.repeated = false;
    }

    fn literal(&mut self, char: char) {
        let start = self.out.len();
        push_literal(&mut self.out, char);
        self.set_atom(start);
    }

    fn repeat(&mut self, operator: &str) -> Result<(), String> {
        let start = self
            .atom
            .ok_or_else(|| format!("nothing before '{operator}' to repeat"))?;
        if self.repeated {
            self.out.insert_str(start, "(?:");
            self.out.push(')');
        }
        self.out.push_str(operator);
        self.repeated = true;
        Ok(())
    }

    /// The length of the repetition `{n}`, `{n,}` or `{n,m}` at `at`, if it is one.
    fn repetition(&self, at: usize) -> Result<Option<usize>, String> {
        let rest = &self.pattern[at + 1..];
        let Some(end) = rest.find('}') else {
            return Ok(None);
        };
        let (from, to) = match rest[..end].split_once(',') {
            Some((from, to)) => (from, Some(to)),
            None => (&rest[..end], None),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if from.is_empty() || !digits(from) || !to.is_none_or(digits) {
            return Ok(None);
        }
        let count = |text: &str| text.parse().ok().filter(|&count: &u32| count <= MAX_REPEAT);
        let operator = &self.pattern[at..at + end + 2];
        let invalid = || format!("invalid repetition '{operator}', counts are 0 to {MAX_REPEAT}");
        let from = count(from).ok_or_else(invalid)?;
        if let Some(to) = to.filter(|to| !to.is_empty())
            && count(to).ok_or_else(invalid)? < from
        {
            return Err(invalid());
        }
        Ok(Some(end + 2))
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, String> {
        let (at, char) = self.chars.next().ok_or("backslash at the end")?;
        Ok(match char {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\x07',
            'f' => '\x0c',
            'v' => '\x0b',
            'x' => self.hexadecimal()?,
            '1'..='7' if !self.chars.peek().is_some_and(|(_, next)| is_octal(*next)) => {
                return Err(format!("'\\{char}': there are no references to groups"));
            }
            '0'..='7' => {
                let mut code = char.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    if let Some((_, digit)) = self.chars.next_if(|(_, next)| is_octal(*next)) {
                        code = code * 8 + digit.to_digit(8).unwrap_or(0);
                    }
                }
                char::from_u32(code).unwrap_or('\0')
            }
            char if char.is_ascii_alphanumeric() || !char.is_ascii() => {
                let class = match char {
                    'd' => "; write [0-9]",
                    'w' => "; write [[:word:]]",
                    's' => "; write [[:space:]]",
                    _ => "",
                };
                let end = at + char.len_utf8();
                let escape = &self.pattern[at - 1..end];
                return Err(format!("'{escape}' is not in the POSIX syntax{class}"));
            }
            char => char,
        })
    }

    /// Reads what follows `\x`: two digits, or some in braces.
    fn hexadecimal(&mut self) -> Result<char, String> {
        let invalid = "'\\x' needs two hexadecimal digits, or some in braces";
        let mut code = 0_u32;
        let braces = self.chars.next_if(|&(_, next)| next == '{').is_some();
        let mut digits = 0;
        while braces || digits < 2 {
            let (_, char) = self.chars.next().ok_or(invalid)?;
            if braces && char == '}' && digits > 0 {
                break;
            }
            let digit = char.to_digit(16).ok_or(invalid)?;
            code = code.checked_mul(16).ok_or(invalid)? + digit;
            digits += 1;
        }
        char::from_u32(code).ok_or_else(|| invalid.to_owned())
    }

    /// Reads a set of characters whose bracket stands at `open`.
    fn bracket(&mut self, open: usize) -> Result<(), String> {
        let unclosed = "'[' without ']'";
        let start = self.out.len();
        self.out.push('[');
        if self.chars.next_if(|&(_, next)| next == '^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let (at, char) = self.chars.next().ok_or(unclosed)?;
            match char {
                ']' if !first => break,
                '[' if self.pattern[at..].starts_with("[:") => {
                    if let Some(length) = self.class(at)? {
                        self.out.push_str(&self.pattern[at..at + length]);
                        while self
                            .chars
                            .next_if(|&(index, _)| index < at + length)
                            .is_some()
                        {}
                        first = false;
                        continue;
                    }
                }
                '-' if !first && !self.pattern[at..].starts_with("-]") => {
                    return Err(format!("'-' in the middle of '{}'", self.shown(open)));
                }
                _ => {}
            }
            first = false;
            let from = if char == '\\' { self.escape()? } else { char };
            push_literal(&mut self.out, from);
            let rest = self
                .chars
                .peek()
                .map_or("", |&(next, _)| &self.pattern[next..]);
            if rest.starts_with('-') && !rest.starts_with("-]") {
                self.chars.next();
                let (_, to) = self.chars.next().ok_or(unclosed)?;
                let to = if to == '\\' { self.escape()? } else { to };
                if to < from {
                    return Err(format!("the range '{from}-{to}' is empty"));
                }
                self.out.push('-');
                push_literal(&mut self.out, to);
            }
        }
        self.out.push(']');
        self.set_atom(start);
        Ok(())
    }

    /// The length of the named class `[:alpha:]` at `at`, if it is one.
    fn class(&self, at: usize) -> Result<Option<usize>, String> {
        let rest = &self.pattern[at + 2..];
        let Some(end) = rest.find(":]") else {
            return Ok(None);
        };
        let name = rest[..end].strip_prefix('^').unwrap_or(&rest[..end]);
        let known = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
            "punct", "space", "upper", "word", "xdigit",
        ];
        if known.contains(&name) {
            Ok(Some(end + 4))
        } else {
            Err(format!("there is no class '[:{name}:]'"))
        }
    }

    fn shown(&self, open: usize) -> &'p str {
        let rest = &self.pattern[open..];
        &rest[..rest.find(']').map_or(rest.len(), |end| end + 1)]
    }
}

fn is_octal(char: char) -> bool {
    matches!(char, '0'..='7')
}

/// Writes a character so that it has no other meaning.
fn push_literal(out: &mut String, char: char) {
    if char.is_ascii_alphanumeric()
        || matches!(char, '/' | '_' | ' ' | ',' | ':')
        || !char.is_ascii()
    {
        out.push(char);
    } else {
        write!(out, "\\x{{{:x}}}", u32::from(char)).expect("a String takes any text");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &[u8]) -> bool {
        PosixRegex::new(pattern)
            .unwrap()
            .matches(text, &mut String::new())
    }

    #[test]
    fn the_whole_text_must_match() {
        assert!(matches("/home/.*/dev", b"/home/u/dev"));
        assert!(!matches("/home/.*/dev", b"/home/u/dev/"));
        assert!(!matches("home", b"/home"));
        assert!(matches("a|bc", b"bc"));
        assert!(matches("", b""));
        assert!(!matches("a.c", b"a\nc"));
        assert!(matches("a\n^b$", b"a\nb"));
    }

    #[test]
    fn where_re2_differs() {
        assert!(matches("a+?", b""));
        assert!(matches("(ab)+?b??", b""));
        assert!(matches("a**", b"aaa"));
        assert!(matches("a{2}{2}", b"aaaa"));
        assert!(matches("a{,2}", b"a{,2}"));
        assert!(matches("a{x", b"a{x"));
        assert!(matches("[[&&~~-]+", b"[&~-"));
        assert!(matches("[]^a]*", b"]^a"));
        assert!(matches("[^]]", b"a"));
        assert!(matches(r"[\]\x41-\x{43}]+\.\101", b"]ABC.A"));
        assert!(matches("[[:alpha:][:^alpha:]]", b"1"));
        assert!(matches("#x y&&", b"#x y&&"));
        assert!(matches("a]}", b"a]}"));
    }

    #[test]
    fn what_re2_refuses() {
        for pattern in [
            r"\d",
            r"\w+",
            r"\b",
            r"\pN",
            r"\1",
            r"\",
            "(?i)a",
            "(?:a)",
            "*",
            "a|*",
            "(+)",
            "(",
            ")",
            "[",
            "[]",
            "[a",
            "[b-a]",
            "[a-c-e]",
            "[[:nope:]]",
            "a{1001}",
            "a{3,2}",
            r"\x4",
            r"\x{}",
            r"\x{110000}",
            "é\\é",
        ] {
            assert!(PosixRegex::new(pattern).is_err(), "{pattern}");
        }
        let bomb = "((((((a{1000}){1000}){1000}){1000}){1000}){1000}";
        assert!(PosixRegex::new(bomb).is_err());
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        assert!(matches("foo..xyz", b"foo\xff\xfexyz"));
        assert!(matches("\u{fffd}", b"\xff"));
        assert!(matches("...", b"\xed\xa0\x80"));
    }
}
