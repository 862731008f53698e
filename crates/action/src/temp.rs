//! Names for what is made, and guards that take it away again.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Mode};

use crate::failure::Failure;
use crate::journal::{self, Made};

/// How the name of everything we make begins (after a dot where it has to be hidden).
pub const PREFIX: &str = "event-generator-";

/// A name nobody else uses: prefix, process, moment and a counter.
pub(crate) fn unique_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let moment = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}-{moment:x}{count:x}", std::process::id())
}

/// A number that cannot be foretold.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The keys come from the kernel once and count up; the hash makes numbers of them.
    std::hash::RandomState::new().build_hasher().finish()
}

/// A path ready for the kernel, so that the hot path does not have to make one.
pub(crate) fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("our own paths hold no NUL")
}

/// A directory of ours, removed with all it holds.
#[derive(Debug)]
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    /// A directory below the system's place for such, only for us (`0700`).
    pub(crate) fn new() -> Result<Self, Failure> {
        Self::below(&std::env::temp_dir())
    }

    /// A directory below `parent`, only for us (`0700`).
    pub(crate) fn below(parent: &Path) -> Result<Self, Failure> {
        Self::make(parent.join(unique_name()), Mode::RWXU)
    }

    /// A directory that others may enter and read (`0755`).
    pub(crate) fn open_to_all(parent: &Path) -> Result<Self, Failure> {
        let mode = Mode::from_raw_mode(0o755);
        let dir = Self::make(parent.join(unique_name()), mode)?;
        let step = || format!("chmod {}", dir.0.display());
        // The mode given to mkdir is cut by the umask. Only then: that something is made executable
        // can set off a rule of its own.
        let stat = rustix::fs::stat(dir.path()).map_err(Failure::at(step()))?;
        if Mode::from_raw_mode(stat.st_mode).contains(mode) {
            return Ok(dir);
        }
        rustix::fs::chmod(dir.path(), mode).map_err(Failure::at(step()))?;
        Ok(dir)
    }

    fn make(path: PathBuf, mode: Mode) -> Result<Self, Failure> {
        journal::will_make(Made::Tree, &path)?;
        rustix::fs::mkdir(&path, mode).map_err(Failure::at(format!("mkdir {}", path.display())))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Directories that had to be made so that a file can be put into them, innermost last.
#[derive(Debug, Default)]
pub(crate) struct MissingDirs(Vec<PathBuf>);

impl MissingDirs {
    /// Makes `path` and those of its ancestors that are missing.
    pub(crate) fn make(path: &Path) -> Result<Self, Failure> {
        let mut made = Self::default();
        let missing: Vec<&Path> = path.ancestors().take_while(|dir| !dir.exists()).collect();
        for dir in missing.into_iter().rev() {
            journal::will_make(Made::EmptyDirectory, dir)?;
            rustix::fs::mkdir(dir, Mode::from_raw_mode(0o755))
                .map_err(Failure::at(format!("mkdir {}", dir.display())))?;
            made.0.push(dir.to_owned());
        }
        Ok(made)
    }
}

impl Drop for MissingDirs {
    fn drop(&mut self) {
        for dir in self.0.iter().rev() {
            let _ = std::fs::remove_dir(dir);
        }
    }
}

/// A file that is removed if it is there.
#[derive(Debug)]
pub(crate) struct RemovedFile(pub(crate) CString);

impl RemovedFile {
    /// A file that is about to be made at `path`.
    pub(crate) fn at(path: &Path) -> Result<Self, Failure> {
        journal::will_make(Made::File, path)?;
        Ok(Self(c_path(path)))
    }
}

impl Drop for RemovedFile {
    fn drop(&mut self) {
        // Mostly it is gone already: actions remove what they make at once.
        let _ = rustix::fs::unlinkat(CWD, &*self.0, AtFlags::empty());
    }
}

/// Writes a file of ours and says which step failed.
pub(crate) fn write(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, contents)
        .map_err(|source: io::Error| Failure::at(format!("write {}", path.display()))(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_goes_with_its_guard() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().to_owned();
        write(&dir.join("file"), b"x").unwrap();
        std::fs::create_dir(dir.join("inner")).unwrap();
        assert!(path.join("file").exists());
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn missing_directories_are_made_and_removed_and_others_kept() {
        let dir = TempDir::new().unwrap();
        let deep = dir.join("a").join("b");
        let made = MissingDirs::make(&deep).unwrap();
        assert!(deep.is_dir());
        drop(made);
        assert!(!dir.join("a").exists());
        drop(MissingDirs::make(dir.path()).unwrap());
        assert!(dir.path().is_dir());
    }

    #[test]
    fn names_differ() {
        assert_ne!(unique_name(), unique_name());
    }
}
