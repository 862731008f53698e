//! Threads that somebody else has listed, as `bpf/tasks.h` of the crate `probe` writes them.
//!
//! One after the other, each in the layout of records: a header, the lengths of the parameters, the
//! parameters. Main threads have all of them, other threads those that threads do not share.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Procfs;
use super::process::{MAX_ARGS, Process, directory, split_command_line};
use super::reader::Dir;
use crate::{SharedBytes, Thread, ThreadFlags};

/// How many parameters there are of a thread other than the main one, and of a main thread.
const OF_THREAD: usize = 21;
const OF_PROCESS: usize = 39;

/// Bits of the flags.
const IN_PIDNS: u32 = 1;
const CWD_DELETED: u32 = 2;
const ROOT_DELETED: u32 = 4;
const OLD_CGROUPS: u32 = 8;

/// The threads of processes.
#[derive(Clone, Default, Debug)]
pub struct Tasks {
    records: Vec<u8>,
    by_process: FxHashMap<i64, Vec<Task>>,
}

/// Where the record of a thread is.
#[derive(Clone, Copy, Debug)]
struct Task {
    tid: i64,
    start: usize,
    end: usize,
}

impl Tasks {
    /// From what the probe hands out. What is not in that layout, and everything behind it, is left
    /// out: it is then asked of `/proc`.
    pub fn new(records: Vec<u8>) -> Self {
        let mut by_process = FxHashMap::<i64, Vec<Task>>::default();
        let mut start = 0;
        while let Some(record) = records.get(start..).and_then(Record::first_of) {
            let end = start + record.bytes.len();
            by_process.entry(record.signed(0)).or_default().push(Task {
                tid: record.tid(),
                start,
                end,
            });
            start = end;
        }
        Self {
            records,
            by_process,
        }
    }

    /// Whether there is anything of a process.
    pub fn has(&self, pid: i64) -> bool {
        self.by_process.contains_key(&pid)
    }

    /// A process without its descriptors, and the network namespace that it is in; `None` for one
    /// that is not in the list or whose main thread has exited before the others. `dir` is its
    /// directory, from which comes what the list lacks.
    pub(super) fn process(&self, pid: i64, dir: &Dir, procfs: &Procfs) -> Option<(Process, u64)> {
        let tasks = self.by_process.get(&pid)?;
        let record = |task: &Task| Record::first_of(self.records.get(task.start..task.end)?);
        let own = tasks.iter().find(|task| task.tid == pid).and_then(record)?;
        if own.count() < OF_PROCESS {
            return None;
        }
        let mut main = Thread::new(pid, pid);
        own.read_thread(&mut main);
        let network = own.read_shared(&mut main, dir, procfs);
        let mut others = Vec::with_capacity(tasks.len() - 1);
        // `/proc` counts the faults of all threads as those of the process.
        main.pf_minor += own.number(21);
        main.pf_major += own.number(22);
        for task in tasks.iter().filter(|task| task.tid != pid) {
            let Some(record) = record(task) else { continue };
            let mut thread = main.clone();
            thread.tid = task.tid;
            record.read_thread(&mut thread);
            thread.ptid = main.ptid;
            thread.flags |=
                ThreadFlags::CLONE_THREAD | ThreadFlags::CLONE_FILES | ThreadFlags::CLONE_FS;
            others.push(thread);
        }
        for thread in &others {
            main.pf_minor += thread.pf_minor;
            main.pf_major += thread.pf_major;
        }
        let process = Process {
            main,
            others,
            descriptors: Vec::new(),
        };
        Some((process, network))
    }
}

/// The record of one thread. Parameters that are missing or have another size than expected read as
/// zero.
struct Record<'a> {
    bytes: &'a [u8],
    values: Vec<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// The record that `bytes` begin with.
    fn first_of(bytes: &'a [u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        let bytes = bytes.get(..usize::try_from(word(16)?).ok()?)?;
        let count = usize::try_from(word(22)?).ok()?;
        if count < OF_THREAD {
            return None;
        }
        let lengths_end = count.checked_mul(2)?.checked_add(event::HEADER_LEN)?;
        let lengths = bytes.get(event::HEADER_LEN..lengths_end)?;
        let mut rest = &bytes[lengths_end..];
        let mut values = Vec::with_capacity(count);
        for length in lengths.chunks_exact(2) {
            let length = u16::from_ne_bytes([length[0], length[1]]);
            let (value, behind) = rest.split_at_checked(length.into())?;
            values.push(value);
            rest = behind;
        }
        Some(Self { bytes, values })
    }

    fn count(&self) -> usize {
        self.values.len()
    }

    fn tid(&self) -> i64 {
        let bytes = self.bytes.get(8..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(-1, |bytes| i64::from_ne_bytes(*bytes))
    }

    fn bytes(&self, index: usize) -> &'a [u8] {
        self.values.get(index).copied().unwrap_or_default()
    }

    /// A string without the NUL that it ends with.
    fn text(&self, index: usize) -> &'a [u8] {
        let bytes = self.bytes(index);
        bytes.strip_suffix(b"\0").unwrap_or(bytes)
    }

    fn number(&self, index: usize) -> u64 {
        self.bytes(index).try_into().map_or(0, u64::from_ne_bytes)
    }

    fn signed(&self, index: usize) -> i64 {
        self.number(index).cast_signed()
    }

    fn half(&self, index: usize) -> u32 {
        self.bytes(index).try_into().map_or(0, u32::from_ne_bytes)
    }

    fn read_thread(&self, thread: &mut Thread) {
        thread.ptid = self.signed(1);
        thread.vtid = self.signed(2);
        thread.vpid = self.signed(3);
        thread.pgid = self.signed(4);
        thread.vpgid = self.signed(5);
        thread.sid = self.signed(6);
        if self.half(7) & IN_PIDNS != 0 {
            thread.flags |= ThreadFlags::CHILD_IN_PIDNS;
        }
        thread.comm = Arc::from(self.text(8));
        thread.uid = self.half(9);
        thread.gid = self.half(10);
        thread.cap_inheritable = self.number(11);
        thread.cap_permitted = self.number(12);
        thread.cap_effective = self.number(13);
        thread.tty = self.half(14);
        thread.vm_size = self.half(15);
        thread.vm_rss = self.half(16);
        thread.vm_swap = self.half(17);
        thread.pf_minor = self.number(18);
        thread.pf_major = self.number(19);
        thread.clone_ts = self.number(20);
    }

    /// What the threads of a process share; hands back their network namespace.
    fn read_shared(&self, main: &mut Thread, dir: &Dir, procfs: &Procfs) -> u64 {
        let flags = self.half(7);
        let mut buffer = Vec::new();
        let mut cmdline = self.bytes(24);
        if !self.is_command_line_whole() {
            cmdline = dir.read("cmdline", MAX_ARGS, &mut buffer);
        }
        split_command_line(main, cmdline);
        main.env = match self.bytes(26) {
            [] if self.number(25) != 0 => Arc::from(dir.read("environ", MAX_ARGS, &mut buffer)),
            env => Arc::from(env),
        };
        main.cwd = directory(deleted(self.text(27), flags & CWD_DELETED != 0));
        main.root = Arc::from(deleted(self.text(28), flags & ROOT_DELETED != 0));
        main.exepath = rooted(self.text(29));
        main.fd_limit = self.signed(30);
        main.loginuid = self.half(31);
        main.set_exe_flags(self.half(32));
        main.exe_ino = self.number(33);
        main.exe_ctime = self.number(34);
        main.exe_mtime = self.number(35);
        main.cgroups = if flags & OLD_CGROUPS == 0 {
            procfs.unified_cgroups(self.text(36))
        } else {
            procfs.cgroups_of(dir, &mut buffer)
        };
        main.pidns_init_start_ts = self.number(37);
        self.number(38)
    }

    /// Whether the arguments are all that `/proc` would show. A process that has written over the
    /// end of its arguments shows what it has written instead.
    fn is_command_line_whole(&self) -> bool {
        let args = self.bytes(24);
        let whole = usize::try_from(self.number(23)) == Ok(args.len());
        whole && args.last().is_none_or(|last| *last == 0)
    }
}

/// A path as a link of `/proc` shows it.
fn deleted(path: &[u8], is_deleted: bool) -> Vec<u8> {
    let mut path = path.to_vec();
    if is_deleted {
        path.extend_from_slice(b" (deleted)");
    }
    path
}

/// What belongs to no tree of directories has a name without a slash.
fn rooted(path: &[u8]) -> SharedBytes {
    if path.is_empty() || path.starts_with(b"/") {
        Arc::from(path)
    } else {
        Arc::from([b"/", path].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(tid: i64, values: &[&[u8]]) -> Vec<u8> {
        let lengths = values
            .iter()
            .flat_map(|value| (value.len() as u16).to_ne_bytes());
        let tail: Vec<u8> = lengths.chain(values.concat()).collect();
        let mut record = vec![0; 8];
        record.extend(tid.to_ne_bytes());
        record.extend((tail.len() as u32 + 26).to_ne_bytes());
        record.extend([0; 2]);
        record.extend((values.len() as u32).to_ne_bytes());
        record.extend(tail);
        record
    }

    #[test]
    fn what_is_cut_or_odd_is_left_out() {
        let pid = 7i64.to_ne_bytes();
        let mut values = [b"".as_slice(); OF_THREAD];
        values[0] = &pid;
        values[8] = b"name\0";
        let one = record(8, &values);
        let mut both = one.clone();
        both.extend(record(9, &values));
        for cut in 0..both.len() {
            let tasks = Tasks::new(both[..cut].to_vec());
            assert_eq!(tasks.has(7), cut >= one.len(), "{cut}");
        }
        let tasks = Tasks::new(both);
        let tids: Vec<i64> = tasks.by_process[&7].iter().map(|task| task.tid).collect();
        assert_eq!(tids, [8, 9]);
        assert!(Tasks::new(record(8, &[])).by_process.is_empty());
        assert!(Tasks::new(vec![0xff; 64]).by_process.is_empty());
    }
}
