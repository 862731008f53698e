//! The process list. Every version has added fields; version 9 put the length of an entry (u32,
//! counting itself) in front of it, so that later fields can simply follow.

use crate::cursor::{Cursor, Fields};
use crate::error::SectionError;
use crate::model::Process;

/// For names and single paths.
const MAX_PATH: usize = 1024;
/// For argument vectors, environments and control groups.
const MAX_VECTOR: usize = 4096;
/// Other writers were not always so strict.
const MAX_READ: usize = 65_535;
/// The longest tail of writers that stored neither the start of the pid namespace nor the terminal.
const OLD_TAIL: usize = 29;

pub(crate) fn read(body: Cursor<'_>, version: u8) -> Result<Vec<Process>, (usize, SectionError)> {
    super::entries(body, |body| match version {
        ..=8 => read_entry(body, version),
        _ => {
            let mut entry = body.entry(true)?;
            let mut process = read_entry(&mut entry, version)?;
            read_tail(&mut entry, &mut process)?;
            Ok(process)
        }
    })
}

fn read_entry(entry: &mut Cursor<'_>, version: u8) -> Result<Process, SectionError> {
    let mut process = Process {
        sid: -1,
        vpgid: -1,
        pgid: -1,
        vtid: -1,
        vpid: -1,
        loginuid: u32::MAX,
        ..Process::default()
    };
    process.tid = entry.i64("thread id")?;
    process.pid = entry.i64("process id")?;
    process.ptid = entry.i64("parent id")?;
    if version >= 6 {
        process.sid = entry.i64("session id")?;
    }
    if version >= 8 {
        process.vpgid = entry.i64("process group id")?;
    }
    process.comm = entry.string("name", MAX_READ)?;
    process.exe = entry.string("executable", MAX_READ)?;
    if version >= 7 {
        process.exepath = entry.string("path of the executable", MAX_READ)?;
    }
    process.args = entry.string("arguments", MAX_READ)?;
    process.cwd = entry.string("working directory", MAX_READ)?;
    process.fd_limit = entry.u64("descriptor limit")?;
    process.flags = entry.u32("flags")?;
    process.uid = entry.u32("user id")?;
    process.gid = entry.u32("group id")?;
    if version >= 2 {
        process.vm_size = entry.u32("virtual memory")?;
        process.vm_rss = entry.u32("resident memory")?;
        process.vm_swap = entry.u32("swapped memory")?;
        process.pf_major = entry.u64("major page faults")?;
        process.pf_minor = entry.u64("minor page faults")?;
    }
    if version >= 3 {
        process.env = entry.string("environment", MAX_READ)?;
    }
    if version >= 4 {
        process.vtid = entry.i64("thread id in its namespace")?;
        process.vpid = entry.i64("process id in its namespace")?;
        process.cgroups = entry.string("control groups", MAX_READ)?;
    }
    if version >= 5 {
        process.root = entry.string("root directory", MAX_READ)?;
    }
    Ok(process)
}

/// Reads what follows in version 9: as much as is there. What a newer writer put behind is left.
fn read_tail(entry: &mut Cursor<'_>, process: &mut Process) -> Result<(), SectionError> {
    /// Reads a field where the entry has room for it, and else ends the entry.
    macro_rules! field {
        ($target:expr, $size:expr, $read:expr) => {
            if entry.remaining() < $size {
                return Ok(());
            }
            $target = $read;
        };
    }
    if entry.remaining() > OLD_TAIL {
        process.pidns_init_start_ts = entry.u64("start of the pid namespace")?;
        process.tty = entry.u32("terminal")?;
    }
    field!(process.loginuid, 4, entry.u32("login user id")?);
    field!(process.exe_writable, 1, entry.u8("mark")? != 0);
    field!(process.cap_inheritable, 8, entry.u64("capabilities")?);
    field!(process.cap_permitted, 8, entry.u64("capabilities")?);
    field!(process.cap_effective, 8, entry.u64("capabilities")?);
    field!(process.exe_upper_layer, 1, entry.u8("mark")? != 0);
    field!(process.exe_ino, 8, entry.u64("inode")?);
    field!(process.exe_ctime, 8, entry.u64("change time")?);
    field!(process.exe_mtime, 8, entry.u64("modification time")?);
    field!(process.exe_from_memfd, 1, entry.u8("mark")? != 0);
    field!(process.exe_lower_layer, 1, entry.u8("mark")? != 0);
    field!(process.pgid, 8, entry.i64("process group id")?);
    Ok(())
}

pub(crate) fn write(process: &Process, out: &mut Fields) {
    out.entry(true, |out| {
        out.i64(process.tid);
        out.i64(process.pid);
        out.i64(process.ptid);
        out.i64(process.sid);
        out.i64(process.vpgid);
        out.string(&process.comm, MAX_PATH);
        out.string(&process.exe, MAX_PATH);
        out.string(&process.exepath, MAX_PATH);
        out.string(&process.args, MAX_VECTOR);
        out.string(&process.cwd, MAX_PATH);
        out.u64(process.fd_limit);
        out.u32(process.flags);
        out.u32(process.uid);
        out.u32(process.gid);
        out.u32(process.vm_size);
        out.u32(process.vm_rss);
        out.u32(process.vm_swap);
        out.u64(process.pf_major);
        out.u64(process.pf_minor);
        out.string(&process.env, MAX_VECTOR);
        out.i64(process.vtid);
        out.i64(process.vpid);
        out.string(&process.cgroups, MAX_VECTOR);
        out.string(&process.root, MAX_PATH);
        out.u64(process.pidns_init_start_ts);
        out.u32(process.tty);
        out.u32(process.loginuid);
        out.u8(u8::from(process.exe_writable));
        out.u64(process.cap_inheritable);
        out.u64(process.cap_permitted);
        out.u64(process.cap_effective);
        out.u8(u8::from(process.exe_upper_layer));
        out.u64(process.exe_ino);
        out.u64(process.exe_ctime);
        out.u64(process.exe_mtime);
        out.u8(u8::from(process.exe_from_memfd));
        out.u8(u8::from(process.exe_lower_layer));
        out.i64(process.pgid);
    });
}
