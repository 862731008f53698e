//! How a process of a suite learns what it is to do.
//!
//! Its arguments, its name and its environment belong to the test: rules look at them. So the plan is
//! in a sealed memfd that the process inherits. Nothing that somebody may have set by chance, such as
//! a variable, makes a process a part of a suite.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, SealFlags};
use serde::{Deserialize, Serialize};
use suite::{Capabilities, Test};

/// What the kernel shows as the target of the descriptor.
const LINK: &str = "/memfd:event-generator-plan (deleted)";
const NAME: &str = "event-generator-plan";

/// What a process is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Which part of the work.
    pub(super) stage: Stage,
    /// The descriptor to report through.
    pub(super) report: RawFd,
    /// What marks the processes of the test: [`super::TOKEN`].
    pub(super) token: String,
    /// The test.
    pub(super) test: Test,
    /// How each process of the chain is started; empty until the keeper has prepared it.
    pub(super) launches: Vec<Launch>,
    /// How much is kept private.
    pub(super) surroundings: Surroundings,
}

/// A part of the work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Makes the surroundings, starts the chain, and ends when it ends.
    Keeper,
    /// The process of the chain with this index.
    Chain(usize),
    /// A process that does nothing.
    Wait,
}

/// Where a test takes place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Surroundings {
    /// Whether files are changed in place instead of in memory.
    pub(super) in_place: bool,
    /// The control groups of the container, if there is to be one.
    pub(super) container: Option<Vec<PathBuf>>,
    /// Whether the network is private.
    pub(super) network: bool,
}

/// How a process is started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Launch {
    /// The path that is executed.
    pub(super) program: String,
    /// Its arguments, argument 0 first.
    pub(super) arguments: Vec<String>,
    /// Its environment, in order.
    pub(super) environment: Vec<(String, String)>,
    /// User and group it becomes.
    pub(super) user: Option<(u32, u32)>,
    /// Its capabilities; all that there are when none are named.
    pub(super) capabilities: Option<Capabilities>,
}

impl Launch {
    /// A program as the same user, with the same capabilities.
    pub(super) fn new(
        program: String,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
    ) -> Self {
        Self {
            program,
            arguments,
            environment,
            ..Self::default()
        }
    }
}

impl Plan {
    /// Puts the plan into a memfd that nobody can change. It is not inherited until it is told to be.
    pub(super) fn seal(&self) -> io::Result<OwnedFd> {
        let memfd =
            rustix::fs::memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut file = File::from(memfd);
        file.write_all(&serde_json::to_vec(self).map_err(io::Error::other)?)?;
        file.rewind()?;
        let all = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        rustix::fs::fcntl_add_seals(&file, all)?;
        Ok(file.into())
    }

    /// The plan that this process was handed, if it was; the descriptor is closed.
    pub(super) fn receive() -> Option<io::Result<Self>> {
        let entries = std::fs::read_dir("/proc/self/fd").ok()?;
        let number = entries.flatten().find_map(|entry| {
            let target = std::fs::read_link(entry.path()).ok()?;
            (target.as_os_str() == LINK)
                .then(|| entry.file_name().to_str()?.parse::<RawFd>().ok())?
        })?;
        #[expect(unsafe_code, reason = "the descriptor is known by its number alone")]
        // SAFETY: it is open, and nothing else in this process, which has just started, knows of it.
        let mut file = unsafe { File::from_raw_fd(number) };
        let sealed = rustix::fs::fcntl_get_seals(&file)
            .is_ok_and(|seals| seals.contains(SealFlags::WRITE | SealFlags::SEAL));
        if !sealed {
            // Somebody else's. It stays open, as it was.
            std::mem::forget(file);
            return None;
        }
        let mut bytes = Vec::new();
        let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
        Some(read.and_then(|_| serde_json::from_slice(&bytes).map_err(io::Error::other)))
    }
}

/// Lets a program that is about to be executed have a descriptor.
pub(super) fn inherit(fd: impl AsFd) -> io::Result<()> {
    rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty()).map_err(io::Error::from)
}

/// The number of a descriptor.
pub(super) fn number(fd: &OwnedFd) -> RawFd {
    fd.as_raw_fd()
}
