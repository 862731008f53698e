//! The engine's side: a socket for those who ask.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use super::Report;

/// Only root.
const SOCKET_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o755;

/// How long a question waits for the engine, and an answer for who asked.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the event thread and the one at the socket share.
#[derive(Default)]
struct Shared {
    wanted: AtomicBool,
    /// The answer, as JSON, until it is taken.
    answer: Mutex<Option<String>>,
    answered: Condvar,
}

/// A socket on which reports are asked for; its file is gone when this is dropped.
pub(crate) struct TopSocket {
    shared: Arc<Shared>,
    path: PathBuf,
    inode: u64,
    /// The folder of the socket, if it was made for it.
    folder: Option<PathBuf>,
}

impl TopSocket {
    /// Listens.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made, or another engine listens there.
    pub(crate) fn listen(path: &Path) -> Result<Self> {
        if UnixStream::connect(path).is_ok() {
            bail!("another engine listens at {}", path.display());
        }
        let folder = path.parent().filter(|folder| !folder.exists());
        if let Some(folder) = folder {
            fs::DirBuilder::new()
                .mode(FOLDER_MODE)
                .create(folder)
                .with_context(|| format!("failed to make {}", folder.display()))?;
        }
        let failed = || format!("failed to listen at {}", path.display());
        // Under another name until it has its rights: nobody connects before, and what a killed
        // engine left behind is replaced.
        let mut early = path.as_os_str().to_owned();
        early.push(format!(".{}", std::process::id()));
        let early = PathBuf::from(early);
        let listener = UnixListener::bind(&early).with_context(failed)?;
        let ready = fs::set_permissions(&early, fs::Permissions::from_mode(SOCKET_MODE))
            .and_then(|()| fs::rename(&early, path))
            .and_then(|()| fs::symlink_metadata(path));
        if ready.is_err() {
            let _ = fs::remove_file(&early);
        }
        let inode = ready.with_context(failed)?.ino();
        let shared = Arc::new(Shared::default());
        let asked = Arc::clone(&shared);
        thread::Builder::new()
            .name("top".to_owned())
            .spawn(move || serve(&listener, &asked))
            .with_context(failed)?;
        Ok(Self {
            shared,
            path: path.to_owned(),
            inode,
            folder: folder.map(Path::to_owned),
        })
    }

    /// Whether somebody waits for a report. Cheap.
    pub(crate) fn is_wanted(&self) -> bool {
        self.shared.wanted.load(Ordering::Relaxed)
    }

    /// Gives those who wait a report.
    pub(crate) fn answer(&self, report: &Report) {
        self.shared.wanted.store(false, Ordering::Relaxed);
        let Ok(text) = serde_json::to_string(report) else {
            return;
        };
        let mut answer = self
            .shared
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *answer = Some(text);
        self.shared.answered.notify_all();
    }
}

impl Drop for TopSocket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            // Left behind, the next engine replaces it.
            let _ = fs::remove_file(&self.path);
        }
        if let Some(folder) = &self.folder {
            // Unless others use it by now.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// One question after another; each takes a few milliseconds.
fn serve(listener: &UnixListener, shared: &Shared) {
    for stream in listener.incoming() {
        let served = stream.and_then(|stream| serve_one(&stream, shared));
        if let Err(err) = served {
            tracing::debug!("top: {err}");
            // Should the listener itself be broken, this must not spin.
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn serve_one(mut stream: &UnixStream, shared: &Shared) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner);
    *answer = None;
    shared.wanted.store(true, Ordering::Relaxed);
    let (mut answer, _) = shared
        .answered
        .wait_timeout_while(answer, PATIENCE, |answer| answer.is_none())
        .unwrap_or_else(PoisonError::into_inner);
    let answer = answer.take();
    let text = answer.ok_or_else(|| io::Error::other("the engine did not answer"))?;
    stream.write_all(text.as_bytes())?;
    stream.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn whoever_connects_gets_a_report() {
        let folder = std::env::temp_dir().join(format!("peregrine-top-{}", std::process::id()));
        let path = folder.join("top.sock");
        let socket = TopSocket::listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, SOCKET_MODE);
        let report = Report {
            pid: 42,
            events: 7,
            ..Report::default()
        };
        for _ in 0..2 {
            assert!(!socket.is_wanted());
            let mut client = UnixStream::connect(&path).unwrap();
            while !socket.is_wanted() {
                thread::yield_now();
            }
            socket.answer(&report);
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        }
        assert!(TopSocket::listen(&path).is_err(), "one engine for a socket");
        drop(socket);
        assert!(!folder.exists());
    }
}
