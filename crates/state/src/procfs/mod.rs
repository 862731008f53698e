//! The machine's present state, as `/proc` shows it.
//!
//! Processes come and go while they are read, and some of their files are not for everybody. So
//! whatever cannot be read counts as unknown, and a process of which nothing can be read as gone.
//! The files of one process are opened relative to its directory: this saves the kernel the way
//! there, and the reader from a process that took over the number meanwhile.

mod accounts;
mod descriptors;
mod interfaces;
mod open_files;
mod process;
mod reader;
mod sockets;
mod tasks;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{AtFlags, CWD, statat};

use crate::{Descriptor, Found, Group, Interface, Lookup, State, User};
pub use open_files::{Listed, OpenFile, OpenFiles};
use process::Process;
use reader::Dir;
use sockets::{Namespaces, Recent};
pub use tasks::Tasks;

/// Scanning is bound by the kernel, and more threads than this only fight over its locks.
const MAX_WORKERS: usize = 8;

/// Reads `/proc`: everything at the start ([`Procfs::seed`]), single threads later ([`Lookup`]).
#[derive(Debug)]
pub struct Procfs {
    host_root: PathBuf,
    proc: PathBuf,
    /// Controllers of the unified cgroup hierarchy; its lines in `/proc` do not name them.
    controllers: Vec<Vec<u8>>,
    /// When the machine was started, ns since the epoch.
    boot_ts: u64,
    /// When its first process was, ns since the epoch.
    init_ts: u64,
    /// Sockets for look-ups.
    sockets: Recent,
}

impl Procfs {
    /// A reader of `<host_root>/proc` and `<host_root>/etc`; `/` when there is no prefix.
    pub fn new(host_root: impl Into<PathBuf>) -> Self {
        let host_root = host_root.into();
        let proc = host_root.join("proc");
        let controllers = process::controllers(&host_root);
        let boot_ts = process::boot_ts();
        let init = Dir::open(&proc.join("1"));
        let init_ts = init.map_or(0, |init| process::start_of(&init, boot_ts, &mut Vec::new()));
        Self {
            host_root,
            proc,
            controllers,
            boot_ts,
            init_ts,
            sockets: Recent::default(),
        }
    }

    /// Reads everything into `state`: threads, descriptors, users, groups, interfaces. Sockets of
    /// a network namespace are listed once, and only if a process has one.
    pub fn seed(&self, state: &mut State) {
        self.seed_with(state, &Listed::default());
    }

    /// The same with threads and descriptors that somebody else has listed, which is much faster
    /// than asking for each of them. Processes that are not in a list are asked.
    pub fn seed_with(&self, state: &mut State, listed: &Listed) {
        self.seed_accounts(state);
        self.interfaces()
            .into_iter()
            .for_each(|interface| state.seed_interface(interface));
        for process in self.processes(listed) {
            let tid = process.main.tid;
            state.seed_thread(process.main);
            state.learn_accounts_from(tid, |pid| self.accounts_of(pid));
            for thread in process.others {
                state.seed_thread(thread);
            }
            for (fd, descriptor) in process.descriptors {
                state.seed_descriptor(tid, fd, descriptor);
            }
        }
    }

    /// The users and groups of the host.
    pub fn accounts(&self) -> (Vec<User>, Vec<Group>) {
        accounts::read(&self.host_root.join("etc"))
    }

    /// The addresses of the host.
    pub fn interfaces(&self) -> Vec<Interface> {
        interfaces::read(&self.host_root)
    }

    /// Reads the users and groups of the host, in place of those that `state` has.
    pub fn seed_accounts(&self, state: &mut State) {
        let (users, groups) = self.accounts();
        state.replace_accounts(users, groups);
    }

    /// How many processes there are now, with kernel threads.
    pub fn count(&self) -> usize {
        numbers_in(&self.proc).len()
    }

    /// All processes but kernel threads, in the order of their numbers.
    fn processes(&self, listed: &Listed) -> Vec<Process> {
        let pids = numbers_in(&self.proc);
        let workers = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MAX_WORKERS);
        let namespaces = Namespaces::default();
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Vec::with_capacity(pids.len()));
        std::thread::scope(|scope| {
            let work = || {
                let mut own = Vec::new();
                while let Some(pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
                    own.extend(self.listed_process(*pid, &namespaces, listed));
                }
                if let Ok(mut found) = found.lock() {
                    found.append(&mut own);
                }
            };
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        let mut found = found.into_inner().unwrap_or_default();
        found.sort_unstable_by_key(|process| process.main.tid);
        found
    }

    /// A process of which a part may be listed.
    fn listed_process(
        &self,
        pid: i64,
        namespaces: &Namespaces,
        listed: &Listed,
    ) -> Option<Process> {
        let files = listed.files.of(pid);
        let dir = Dir::open(&self.proc.join(pid.to_string()))?;
        let Some((mut process, network)) = listed.tasks.process(pid, &dir, self) else {
            return self.process(&dir, namespaces, files, |_| true);
        };
        process.descriptors = match files {
            None => descriptors::read_all(&dir, namespaces),
            Some(files) => descriptors::all_listed(&dir, files, namespaces, Some(network)),
        };
        Some(process)
    }

    fn process(
        &self,
        dir: &Dir,
        namespaces: &Namespaces,
        files: Option<&[OpenFile]>,
        wanted: impl Fn(i64) -> bool,
    ) -> Option<Process> {
        let living = process::living(dir)?;
        let mut process = process::read(dir, &living, self, wanted)?;
        let dir = living.dir(dir);
        process.descriptors = match files {
            None => descriptors::read_all(dir, namespaces),
            Some(files) => descriptors::all_listed(dir, files, namespaces, None),
        };
        Some(process)
    }

    /// The accounts that a process sees; `None` when its root is the host's, as it still is when
    /// a container is being made.
    fn accounts_of(&self, pid: i64) -> Option<(Vec<User>, Vec<Group>)> {
        let root = Dir::open(&self.proc.join(pid.to_string()).join("root"))?;
        let host = Dir::open(&self.host_root)?;
        (root.identity()? != host.identity()?).then(|| accounts::read_in(&root))
    }
}

impl Lookup for Procfs {
    fn thread(&mut self, tid: i64) -> Option<Found> {
        let pid = process::group_of(&Dir::open(&self.proc.join(tid.to_string()))?)?;
        let sockets = self.sockets.get();
        let dir = Dir::open(&self.proc.join(pid.to_string()))?;
        let process = self.process(&dir, &sockets, None, |other| other == tid)?;
        let (thread, main) = if pid == tid {
            (process.main, None)
        } else {
            (process.others.into_iter().next()?, Some(process.main))
        };
        Some(Found {
            thread,
            main,
            descriptors: process.descriptors,
        })
    }

    fn is_alive(&mut self, tid: i64) -> bool {
        statat(CWD, self.proc.join(tid.to_string()), AtFlags::empty()).is_ok()
    }

    fn executable(&mut self, tid: i64) -> Option<Vec<u8>> {
        let link = Dir::open(&self.proc.join(tid.to_string()))?.link("exe");
        let path = link.strip_suffix(b" (deleted)").unwrap_or(&link);
        (!path.is_empty()).then(|| path.to_vec())
    }

    fn descriptor(&mut self, pid: i64, fd: i64) -> Option<Descriptor> {
        let dir = Dir::open(&self.proc.join(pid.to_string()))?;
        descriptors::read_one(&dir, fd, &self.sockets.get())
    }

    fn users(&mut self, pid: i64) -> Option<(Vec<User>, Vec<Group>)> {
        self.accounts_of(pid)
    }
}

/// The names of a directory that are numbers, in order.
fn numbers_in(path: &Path) -> Vec<i64> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut numbers: Vec<i64> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}
