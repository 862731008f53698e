//! Starting the command: a child that waits to be traced, takes the filter upon itself, and then
//! becomes the command.

#![expect(
    unsafe_code,
    reason = "between fork and exec only plain system calls are safe, and no safe crate stops there"
)]

use std::ffi::{CString, OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::ptr;

use libc::sock_filter;

use crate::error::Error;
use crate::sys::{self, Tid};

/// What a child that failed exits with; shells do the same.
const NOT_STARTED: i32 = 127;

/// The child, up to the start of the command.
pub(crate) struct Child {
    pub(crate) pid: Tid,
    go: Option<std::fs::File>,
    report: std::fs::File,
}

/// Which step of the child failed, as the first byte of its report.
const STEP_FILTER: u8 = 1;
const STEP_EXEC: u8 = 2;

fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|errno| Error::System {
        what: "make a pipe",
        source: errno.into(),
    })
}

/// Makes the child, which is traced and waits.
pub(crate) fn spawn(command: &[OsString], filter: &[sock_filter]) -> Result<Child, Error> {
    let name = command.first().ok_or(Error::NoCommand)?;
    let program = find(name).map_err(|reason| Error::Command {
        command: name.clone(),
        reason,
    })?;
    let nul = |_| Error::Nul {
        command: name.clone(),
    };
    let program = CString::new(program.into_os_string().into_vec()).map_err(nul)?;
    let words: Vec<CString> = command
        .iter()
        .map(|word| CString::new(word.as_bytes()))
        .collect::<Result<_, _>>()
        .map_err(nul)?;
    let environment: Vec<CString> = std::env::vars_os()
        .map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()))
        .collect::<Result<_, _>>()
        .map_err(nul)?;
    let plan = Plan {
        program: &program,
        words: pointers(&words),
        environment: pointers(&environment),
        filter,
    };
    let (wait_for_go, go) = pipe()?;
    let (report, reporter) = pipe()?;
    // SAFETY: the child calls nothing but `become_command`, which is made of plain system calls and
    // ends in another program or in the child's end.
    let pid = match unsafe { libc::fork() } {
        -1 => {
            return Err(Error::System {
                what: "make a process",
                source: io::Error::last_os_error(),
            });
        }
        0 => become_command(&plan, &wait_for_go, &reporter, &go),
        pid => pid,
    };
    let child = Child {
        pid,
        go: Some(go.into()),
        report: report.into(),
    };
    sys::seize(pid).map_err(|reason| Error::Forbidden {
        what: "ptrace(PTRACE_SEIZE)",
        reason,
    })?;
    Ok(child)
}

/// What the child needs, made before it is: it cannot ask for memory.
struct Plan<'a> {
    program: &'a CString,
    words: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    filter: &'a [sock_filter],
}

fn pointers(words: &[CString]) -> Vec<*const libc::c_char> {
    words
        .iter()
        .map(|word| word.as_ptr())
        .chain([ptr::null()])
        .collect()
}

/// The child's way to the command. Only calls that are safe after a fork of a process with threads.
fn become_command(plan: &Plan<'_>, go: &OwnedFd, reporter: &OwnedFd, others_end: &OwnedFd) -> ! {
    // SAFETY: all pointers lead to memory that was prepared before the fork and that this child has
    // a copy of; every call here is a plain system call.
    unsafe {
        // Without this copy of the writing end, the parent's death ends the wait.
        libc::close(others_end.as_raw_fd());
        let mut byte = 0u8;
        if libc::read(go.as_raw_fd(), (&raw mut byte).cast(), 1) != 1 {
            libc::_exit(0);
        }
        // The runtime of this program ignores it, and a program inherits that.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let program = libc::sock_fprog {
            len: plan.filter.len() as u16,
            filter: plan.filter.as_ptr().cast_mut(),
        };
        const SET_MODE_FILTER: libc::c_ulong = 1;
        let install = || libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, 0, &raw const program);
        // With the right to do so, a filter can be had without giving up set-user-id programs.
        if install() != 0 {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if install() != 0 {
                give_up(reporter, STEP_FILTER);
            }
        }
        libc::execve(
            plan.program.as_ptr(),
            plan.words.as_ptr(),
            plan.environment.as_ptr(),
        );
        give_up(reporter, STEP_EXEC);
    }
}

fn give_up(reporter: &OwnedFd, step: u8) -> ! {
    let code = io::Error::last_os_error().raw_os_error().unwrap_or(0);
    let [a, b, c, d] = code.to_ne_bytes();
    let report = [step, a, b, c, d];
    // SAFETY: a buffer of five bytes, and the end.
    unsafe {
        libc::write(reporter.as_raw_fd(), report.as_ptr().cast(), report.len());
        libc::_exit(NOT_STARTED)
    }
}

impl Child {
    /// Lets it become the command.
    pub(crate) fn go(&mut self) -> Result<(), Error> {
        let Some(mut pipe) = self.go.take() else {
            return Ok(());
        };
        pipe.write_all(&[1]).map_err(|source| Error::System {
            what: "start the command",
            source,
        })
    }

    /// Why it ended without becoming the command; `None` when it did. To be asked when it is gone.
    pub(crate) fn failure(&mut self, command: &OsStr) -> Option<Error> {
        let mut report = [0; 5];
        // Its end of the pipe is closed by now.
        self.report.read_exact(&mut report).ok()?;
        let [step, code @ ..] = report;
        let reason = io::Error::from_raw_os_error(i32::from_ne_bytes(code));
        Some(match step {
            STEP_FILTER => Error::Forbidden {
                what: "seccomp(SECCOMP_SET_MODE_FILTER)",
                reason,
            },
            _ => Error::Command {
                command: command.to_owned(),
                reason,
            },
        })
    }
}

/// The file that a command names, as shells look for it.
fn find(name: &OsStr) -> io::Result<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return runnable(Path::new(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let mut last = io::Error::from_raw_os_error(libc::ENOENT);
    for folder in std::env::split_paths(&path) {
        let file = folder.join(name);
        match runnable(&file) {
            Ok(file) => return Ok(file),
            // "Not executable" says more than "not there" in another folder. (A folder that may not
            // be searched says nothing.)
            Err(err) if file.exists() => last = err,
            Err(_) => {}
        }
    }
    Err(last)
}

fn runnable(file: &Path) -> io::Result<PathBuf> {
    let data = std::fs::metadata(file)?;
    if data.is_dir() || data.permissions().mode() & 0o111 == 0 {
        return Err(io::Error::from_raw_os_error(libc::EACCES));
    }
    Ok(file.to_owned())
}
