//! Putting this program where a test wants it, under the name that the test wants.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use suite::Process;

use super::Failure;
use crate::suite::channel::{Message, Speaker};
use crate::suite::plan::Launch;

/// What was made for programs; removed with it.
pub(super) struct Programs<'a> {
    speaker: &'a Speaker,
    made: Vec<PathBuf>,
    /// A copy that further ones can be linked to.
    first: Option<PathBuf>,
}

impl<'a> Programs<'a> {
    pub(super) fn new(speaker: &'a Speaker) -> Self {
        Self {
            speaker,
            made: Vec::new(),
            first: None,
        }
    }

    /// Makes the program of a process. `environment` comes first, then the process's own.
    pub(super) fn launch(
        &mut self,
        process: &Process,
        environment: &[(String, String)],
    ) -> Result<Launch, Failure> {
        let path = match &process.exe_path {
            Some(path) => PathBuf::from(path),
            None => std::env::temp_dir().join(format!("event-generator-{}", random()?)),
        };
        self.copy(&path)
            .map_err(Failure::at(format!("program {}", path.display())))?;
        let base = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let name = process.name.clone().unwrap_or_else(|| base.clone());
        let program = if name == base {
            path
        } else {
            self.link(&path, &name)?
        };
        Ok(Launch {
            program: program.to_string_lossy().into_owned(),
            arguments: std::iter::once(process.exe.clone().unwrap_or(name))
                .chain(process.args.iter().cloned())
                .collect(),
            environment: environment.iter().chain(&process.env).cloned().collect(),
            user: None,
            capabilities: process.capabilities,
        })
    }

    /// A link through which the program gets another name: the kernel takes it from the path.
    pub(super) fn link(&mut self, to: &Path, name: &str) -> Result<PathBuf, Failure> {
        let dir = std::env::temp_dir().join(format!("event-generator-{}", random()?));
        let link = dir.join(name);
        let at = || Failure::at(format!("link {}", link.display()));
        self.make(&dir, |path| {
            fs::create_dir(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        })
        .map_err(at())?;
        self.make(&link, |path| std::os::unix::fs::symlink(to, path))
            .map_err(at())?;
        Ok(link)
    }

    /// Puts a copy of this program at a path where nothing is.
    fn copy(&mut self, path: &Path) -> io::Result<()> {
        if path.symlink_metadata().is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "something is there already, and no program is replaced",
            ));
        }
        let missing: Vec<&Path> = path
            .ancestors()
            .skip(1)
            .take_while(|dir| !dir.exists())
            .collect();
        for dir in missing.into_iter().rev() {
            self.make(dir, |dir| fs::create_dir(dir))?;
        }
        let first = self.first.clone();
        self.make(path, |path| {
            if first.is_some_and(|first| fs::hard_link(first, path).is_ok()) {
                return Ok(());
            }
            fs::copy("/proc/self/exe", path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        })?;
        self.first.get_or_insert_with(|| path.to_owned());
        Ok(())
    }

    fn make(&mut self, path: &Path, how: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        self.speaker
            .tell(&Message::Makes(path.to_string_lossy().into_owned()));
        self.made.push(path.to_owned());
        how(path)
    }
}

impl Drop for Programs<'_> {
    fn drop(&mut self) {
        for path in self.made.drain(..).rev() {
            let removed = match path.symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => fs::remove_dir(&path),
                Ok(_) => fs::remove_file(&path),
                Err(error) => Err(error),
            };
            let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
            if removed.as_ref().err().is_none_or(absent) {
                self.speaker
                    .tell(&Message::Gone(path.to_string_lossy().into_owned()));
            }
        }
    }
}

/// Ten hexadecimal digits that nobody else has.
pub(super) fn random() -> Result<String, Failure> {
    crate::suite::token(5).map_err(Failure::at("random number"))
}
