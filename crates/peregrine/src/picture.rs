//! The picture of the machine that a capture begins with.

use std::io::Write;

use capture::{EventDumpFlags, MachineInfo, WriteError, Writer};
use state::{SharedBytes, State};

/// Threads per block of the process list: a block has a length limit, and a machine may have more
/// threads than fit into one.
const THREADS_PER_BLOCK: usize = 1024;

/// What is known at the moment when a recording starts.
#[derive(Clone, Copy)]
pub(crate) struct Picture<'a> {
    /// The machine.
    pub(crate) machine: &'a MachineInfo,
    /// What is known of it.
    pub(crate) state: &'a State,
    /// What the first event has changed already, as it was before.
    pub(crate) before: Option<&'a Before>,
}

/// What an event changes in a way that is not the same when it happens twice. A recording that a
/// match starts begins with the event that matched, so that a replay applies it to the picture; the
/// picture therefore shows these as they were before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    /// The process whose directories change; `None` when they do not.
    pub(crate) directories: Option<Directories>,
    /// The enter event that the event takes its parameters from; empty when there is none.
    pub(crate) enter: Vec<u8>,
}

/// Where a process was.
#[derive(Clone, Debug)]
pub(crate) struct Directories {
    pub(crate) pid: i64,
    pub(crate) cwd: SharedBytes,
    pub(crate) root: SharedBytes,
}

/// Writes everything that comes before the events.
pub(crate) fn write<W: Write>(
    writer: &mut Writer<W>,
    picture: &Picture<'_>,
) -> Result<(), WriteError> {
    let state = picture.state;
    writer.machine(picture.machine)?;
    let interfaces: Vec<_> = state
        .interfaces()
        .iter()
        .filter_map(snapshot::store_interface)
        .collect();
    writer.interfaces(&interfaces)?;
    write_accounts(writer, state)?;

    let mut threads: Vec<_> = state
        .threads()
        .filter(|thread| !thread.is_placeholder())
        .collect();
    threads.sort_by_key(|thread| thread.tid);
    for some in threads.chunks(THREADS_PER_BLOCK) {
        let processes: Vec<_> = some
            .iter()
            .map(|thread| {
                let mut process = snapshot::store_thread(thread);
                let before = picture
                    .before
                    .and_then(|before| before.directories.as_ref());
                if let Some(before) = before.filter(|before| before.pid == thread.pid) {
                    process.cwd = before.cwd.to_vec();
                    process.root = before.root.to_vec();
                }
                process
            })
            .collect();
        writer.processes(&processes)?;
    }
    for thread in threads.iter().filter(|thread| thread.is_main()) {
        let mut descriptors: Vec<_> = state
            .descriptors(thread)
            .filter_map(|(fd, descriptor)| snapshot::store_descriptor(fd, descriptor))
            .collect();
        descriptors.sort_by_key(|descriptor| descriptor.fd);
        writer.descriptors(thread.tid, &descriptors)?;
    }
    write_enters(writer, picture)
}

/// A capture has one list of accounts, the host's.
fn write_accounts<W: Write>(writer: &mut Writer<W>, state: &State) -> Result<(), WriteError> {
    let of_host = |container: Option<_>| container.is_none();
    let users = state.users().filter(|(container, _)| of_host(*container));
    let groups = state.groups().filter(|(container, _)| of_host(*container));
    let mut accounts: Vec<_> = users.map(|(_, user)| snapshot::store_user(user)).collect();
    accounts.extend(groups.map(|(_, group)| snapshot::store_group(group)));
    writer.accounts(&accounts)
}

/// Calls that have been entered and not left yet: what the kernel saw then wins over what the exit
/// event says.
fn write_enters<W: Write>(writer: &mut Writer<W>, picture: &Picture<'_>) -> Result<(), WriteError> {
    let own = picture.before.map(|before| before.enter.as_slice());
    let mut enters: Vec<&[u8]> = picture
        .state
        .waiting_enters()
        .chain(own.filter(|record| !record.is_empty()))
        .collect();
    // A record starts with its time.
    enters.sort_by_key(|record| record.first_chunk().map_or(0, |ts| u64::from_le_bytes(*ts)));
    enters
        .into_iter()
        .try_for_each(|record| writer.event(0, EventDumpFlags::default(), record))
}
