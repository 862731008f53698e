//! The scripts before and after a test, in one bash.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use super::{Failure, chain};
use crate::suite::plan::{Launch, number};

/// Does the first part, says how it ended, waits to be told, and does the second part. The numbers of
/// the descriptors are arguments, so that they are out of the way of the scripts.
const DRIVER: &str = r#"
__out=$3 __in=$4
eval "$1"
echo "$?" >&"$__out"
read -r __go <&"$__in" || exit 0
eval "$2"
"#;

/// A bash that has done the first part.
pub(super) struct Script {
    pid: Pid,
    go: File,
}

impl Script {
    /// Starts it and waits for the first part, whose last command must succeed. None when there is
    /// nothing to run.
    pub(super) fn before(before: &str, after: &str) -> Result<Option<Self>, Failure> {
        if before.trim().is_empty() && after.trim().is_empty() {
            return Ok(None);
        }
        let at = "script `before`";
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(Failure::at(at));
        let (status, said) = pipe()?;
        let (heard, go) = pipe()?;
        // Scripts may use small numbers themselves.
        let high = |fd: OwnedFd| rustix::io::fcntl_dupfd_cloexec(&fd, 200).map_err(Failure::at(at));
        let (said, heard) = (high(said)?, high(heard)?);
        let bash = find("bash").ok_or_else(|| Failure::new(at, "bash is not in PATH"))?;
        let arguments = vec![
            "bash".to_owned(),
            "-c".to_owned(),
            DRIVER.to_owned(),
            "bash".to_owned(),
            before.to_owned(),
            after.to_owned(),
            number(&said).to_string(),
            number(&heard).to_string(),
        ];
        let launch = Launch::new(bash, arguments, std::env::vars().collect());
        let pid = chain::spawn(&launch, &[&said, &heard]).map_err(Failure::at(at))?;
        drop((said, heard));
        let mut script = Self {
            pid,
            go: File::from(go),
        };
        let mut line = String::new();
        BufReader::new(File::from(status))
            .read_line(&mut line)
            .map_err(Failure::at(at))?;
        match line.trim().parse::<i32>() {
            Ok(0) => Ok(Some(script)),
            Ok(code) => {
                script.end();
                Err(Failure::new(
                    at,
                    format!("its last command ended with {code}"),
                ))
            }
            // It called `exit`, or was killed.
            Err(_) => match chain::wait(script.pid).map_err(Failure::at(at))? {
                0 => Err(Failure::new(
                    at,
                    "it ended bash, so that `after` cannot run",
                )),
                code => Err(Failure::new(at, format!("bash ended with {code}"))),
            },
        }
    }

    /// Runs the second part to its end.
    pub(super) fn after(mut self) -> Result<(), Failure> {
        let at = "script `after`";
        self.go.write_all(b"go\n").map_err(Failure::at(at))?;
        match chain::wait(self.pid).map_err(Failure::at(at))? {
            0 => Ok(()),
            code => Err(Failure::new(at, format!("it ended with {code}"))),
        }
    }

    /// Lets bash end without the second part.
    fn end(&mut self) {
        let _ = rustix::process::kill_process(self.pid, rustix::process::Signal::KILL);
        let _ = chain::wait(self.pid);
    }
}

/// Where a program is.
fn find(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
        .map(|path| path.to_string_lossy().into_owned())
}
