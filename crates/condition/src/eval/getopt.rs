//! Short command-line options, read as POSIX `getopt` reads them.

use std::ops::Range;

use super::values::{Item, Values};

/// Replaces arguments by the options among them: each option's letter, followed by its argument if
/// it takes one. The first of the values is not an argument but names the options.
///
/// Reading stops at `--`, at `-` and at the first word that is no option. Words that begin with
/// `--` are skipped. An option that is not named is `?`; one whose argument is missing is an empty
/// text.
pub(super) fn replace_arguments(values: &mut Values) {
    let Some(&Item::Bytes { start, end }) = values.items.first() else {
        return;
    };
    let options = start..end;
    let arguments = values.items.len();
    let mut next = 1;
    while next < arguments {
        let Item::Bytes { start, end } = values.items[next] else {
            break;
        };
        next += 1;
        match values.bytes[start..end] {
            [b'-', b'-'] | [] | [b'-'] => break,
            [b'-', b'-', ..] => continue,
            [b'-', ..] => {}
            _ => break,
        }
        for at in start + 1..end {
            let letter = Item::Bytes {
                start: at,
                end: at + 1,
            };
            match takes_argument(&values.bytes[options.clone()], values.bytes[at]) {
                Some(false) => values.items.push(letter),
                Some(true) => {
                    let argument = if at + 1 < end {
                        Some(Item::Bytes { start: at + 1, end })
                    } else if next < arguments {
                        next += 1;
                        Some(values.items[next - 1])
                    } else {
                        None
                    };
                    match argument {
                        Some(argument) => values.items.extend([letter, argument]),
                        None => values.items.push(Item::Bytes { start: at, end: at }),
                    }
                    break;
                }
                None => values.push_bytes([b'?'].into_iter()),
            }
        }
    }
    values.items.drain(..arguments);
}

/// Replaces what [`replace_arguments`] gave by the last value of one option: its argument, or its
/// letter if it takes none. Nothing is left when the option was not given. The options are named
/// by a range of the bytes.
pub(super) fn select(values: &mut Values, options: Range<usize>, letter: u8) {
    let mut selected = None;
    let mut at = 0;
    while let Some(&item) = values.items.get(at) {
        let Item::Bytes { start, end } = item else {
            break;
        };
        at += 1;
        let &[option] = &values.bytes[start..end] else {
            continue;
        };
        let value = if takes_argument(&values.bytes[options.clone()], option) == Some(true) {
            at += 1;
            values.items.get(at - 1).copied()
        } else {
            Some(item)
        };
        if option == letter {
            selected = value;
        }
    }
    values.items.clear();
    values.items.extend(selected);
}

/// Whether an option takes an argument; `None` when there is no such option.
fn takes_argument(options: &[u8], letter: u8) -> Option<bool> {
    if letter == b':' {
        return None;
    }
    let index = options.iter().position(|&option| option == letter)?;
    Some(options.get(index + 1) == Some(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn options(options: &str, arguments: &[&str], selector: Option<u8>) -> Vec<String> {
        let mut values = Values::default();
        values.push(Value::Bytes(options.as_bytes()));
        for argument in arguments {
            values.push(Value::Bytes(argument.as_bytes()));
        }
        replace_arguments(&mut values);
        if let Some(letter) = selector {
            select(&mut values, 0..options.len(), letter);
        }
        let text = |value| match value {
            Value::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        values.iter().map(text).collect()
    }

    #[test]
    fn letters_and_arguments_alternate() {
        assert_eq!(
            options("nt:", &["-n", "-t", "5", "-t6"], None),
            ["n", "t", "5", "t", "6"]
        );
        assert_eq!(
            options("nt:", &["-nt", "-x", "-n"], None),
            ["n", "t", "-x", "n"]
        );
        assert_eq!(options(":nt:", &["-nxt5"], None), ["n", "?", "t", "5"]);
        assert_eq!(options("nt:", &["-t"], None), [""]);
    }

    #[test]
    fn where_reading_stops() {
        assert_eq!(options("n", &["-n", "--", "-n"], None), ["n"]);
        assert_eq!(options("n", &["-n", "file", "-n"], None), ["n"]);
        assert_eq!(options("n", &["-n", "-", "-n"], None), ["n"]);
        assert_eq!(options("n", &["-n", "", "-n"], None), ["n"]);
        assert_eq!(options("n", &["--long", "-n"], None), ["n"]);
    }

    #[test]
    fn the_last_value_is_selected() {
        let arguments = ["-t1", "-n", "-t", "2", "-q"];
        assert_eq!(options("nt:", &arguments, Some(b't')), ["2"]);
        assert_eq!(options("nt:", &arguments, Some(b'n')), ["n"]);
        assert_eq!(options("nt:", &arguments, Some(b'?')), ["?"]);
        assert!(options("nt:m", &arguments, Some(b'm')).is_empty());
        assert_eq!(options("nt:", &["-tn"], Some(b't')), ["n"]);
        assert!(options("nt:", &["-tn"], Some(b'n')).is_empty());
    }
}
