//! Why an action did not happen.

use std::borrow::Cow;
use std::io;

/// Why an action did not happen.
#[derive(thiserror::Error, Debug)]
pub enum Failure {
    /// It does not apply here. Not an error.
    #[error("skipped: {reason}")]
    Skipped {
        /// What is missing, as a lower-case fragment.
        reason: Cow<'static, str>,
    },
    /// A step went wrong.
    #[error("{step}: {source}")]
    Failed {
        /// The step, such as `open /etc/shadow`.
        step: Cow<'static, str>,
        /// What the system said.
        source: io::Error,
    },
    /// A step went wrong in a process that was to do it.
    #[error("{0}")]
    Elsewhere(String),
    /// A process did not end in time and was killed.
    #[error("{what} did not end within {limit:?} and was killed")]
    TimedOut {
        /// The process.
        what: String,
        /// How long it was given.
        limit: std::time::Duration,
    },
    /// The user interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// It does not apply here.
    pub fn skipped(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Skipped {
            reason: reason.into(),
        }
    }

    /// For `map_err`: the step that failed.
    pub(crate) fn at<E: Into<io::Error>>(
        step: impl Into<Cow<'static, str>>,
    ) -> impl FnOnce(E) -> Self {
        move |error| Self::Failed {
            step: step.into(),
            source: error.into(),
        }
    }
}
