//! From the value of a scalar back to its place in the file.
//!
//! The parser says which bytes a scalar was written with and what they mean, but not which byte
//! became which: line breaks were folded, escapes decoded, indentation stripped. Walking both side
//! by side finds that out again. The two agree character by character except for escapes and runs
//! of white space, so the walk is short; where it ever loses its way, the rest of the value stands
//! for the whole scalar.

use granit_parser::ScalarStyle;

use crate::source::Span;
use crate::text::Text;

/// Pairs `value` with the place it was written at. `raw` is the source text under `span`.
pub(super) fn locate(value: &str, raw: &str, span: Span, style: ScalarStyle) -> Text {
    let mut walk = Walk {
        value,
        raw,
        span,
        at: 0,
        from: 0,
        text: Text::default(),
    };
    if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
        walk.from = 1;
    }
    while walk.at < value.len() {
        let step = match style {
            ScalarStyle::DoubleQuoted if walk.raw_rest().starts_with('\\') => walk.escape(),
            ScalarStyle::SingleQuoted if walk.raw_rest().starts_with("''") => walk.replace(2, 1),
            _ => walk.plain_step(style),
        };
        if step.is_none() {
            let rest = value.get(walk.at..).unwrap_or_default();
            walk.text.push_synthetic(rest, span);
            break;
        }
    }
    walk.text
}

struct Walk<'a> {
    value: &'a str,
    raw: &'a str,
    span: Span,
    /// How far the value is explained.
    at: usize,
    /// How far the source is read.
    from: usize,
    text: Text,
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn blank_run(text: &str) -> &str {
    text.split_at(text.len() - text.trim_start_matches(is_blank).len())
        .0
}

impl Walk<'_> {
    fn raw_rest(&self) -> &str {
        self.raw.get(self.from..).unwrap_or_default()
    }

    fn value_rest(&self) -> &str {
        self.value.get(self.at..).unwrap_or_default()
    }

    /// `raw_len` bytes of the source stand for `value_len` bytes of the value.
    fn replace(&mut self, raw_len: usize, value_len: usize) -> Option<()> {
        let part = self.value.get(self.at..self.at + value_len)?;
        let start = self.span.start + self.from as u32;
        let end = (start + raw_len as u32).min(self.span.end);
        self.text.push_synthetic(
            part,
            Span {
                start,
                end,
                ..self.span
            },
        );
        self.at += value_len;
        self.from += raw_len;
        Some(())
    }

    /// `len` bytes of the source stand for themselves.
    fn copy(&mut self, len: usize) -> Option<()> {
        let part = self.value.get(self.at..self.at + len)?;
        let start = self.span.start + self.from as u32;
        self.text.push_exact(
            part,
            Span {
                start,
                end: start + len as u32,
                ..self.span
            },
        );
        self.at += len;
        self.from += len;
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        let rest = self.raw_rest();
        let code = rest.chars().nth(1)?;
        match code {
            // An escaped line break stands for nothing, with the indentation that follows.
            '\n' | '\r' => {
                self.from += 1 + blank_run(rest.get(1..)?).len();
                Some(())
            }
            'x' | 'u' | 'U' => {
                let digits = match code {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let mut raw_len = 2 + digits;
                let value = self.value_rest().chars().next()?;
                let is_surrogate = code == 'u'
                    && rest
                        .get(2..6)
                        .and_then(|hex| u32::from_str_radix(hex, 16).ok())
                        .is_some_and(|unit| (0xd800..0xdc00).contains(&unit));
                if is_surrogate {
                    raw_len += 6;
                }
                self.replace(raw_len, value.len_utf8())
            }
            _ => {
                let value = self.value_rest().chars().next()?;
                self.replace(1 + code.len_utf8(), value.len_utf8())
            }
        }
    }

    fn plain_step(&mut self, style: ScalarStyle) -> Option<()> {
        let raw = self.raw_rest().chars().next();
        let value = self.value_rest().chars().next()?;
        if !is_blank(value) {
            return match raw {
                Some(raw) if raw == value => self.copy(value.len_utf8()),
                // Indentation, or a line break that was escaped away.
                Some(raw) if is_blank(raw) => {
                    self.from += blank_run(self.raw_rest()).len();
                    Some(())
                }
                _ => None,
            };
        }
        let run = blank_run(self.raw_rest());
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if run.is_empty() {
            // A final line break that the source does not have.
            return self.replace(0, value.len_utf8());
        }
        let breaks = run.bytes().filter(|&byte| byte == b'\n').count();
        if breaks == 0 {
            return if raw == Some(value) {
                self.copy(1)
            } else {
                self.replace(1, 1)
            };
        }
        let made = if is_block {
            blank_run(self.value_rest()).len()
        } else {
            breaks.saturating_sub(1).max(1)
        };
        self.replace(run.len(), made)
    }
}

#[cfg(test)]
mod tests {
    use granit_parser::{Event, Parser};

    use super::*;
    use crate::source::FileId;

    /// Every word of the value must point at the same word in the source.
    fn words_are_found(yaml: &str) {
        let mut seen = false;
        for event in Parser::new_from_str(yaml) {
            let (event, span) = event.unwrap();
            let Event::Scalar(value, style, ..) = event else {
                continue;
            };
            let range = span.byte_range().unwrap();
            let span = Span {
                file: FileId(0),
                start: range.start as u32,
                end: range.end as u32,
            };
            let text = locate(&value, &yaml[range], span, style);
            assert_eq!(text.as_str(), value);
            let mut end = 0;
            for word in value.split_whitespace() {
                let start = end + value[end..].find(word).unwrap();
                end = start + word.len();
                let found = text.span(start..end).unwrap();
                assert_eq!(
                    &yaml[found.start as usize..found.end as usize],
                    word,
                    "in {yaml:?}"
                );
                seen = true;
            }
        }
        assert!(seen);
    }

    #[test]
    fn words_keep_their_place_in_every_style() {
        for yaml in [
            "a: one two\n   three\n\n   four\n",
            "a: >\n  one two\n  three\n\n  four\n    five\n  six\n",
            "a: >-\n\n  one\n   two\n",
            "a: |\n  one\n    two\n\n\n  three\n",
            "a: |+2\n    one\n  two\n\n",
            "a: 'one\n   two\n\n   three'\n",
            "a: \"one\n   two\n\n   three  \n four\"\n",
            "a: \"one \\\n     two\"\n",
            "a: >\r\n  one two\r\n  three\r\n",
            "a: été\n  là\n",
            "[one, 'two three',\n \"four\n five\"]",
        ] {
            words_are_found(yaml);
        }
    }

    #[test]
    fn escapes_point_at_the_escape() {
        let yaml = r#""a\tb\x41\ud83d\ude00c""#;
        let span = Span {
            file: FileId(0),
            start: 0,
            end: yaml.len() as u32,
        };
        let text = locate("a\tbA😀c", yaml, span, ScalarStyle::DoubleQuoted);
        let at = |range: std::ops::Range<usize>| {
            let span = text.span(range).unwrap();
            &yaml[span.start as usize..span.end as usize]
        };
        assert_eq!(at(1..2), "\\t");
        assert_eq!(at(3..4), "\\x41");
        assert_eq!(at(4..8), "\\ud83d\\ude00");
        assert_eq!(at(8..9), "c");
        let yaml = "'it''s x'";
        let span = Span {
            file: FileId(0),
            start: 0,
            end: yaml.len() as u32,
        };
        let text = locate("it's x", yaml, span, ScalarStyle::SingleQuoted);
        assert_eq!(text.span(5..6).unwrap().start, 7);
    }
}
