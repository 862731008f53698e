//! Changes of this machine that no event tells: users and groups, addresses.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use event::{Encoder, EventType};
use state::procfs::Procfs;
use state::{Group, State, User};

use crate::engine::Engine;

/// How often the files of users and groups are looked at, ns. One look is two `stat`.
const ACCOUNTS_INTERVAL: u64 = 1_000_000_000;

/// How often the addresses are listed, ns.
const INTERFACES_INTERVAL: u64 = 5_000_000_000;

/// An event of nobody.
const NO_THREAD: i64 = -1;

/// Looks at the machine once in a while.
pub(crate) struct HostWatch {
    procfs: Procfs,
    etc: PathBuf,
    accounts: [Stamp; 2],
    accounts_due: u64,
    interfaces_due: u64,
}

/// What a file changes with its content: device, inode, length and time of change in ns.
type Stamp = Option<(u64, u64, u64, i64)>;

impl HostWatch {
    /// State must have been seeded before the first [`look`](Self::look). What changes from now on
    /// is noticed.
    pub(crate) fn new(host_root: impl AsRef<Path>) -> Self {
        let host_root = host_root.as_ref();
        let etc = host_root.join("etc");
        Self {
            procfs: Procfs::new(host_root),
            // Whatever is different from the state at the first look is news.
            accounts: [None, None],
            accounts_due: 0,
            interfaces_due: 0,
            etc,
        }
    }

    /// Looks if it is time, at `now`, ns since the epoch, before which all events have been taken.
    /// Users and groups that came, changed or went are events like others: rules see them, and a
    /// recording holds them. Addresses just change.
    pub(crate) fn look(&mut self, engine: &mut Engine, now: u64) {
        if now >= self.accounts_due {
            self.accounts_due = now + ACCOUNTS_INTERVAL;
            let stamps = ["passwd", "group"].map(|name| stamp(&self.etc.join(name)));
            // A file that is being replaced may be absent for a moment; that is no news.
            if stamps != self.accounts && stamps.iter().all(Option::is_some) {
                self.accounts = stamps;
                let (users, groups) = self.procfs.accounts();
                let mut changes = Changes::new(now);
                changes.users(&engine.state, &users);
                changes.groups(&engine.state, &groups);
                for record in &changes.records {
                    engine.handle(0, record);
                }
            }
        }
        if now >= self.interfaces_due {
            self.interfaces_due = now + INTERFACES_INTERVAL;
            let found = self.procfs.interfaces();
            if !found.is_empty() && !engine.state.interfaces().iter().eq(found.iter()) {
                tracing::debug!("The addresses of this machine have changed");
                engine.state.replace_interfaces(found);
            }
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    let ns = metadata.ctime() * 1_000_000_000 + metadata.ctime_nsec();
    Some((metadata.dev(), metadata.ino(), metadata.len(), ns))
}

/// The events that make what is known equal to what was found.
struct Changes {
    ts: u64,
    encoder: Encoder,
    records: Vec<Vec<u8>>,
}

impl Changes {
    fn new(ts: u64) -> Self {
        Self {
            ts,
            encoder: Encoder::new(),
            records: Vec::new(),
        }
    }

    fn users(&mut self, state: &State, found: &[User]) {
        for user in found {
            if state.user(user.uid) != Some(user) {
                self.user(EventType::USER_ADDED_E, user);
            }
        }
        let ids: HashSet<u32> = found.iter().map(|user| user.uid).collect();
        let of_host = state.users().filter(|(container, _)| container.is_none());
        let mut gone: Vec<&User> = of_host
            .map(|(_, user)| user)
            .filter(|known| !ids.contains(&known.uid))
            .collect();
        gone.sort_by_key(|user| user.uid);
        for user in gone {
            self.user(EventType::USER_DELETED_E, user);
        }
    }

    fn groups(&mut self, state: &State, found: &[Group]) {
        for group in found {
            if state.group(group.gid) != Some(group) {
                self.group(EventType::GROUP_ADDED_E, group);
            }
        }
        let ids: HashSet<u32> = found.iter().map(|group| group.gid).collect();
        let of_host = state.groups().filter(|(container, _)| container.is_none());
        let mut gone: Vec<&Group> = of_host
            .map(|(_, group)| group)
            .filter(|known| !ids.contains(&known.gid))
            .collect();
        gone.sort_by_key(|group| group.gid);
        for group in gone {
            self.group(EventType::GROUP_DELETED_E, group);
        }
    }

    fn user(&mut self, event_type: EventType, user: &User) {
        self.encoder
            .begin(event_type, self.ts, NO_THREAD)
            .u32(user.uid)
            .u32(user.gid)
            .str(&user.name)
            .str(&user.home)
            .str(&user.shell)
            .str("");
        self.finish();
    }

    fn group(&mut self, event_type: EventType, group: &Group) {
        self.encoder
            .begin(event_type, self.ts, NO_THREAD)
            .u32(group.gid)
            .str(&group.name)
            .str("");
        self.finish();
    }

    fn finish(&mut self) {
        match self.encoder.finish() {
            Ok(record) => self.records.push(record.to_vec()),
            Err(err) => tracing::error!("A change of users is left out: {err}"),
        }
    }
}
