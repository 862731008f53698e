//! Which fields stay as they are from one event of a thread to the next.
//!
//! These only show what [`State::version`](state::State::version) stands for: what is kept of
//! threads, without their descriptors, memory and page faults. Nothing of the event, the time, the
//! tables of users and the metadata of containers, all of which may change by themselves.

use crate::table::{ContainerKey, GroupKey, Key, ProcessKey as K, UserKey};

/// Whether a field lasts. Those that are not listed are merely found out again for each event.
pub(crate) fn lasts(key: Key) -> bool {
    match key {
        Key::Process(key) => process(key),
        Key::User(key) => matches!(key, UserKey::Uid | UserKey::Loginuid),
        Key::Group(key) => matches!(key, GroupKey::Gid),
        Key::Container(key) => matches!(key, ContainerKey::Id),
        _ => false,
    }
}

fn process(key: K) -> bool {
    matches!(
        key,
        K::Exe
            | K::Pexe
            | K::Aexe
            | K::Exepath
            | K::Pexepath
            | K::Aexepath
            | K::Name
            | K::Pname
            | K::Aname
            | K::Args
            | K::Aargs
            | K::Cmdline
            | K::Pcmdline
            | K::Acmdline
            | K::Cmdnargs
            | K::Cmdlenargs
            | K::Exeline
            | K::Env
            | K::Aenv
            | K::Cwd
            | K::Loginshellid
            | K::Tty
            | K::Pid
            | K::Ppid
            | K::Apid
            | K::Vpid
            | K::Pvpid
            | K::Sid
            | K::Sname
            | K::SidExe
            | K::SidExepath
            | K::Vpgid
            | K::VpgidName
            | K::VpgidExe
            | K::VpgidExepath
            | K::Pgid
            | K::PgidName
            | K::PgidExe
            | K::PgidExepath
            | K::IsExeWritable
            | K::IsExeUpperLayer
            | K::IsExeLowerLayer
            | K::IsExeFromMemfd
            | K::IsSidLeader
            | K::IsVpgidLeader
            | K::IsPgidLeader
            | K::ExeIno
            | K::ExeInoCtime
            | K::ExeInoMtime
            | K::ThreadIsmain
            | K::ThreadVtid
    )
}
