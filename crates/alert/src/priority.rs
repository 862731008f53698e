//! How bad an alert is.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// How bad it is, most severe first. The numbers are those of syslog and of the gRPC messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
#[repr(u8)]
pub enum Priority {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Informational,
    Debug,
}

impl Priority {
    /// All of them, most severe first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// The word that lines carry, such as `Informational`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emergency => "Emergency",
            Self::Alert => "Alert",
            Self::Critical => "Critical",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Notice => "Notice",
            Self::Informational => "Informational",
            Self::Debug => "Debug",
        }
    }

    /// The number: 0 for emergency to 7 for debug, in syslog and gRPC alike.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The priority with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether a rule of this priority is kept when the least severe priority wanted is `minimum`.
    pub fn at_least(self, minimum: Self) -> bool {
        self <= minimum
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads a priority's word in any case; `info` is short for `informational`.
impl FromStr for Priority {
    type Err = ParsePriorityError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if word.eq_ignore_ascii_case("info") {
            return Ok(Self::Informational);
        }
        Self::ALL
            .into_iter()
            .find(|priority| word.eq_ignore_ascii_case(priority.name()))
            .ok_or_else(|| ParsePriorityError {
                word: word.to_owned(),
            })
    }
}

/// A word that is no priority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParsePriorityError {
    /// The word.
    pub word: String,
}

impl fmt::Display for ParsePriorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown priority {:?}: expected one of emergency, alert, critical, error, warning, \
             notice, informational (or info), debug",
            self.word
        )
    }
}

impl Error for ParsePriorityError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_any_case_and_numbers() {
        for (number, priority) in (0u8..).zip(Priority::ALL) {
            assert_eq!(priority.number(), number);
            assert_eq!(Priority::from_number(number), Some(priority));
            assert_eq!(priority.name().parse(), Ok(priority));
            assert_eq!(priority.name().to_uppercase().parse(), Ok(priority));
            assert_eq!(priority.name().to_lowercase().parse(), Ok(priority));
        }
        assert_eq!("INFO".parse(), Ok(Priority::Informational));
        assert_eq!(Priority::from_number(8), None);
    }

    #[test]
    fn other_words_are_refused_by_name() {
        for word in ["", "warn", "warning ", "information", "5", "émergency"] {
            let error = word.parse::<Priority>().unwrap_err();
            assert!(error.to_string().contains(&format!("{word:?}")), "{error}");
        }
    }

    #[test]
    fn severity_orders() {
        assert!(Priority::Critical.at_least(Priority::Warning));
        assert!(Priority::Warning.at_least(Priority::Warning));
        assert!(!Priority::Debug.at_least(Priority::Warning));
        assert_eq!(format!("{:>8}|", Priority::Alert), "   Alert|");
    }
}
