//! What `/proc/<pid>` tells about a process and its threads.

use std::path::Path;
use std::sync::Arc;

use rustix::fs::Stat;
use rustix::time::{ClockId, clock_gettime};

use super::Procfs;
use super::reader::Dir;
use super::text::{bracketed, decimal, hex, lines, value, words};
use crate::{Descriptor, SharedBytes, Thread, ThreadFlags};

/// As much of the arguments and of the environment as events carry.
pub(super) const MAX_ARGS: usize = 4096;
const MAX_TEXT: usize = 64 << 10;
/// Clock ticks per second in `/proc`, on every architecture.
const TICKS: u64 = 100;
const SECOND: u64 = 1_000_000_000;

/// A process with all its threads.
pub(super) struct Process {
    pub(super) main: Thread,
    pub(super) others: Vec<Thread>,
    pub(super) descriptors: Vec<(i64, Descriptor)>,
}

/// When the machine was started, ns since the epoch.
pub(super) fn boot_ts() -> u64 {
    let ns = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec.unsigned_abs() * SECOND + time.tv_nsec.unsigned_abs()
    };
    ns(ClockId::Realtime).saturating_sub(ns(ClockId::Boottime))
}

/// The controllers of the unified hierarchy.
pub(super) fn controllers(host_root: &Path) -> Vec<Vec<u8>> {
    let text = std::fs::read(host_root.join("sys/fs/cgroup/cgroup.controllers"));
    let found: Vec<Vec<u8>> = text
        .map(|text| words(&text).map(<[u8]>::to_vec).collect())
        .unwrap_or_default();
    if found.is_empty() {
        [b"cpuset".as_slice(), b"cpu", b"io", b"memory", b"pids"]
            .map(<[u8]>::to_vec)
            .into()
    } else {
        found
    }
}

/// The process that a thread belongs to.
pub(super) fn group_of(dir: &Dir) -> Option<i64> {
    let mut buffer = Vec::new();
    decimal(words(value(dir.read("status", MAX_TEXT, &mut buffer), b"Tgid")?).next()?)
}

/// Where the facts that the threads of a process share can be read: in the process's directory,
/// or, when its main thread has exited before the others, in that of another. `None` when the
/// process is gone or a kernel thread.
pub(super) fn living(dir: &Dir) -> Option<Living> {
    let exepath = dir.link("exe");
    let mut buffer = Vec::new();
    if !exepath.is_empty() || !dir.read("cmdline", 1, &mut buffer).is_empty() {
        return Some(Living {
            other: None,
            exepath,
        });
    }
    if thread_count(dir.read("status", MAX_TEXT, &mut buffer)) < 2 {
        return None;
    }
    let tasks = dir.dir("task")?;
    tasks.numbers().into_iter().find_map(|tid| {
        let other = tasks.dir(&tid.to_string())?;
        let exepath = other.link("exe");
        let alive = !exepath.is_empty() || !other.read("cmdline", 1, &mut buffer).is_empty();
        alive.then_some(Living {
            other: Some(other),
            exepath,
        })
    })
}

/// The answer of [`living`].
pub(super) struct Living {
    /// The directory of another thread than the main one.
    other: Option<Dir>,
    exepath: Vec<u8>,
}

impl Living {
    /// The directory to read, given the process's own.
    pub(super) fn dir<'a>(&'a self, own: &'a Dir) -> &'a Dir {
        self.other.as_ref().unwrap_or(own)
    }
}

fn thread_count(status: &[u8]) -> usize {
    value(status, b"Threads").and_then(first).unwrap_or(1)
}

/// Reads a process with those of its threads that are `wanted`, but without its descriptors.
pub(super) fn read(
    dir: &Dir,
    living: &Living,
    procfs: &Procfs,
    wanted: impl Fn(i64) -> bool,
) -> Option<Process> {
    let mut buffer = Vec::new();
    let status = dir.read("status", MAX_TEXT, &mut buffer);
    let threads = thread_count(status);
    let pid = value(status, b"Tgid").and_then(first)?;
    let mut main = Thread::new(pid, pid);
    read_status(&mut main, status);
    let stat = dir.read("stat", MAX_TEXT, &mut buffer);
    read_stat(&mut main, stat, procfs.boot_ts);
    read_shared(&mut main, living, living.dir(dir), procfs, &mut buffer);

    let mut others = Vec::new();
    if threads > 1
        && let Some(tasks) = dir.dir("task")
    {
        for tid in tasks
            .numbers()
            .into_iter()
            .filter(|tid| *tid != pid && wanted(*tid))
        {
            others.extend(read_thread(&tasks, tid, &main, procfs, &mut buffer));
        }
    }
    Some(Process {
        main,
        others,
        descriptors: Vec::new(),
    })
}

/// What the threads of a process share.
fn read_shared(
    main: &mut Thread,
    living: &Living,
    dir: &Dir,
    procfs: &Procfs,
    buffer: &mut Vec<u8>,
) {
    let cmdline = dir.read("cmdline", MAX_ARGS, buffer);
    split_command_line(main, cmdline);
    main.env = Arc::from(dir.read("environ", MAX_ARGS, buffer));
    main.cwd = directory(dir.link("cwd"));
    main.root = Arc::from(dir.link("root"));
    main.fd_limit = open_files(dir.read("limits", MAX_TEXT, buffer)).unwrap_or(-1);
    main.loginuid = decimal(dir.read("loginuid", 16, buffer).trim_ascii()).unwrap_or(u32::MAX);
    main.cgroups = procfs.cgroups_of(dir, buffer);
    read_exe(main, dir, &living.exepath);
    main.pidns_init_start_ts = namespace_start(main, dir, procfs, buffer);
}

/// What a process was started as, and with.
pub(super) fn split_command_line(main: &mut Thread, cmdline: &[u8]) {
    let end = cmdline
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(cmdline.len());
    main.exe = Arc::from(&cmdline[..end]);
    main.args = Arc::from(cmdline.get(end + 1..).unwrap_or_default());
}

impl Procfs {
    /// The control groups of a process.
    pub(super) fn cgroups_of(&self, dir: &Dir, buffer: &mut Vec<u8>) -> SharedBytes {
        cgroups(dir.read("cgroup", MAX_TEXT, buffer), &self.controllers)
    }

    /// The same for one that is in the unified hierarchy only.
    pub(super) fn unified_cgroups(&self, path: &[u8]) -> SharedBytes {
        cgroups(&[b"0::", path].concat(), &self.controllers)
    }
}

/// A thread other than the main one, from which it takes what threads share.
fn read_thread(
    tasks: &Dir,
    tid: i64,
    main: &Thread,
    procfs: &Procfs,
    buffer: &mut Vec<u8>,
) -> Option<Thread> {
    let dir = tasks.dir(&tid.to_string())?;
    let mut thread = main.clone();
    thread.tid = tid;
    let status = dir.read("status", MAX_TEXT, buffer);
    if status.is_empty() {
        return None;
    }
    read_status(&mut thread, status);
    read_stat(
        &mut thread,
        dir.read("stat", MAX_TEXT, buffer),
        procfs.boot_ts,
    );
    thread.ptid = main.ptid;
    thread.flags |= ThreadFlags::CLONE_THREAD | ThreadFlags::CLONE_FILES | ThreadFlags::CLONE_FS;
    Some(thread)
}

fn first<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    words(value).next().and_then(decimal)
}

fn read_status(thread: &mut Thread, status: &[u8]) {
    for line in lines(status) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let (key, value) = (&line[..colon], &line[colon + 1..]);
        let number = || first::<u32>(value);
        let innermost = || words(value).last().and_then(decimal::<i64>);
        let set = || words(value).next().and_then(hex);
        match key {
            b"PPid" => thread.ptid = first(value).unwrap_or(thread.ptid),
            // Real, effective, saved and file system ids.
            b"Uid" => thread.uid = words(value).nth(1).and_then(decimal).unwrap_or(thread.uid),
            b"Gid" => thread.gid = words(value).nth(1).and_then(decimal).unwrap_or(thread.gid),
            b"NStgid" => thread.vpid = innermost().unwrap_or(thread.vpid),
            b"NSpid" => {
                thread.vtid = innermost().unwrap_or(thread.vtid);
                if words(value).nth(1).is_some() {
                    thread.flags |= ThreadFlags::CHILD_IN_PIDNS;
                }
            }
            b"NSpgid" => thread.vpgid = innermost().unwrap_or(thread.vpgid),
            b"NSsid" => thread.sid = innermost().unwrap_or(thread.sid),
            b"VmSize" => thread.vm_size = number().unwrap_or(0),
            b"VmRSS" => thread.vm_rss = number().unwrap_or(0),
            b"VmSwap" => thread.vm_swap = number().unwrap_or(0),
            b"CapInh" => thread.cap_inheritable = set().unwrap_or(0),
            b"CapPrm" => thread.cap_permitted = set().unwrap_or(0),
            b"CapEff" => thread.cap_effective = set().unwrap_or(0),
            _ => {}
        }
    }
}

/// `pid (comm) state ppid pgrp session tty …`; the name may hold blanks and parentheses.
fn read_stat(thread: &mut Thread, stat: &[u8], boot_ts: u64) {
    let open = stat.iter().position(|&byte| byte == b'(');
    let close = stat.iter().rposition(|&byte| byte == b')');
    let (Some(open), Some(close)) = (open, close.filter(|close| Some(*close) > open)) else {
        return;
    };
    thread.comm = Arc::from(&stat[open + 1..close]);
    for (index, word) in words(&stat[close + 1..]).enumerate() {
        match index {
            2 => thread.pgid = decimal(word).unwrap_or(-1),
            4 => thread.tty = decimal::<i32>(word).map_or(0, |tty| tty as u32),
            7 => thread.pf_minor = decimal(word).unwrap_or(0),
            9 => thread.pf_major = decimal(word).unwrap_or(0),
            19 => thread.clone_ts = started(word, boot_ts),
            20 => break,
            _ => {}
        }
    }
}

/// A start in clock ticks since the machine's own.
fn started(ticks: &[u8], boot_ts: u64) -> u64 {
    decimal::<u64>(ticks).map_or(0, |ticks| boot_ts.saturating_add(ticks * (SECOND / TICKS)))
}

pub(super) fn directory(mut path: Vec<u8>) -> SharedBytes {
    if !path.is_empty() && path.last() != Some(&b'/') {
        path.push(b'/');
    }
    Arc::from(path)
}

/// The soft limit in the line `Max open files  <soft>  <hard>  files`.
fn open_files(limits: &[u8]) -> Option<i64> {
    lines(limits).find_map(|line| first(line.strip_prefix(b"Max open files")?))
}

/// `<number>:<controllers>:<path>` per line, as `controller=path` pairs. The unified hierarchy
/// names no controllers.
fn cgroups(text: &[u8], unified: &[Vec<u8>]) -> SharedBytes {
    let mut out = Vec::new();
    let mut add = |controller: &[u8], path: &[u8]| {
        let controller = match controller {
            b"io" => b"blkio".as_slice(),
            b"perf" => b"perf_event",
            b"mem" => b"memory",
            other => other.strip_suffix(b"_cgroup").unwrap_or(other),
        };
        out.extend_from_slice(controller);
        out.push(b'=');
        out.extend_from_slice(path);
        out.push(0);
    };
    for line in lines(text) {
        let mut fields = line.splitn(3, |&byte| byte == b':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        if controllers.is_empty() {
            unified.iter().for_each(|controller| add(controller, path));
        } else if !controllers.starts_with(b"name=") {
            controllers
                .split(|&byte| byte == b',')
                .for_each(|controller| add(controller, path));
        }
    }
    Arc::from(out)
}

fn read_exe(thread: &mut Thread, dir: &Dir, link: &[u8]) {
    thread.exe_from_memfd = link.starts_with(b"/memfd:");
    thread.exepath = Arc::from(link.strip_suffix(b" (deleted)").unwrap_or(link));
    let Some(stat) = dir.stat("exe") else { return };
    let ns = |seconds: i64, ns: u64| seconds.unsigned_abs() * SECOND + ns;
    thread.exe_ino = stat.st_ino;
    thread.exe_ctime = ns(stat.st_ctime, stat.st_ctime_nsec);
    thread.exe_mtime = ns(stat.st_mtime, stat.st_mtime_nsec);
    thread.exe_writable = may_write(&stat, thread) && !dir.is_read_only("exe");
}

/// Whether the permission bits let a process write to a file. Its supplementary groups and the
/// file's access list are not looked at.
fn may_write(stat: &Stat, thread: &Thread) -> bool {
    let bit = match () {
        () if thread.uid == 0 => return true,
        () if thread.uid == stat.st_uid => 0o200,
        () if thread.gid == stat.st_gid => 0o020,
        () => 0o002,
    };
    stat.st_mode & bit != 0
}

/// When the first process of a thread's pid namespace was started.
fn namespace_start(thread: &Thread, dir: &Dir, procfs: &Procfs, buffer: &mut Vec<u8>) -> u64 {
    if thread.flags & ThreadFlags::CHILD_IN_PIDNS == 0 {
        return procfs.init_ts;
    }
    dir.dir("root/proc/1")
        .map_or(0, |first| start_of(&first, procfs.boot_ts, buffer))
}

/// When a process was started, ns since the epoch.
pub(super) fn start_of(dir: &Dir, boot_ts: u64, buffer: &mut Vec<u8>) -> u64 {
    let mut thread = Thread::new(0, 0);
    read_stat(&mut thread, dir.read("stat", MAX_TEXT, buffer), boot_ts);
    thread.clone_ts
}

/// The number of a namespace that a process is in.
pub(super) fn namespace(dir: &Dir, kind: &str) -> Option<u64> {
    bracketed(&dir.link(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_stat_may_look_like_its_syntax() {
        let mut thread = Thread::new(7, 7);
        let stat = b"7 (a) b (c) S 1 5 5 34816 5 4194304 11 0 22 0 0 0 0 0 20 0 1 0 150 9";
        read_stat(&mut thread, stat, SECOND);
        assert_eq!(&*thread.comm, b"a) b (c");
        assert_eq!((thread.pgid, thread.tty), (5, 34816));
        assert_eq!((thread.pf_minor, thread.pf_major), (11, 22));
        assert_eq!(thread.clone_ts, SECOND + SECOND + SECOND / 2);
        for cut in 0..stat.len() {
            read_stat(&mut Thread::new(7, 7), &stat[..cut], 0);
        }
    }

    #[test]
    fn status_gives_effective_and_innermost_ids() {
        let mut thread = Thread::new(70, 70);
        read_status(
            &mut thread,
            b"Name:\tx\nTgid:\t70\nPPid:\t1\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNStgid:\t70\t9\n\
              NSpid:\t71\t8\nNSpgid:\t69\t7\nNSsid:\t68\t6\nVmRSS:\t  12 kB\nCapEff:\t00f\nodd\n",
        );
        assert_eq!((thread.ptid, thread.uid, thread.gid), (1, 2, 6));
        assert_eq!(
            (thread.vpid, thread.vtid, thread.vpgid, thread.sid),
            (9, 8, 7, 6)
        );
        assert_eq!((thread.vm_rss, thread.cap_effective), (12, 15));
        assert!(thread.is_in_pid_namespace());
    }

    #[test]
    fn cgroups_of_both_versions() {
        let unified = [b"cpu".to_vec(), b"io".to_vec()];
        let text = b"12:cpu,cpuacct:/a\n3:name=systemd:/b\n2:net_cls:/c:d\n0::/e\nodd\n";
        let expected = b"cpu=/a\0cpuacct=/a\0net_cls=/c:d\0cpu=/e\0blkio=/e\0";
        assert_eq!(&*cgroups(text, &unified), expected);
    }

    #[test]
    fn soft_limit_of_open_files() {
        let limits = b"Limit  Soft Limit\nMax open files            1024      4096      files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(open_files(b"Max open files unlimited"), None);
    }
}
