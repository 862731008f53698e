//! Loads of plain system calls, which break no rule: what an engine has to look at and let go.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use action::{Failure, Prepared};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::Task;

/// A kind of load.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum SyscallLoad {
    /// Ten calls of files and sockets a turn.
    Mix,
    /// Open a file and close it: two calls a turn.
    Open,
    /// Start a program and wait for it.
    Exec,
}

impl SyscallLoad {
    /// The task that does it.
    pub fn task(self) -> Task {
        match self {
            Self::Mix => Task::new("syscalls.mix", || {
                Ok(Prepared::new(|| mix().map_err(failed("make system calls"))))
            })
            .with_calls(10),
            Self::Open => Task::new("syscalls.open", || {
                Ok(Prepared::new(|| {
                    open_and_close().map_err(failed("open /dev/null"))
                }))
            })
            .with_calls(2),
            // How many calls that is depends on the C library and the loader of the program, some
            // thirty, so none is claimed.
            Self::Exec => Task::new("syscalls.exec", || {
                let mut command = Command::new("/bin/true");
                command.stdin(Stdio::inherit()).env_clear();
                Ok(Prepared::new(move || match command.status() {
                    Ok(status) if status.success() => Ok(()),
                    Ok(status) => Err(failed("start /bin/true")(std::io::Error::other(format!(
                        "it ended with {status}"
                    )))),
                    Err(error) => Err(failed("start /bin/true")(error)),
                }))
            }),
        }
    }
}

fn failed<E: Into<std::io::Error>>(step: &'static str) -> impl FnOnce(E) -> Failure {
    move |source| Failure::Failed {
        step: step.into(),
        source: source.into(),
    }
}

fn open_and_close() -> rustix::io::Result<()> {
    rustix::fs::openat(
        CWD,
        c"/dev/null",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map(drop)
}

/// Open, fstat, read, write, dup, close, close, socket, connect, close. The socket is one of datagrams
/// and its address the loopback's: nothing is sent.
fn mix() -> rustix::io::Result<()> {
    const DISCARD: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9);
    let file = rustix::fs::openat(
        CWD,
        c"/dev/zero",
        OFlags::RDWR | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    rustix::fs::fstat(&file)?;
    let mut byte = [0_u8];
    rustix::io::read(file.as_fd(), &mut byte)?;
    rustix::io::write(file.as_fd(), &byte)?;
    drop(rustix::io::dup(file.as_fd())?);
    drop(file);
    let socket = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    rustix::net::connect(&socket, &DISCARD)
}
