//! The program that a process runs.

use std::os::unix::fs::MetadataExt;

use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags, fstatvfs, openat};

use super::files::without_mark;
use super::process::{Status, link, read};
use crate::ppm::*;
use crate::sys::Tid;

const CAP_DAC_OVERRIDE: u64 = 1 << 1;
const CAP_FOWNER: u64 = 1 << 3;
const NSEC_PER_SEC: i64 = 1_000_000_000;

/// A program; zeroes and `None` where it cannot be looked at.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Executable {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) ino: u64,
    pub(crate) ctime: u64,
    pub(crate) mtime: u64,
    /// PPM_EXE_* bits. The layers of an overlay cannot be told apart from here.
    pub(crate) flags: u64,
}

impl Executable {
    pub(crate) fn of(tid: Tid, status: &Status) -> Self {
        let Some(path) = link(tid, "exe") else {
            return Self::default();
        };
        let from_memfd = path.starts_with(b"/memfd:");
        let mut path = without_mark(path);
        if from_memfd {
            // It belongs to no tree, so the slash is the kernel's embellishment.
            path.remove(0);
        }
        let mut out = Self {
            path: Some(path),
            flags: if from_memfd { PPM_EXE_FROM_MEMFD } else { 0 },
            ..Self::default()
        };
        let exe = format!("/proc/{tid}/exe");
        let Ok(data) = std::fs::metadata(&exe) else {
            return out;
        };
        let nanos = |seconds: i64, nanos: i64| (seconds * NSEC_PER_SEC + nanos) as u64;
        out.ino = data.ino();
        out.ctime = nanos(data.ctime(), data.ctime_nsec());
        out.mtime = nanos(data.mtime(), data.mtime_nsec());
        if may_write(status, &data, tid) && !is_read_only(&exe) {
            out.flags |= PPM_EXE_WRITABLE;
        }
        out
    }
}

/// Whether a thread could change the file, or its mode and then the file. Access control lists are
/// not looked at.
fn may_write(status: &Status, data: &std::fs::Metadata, tid: Tid) -> bool {
    if status.fsuid == data.uid() {
        return true;
    }
    if status.cap_effective & (CAP_DAC_OVERRIDE | CAP_FOWNER) != 0 && rules_here(tid) {
        return true;
    }
    let in_group = status.fsgid == data.gid() || status.groups.contains(&data.gid());
    data.mode() & if in_group { 0o020 } else { 0o002 } != 0
}

/// Whether a thread's capabilities are those of the tracer's user namespace, and not of one below,
/// where they hold for its own file systems only.
fn rules_here(tid: Tid) -> bool {
    let own = std::fs::read("/proc/self/uid_map").unwrap_or_default();
    link(tid, "ns/user") == link(std::process::id() as Tid, "ns/user")
        && read(tid, "uid_map") == own
}

fn is_read_only(exe: &str) -> bool {
    openat(CWD, exe, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .and_then(fstatvfs)
        .is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY))
}
