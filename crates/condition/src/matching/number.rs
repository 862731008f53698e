//! Numbers of any type, compared by value.

use std::cmp::Ordering;

use crate::value::Value;

/// A number. Integers of both signs are compared exactly; with a floating-point number on one
/// side, both are compared as such.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    /// The number that a value is; `None` if it is none.
    pub(crate) fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::I64(number) => Some(Self::Integer(number.into())),
            Value::U64(number) => Some(Self::Integer(number.into())),
            Value::F64(number) => Some(Self::Float(number)),
            Value::Bool(bool) => Some(Self::Integer(bool.into())),
            Value::Bytes(_) | Value::Ip(_) => None,
        }
    }

    fn float(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(right)),
            _ => self.float().partial_cmp(&other.float()),
        }
    }
}
