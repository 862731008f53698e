//! Files behind descriptors and names of a stopped thread.

use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, openat, openat2, statat};

use crate::record::Caller;
use crate::sys::Tid;

const S_IFMT: u32 = 0o170_000;
const S_IFSOCK: u32 = 0o140_000;

/// What an event tells of an open file; zeroes when there is none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Opened {
    pub(crate) dev: u32,
    pub(crate) ino: u64,
    mode: u32,
}

fn link(tid: Tid, fd: i64) -> Option<String> {
    // Negative ones are errors, or no descriptors.
    (0..=i64::from(i32::MAX))
        .contains(&fd)
        .then(|| format!("/proc/{tid}/fd/{fd}"))
}

impl Opened {
    /// The file behind a descriptor.
    pub(crate) fn of(caller: &Caller<'_>, fd: i64) -> Self {
        let data = link(caller.tid, fd).and_then(|path| std::fs::metadata(path).ok());
        data.map(|data| Self {
            // A device number of this width is what programs have seen since the beginning.
            dev: data.dev() as u32,
            ino: data.ino(),
            mode: data.mode(),
        })
        .unwrap_or_default()
    }

    pub(crate) fn is_socket(&self) -> bool {
        self.mode & S_IFMT == S_IFSOCK
    }

    /// The path that the kernel has for a descriptor.
    pub(crate) fn path(caller: &Caller<'_>, fd: i64) -> Option<Vec<u8>> {
        let path = std::fs::read_link(link(caller.tid, fd)?).ok()?;
        Some(without_mark(path.into_os_string().into_vec()))
    }
}

/// The kernel marks names of files that were removed.
pub(crate) fn without_mark(mut path: Vec<u8>) -> Vec<u8> {
    if let Some(name) = path.strip_suffix(b" (deleted)") {
        path.truncate(name.len());
    }
    path
}

/// Whether a file with this name is there, for the thread that names it; `None` when that cannot
/// be found out.
pub(crate) fn exists(tid: Tid, dirfd: i32, name: &[u8]) -> Option<bool> {
    let name = name.strip_suffix(&[0]).unwrap_or(name);
    let root = format!("/proc/{tid}/root");
    let directory = match (name.first(), dirfd) {
        (Some(b'/'), _) => root.clone(),
        (_, libc::AT_FDCWD) => format!("/proc/{tid}/cwd"),
        (_, fd) => format!("/proc/{tid}/fd/{fd}"),
    };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let directory = openat(CWD, &directory, flags, Mode::empty()).ok()?;
    // A thread with a root of its own resolves absolute links below that.
    let own_root = std::fs::metadata(&root).ok();
    let our_root = std::fs::metadata("/").ok();
    let same_root = match (own_root, our_root) {
        (Some(own), Some(ours)) => (own.dev(), own.ino()) == (ours.dev(), ours.ino()),
        _ => return None,
    };
    let found = if same_root {
        statat(&directory, name_or_dot(name), AtFlags::empty()).map(drop)
    } else {
        let resolve = ResolveFlags::IN_ROOT;
        openat2(&directory, name_or_dot(name), flags, Mode::empty(), resolve).map(drop)
    };
    match found {
        Ok(()) => Some(true),
        Err(rustix::io::Errno::NOENT) => Some(false),
        Err(_) => None,
    }
}

/// An absolute name, relative to the root.
fn name_or_dot(name: &[u8]) -> &[u8] {
    let start = name.iter().position(|&byte| byte != b'/');
    match start {
        Some(start) => &name[start..],
        None => b".",
    }
}
