//! Lists: what their names stand for, and putting that into conditions.
//!
//! A list is put into a condition as text, before the condition is parsed. That is how the
//! language is defined, and rules rely on it: a list may stand inside the parentheses of `in`
//! beside other values, or hold quotes of its own.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use crate::collect::{ListDef, Named};
use crate::item::Word;
use crate::source::Span;
use crate::text::Text;

/// A condition longer than this is not expanded any further. Lists that name each other twice can
/// grow without bounds.
const MAX_TEXT: usize = 8 << 20;

/// All lists, ready to be put into conditions.
pub(crate) struct Lists {
    lists: Vec<List>,
    by_name: HashMap<String, usize>,
}

struct List {
    /// The values as they are written in a condition, with what was nested in them.
    values: Text,
    is_empty: bool,
    used: Cell<bool>,
}

/// A condition that grew too long.
#[derive(Debug)]
pub(crate) struct TooLong;

/// A place in a condition where a list was put in.
#[derive(Debug)]
pub(crate) struct Insertion {
    /// Which list.
    pub(crate) list: usize,
    /// The bytes of the resulting text that came from it.
    pub(crate) range: Range<usize>,
    /// Where its name stood.
    pub(crate) at: Option<Span>,
}

/// The outermost list that brought in what stands at a place of the text.
pub(crate) fn enclosing(insertions: &[Insertion], span: condition::Span) -> Option<&Insertion> {
    // Lists that another one brought in come before it.
    insertions
        .iter()
        .rev()
        .find(|insertion| insertion.range.contains(&(span.start as usize)))
}

impl Lists {
    /// Expands lists in lists: an item that names a list defined before is replaced by the items
    /// of that list, as they are written there.
    pub(crate) fn resolve(definitions: &Named<ListDef>) -> Self {
        let mut used = vec![false; definitions.len()];
        let mut lists = Vec::new();
        for list in definitions.iter() {
            let mut values = Text::default();
            for item in &list.items {
                let inner = definitions.index(item.as_str()).filter(|&index| {
                    definitions
                        .get(item.as_str())
                        .is_some_and(|inner| inner.order.defined < list.order.touched)
                        // A list that names itself has no meaning; the name is a value then.
                        && definitions.index(list.name.as_str()) != Some(index)
                });
                match (inner, definitions.get(item.as_str())) {
                    (Some(index), Some(inner)) => {
                        used[index] = true;
                        for item in &inner.items {
                            push_value(&mut values, item);
                        }
                    }
                    _ => push_value(&mut values, item),
                }
            }
            let is_empty = values.is_empty();
            lists.push(List {
                values,
                is_empty,
                used: Cell::new(false),
            });
        }
        for (list, used) in lists.iter().zip(used) {
            list.used.set(used);
        }
        let names = definitions.iter().enumerate();
        let by_name = names
            .map(|(index, list)| (list.name.as_str().to_owned(), index))
            .collect();
        Self { lists, by_name }
    }

    /// Whether anything named the list at this index of the definitions.
    pub(crate) fn is_used(&self, index: usize) -> bool {
        self.lists.get(index).is_some_and(|list| list.used.get())
    }

    /// Replaces the names of lists in a condition. What a list brings in is looked at again, but
    /// only for lists that are defined after it. Tells where it put which list in; a list that
    /// another one brought in comes before that one.
    pub(crate) fn substitute(&self, text: &Text) -> (Text, Vec<Insertion>, Result<(), TooLong>) {
        let mut out = Text::default();
        let mut found = Vec::new();
        let result = self.expand(text, 0, &mut out, &mut found);
        (out, found, result)
    }

    fn expand(
        &self,
        text: &Text,
        from: usize,
        out: &mut Text,
        found: &mut Vec<Insertion>,
    ) -> Result<(), TooLong> {
        let string = text.as_str();
        let mut copied = 0;
        let mut at = 0;
        while let Some(token) = next_token(string, at) {
            at = token.end;
            let name = string.get(token.clone()).unwrap_or_default();
            let Some(&index) = self.by_name.get(name).filter(|&&index| index >= from) else {
                continue;
            };
            let Some(list) = self.lists.get(index) else {
                continue;
            };
            list.used.set(true);
            out.push_range(text, copied..token.start);
            copied = token.end;
            let start = out.as_str().len();
            if list.is_empty {
                copied = self.drop_comma(string, token.end, out);
                at = copied;
            } else {
                self.expand(&list.values, index + 1, out, found)?;
            }
            let range = start.min(out.as_str().len())..out.as_str().len();
            found.push(Insertion {
                list: index,
                range,
                at: text.span(token),
            });
            if out.as_str().len() > MAX_TEXT {
                return Err(TooLong);
            }
        }
        out.push_range(text, copied..string.len());
        Ok(())
    }

    /// Takes away one comma beside an empty list: the one before, else the one after. Returns
    /// where to go on.
    fn drop_comma(&self, string: &str, end: usize, out: &mut Text) -> usize {
        let before = out.as_str().trim_end();
        if let Some(rest) = before.strip_suffix(',') {
            let len = rest.len();
            out.truncate(len);
            return end;
        }
        let rest = string.get(end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        if rest.trim_start().starts_with(',') {
            end + blanks + 1
        } else {
            end
        }
    }
}

/// Appends a value with a comma before it, in quotes if it has blanks and is not quoted yet.
pub(crate) fn push_value(text: &mut Text, value: &Word) {
    if !text.is_empty() {
        let at = Span {
            end: value.span.start,
            ..value.span
        };
        text.push_synthetic(", ", at);
    }
    push_quoted(text, value);
}

/// Appends a value, in quotes if it has blanks and is not quoted yet.
pub(crate) fn push_quoted(text: &mut Text, value: &Word) {
    let string = value.as_str();
    let needs_quotes = string.contains(' ') && !string.starts_with(['"', '\'']);
    if !needs_quotes && !string.is_empty() {
        text.push(&value.text);
        return;
    }
    let (start, end) = (value.span.start, value.span.end);
    text.push_synthetic(
        "\"",
        Span {
            end: start,
            ..value.span
        },
    );
    // A quote inside would end the text early.
    let mut copied = 0;
    for (at, _) in string.match_indices('"') {
        if string
            .get(..at)
            .is_some_and(|before| !before.ends_with('\\'))
        {
            text.push_range(&value.text, copied..at);
            text.push_synthetic("\\", value.text.span(at..at).unwrap_or(value.span));
            copied = at;
        }
    }
    text.push_range(&value.text, copied..string.len());
    text.push_synthetic(
        "\"",
        Span {
            start: end,
            end,
            ..value.span
        },
    );
}

/// The next run of characters that could be the name of a list, outside of quotes.
fn next_token(string: &str, from: usize) -> Option<Range<usize>> {
    let bytes = string.as_bytes();
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => at = closing_quote(bytes, at).map_or(bytes.len(), |end| end + 1),
            _ if is_delimiter(byte) => at += 1,
            _ => {
                let rest = bytes.get(at..).unwrap_or_default();
                let len = rest
                    .iter()
                    .position(|&byte| is_delimiter(byte))
                    .unwrap_or(rest.len());
                return Some(at..at + len);
            }
        }
    }
    None
}

/// The language's rule for where a quoted text ends: at the first such quote that has no backslash
/// right before it.
fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let quote = bytes.get(open)?;
    let rest = bytes.get(open + 1..)?;
    let is_end =
        |(at, byte): (usize, &u8)| byte == quote && (at == 0 || rest.get(at - 1) != Some(&b'\\'));
    rest.iter()
        .enumerate()
        .position(is_end)
        .map(|at| open + 1 + at)
}

fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'(' | b')' | b',' | b'=' | b'\x0b')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::Definitions;
    use crate::source::{FileId, Source};

    fn lists(yaml: &str) -> Lists {
        let source = Source {
            name: "test".into(),
            text: yaml.into(),
        };
        let contents = crate::read::read(FileId(0), &source);
        assert!(
            contents.diagnostics.is_empty(),
            "{:?}",
            contents.diagnostics
        );
        let mut definitions = Definitions::default();
        let requirements = crate::collect::Requirements {
            engine: crate::version::Version::ENGINE,
            plugins: &[],
            sources: &["syscall"],
        };
        for item in contents.items {
            definitions.add(item, &requirements);
        }
        Lists::resolve(&definitions.lists)
    }

    fn expand(lists: &Lists, condition: &str) -> String {
        let text = Text::synthetic(condition, Span::start_of(FileId(0)));
        let (text, _, result) = lists.substitute(&text);
        result.unwrap();
        text.as_str().to_owned()
    }

    #[test]
    fn names_between_delimiters_are_replaced() {
        let lists = lists(
            "- {list: a, items: [x, y]}\n- {list: none, items: []}\n- {list: sp, items: [b c, '\"d e\"', 'q \"r']}\n",
        );
        for (condition, expected) in [
            ("p in (a)", "p in (x, y)"),
            ("p in (a, z)", "p in (x, y, z)"),
            ("p in ( z,a )", "p in ( z,x, y )"),
            ("p in (aa, a.b, a)", "p in (aa, a.b, x, y)"),
            ("p = \"a\" or p='a'", "p = \"a\" or p='a'"),
            ("p in (none)", "p in ()"),
            ("p in (z, none)", "p in (z)"),
            ("p in (none, z)", "p in ( z)"),
            ("p in (z, none, y)", "p in (z, y)"),
            ("p in (sp)", "p in (\"b c\", \"d e\", \"q \\\"r\")"),
        ] {
            assert_eq!(expand(&lists, condition), expected, "{condition}");
        }
    }

    #[test]
    fn lists_in_lists_go_one_level_down_and_then_by_order() {
        let lists = lists(
            "- {list: a, items: [x]}\n- {list: b, items: [a, y]}\n- {list: c, items: [b, d]}\n- {list: d, items: [w]}\n",
        );
        // `c` brings in the items of `b` as they are written, so `a` stays; `d` comes later and is
        // replaced in the text.
        assert_eq!(expand(&lists, "p in (b)"), "p in (x, y)");
        assert_eq!(expand(&lists, "p in (c)"), "p in (a, y, w)");
        assert_eq!(
            (0..4).map(|index| lists.is_used(index)).collect::<Vec<_>>(),
            [true; 4]
        );
    }

    #[test]
    fn lists_that_double_are_stopped() {
        let mut yaml = String::new();
        for level in 0..40 {
            yaml.push_str(&format!(
                "- {{list: l{level}, items: [l{0}, l{0}]}}\n",
                level + 1
            ));
        }
        let lists = lists(&yaml);
        let text = Text::synthetic("p in (l0)", Span::start_of(FileId(0)));
        assert!(lists.substitute(&text).2.is_err());
    }
}
