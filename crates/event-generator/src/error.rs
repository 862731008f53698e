//! What ends the program early.

use std::time::Duration;

/// What ends the program early. Each says what to do where there is something to do.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// The argument is no regular expression.
    #[error("bad regular expression '{pattern}': {reason}")]
    BadPattern {
        /// The argument.
        pattern: String,
        /// What is wrong, on one line.
        reason: String,
    },
    /// No action has such a name.
    #[error("no events matching '{0}'")]
    NoMatch(String),
    /// Some have, but all of those run with `--all` only.
    #[error("none of the selected actions is enabled; add --all")]
    NoneEnabled,
    /// The same, for `list`.
    #[error("no enabled events matching '{0}'; add --all")]
    NoneEnabledMatching(String),
    /// The filters of `list` leave nothing.
    #[error("no action is left by these filters; with --all there may be")]
    NoneLeft,
    /// Nothing that was selected can be done on this machine.
    #[error("none of the selected actions can be done here")]
    NothingToDo,
    /// Flags that contradict each other.
    #[error("{0}")]
    Flags(String),
    /// The channel alerts come through.
    #[error(transparent)]
    Alerts(#[from] crate::alerts::Error),
    /// The engine that is watched.
    #[error(transparent)]
    Watch(#[from] crate::watch::Error),
    /// The process that is watched.
    #[error(transparent)]
    Process(#[from] crate::watch::ProcessError),
    /// No alert came for actions that were done to try.
    #[error(
        "no alert came within {within:?} for {tried} actions done to try: is an engine running, are \
         their rules loaded, and does it send alerts as JSON to {address}? (json_output: true, \
         http_output.enabled: true, http_output.url; an engine in a container cannot reach a \
         loopback address)"
    )]
    NoAlert {
        /// How long was waited.
        within: Duration,
        /// How many actions were done.
        tried: usize,
        /// Where alerts were expected.
        address: String,
    },
    /// Alerts came, and can come no more.
    #[error("alerts can no longer be heard: {0}")]
    Deaf(String),
    /// The groups that limit an engine.
    #[error(transparent)]
    Cgroup(#[from] crate::capacity_test::CgroupError),
    /// A file of an earlier run.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Where it is wrong, and how.
        source: capacity::read::ReadError,
    },
    /// The engine under test.
    #[error("the engine {0}")]
    Engine(String),
    /// A file or a system call.
    #[error("{step}: {source}")]
    Io {
        /// What was tried.
        step: String,
        /// What came of it.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn io(step: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io {
            step: step.into(),
            source,
        }
    }
}

/// An error and what caused it: the outermost of tonic's says only "transport error".
pub(crate) fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text = format!("{text}: {inner}");
        }
        cause = error.source();
    }
    text
}
