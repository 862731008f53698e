//! Why outputs cannot start.

use std::io;
use std::path::{Path, PathBuf};

/// Why outputs cannot start. Each says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No sink is enabled.
    #[error(
        "no output is enabled: enable at least one of stdout_output, file_output, syslog_output, \
         program_output, http_output, grpc_output"
    )]
    NoOutput,

    /// A file that is needed cannot be opened or read.
    #[error("cannot read or open {what} {}: {source}", .path.display())]
    File {
        /// Such as `file_output.filename`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// A file holds no certificate or key, or one that is of no use.
    #[error("cannot use {what} in {}: {reason}", .path.display())]
    Certificate {
        /// Such as `grpc.private_key`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },

    /// Certificates that do not go together.
    #[error("cannot set up TLS for {what}: {reason}")]
    Tls {
        /// `grpc` or `http_output`.
        what: &'static str,
        /// Why.
        reason: String,
    },

    /// An address that cannot be understood.
    #[error("{key} is {value:?}: {reason}")]
    Address {
        /// The configuration key.
        key: &'static str,
        /// What it says.
        value: String,
        /// What was expected.
        reason: String,
    },

    /// Somebody else listens there.
    #[error(
        "cannot listen on grpc.bind_address {address}: another program is listening there; stop it, \
         or give one of the two another address"
    )]
    InUse {
        /// Path, or host and port.
        address: String,
    },

    /// Something that is no socket is in the way.
    #[error(
        "cannot listen on grpc.bind_address {}: a file that is not a socket is there; remove it, or \
         choose another path", .path.display()
    )]
    NotASocket {
        /// The path.
        path: PathBuf,
    },

    /// Listening fails otherwise.
    #[error("cannot listen on grpc.bind_address {address}: {step}: {source}")]
    Listen {
        /// Path, or host and port.
        address: String,
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        source: io::Error,
    },

    /// No thread can be had.
    #[error("cannot start a thread for outputs: {0}")]
    Thread(#[source] io::Error),
}

/// An error with its causes, on one line: libraries often say only "transport error" at the top.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Reads a file that is needed at start.
pub(crate) fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|source| StartError::File {
        what,
        path: path.to_owned(),
        source,
    })
}
