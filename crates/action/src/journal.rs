//! What was made and may have to be removed by somebody else.
//!
//! On the machine itself (`--in-place`) an action writes down what it is about to make, and waits until
//! that is on disk, before it makes it. When the action is over, the program that asked for it removes
//! what is left and then the journal; if that program was killed, the next one does.
//!
//! A journal is one file: a line for each thing, a letter and a path. Only what carries our
//! [prefix](crate::temp::PREFIX) is ever removed, and directories without it only when they are empty;
//! a journal that others could have written to is not believed.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::failure::Failure;
use crate::sandbox::started;
use crate::temp::PREFIX;

/// What is about to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Made {
    File,
    /// A directory of ours, and what is put into it.
    Tree,
    /// A directory that has to be there, whose name need not be ours.
    EmptyDirectory,
}

impl Made {
    const ALL: [(Self, u8); 3] = [
        (Self::File, b'f'),
        (Self::Tree, b't'),
        (Self::EmptyDirectory, b'd'),
    ];

    fn letter(self) -> u8 {
        Self::ALL
            .iter()
            .find(|(made, _)| *made == self)
            .map_or(b'f', |(_, letter)| *letter)
    }

    fn of(letter: u8) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, is)| *is == letter)
            .map(|(made, _)| *made)
    }
}

/// The journal of this process; none where nothing can stay anyhow.
static OPEN: OnceLock<Mutex<File>> = OnceLock::new();

/// Writes down in `path`, from now on, what this process makes.
pub(crate) fn open(path: &Path) -> Result<(), Failure> {
    let step = || format!("open the journal {}", path.display());
    let file = OpenOptions::new()
        .append(true)
        .open(path)
        .map_err(Failure::at(step()))?;
    OPEN.set(Mutex::new(file))
        .map_err(|_| Failure::at(step())(io::Error::other("another one is open")))
}

/// Writes down what is about to be made. When this returns, it is on disk.
pub(crate) fn will_make(made: Made, path: &Path) -> Result<(), Failure> {
    let Some(file) = OPEN.get() else {
        return Ok(());
    };
    let mut line = vec![made.letter(), b' '];
    line.extend(path.as_os_str().as_bytes());
    line.push(b'\n');
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    file.write_all(&line)
        .and_then(|()| file.sync_data())
        .map_err(Failure::at("write to the journal"))
}

/// Where journals lie: `/var/lib/event-generator` for root, below the home directory for others.
pub fn default_directory() -> PathBuf {
    let name = "event-generator";
    if rustix::process::geteuid().is_root() {
        return Path::new("/var/lib").join(name);
    }
    match std::env::var_os("XDG_STATE_HOME") {
        Some(state) => Path::new(&state).join(name),
        None => std::env::var_os("HOME").map_or_else(
            || std::env::temp_dir().join(name),
            |home| Path::new(&home).join(".local/state").join(name),
        ),
    }
}

/// A journal for one action; what it names is removed, and it with it, when this is dropped.
#[derive(Debug)]
pub(crate) struct Journal(PathBuf);

impl Journal {
    /// An empty one in `directory`, which is made if it is missing.
    pub(crate) fn make(directory: &Path) -> Result<Self, Failure> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        let started = started(process).unwrap_or(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("journal-{process}-{started}-{count}"));
        let make = || -> io::Result<()> {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)?;
            if !is_ours(directory)? {
                return Err(io::Error::other("others may write there"));
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            options.open(&path)?.sync_all()?;
            // The entry in the directory has to be on disk too.
            File::open(directory)?.sync_all()
        };
        // Whoever has the last journal in a directory removes the directory, maybe at this moment.
        for _ in 0..100 {
            match make() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                made => {
                    let step = format!("make a journal in {}", directory.display());
                    return made.map(|()| Self(path)).map_err(Failure::at(step));
                }
            }
        }
        let error = io::Error::from(io::ErrorKind::NotFound);
        Err(Failure::at(format!(
            "make a journal in {}",
            directory.display()
        ))(error))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // What cannot be removed stays written down.
        if undo(&self.0).is_ok() {
            let _ = fs::remove_file(&self.0);
            if let Some(directory) = self.0.parent() {
                // Only when it is empty.
                let _ = fs::remove_dir(directory);
            }
        }
    }
}

/// Removes what programs that are no more left behind, as their journals in `directory` tell.
/// Returns what was removed.
///
/// # Errors
/// When there is a journal that cannot be read or is not believed, or something that cannot be removed.
pub fn repair(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    if !is_ours(directory)? {
        let text = format!(
            "{}: others may write there, so its journals are not believed",
            directory.display()
        );
        return Err(io::Error::other(text));
    }
    let mut undone = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if is_abandoned(&path) {
            undone.extend(undo(&path)?);
            fs::remove_file(&path)?;
        }
    }
    let _ = fs::remove_dir(directory);
    Ok(undone)
}

/// Whether only this user may write.
fn is_ours(path: &Path) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    let owner = rustix::process::geteuid().as_raw();
    Ok(metadata.uid() == owner && metadata.mode() & 0o022 == 0 && !metadata.is_symlink())
}

/// Whether it is a journal whose program has ended.
fn is_abandoned(path: &Path) -> bool {
    let numbers = || {
        let name = path.file_name()?.to_str()?.strip_prefix("journal-")?;
        let mut numbers = name.split('-');
        let process: u32 = numbers.next()?.parse().ok()?;
        let since: u64 = numbers.next()?.parse().ok()?;
        Some((process, since))
    };
    numbers().is_some_and(|(process, since)| started(process) != Some(since))
}

/// Removes what a journal names, the last first; returns what was there.
fn undo(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !is_ours(path)? {
        let text = format!("{}: others may write to it", path.display());
        return Err(io::Error::other(text));
    }
    let mut undone = Vec::new();
    let text = fs::read(path)?;
    for line in text.split(|byte| *byte == b'\n').rev() {
        let (Some(made), Some(name)) = (
            line.first().and_then(|letter| Made::of(*letter)),
            line.get(2..),
        ) else {
            continue;
        };
        let name = PathBuf::from(OsString::from_vec(name.to_owned()));
        let removed = match made {
            Made::EmptyDirectory => fs::remove_dir(&name).is_ok(),
            Made::File if is_marked(&name) => gone(fs::remove_file(&name))?,
            Made::Tree if is_marked(&name) => gone(fs::remove_dir_all(&name))?,
            Made::File | Made::Tree => false,
        };
        if removed {
            undone.push(name);
        }
    }
    Ok(undone)
}

/// Whether something on the path is called as only we call things.
fn is_marked(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str().as_bytes().starts_with(PREFIX.as_bytes()))
        && path.is_absolute()
        && !path
            .components()
            .any(|part| part == std::path::Component::ParentDir)
}

fn gone(removal: io::Result<()>) -> io::Result<bool> {
    match removal {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp::TempDir;

    fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
        let path = directory.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).mode(0o600);
        options
            .open(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        path
    }

    #[test]
    fn what_a_killed_program_left_is_removed_and_nothing_else() {
        let dir = TempDir::new().unwrap();
        let journals = dir.join("journals");
        DirBuilder::new().mode(0o700).create(&journals).unwrap();
        let ours = dir.join("event-generator-file");
        let tree = dir.join("event-generator-tree");
        let empty = dir.join("made");
        let full = dir.join("full");
        for path in [&tree, &empty, &full] {
            fs::create_dir(path).unwrap();
        }
        for path in [&ours, &tree.join("x"), &full.join("x")] {
            fs::write(path, "").unwrap();
        }
        let text = format!(
            "f {}\nt {}\nd {}\nd {}\nf /etc/passwd\nt /etc\nt /x/event-generator-/../../etc\nnonsense\nf {}-gone\n",
            ours.display(),
            tree.display(),
            empty.display(),
            full.display(),
            ours.display(),
        );
        // No process is called 0.
        let abandoned = write(&journals, "journal-0-1-0", &text);
        let own = std::process::id();
        let current = write(
            &journals,
            &format!("journal-{own}-{}-0", started(own).unwrap()),
            &text,
        );
        let undone = repair(&journals).unwrap();
        assert_eq!(undone, [empty.clone(), tree.clone(), ours.clone()]);
        assert!(!ours.exists() && !tree.exists() && !empty.exists());
        assert!(full.join("x").exists() && Path::new("/etc/passwd").exists());
        assert!(!abandoned.exists() && current.exists());
        fs::remove_file(&current).unwrap();
        assert_eq!(repair(&journals).unwrap(), Vec::<PathBuf>::new());
        assert!(!journals.exists(), "an empty directory goes too");
        assert_eq!(repair(&journals).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn journals_come_and_go_at_the_same_time() {
        let dir = TempDir::new().unwrap();
        let journals = dir.join("journals");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        drop(Journal::make(&journals).unwrap());
                    }
                });
            }
        });
        assert!(!journals.exists());
    }

    #[test]
    fn what_others_can_write_is_not_believed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = TempDir::new().unwrap();
        let journals = dir.join("journals");
        fs::create_dir(&journals).unwrap();
        fs::set_permissions(&journals, fs::Permissions::from_mode(0o777)).unwrap();
        write(&journals, "journal-0-1-0", "f /tmp/event-generator-x\n");
        assert!(repair(&journals).is_err());
        assert!(Journal::make(&journals).is_err());
    }
}
