//! What `/proc` tells of a stopped thread and its process.
//!
//! Everything is read at the moment it is needed, while the thread stands still, so that it is true
//! of the moment the event tells of.

use std::os::unix::ffi::OsStringExt;

use super::files::without_mark;
use crate::memory::Memory;
use crate::record::{Caller, Record, TEXT_MAX};
use crate::sys::Tid;

/// Capabilities that the event table has a name for; it has the kernel's bits.
const KNOWN_CAPABILITIES: u64 = (crate::ppm::PPM_CAP_CHECKPOINT_RESTORE << 1) - 1;

/// A file of `/proc/<tid>`; empty when it cannot be read.
pub(super) fn read(tid: Tid, name: &str) -> Vec<u8> {
    std::fs::read(format!("/proc/{tid}/{name}")).unwrap_or_default()
}

pub(super) fn link(tid: Tid, name: &str) -> Option<Vec<u8>> {
    let target = std::fs::read_link(format!("/proc/{tid}/{name}")).ok()?;
    Some(target.into_os_string().into_vec())
}

fn text(bytes: &[u8]) -> &str {
    // Only numbers and ASCII words are looked for.
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Of `/proc/<tid>/status`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Status {
    pub(crate) parent: Tid,
    pub(crate) euid: u32,
    pub(crate) egid: u32,
    pub(super) fsuid: u32,
    pub(super) fsgid: u32,
    pub(super) groups: Vec<u32>,
    pub(crate) vtid: Tid,
    pub(crate) vpid: Tid,
    pub(crate) vpgid: Tid,
    /// How many pid namespaces its numbers are of, from the tracer's on.
    levels: usize,
    size_kb: u64,
    resident_kb: u64,
    swapped_kb: u64,
    pub(crate) cap_inheritable: u64,
    pub(crate) cap_permitted: u64,
    pub(crate) cap_effective: u64,
}

impl Status {
    pub(crate) fn of(tid: Tid) -> Self {
        Self::parse(&read(tid, "status"))
    }

    fn parse(status: &[u8]) -> Self {
        let mut out = Self::default();
        for line in status.split(|&byte| byte == b'\n') {
            let Some((key, value)) = text(line).split_once(':') else {
                continue;
            };
            let words = || value.split_ascii_whitespace();
            let number = |index| words().nth(index).and_then(|word| word.parse().ok());
            let id = |index| number(index).unwrap_or(u32::MAX);
            let innermost = || {
                words()
                    .last()
                    .and_then(|word| word.parse().ok())
                    .unwrap_or(0)
            };
            let kb = || number(0).map_or(0, u64::from);
            let set = || {
                let bits = words()
                    .next()
                    .and_then(|word| u64::from_str_radix(word, 16).ok());
                bits.unwrap_or(0) & KNOWN_CAPABILITIES
            };
            match key {
                "PPid" => out.parent = innermost(),
                // Real, effective, saved and file system ids.
                "Uid" => (out.euid, out.fsuid) = (id(1), id(3)),
                "Gid" => (out.egid, out.fsgid) = (id(1), id(3)),
                "Groups" => out.groups = words().filter_map(|word| word.parse().ok()).collect(),
                "NStgid" => out.vpid = innermost(),
                "NSpid" => (out.vtid, out.levels) = (innermost(), words().count()),
                "NSpgid" => out.vpgid = innermost(),
                "VmSize" => out.size_kb = kb(),
                "VmRSS" => out.resident_kb = kb(),
                "VmSwap" => out.swapped_kb = kb(),
                "CapInh" => out.cap_inheritable = set(),
                "CapPrm" => out.cap_permitted = set(),
                "CapEff" => out.cap_effective = set(),
                _ => {}
            }
        }
        out
    }

    /// Whether it lives in a pid namespace below the tracer's.
    pub(crate) fn is_in_namespace(&self) -> bool {
        self.levels > 1
    }
}

/// Of `/proc/<tid>/stat`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Stat {
    pub(crate) comm: Vec<u8>,
    pub(crate) state: u8,
    pub(crate) process_group: Tid,
    pub(crate) terminal: u32,
    pub(crate) minor_faults: u64,
    pub(crate) major_faults: u64,
    /// Since the machine started, in clock ticks.
    pub(super) start: u64,
    /// The kernel's own flags of a thread.
    flags: u64,
    /// On which it ran last.
    pub(crate) cpu: u16,
    /// Where the arguments are, and the environment; zeroes when that is not for us to know.
    pub(crate) arguments: (u64, u64),
    pub(crate) environment: (u64, u64),
}

impl Stat {
    /// Of one thread. (What stands directly in its process's folder adds up all threads.)
    pub(crate) fn of(tgid: Tid, tid: Tid) -> Self {
        Self::parse(&read(tgid, &format!("task/{tid}/stat"))).unwrap_or_default()
    }

    /// `pid (comm) state ppid pgrp session tty …`; the name may hold blanks and parentheses.
    fn parse(stat: &[u8]) -> Option<Self> {
        let open = stat.iter().position(|&byte| byte == b'(')?;
        let close = stat.iter().rposition(|&byte| byte == b')')?;
        let mut out = Self {
            comm: stat.get(open + 1..close)?.to_vec(),
            ..Self::default()
        };
        for (index, word) in text(&stat[close + 1..])
            .split_ascii_whitespace()
            .enumerate()
        {
            let number = || word.parse().unwrap_or(0);
            // Numbered from the state, which is the third field of the file.
            match index + 3 {
                3 => out.state = word.as_bytes()[0],
                5 => out.process_group = word.parse().unwrap_or(0),
                7 => out.terminal = word.parse::<i32>().unwrap_or(0) as u32,
                9 => out.flags = number(),
                10 => out.minor_faults = number(),
                12 => out.major_faults = number(),
                22 => out.start = number(),
                39 => out.cpu = word.parse().unwrap_or(0),
                48 => out.arguments.0 = number(),
                49 => out.arguments.1 = number(),
                50 => out.environment.0 = number(),
                51 => out.environment.1 = number(),
                _ => {}
            }
        }
        Some(out)
    }

    /// Whether the thread is not about to end.
    pub(crate) fn is_living(&self) -> bool {
        const EXITING: u64 = 4;
        self.flags & EXITING == 0 && !matches!(self.state, 0 | b'Z' | b'X')
    }
}

/// Size, resident part and swapped part, in KB.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Sizes(u64, u64, u64);

impl Sizes {
    pub(crate) fn of(tid: Tid) -> Self {
        Self::from_status(&Status::of(tid))
    }

    pub(crate) fn from_status(status: &Status) -> Self {
        Self(status.size_kb, status.resident_kb, status.swapped_kb)
    }

    pub(crate) fn put(self, r: &mut Record<'_>) {
        r.u32(self.0);
        r.u32(self.1);
        r.u32(self.2);
    }
}

/// What events of new threads and of new programs tell.
pub(crate) struct Process {
    tid: Tid,
    pub(crate) status: Status,
    pub(crate) stat: Stat,
}

impl Process {
    pub(crate) fn of(caller: &Caller<'_>) -> Self {
        Self {
            tid: caller.tid,
            status: Status::of(caller.tid),
            stat: Stat::of(caller.tgid, caller.tid),
        }
    }

    /// The thread that the process is a child of. `/proc` knows its process only.
    pub(crate) fn parent(&self, caller: &Caller<'_>) -> Tid {
        let process = self.status.parent;
        let made_by_it = caller.maker != 0
            && std::fs::exists(format!("/proc/{process}/task/{}", caller.maker)).unwrap_or(false);
        if made_by_it { caller.maker } else { process }
    }

    /// The working directory, as the thread itself sees it.
    pub(crate) fn cwd(&self) -> Vec<u8> {
        let path = without_mark(link(self.tid, "cwd").unwrap_or_default());
        let root = link(self.tid, "root").unwrap_or_default();
        match path.strip_prefix(root.as_slice()) {
            Some([]) => b"/".to_vec(),
            Some(below) if root != b"/" && below[0] == b'/' => below.to_vec(),
            _ => path,
        }
    }

    pub(crate) fn open_files_limit(&self) -> u64 {
        let limits = read(self.tid, "limits");
        let line = text(&limits)
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"));
        let soft = line.and_then(|line| line.split_ascii_whitespace().next());
        match soft {
            Some(number) => number.parse().unwrap_or(u64::MAX),
            None => 0,
        }
    }

    pub(crate) fn login_uid(&self) -> u32 {
        let id = read(self.tid, "loginuid");
        text(&id).trim().parse().unwrap_or(u32::MAX)
    }

    /// Whether children go into another pid namespace than this process is in.
    pub(crate) fn makes_pid_namespaces(&self) -> bool {
        let of = |name| link(self.tid, name);
        match (of("ns/pid"), of("ns/pid_for_children")) {
            (Some(own), Some(of_children)) => own != of_children,
            // A namespace that has no first process yet has no name either.
            (Some(_), None) => true,
            _ => false,
        }
    }

    /// What the kernel took for the name of the program: it leaves a copy on the new stack.
    pub(crate) fn program_name(&self, memory: &Memory) -> Option<Vec<u8>> {
        const AT_EXECFN: u64 = 31;
        let auxiliary = read(self.tid, "auxv");
        let wide = auxiliary.chunks_exact(16).find_map(|pair| {
            let (key, value) = pair.split_first_chunk::<8>()?;
            (u64::from_le_bytes(*key) == AT_EXECFN)
                .then(|| u64::from_le_bytes(value.try_into().unwrap_or_default()))
        });
        let narrow = || {
            auxiliary.chunks_exact(8).find_map(|pair| {
                let (key, value) = pair.split_first_chunk::<4>()?;
                (u64::from(u32::from_le_bytes(*key)) == AT_EXECFN)
                    .then(|| u64::from(u32::from_le_bytes(value.try_into().unwrap_or_default())))
            })
        };
        memory.string(wide.or_else(narrow)?, TEXT_MAX)
    }
}

/// The command line of a process: its first word, then the others.
pub(crate) fn command_line(r: &mut Record<'_>, process: &Process) {
    let (start, end) = process.stat.arguments;
    let Some(first) = r.caller.memory.string(start, TEXT_MAX) else {
        r.empty();
        r.empty();
        return;
    };
    let rest = (start + first.len() as u64, end);
    let others = area(r, rest, TEXT_MAX - first.len());
    r.bytes(&first);
    r.bytes(&others);
}

/// The strings between two addresses of the caller, the last one ended.
pub(crate) fn area(r: &Record<'_>, (start, end): (u64, u64), most: usize) -> Vec<u8> {
    let len = usize::try_from(end.saturating_sub(start)).map_or(most, |len| len.min(most));
    let mut bytes = vec![0; len];
    if !r.caller.memory.read(start, &mut bytes) {
        return Vec::new();
    }
    if let Some(last) = bytes.last_mut() {
        *last = 0;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_gives_effective_and_innermost_ids() {
        let status = Status::parse(
            b"Name:\tx\nPPid:\t1\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t4 24 27 \n\
              NStgid:\t70\t9\nNSpid:\t71\t8\nNSpgid:\t69\t7\nVmRSS:\t  12 kB\nCapEff:\t00f\nodd\n",
        );
        assert_eq!((status.parent, status.euid, status.egid), (1, 2, 6));
        assert_eq!((status.fsuid, status.fsgid), (4, 8));
        assert_eq!((status.vpid, status.vtid, status.vpgid), (9, 8, 7));
        assert_eq!((status.resident_kb, status.cap_effective), (12, 15));
        assert_eq!(status.groups, [4, 24, 27]);
        assert!(status.is_in_namespace());
    }

    #[test]
    fn names_in_stat_may_look_like_its_syntax() {
        let line = b"7 (a) b (c) S 1 5 5 34816 5 4194304 11 0 22 0 0 0 0 0 20 0 1 0 150 9";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.comm, b"a) b (c");
        assert_eq!((stat.process_group, stat.terminal), (5, 34816));
        assert_eq!(
            (stat.minor_faults, stat.major_faults, stat.start),
            (11, 22, 150)
        );
        assert!(stat.is_living());
        for cut in 0..line.len() {
            Stat::parse(&line[..cut]);
        }
    }
}
