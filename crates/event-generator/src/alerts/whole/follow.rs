//! Alerts from where the engine writes them: a file, a command such as `journalctl -f`, our input.
//!
//! One alert a line, as JSON. What stands before the first brace is passed over: journals and syslog put
//! a date there. A line that `journalctl -o json` wrote holds the alert as its `MESSAGE`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use super::{Listener, Whole, from_value};
use crate::alerts::{Ear, Error};

/// How often a file is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// Follows a file from its end on. It may be missing yet, and may be replaced or cut, as logs are.
pub(super) fn file(path: &Path, listener: Arc<dyn Listener>) -> Result<Ear, Error> {
    let path = path.to_owned();
    let mut followed = Followed::open(&path).map_err(|error| Error::Follow {
        from: path.display().to_string(),
        reason: error.to_string(),
    })?;
    Ear::start(true, async move {
        let address = path.display().to_string();
        let listening = async move {
            loop {
                if let Err(error) = followed.read(&*listener) {
                    return format!("{}: {error}", path.display());
                }
                tokio::time::sleep(INTERVAL).await;
            }
        };
        Ok((address, listening))
    })
}

/// A file that grows.
struct Followed {
    path: PathBuf,
    file: Option<File>,
    /// How far it has been read.
    at: u64,
    /// The beginning of a line whose end has not been written yet.
    rest: Vec<u8>,
}

impl Followed {
    fn open(path: &Path) -> std::io::Result<Self> {
        let mut followed = Self {
            path: path.to_owned(),
            file: None,
            at: 0,
            rest: Vec::new(),
        };
        match File::open(path) {
            Ok(mut file) => {
                followed.at = file.seek(SeekFrom::End(0))?;
                followed.file = Some(file);
            }
            // To be made by an engine that starts later.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(followed)
    }

    /// Reads what was added.
    fn read(&mut self, listener: &dyn Listener) -> std::io::Result<()> {
        let current = std::fs::metadata(&self.path).ok();
        let replaced = match (&self.file, &current) {
            (Some(file), Some(current)) => {
                let ours = file.metadata()?;
                (ours.ino(), ours.dev()) != (current.ino(), current.dev())
            }
            (None, Some(_)) => true,
            (_, None) => false,
        };
        // What was added to the old one first.
        self.drain(listener)?;
        if replaced {
            self.file = File::open(&self.path).ok();
            self.at = 0;
            self.rest.clear();
            self.drain(listener)?;
        }
        Ok(())
    }

    fn drain(&mut self, listener: &dyn Listener) -> std::io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        if file.metadata()?.len() < self.at {
            self.at = file.seek(SeekFrom::Start(0))?;
            self.rest.clear();
        }
        let before = self.rest.len();
        file.read_to_end(&mut self.rest)?;
        self.at += (self.rest.len() - before) as u64;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(());
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        for line in whole.split(|byte| *byte == b'\n') {
            tell(line, listener);
        }
        Ok(())
    }
}

/// Follows our standard input to its end.
pub(super) fn input(listener: Arc<dyn Listener>) -> Result<Ear, Error> {
    stream(
        std::io::stdin(),
        "standard input".to_owned(),
        listener,
        None,
    )
}

/// Follows what a command prints; the command is ended with us.
pub(super) fn command(command: &str, listener: Arc<dyn Listener>) -> Result<Ear, Error> {
    let failed = |reason: String| Error::Follow {
        from: command.to_owned(),
        reason,
    };
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // With all that it starts in turn.
        .process_group(0)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let output = child.stdout.take();
    let child = Ended(child);
    let output = output.ok_or_else(|| failed("it has no output".to_owned()))?;
    stream(output, command.to_owned(), listener, Some(child))
}

/// A process group that is killed when this is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        // It may have ended by itself.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Reads lines on a thread of its own, which a read that never ends holds up alone.
fn stream(
    from: impl Read + Send + 'static,
    address: String,
    listener: Arc<dyn Listener>,
    child: Option<Ended>,
) -> Result<Ear, Error> {
    let (sender, mut ended) = mpsc::channel::<String>(1);
    std::thread::Builder::new()
        .name("follow".to_owned())
        .spawn(move || {
            let mut reader = BufReader::new(from);
            let mut line = Vec::new();
            let reason = loop {
                line.clear();
                match reader.read_until(b'\n', &mut line) {
                    Ok(0) => break "it has ended".to_owned(),
                    Ok(_) => tell(line.trim_ascii(), &*listener),
                    Err(error) => break error.to_string(),
                }
            };
            // Fails only when nobody listens any more.
            let _ = sender.blocking_send(reason);
        })
        .map_err(Error::Start)?;
    Ear::start(true, async move {
        let name = address.clone();
        let listening = async move {
            let _ended_with_us = child;
            let reason = ended.recv().await.unwrap_or_default();
            format!("{name}: {reason}")
        };
        Ok((address, listening))
    })
}

/// Tells of the alert in a line.
fn tell(line: &[u8], listener: &dyn Listener) {
    if line.is_empty() {
        return;
    }
    match alert_in(line) {
        Some(alert) => listener.alert(alert),
        None => listener.noise(),
    }
}

fn alert_in(line: &[u8]) -> Option<Whole> {
    let brace = line.iter().position(|byte| *byte == b'{')?;
    let value: Value = serde_json::from_slice(&line[brace..]).ok()?;
    from_value(&value).or_else(|| {
        let message = value.get("MESSAGE")?.as_str()?;
        let brace = message.find('{')?;
        from_value(&serde_json::from_str(&message[brace..]).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Heard(Mutex<(Vec<String>, usize)>);

    impl Listener for Heard {
        fn alert(&self, alert: Whole) {
            self.0.lock().unwrap().0.push(alert.rule);
        }
        fn noise(&self) {
            self.0.lock().unwrap().1 += 1;
        }
    }

    #[test]
    fn an_alert_is_found_in_a_line() {
        for line in [
            r#"{"rule":"R","output_fields":{}}"#,
            r#"Nov 28 09:00:00 host engine[7]: {"rule":"R"}"#,
            r#"{"MESSAGE":"{\"rule\":\"R\"}","_PID":"7"}"#,
            r#"{"MESSAGE":"alert: {\"rule\":\"R\"}"}"#,
        ] {
            assert_eq!(alert_in(line.as_bytes()).unwrap().rule, "R", "{line}");
        }
        for line in ["", "09:00: Warning text", "{", "{}", r#"{"MESSAGE":[1]}"#] {
            assert!(alert_in(line.as_bytes()).is_none(), "{line}");
        }
    }

    #[test]
    fn a_file_is_followed_from_its_end_through_cuts_and_replacement() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alerts");
        let append = |text: &str| {
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.create(true).append(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append("{\"rule\":\"before\"}\n");
        let heard = Heard::default();
        let mut followed = Followed::open(&path).unwrap();
        let mut rules = || {
            followed.read(&heard).unwrap();
            std::mem::take(&mut heard.0.lock().unwrap().0)
        };
        assert!(rules().is_empty());
        append("{\"rule\":\"a\"}\n{\"rule\":");
        assert_eq!(rules(), ["a"]);
        append("\"b\"}\nnoise\n");
        assert_eq!(rules(), ["b"]);
        std::fs::write(&path, "{\"rule\":\"c\"}\n").unwrap();
        assert_eq!(rules(), ["c"]);
        std::fs::rename(&path, dir.path().join("alerts.1")).unwrap();
        assert!(rules().is_empty());
        append("{\"rule\":\"d\"}\n");
        assert_eq!(rules(), ["d"]);
        assert_eq!(heard.0.lock().unwrap().1, 1);
    }

    #[test]
    fn a_command_is_followed_and_ended() {
        let heard = Arc::new(Heard::default());
        let ear = command(
            "echo '{\"rule\":\"a\"}'; echo nonsense; exec sleep 1000",
            Arc::clone(&heard) as _,
        )
        .unwrap();
        while heard.0.lock().unwrap().1 == 0 {
            assert_eq!(ear.failure(), None);
            std::thread::yield_now();
        }
        assert_eq!(heard.0.lock().unwrap().0, ["a"]);
        // Returns: the command is killed.
        drop(ear);
        let ear = command("exit 3", heard).unwrap();
        while ear.failure().is_none() {
            std::thread::yield_now();
        }
        assert_eq!(ear.failure().unwrap(), "exit 3: it has ended");
    }
}
