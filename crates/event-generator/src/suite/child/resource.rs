//! What is there before the steps of a test; it goes when it is dropped.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::process::{Pid, Signal};
use suite::{Process, Resource, ResourceKind};

use super::bindings::Bindings;
use super::client_server::ClientServer;
use super::program::Programs;
use super::{Failure, chain};
use crate::suite::channel::{Message, Speaker};
use crate::suite::plan::{Launch, Plan, Stage, Surroundings};

/// One resource. Fields are dropped in this order: what is open before what is removed.
#[expect(dead_code, reason = "it is all about being dropped")]
pub(super) enum Held<'a> {
    Socket(ClientServer),
    Descriptors(Vec<OwnedFd>),
    File(File, Made<'a>),
    Process(Killed, Programs<'a>),
}

/// Makes a resource and exposes what it has.
pub(super) fn make<'a>(
    resource: &Resource,
    plan: &Plan,
    bindings: &mut Bindings,
    speaker: &'a Speaker,
) -> Result<Held<'a>, Failure> {
    let name = &resource.name;
    let at = || format!("resource {name}");
    let inner = |failure: Failure| Failure::new(at(), format!("{}: {}", failure.at, failure.error));
    let one = |fd: OwnedFd, bindings: &mut Bindings| {
        bindings.expose_number(name, "fd", i64::from(fd.as_raw_fd()));
        Held::Descriptors(vec![fd])
    };
    Ok(match &resource.kind {
        ResourceKind::ClientServer { protocol, address } => {
            let both = ClientServer::new(*protocol, address.as_deref()).map_err(inner)?;
            let (client, server) = both.descriptors();
            bindings.expose_number(name, "client.fd", i64::from(client));
            bindings.expose_number(name, "server.fd", i64::from(server));
            Held::Socket(both)
        }
        ResourceKind::File(path) => {
            let mut made = Made::new(speaker);
            let file = made.file(Path::new(path)).map_err(Failure::at(at()))?;
            bindings.expose_number(name, "fd", i64::from(file.as_raw_fd()));
            Held::File(file, made)
        }
        ResourceKind::Directory(path) => {
            let mut made = Made::new(speaker);
            made.dirs(Path::new(path)).map_err(Failure::at(at()))?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let fd =
                rustix::fs::open(path.as_str(), flags, Mode::empty()).map_err(Failure::at(at()))?;
            bindings.expose_number(name, "fd", i64::from(fd.as_raw_fd()));
            Held::File(File::from(fd), made)
        }
        ResourceKind::Pipe => {
            let (read, write) = rustix::pipe::pipe().map_err(Failure::at(at()))?;
            bindings.expose_number(name, "readFd", i64::from(read.as_raw_fd()));
            bindings.expose_number(name, "writeFd", i64::from(write.as_raw_fd()));
            Held::Descriptors(vec![read, write])
        }
        ResourceKind::Event => {
            let fd = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty());
            one(fd.map_err(Failure::at(at()))?, bindings)
        }
        ResourceKind::SignalFd => one(signalfd().map_err(Failure::at(at()))?, bindings),
        ResourceKind::EventPoll => {
            let fd = rustix::event::epoll::create(rustix::event::epoll::CreateFlags::empty());
            one(fd.map_err(Failure::at(at()))?, bindings)
        }
        ResourceKind::Inotify => {
            let fd = rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::empty());
            one(fd.map_err(Failure::at(at()))?, bindings)
        }
        ResourceKind::Memfd(file) => {
            let fd = rustix::fs::memfd_create(file.as_str(), MemfdFlags::empty());
            one(fd.map_err(Failure::at(at()))?, bindings)
        }
        ResourceKind::Process { process, file_less } => {
            let mut programs = Programs::new(speaker);
            let killed =
                waiting(process, *file_less, plan, &mut programs, speaker).map_err(inner)?;
            bindings.expose_number(name, "pid", i64::from(killed.0.as_raw_nonzero().get()));
            Held::Process(killed, programs)
        }
    })
}

/// A signalfd for SIGUSR1.
fn signalfd() -> std::io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    #[expect(unsafe_code, reason = "no safe form is at hand")]
    // SAFETY: the set is initialised by `sigemptyset` before it is read; the descriptor that comes back
    // is new, and this is its only owner.
    unsafe {
        let mut set = std::mem::MaybeUninit::<libc::sigset_t>::zeroed().assume_init();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGUSR1);
        match libc::signalfd(-1, &raw const set, 0) {
            -1 => Err(std::io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// Starts a process that does nothing.
fn waiting(
    process: &Process,
    file_less: bool,
    plan: &Plan,
    programs: &mut Programs<'_>,
    speaker: &Speaker,
) -> Result<Killed, Failure> {
    let environment: Vec<(String, String)> = std::env::vars().collect();
    let mut memfd = None;
    let launch = if file_less {
        let fd = in_memory().map_err(Failure::at("program in memory"))?;
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        memfd = Some(fd);
        in_memory_launch(&path, process, programs, environment)?
    } else {
        let mut launch = programs.launch(process, &[])?;
        launch.environment = environment.into_iter().chain(launch.environment).collect();
        launch
    };
    let mut launch = launch;
    // What marks the test stays in front.
    launch
        .environment
        .sort_by_key(|(name, _)| name != crate::suite::TOKEN);
    let own = Plan {
        stage: Stage::Wait,
        report: 0,
        token: plan.token.clone(),
        test: plan.test.clone(),
        launches: Vec::new(),
        surroundings: Surroundings::default(),
    };
    let pid = chain::start(&launch, own, speaker).map_err(Failure::at("start"))?;
    drop(memfd);
    Ok(Killed(pid))
}

/// This program in a memfd.
fn in_memory() -> std::io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create("event-generator", MemfdFlags::CLOEXEC)?;
    let mut file = File::from(fd);
    std::io::copy(&mut File::open("/proc/self/exe")?, &mut file)?;
    Ok(file.into())
}

fn in_memory_launch(
    path: &str,
    process: &Process,
    programs: &mut Programs<'_>,
    environment: Vec<(String, String)>,
) -> Result<Launch, Failure> {
    let name = process.name.clone();
    // The link is followed in the process that executes it, which has the same descriptors.
    let program = match &name {
        Some(name) => programs
            .link(Path::new(path), name)?
            .to_string_lossy()
            .into_owned(),
        None => path.to_owned(),
    };
    let argument = process
        .exe
        .clone()
        .or(name)
        .unwrap_or_else(|| "event-generator".to_owned());
    let arguments = std::iter::once(argument)
        .chain(process.args.iter().cloned())
        .collect();
    let environment = environment.into_iter().chain(process.env.clone()).collect();
    Ok(Launch::new(program, arguments, environment))
}

/// A child that is killed and reaped.
pub(super) struct Killed(Pid);

impl Drop for Killed {
    fn drop(&mut self) {
        // A step may have killed it already; it is still there to be reaped.
        let _ = rustix::process::kill_process(self.0, Signal::KILL);
        let _ = rustix::process::waitpid(Some(self.0), rustix::process::WaitOptions::empty());
    }
}

/// Files and directories that had to be made.
pub(super) struct Made<'a> {
    speaker: &'a Speaker,
    paths: Vec<PathBuf>,
}

impl<'a> Made<'a> {
    fn new(speaker: &'a Speaker) -> Self {
        Self {
            speaker,
            paths: Vec::new(),
        }
    }

    /// Opens a file for reading and writing; makes it when it is missing.
    fn file(&mut self, path: &Path) -> std::io::Result<File> {
        if path.symlink_metadata().is_err() {
            if let Some(dir) = path.parent() {
                self.dirs(dir)?;
            }
            self.note(path);
            File::create_new(path)?;
        }
        fs::OpenOptions::new().read(true).write(true).open(path)
    }

    /// Makes a directory and those above it that are missing.
    fn dirs(&mut self, path: &Path) -> std::io::Result<()> {
        let missing: Vec<&Path> = path
            .ancestors()
            .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
            .collect();
        for dir in missing.into_iter().rev() {
            self.note(dir);
            fs::create_dir(dir)?;
        }
        Ok(())
    }

    fn note(&mut self, path: &Path) {
        self.speaker
            .tell(&Message::Makes(path.to_string_lossy().into_owned()));
        self.paths.push(path.to_owned());
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        for path in self.paths.drain(..).rev() {
            let removed = match path.symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => fs::remove_dir(&path),
                Ok(_) => fs::remove_file(&path),
                Err(_) => Ok(()),
            };
            if removed.is_ok() {
                self.speaker
                    .tell(&Message::Gone(path.to_string_lossy().into_owned()));
            }
        }
    }
}
