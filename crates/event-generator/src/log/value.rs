//! The value of a field.

use std::time::Duration;

use crate::go::{format_duration, format_float};

/// The value of a field.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Text.
    Text(String),
    /// A count.
    Count(u64),
    /// A number.
    Float(f64),
    /// A flag.
    Bool(bool),
    /// A length of time; nanoseconds in JSON.
    Duration(Duration),
}

impl Value {
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Float(number) => format_float(*number),
            Self::Bool(flag) => flag.to_string(),
            Self::Duration(duration) => format_duration(*duration),
        }
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Count(count) => (*count).into(),
            Self::Float(number) => json_number(*number),
            Self::Bool(flag) => (*flag).into(),
            Self::Duration(duration) => u64::try_from(duration.as_nanos())
                .unwrap_or(u64::MAX)
                .into(),
        }
    }
}

/// A number without `.0` when it is whole.
fn json_number(number: f64) -> serde_json::Value {
    /// Below this every whole float is exact as an integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return (number as i64).into();
    }
    number.into()
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<Duration> for Value {
    fn from(duration: Duration) -> Self {
        Self::Duration(duration)
    }
}
