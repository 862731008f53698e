//! What can be wrong with the text of a condition.

use std::fmt;

use crate::ast::{Operator, Quantifier, Transformer};
use crate::span::Span;

/// One mistake in the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Where it is. Empty at the end of the text.
    pub span: Span,
    /// What it is.
    pub kind: ParseErrorKind,
}

/// What is wrong. The [`Display`](fmt::Display) form is the message without the place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ParseErrorKind {
    /// Something else should stand here.
    Expected {
        /// What would be right, the most likely first.
        expected: &'static [&'static str],
        /// What stands here instead.
        found: Found,
    },
    /// Something follows a complete condition.
    UnexpectedToken {
        /// The last word that was understood.
        after: String,
        /// What follows it.
        found: Found,
    },
    /// `[` is not followed by an argument.
    FieldArgument,
    /// A quote is never closed. Says whether an escaped backslash before a quote is the reason.
    UnterminatedString {
        /// Whether there is `\\` directly before a quote.
        escaped_backslash: bool,
    },
    /// A backslash inside quotes is followed by something that it cannot escape.
    InvalidEscape(String),
    /// A parenthesis is never closed.
    UnclosedParenthesis,
    /// A parenthesis was never opened.
    UnopenedParenthesis,
    /// A transformer that does not exist.
    UnknownTransformer {
        /// Its name.
        name: String,
    },
    /// An operator that does not exist.
    UnknownOperator {
        /// The word that stands where the operator should.
        word: String,
    },
    /// `oneof(…)`: there must be a blank before the parenthesis.
    QuantifierWithoutBlank(Quantifier),
    /// `val(…)` where only fields and transformers may stand.
    MisplacedVal,
    /// More levels of parentheses or transformers than allowed.
    TooDeep(usize),
    /// More text than spans can address.
    TooLong,
}

/// What the parser saw where it expected something else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// The end of the text.
    End,
    /// This word or sign.
    Text(String),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("the end of the condition"),
            Self::Text(text) => write!(f, "'{text}'"),
        }
    }
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected { expected, found } => {
                f.write_str("expected ")?;
                for (index, choice) in expected.iter().enumerate() {
                    let separator = match index {
                        0 => "",
                        _ if index + 1 == expected.len() => " or ",
                        _ => ", ",
                    };
                    write!(f, "{separator}{choice}")?;
                }
                write!(f, ", found {found}")
            }
            Self::UnexpectedToken { after, .. } => {
                write!(f, "unexpected token after '{after}', expecting 'or', 'and'")
            }
            Self::FieldArgument => {
                f.write_str("expected a valid field argument: a quoted string or a bare string")
            }
            Self::UnterminatedString { .. } => f.write_str("this quote is never closed"),
            Self::InvalidEscape(escape) => write!(f, "invalid escape '{escape}' in a quoted text"),
            Self::UnclosedParenthesis => f.write_str("this parenthesis is never closed"),
            Self::UnopenedParenthesis => f.write_str("this parenthesis was never opened"),
            Self::UnknownTransformer { name } => write!(f, "unknown transformer '{name}'"),
            Self::UnknownOperator { word } => write!(f, "unknown operator '{word}'"),
            Self::QuantifierWithoutBlank(quantifier) => {
                write!(f, "expected a blank between '{quantifier}' and its list")
            }
            Self::MisplacedVal => {
                f.write_str("'val' may only stand right of an operator, around a single field")
            }
            Self::TooDeep(limit) => write!(f, "exceeded max depth limit of {limit}"),
            Self::TooLong => f.write_str("the condition is longer than 4 GiB"),
        }
    }
}

impl ParseErrorKind {
    /// What to do about it, where that is not plain from the message.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::UnexpectedToken { found: Found::Text(found), .. } if found == "(" => Some(
                "put a blank between a word and a parenthesis only after 'and', 'or', 'not' or an \
                 operator"
                    .to_owned(),
            ),
            Self::UnterminatedString { escaped_backslash: true } => Some(
                "a quoted text cannot end in '\\\\': a quote after a backslash does not close it; \
                 write the last backslash as '\\x5c'"
                    .to_owned(),
            ),
            Self::InvalidEscape(_) => Some(
                "the escapes are \\\\ \\/ \\b \\f \\n \\r \\t \\xHH and the enclosing quote; write \
                 a backslash as '\\\\'"
                    .to_owned(),
            ),
            Self::UnknownTransformer { name } => did_you_mean(name, Transformer::ALL, |x| x.name())
                .or_else(|| Some(format!("transformers are {}", names(Transformer::ALL)))),
            Self::UnknownOperator { word } => did_you_mean(word, Operator::ALL, |x| x.name())
                .or_else(|| Some(format!("operators are {}", names(Operator::ALL)))),
            Self::FieldArgument => Some(
                "an argument without quotes may not contain blanks, quotes or brackets".to_owned(),
            ),
            _ => None,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for ParseError {}

fn did_you_mean<T: Copy>(word: &str, choices: &[T], name: fn(T) -> &'static str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    let (distance, nearest) = choices
        .iter()
        .map(|&choice| {
            (
                edit_distance(word.as_bytes(), name(choice).as_bytes()),
                name(choice),
            )
        })
        .min()?;
    (distance <= nearest.len() / 3).then(|| format!("did you mean '{nearest}'?"))
}

/// How many letters must be added, removed or changed to turn one word into the other.
fn edit_distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.iter().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (column, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

fn names<T: fmt::Display>(choices: &[T]) -> String {
    choices
        .iter()
        .map(T::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}
