//! Making stand-ins and starting them.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::Mode;

use super::{EXIT, ROLE};
use crate::context::Context;
use crate::failure::Failure;
use crate::temp::{RemovedFile, TempDir};

/// Our program under another name, for as long as this lives.
#[derive(Debug)]
pub(crate) struct StandIn {
    path: PathBuf,
    _file: RemovedFile,
    // After the file, so that it is empty when its turn comes.
    _dir: Option<TempDir>,
}

impl StandIn {
    /// A link called `name` in a directory of its own.
    pub(crate) fn link(context: &Context, name: &str) -> Result<Self, Failure> {
        let dir = TempDir::open_to_all(&std::env::temp_dir())?;
        let stand_in = Self::link_at(context, dir.join(name))?;
        Ok(stand_in.within(dir))
    }

    /// A link at `path`.
    pub(crate) fn link_at(context: &Context, path: PathBuf) -> Result<Self, Failure> {
        let stand_in = Self::around(path)?;
        rustix::fs::symlink(&context.program, &stand_in.path)
            .map_err(Failure::at(format!("symlink {}", stand_in.path.display())))?;
        Ok(stand_in)
    }

    /// A copy called `name` in a directory of its own: for other users, to whom the directory our
    /// program lies in may be closed.
    pub(crate) fn copy(context: &Context, name: &str) -> Result<Self, Failure> {
        let dir = TempDir::open_to_all(&std::env::temp_dir())?;
        let stand_in = Self::copy_to(context, &dir.join(name))?;
        Ok(stand_in.within(dir))
    }

    /// A copy at `path`, which must not exist.
    pub(crate) fn copy_to(context: &Context, path: &Path) -> Result<Self, Failure> {
        let step = || format!("copy the program to {}", path.display());
        let mut from = std::fs::File::open(&context.program).map_err(Failure::at(step()))?;
        let stand_in = Self::around(path.to_owned())?;
        let mut to = std::fs::File::create_new(path).map_err(Failure::at(step()))?;
        std::io::copy(&mut from, &mut to).map_err(Failure::at(step()))?;
        rustix::fs::fchmod(&to, Mode::from_raw_mode(0o755)).map_err(Failure::at(step()))?;
        Ok(stand_in)
    }

    fn around(path: PathBuf) -> Result<Self, Failure> {
        Ok(Self {
            _file: RemovedFile::at(&path)?,
            path,
            _dir: None,
        })
    }

    fn within(mut self, dir: TempDir) -> Self {
        self._dir = Some(dir);
        self
    }

    /// Starts it in a role.
    pub(crate) fn command(&self, role: &str) -> Command {
        in_role(&self.path, role)
    }

    /// Starts it to exit at once.
    pub(crate) fn exiting(&self) -> Command {
        exiting_at(&self.path)
    }
}

/// Starts a copy of our program that lies at `path`, to exit at once.
pub(crate) fn exiting_at(path: &Path) -> Command {
    in_role(path, EXIT)
}

fn in_role(path: &Path, role: &str) -> Command {
    let mut command = Command::new(path);
    command.env(ROLE, role);
    command
}
