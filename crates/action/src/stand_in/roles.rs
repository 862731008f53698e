//! What puppets do.

use std::io;
use std::net::UdpSocket;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Uid;
use rustix::pty::OpenptFlags;

use super::network::{self, KUBERNETES, METADATA, OUTSIDE};
use super::{Deed, ROLE, Role};
use crate::failure::Failure;

/// Every role a puppet can play.
pub(super) const ROLES: &[Role] = &[
    Role {
        name: crate::sandbox::ACT,
        ready: crate::sandbox::ready,
    },
    Role {
        name: "idle",
        ready: || Ok(Box::new(|| Ok(()))),
    },
    Role {
        name: "read-sensitive-file",
        ready: read_sensitive_file,
    },
    Role {
        name: "run-shell",
        ready: || Ok(child("sh", &["-c", "ls > /dev/null"])),
    },
    Role {
        name: "exec-ls",
        ready: || Ok(child("ls", &[])),
    },
    Role {
        name: "trace-me",
        ready: || Ok(Box::new(trace_me)),
    },
    Role {
        name: "set-user",
        ready: set_user,
    },
    Role {
        name: "page-faults",
        ready: page_faults,
    },
    Role {
        name: "connect-udp",
        ready: || network::connect_udp((OUTSIDE, 8192)),
    },
    Role {
        name: "connect-dns",
        ready: || network::connect_udp((OUTSIDE, 53)),
    },
    Role {
        name: "connect-https",
        ready: || network::connect_tcp((OUTSIDE, 443)),
    },
    Role {
        name: "connect-metadata",
        ready: || network::connect_tcp((METADATA, 80)),
    },
    Role {
        name: "connect-kubernetes",
        ready: || network::connect_tcp((KUBERNETES, 443)),
    },
    Role {
        name: "redirect",
        ready: || network::redirect((OUTSIDE, 443)),
    },
    Role {
        name: "terminal-shell",
        ready: terminal_shell,
    },
    Role {
        name: "listen",
        ready: || network::listen(OUTSIDE),
    },
    Role {
        name: "receive-class-file",
        ready: receive_class_file,
    },
];

fn read_sensitive_file() -> Result<Deed, Failure> {
    Ok(Box::new(|| {
        rustix::fs::openat(
            CWD,
            c"/etc/shadow",
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map(drop)
        .map_err(Failure::at("open /etc/shadow"))
    }))
}

/// Starts a program each time and waits for it.
fn child(program: &'static str, arguments: &'static [&'static str]) -> Deed {
    Box::new(move || {
        let status = Command::new(program)
            .args(arguments)
            .env_remove(ROLE)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(Failure::at(program))?;
        crate::wait::expect_success(status, program)
    })
}

/// Takes a new terminal as its own and starts a shell in it each time.
fn terminal_shell() -> Result<Deed, Failure> {
    let step = "make a terminal";
    rustix::process::setsid().map_err(Failure::at(step))?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = rustix::pty::openpt(flags)
        .map_err(|errno| Failure::skipped(format!("no terminal can be made: {errno}")))?;
    rustix::pty::unlockpt(&ours).map_err(Failure::at(step))?;
    let name = rustix::pty::ptsname(&ours, Vec::new()).map_err(Failure::at(step))?;
    // The first terminal that the leader of a session opens becomes that of the session.
    let theirs = rustix::fs::openat(CWD, &*name, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(Failure::at(step))?;
    let mut shell = child("sh", &["-c", "ls > /dev/null"]);
    Ok(Box::new(move || {
        let _kept = (&ours, &theirs);
        shell()
    }))
}

/// Asks to be traced, as programs do that do not want a debugger to attach. Only the first request
/// is granted; what an engine sees is the request.
fn trace_me() -> Result<(), Failure> {
    match nix::sys::ptrace::traceme() {
        Ok(()) | Err(nix::errno::Errno::EPERM) => Ok(()),
        Err(errno) => Err(Failure::at("ptrace(PTRACE_TRACEME)")(errno)),
    }
}

/// Gives up root for good, then asks for it back, in vain.
fn set_user() -> Result<Deed, Failure> {
    become_daemon()?;
    Ok(Box::new(|| {
        match rustix::thread::set_thread_uid(Uid::ROOT) {
            Err(Errno::PERM) => Ok(()),
            Err(errno) => Err(Failure::at("setuid(0)")(errno)),
            Ok(()) => Err(Failure::at("setuid(0)")(io::Error::other(
                "was granted to an unprivileged user",
            ))),
        }
    }))
}

fn page_faults() -> Result<Deed, Failure> {
    become_daemon()?;
    // Once here, so that a kernel that refuses is a reason to skip rather than an error.
    crate::raw::userfaultfd()
        .map_err(|errno| Failure::skipped(format!("userfaultfd is refused to users: {errno}")))?;
    Ok(Box::new(|| {
        crate::raw::userfaultfd()
            .map(drop)
            .map_err(Failure::at("userfaultfd"))
    }))
}

/// Becomes `daemon`, user 1 on every Linux.
fn become_daemon() -> Result<(), Failure> {
    rustix::thread::set_thread_uid(Uid::from_raw(1)).map_err(Failure::at("setuid(daemon)"))?;
    // Who changes users is no longer told of the parent's death unless it asks again.
    crate::sandbox::die_with(None)
}

/// Receives the first bytes of a Java class file, sent to ourselves over the loopback device.
fn receive_class_file() -> Result<Deed, Failure> {
    const MAGIC: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];
    let step = "exchange over the loopback device";
    let server = UdpSocket::bind("127.0.0.1:0").map_err(Failure::at(step))?;
    let client = UdpSocket::bind("127.0.0.1:0").map_err(Failure::at(step))?;
    let address = server.local_addr().map_err(Failure::at(step))?;
    Ok(Box::new(move || {
        let mut buffer = [0; 16];
        client.send_to(&MAGIC, address).map_err(Failure::at(step))?;
        server.recv_from(&mut buffer).map_err(Failure::at(step))?;
        Ok(())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_named_once() {
        let mut names: Vec<_> = ROLES.iter().map(|role| role.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROLES.len());
    }

    #[test]
    fn a_class_file_is_received() {
        receive_class_file().unwrap()().unwrap();
    }

    #[test]
    fn a_child_that_fails_is_an_error() {
        child("sh", &["-c", "exit 0"])().unwrap();
        let failure = child("sh", &["-c", "exit 3"])().unwrap_err();
        assert_eq!(failure.to_string(), "sh: exit code 3");
        let missing = child("/nowhere/at/all", &[])().unwrap_err();
        assert!(matches!(missing, Failure::Failed { .. }));
    }

    #[test]
    fn reading_fails_or_works_with_the_file() {
        let readable = std::fs::File::open("/etc/shadow").is_ok();
        assert_eq!(read_sensitive_file().unwrap()().is_ok(), readable);
    }
}
