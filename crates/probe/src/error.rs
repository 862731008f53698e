//! Why the probe cannot be used.

use std::io;

use crate::check::CheckError;

/// What can go wrong between opening the object and reading the rings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine or the rights of this process do not allow the probe.
    #[error(transparent)]
    Check(#[from] CheckError),

    /// The ring size is not a power of two of at least two pages.
    #[error("ring size {bytes} is not a power of two of at least {least} bytes")]
    RingSize {
        /// What was asked for.
        bytes: usize,
        /// Two pages.
        least: usize,
    },

    /// The list of CPUs cannot be read.
    #[error("failed to read the list of CPUs from {path}")]
    Cpus {
        /// The file in `/sys`.
        path: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// The kernel refused the programs or their maps.
    #[error("failed to load the probe: {reason}{}", .log.as_deref().map(|log| format!("\n{log}")).unwrap_or_default())]
    Load {
        /// What libbpf says.
        reason: String,
        /// The last lines of libbpf's log, which hold the verifier's.
        log: Option<String>,
    },

    /// The object lacks a map or a program that this code expects: a build mistake.
    #[error("the probe object has no {what} `{name}`")]
    NotInObject {
        /// "map" or "program".
        what: &'static str,
        /// Its name.
        name: &'static str,
    },

    /// A ring or the scratch memory of a CPU cannot be made.
    #[error("failed to make a ring of {bytes} bytes for CPU {cpu}: {reason}")]
    Ring {
        /// For which CPU.
        cpu: u16,
        /// How large.
        bytes: usize,
        /// What the kernel says.
        reason: String,
    },

    /// Memory shared with the kernel cannot be mapped.
    #[error("failed to map {what}")]
    Map {
        /// What was to be mapped.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// A map cannot be read or written.
    #[error("failed to {action}: {reason}")]
    Access {
        /// What was to be done.
        action: &'static str,
        /// What the kernel says.
        reason: String,
    },

    /// A program cannot be attached to its tracepoint.
    #[error("failed to attach `{program}` to its tracepoint: {reason}")]
    Attach {
        /// The program.
        program: String,
        /// What the kernel says.
        reason: String,
    },

    /// A second reader was asked for; the rings have one consumer.
    #[error("the rings already have a reader")]
    ReaderTaken,
}
