//! The value of an output field.

use std::fmt;

/// A typed value of an output field.
#[derive(Clone, PartialEq, Debug)]
pub enum FieldValue {
    /// Absent.
    Null,
    /// Text.
    String(String),
    /// Unsigned number.
    U64(u64),
    /// Signed number.
    I64(i64),
    /// Floating-point number.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// A list.
    List(Vec<FieldValue>),
}

impl FieldValue {
    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Self::String(text) => text.capacity(),
            Self::List(items) => items
                .iter()
                .map(|item| size_of::<Self>() + item.heap())
                .sum::<usize>(),
            _ => 0,
        }
    }
}

/// The text form, as in the fields of a gRPC message: `<NA>` when absent, a list in parentheses.
impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<NA>"),
            Self::String(text) => f.write_str(text),
            Self::U64(number) => write!(f, "{number}"),
            Self::I64(number) => write!(f, "{number}"),
            Self::F64(number) => write!(f, "{number}"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::List(items) => {
                f.write_str("(")?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(",")?;
                    }
                    item.fmt(f)?;
                }
                f.write_str(")")
            }
        }
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<u64> for FieldValue {
    fn from(number: u64) -> Self {
        Self::U64(number)
    }
}

impl From<i64> for FieldValue {
    fn from(number: i64) -> Self {
        Self::I64(number)
    }
}

impl From<bool> for FieldValue {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

#[cfg(test)]
mod tests {
    use super::FieldValue;

    #[test]
    fn text_form() {
        let list = FieldValue::List(vec!["a".into(), FieldValue::Null, 7u64.into()]);
        assert_eq!(list.to_string(), "(a,<NA>,7)");
        assert_eq!(FieldValue::List(vec![]).to_string(), "()");
        assert_eq!(FieldValue::from(-3i64).to_string(), "-3");
        assert_eq!(FieldValue::F64(0.5).to_string(), "0.5");
        assert_eq!(FieldValue::from(true).to_string(), "true");
    }
}
