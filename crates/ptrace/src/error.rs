//! Why a command cannot be traced.

use std::ffi::OsString;
use std::io;

/// What can go wrong before the command runs, or while it does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No command.
    #[error("there is no command to trace; put it behind `--`, e.g. `-- sh -c 'ls'`")]
    NoCommand,

    /// The command is not in any folder of `PATH`, or not executable.
    #[error("failed to start `{}`: {reason}", .command.display())]
    Command {
        /// As it was given.
        command: OsString,
        /// Why.
        reason: io::Error,
    },

    /// A NUL in an argument or in the environment.
    #[error("failed to start `{}`: an argument or a variable contains a NUL", .command.display())]
    Nul {
        /// As it was given.
        command: OsString,
    },

    /// The kernel or a sandbox forbids tracing.
    #[error(
        "tracing is not possible here: {what} failed: {reason}. It needs Linux 5.3 or newer, and \
         a sandbox that lets `ptrace` and `seccomp` pass (Docker's default profile does since \
         kernel 4.8; Yama's kernel.yama.ptrace_scope must be below 3)"
    )]
    Forbidden {
        /// Which step.
        what: &'static str,
        /// What the kernel says.
        reason: io::Error,
    },

    /// `/proc` is missing, or shows other processes than the ones that this one sees.
    #[error(
        "tracing is not possible here: /proc {problem}; mount one for this pid namespace \
         (`mount -t proc proc /proc`)"
    )]
    Proc {
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The architecture has no decoder.
    #[error("tracing works on x86-64 and aarch64 only")]
    Architecture,

    /// Something that never fails did.
    #[error("failed to {what}")]
    System {
        /// What was to be done.
        what: &'static str,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
}
