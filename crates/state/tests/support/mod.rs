//! Events made by hand, applied to a state.

#![expect(dead_code, reason = "every test file uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use event::{Encoder, EventType, EventView};
use state::{Descriptor, DescriptorKind, Interface, Limits, State, Subject, Thread, ThreadFlags};

pub(crate) const SECOND: u64 = 1_000_000_000;
/// `AT_FDCWD`.
pub(crate) const CWD: i64 = -100;
pub(crate) const CLONE_THREAD: u32 =
    ThreadFlags::CLONE_THREAD | ThreadFlags::CLONE_FILES | ThreadFlags::CLONE_FS;

/// A state with an encoder and a clock.
pub(crate) struct Machine {
    pub(crate) state: State,
    pub(crate) ts: u64,
    encoder: Encoder,
}

/// The ids in a clone or exec event.
#[derive(Clone, Copy)]
pub(crate) struct Ids {
    pub(crate) tid: i64,
    pub(crate) pid: i64,
    pub(crate) ptid: i64,
    pub(crate) vtid: i64,
    pub(crate) vpid: i64,
}

impl Ids {
    pub(crate) fn process(pid: i64, ptid: i64) -> Self {
        Self {
            tid: pid,
            pid,
            ptid,
            vtid: pid,
            vpid: pid,
        }
    }

    pub(crate) fn thread(tid: i64, pid: i64, ptid: i64) -> Self {
        Self {
            tid,
            pid,
            ptid,
            vtid: tid,
            vpid: pid,
        }
    }
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self {
            state: State::new(limits),
            ts: 1_000 * SECOND,
            encoder: Encoder::new(),
        }
    }

    /// One process "shell" (pid 10, child of 1) that is known from the start.
    pub(crate) fn with_shell() -> Self {
        let mut machine = Self::new();
        machine.seed_process(1, 0, "init");
        machine.seed_process(10, 1, "shell");
        machine
    }

    pub(crate) fn seed_process(&mut self, pid: i64, ptid: i64, comm: &str) {
        let mut thread = Thread::new(pid, pid);
        thread.ptid = ptid;
        thread.vtid = pid;
        thread.vpid = pid;
        thread.comm = bytes(comm);
        thread.exe = bytes(comm);
        thread.exepath = bytes(&format!("/bin/{comm}"));
        thread.cwd = bytes("/home/");
        thread.root = bytes("/");
        thread.uid = 1000;
        thread.gid = 1000;
        thread.cgroups = bytes("cpu=/\0");
        self.state.seed_thread(thread);
    }

    pub(crate) fn interface(&mut self, name: &str, address: &str, netmask: &str) {
        let address: IpAddr = address.parse().unwrap();
        self.state.seed_interface(Interface {
            name: bytes(name),
            address,
            netmask: netmask.parse().unwrap(),
            broadcast: address,
            link_speed: 0,
        });
    }

    /// Applies an event, a microsecond after the one before.
    pub(crate) fn apply(
        &mut self,
        event_type: EventType,
        tid: i64,
        params: impl FnOnce(&mut Encoder),
    ) -> Subject {
        self.ts += 1_000;
        self.encoder.begin(event_type, self.ts, tid);
        params(&mut self.encoder);
        let record = self.encoder.finish().unwrap().to_vec();
        self.state.apply(&EventView::parse(&record).unwrap())
    }

    /// Applies an event that changes nothing, so that what the last one destroyed goes.
    pub(crate) fn tick(&mut self) {
        self.apply(EventType::DROP_E, -1, |e| {
            e.u32(1);
        });
    }

    pub(crate) fn clone(
        &mut self,
        event_type: EventType,
        res: i64,
        ids: Ids,
        flags: u32,
    ) -> Subject {
        self.clone_as(event_type, res, ids, flags, "shell", "cpu=/\0")
    }

    pub(crate) fn clone_as(
        &mut self,
        event_type: EventType,
        res: i64,
        ids: Ids,
        flags: u32,
        comm: &str,
        cgroups: &str,
    ) -> Subject {
        self.apply(event_type, ids.tid, |e| {
            e.i64(res)
                .str(comm)
                .bytes(b"-c\0")
                .i64(ids.tid)
                .i64(ids.pid)
                .i64(ids.ptid);
            e.str("/from/event")
                .i64(1024)
                .u64(1)
                .u64(2)
                .u32(30)
                .u32(20)
                .u32(10)
                .str(comm);
            e.bytes(cgroups.as_bytes())
                .u32(flags)
                .u32(1000)
                .u32(1000)
                .i64(ids.vtid);
            e.i64(ids.vpid).u64(77);
        })
    }

    /// A fork seen from the parent only.
    pub(crate) fn fork(&mut self, parent: i64, child: i64) {
        let parent = self.state.thread(parent).unwrap();
        let ids = Ids {
            tid: parent.tid,
            pid: parent.pid,
            ptid: parent.ptid,
            vtid: parent.vtid,
            vpid: parent.vpid,
        };
        self.clone(EventType::SYSCALL_CLONE_20_X, child, ids, 0);
    }

    pub(crate) fn exec(&mut self, ids: Ids, comm: &str, res: i64) -> Subject {
        self.apply(EventType::SYSCALL_EXECVE_19_X, ids.tid, |e| {
            e.i64(res)
                .str(comm)
                .bytes(b"-x\0-y\0")
                .i64(ids.tid)
                .i64(ids.pid)
                .i64(ids.ptid);
            e.str("/home")
                .i64(2048)
                .u64(3)
                .u64(4)
                .u32(50)
                .u32(40)
                .u32(0)
                .str(comm);
            e.bytes(b"cpu=/\0")
                .bytes(b"A=1\0")
                .u32(34816)
                .i64(ids.vpid)
                .u32(500)
                .u32(0b0101);
            e.u64(1).u64(2).u64(4).u64(4711).u64(100).u64(200).u32(7);
            e.str(format!("/usr/bin/{comm} (deleted)"))
                .i64(ids.pid)
                .u32(8)
                .str(comm);
        })
    }

    pub(crate) fn exit(&mut self, tid: i64, reaper: i64) -> Subject {
        self.apply(EventType::PROCEXIT_1_E, tid, |e| {
            e.i64(0).i64(0).u8(0).u8(0).i64(reaper);
        })
    }

    pub(crate) fn openat(
        &mut self,
        tid: i64,
        fd: i64,
        dirfd: i64,
        name: &str,
        flags: u32,
    ) -> Subject {
        self.apply(EventType::SYSCALL_OPENAT_2_X, tid, |e| {
            e.i64(fd)
                .i64(dirfd)
                .str(name)
                .u32(flags)
                .u32(0)
                .u32(0x801)
                .u64(99);
        })
    }

    pub(crate) fn close(&mut self, tid: i64, fd: i64) -> Subject {
        self.apply(EventType::SYSCALL_CLOSE_X, tid, |e| {
            e.i64(0).i64(fd);
        })
    }

    pub(crate) fn thread(&self, tid: i64) -> &Thread {
        self.state
            .thread(tid)
            .unwrap_or_else(|| panic!("thread {tid} is not known"))
    }

    pub(crate) fn fd(&self, tid: i64, fd: i64) -> Option<&Descriptor> {
        self.state.descriptor(self.thread(tid), fd)
    }

    pub(crate) fn kind(&self, tid: i64, fd: i64) -> Option<DescriptorKind> {
        self.fd(tid, fd).map(|descriptor| descriptor.kind)
    }

    pub(crate) fn name(&self, tid: i64, fd: i64) -> Option<&str> {
        self.fd(tid, fd)
            .map(|descriptor| std::str::from_utf8(&descriptor.name).unwrap())
    }

    pub(crate) fn fds(&self, tid: i64) -> Vec<i64> {
        let mut fds: Vec<i64> = self
            .state
            .descriptors(self.thread(tid))
            .map(|(fd, _)| fd)
            .collect();
        fds.sort_unstable();
        fds
    }
}

pub(crate) fn bytes(text: &str) -> Arc<[u8]> {
    Arc::from(text.as_bytes())
}

/// A socket address parameter.
pub(crate) fn addr(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    push_addr(&mut out, text.parse().unwrap(), true);
    out
}

/// A tuple parameter.
pub(crate) fn tuple(source: &str, destination: &str) -> Vec<u8> {
    let mut out = Vec::new();
    push_addr(&mut out, source.parse().unwrap(), true);
    push_addr(&mut out, destination.parse().unwrap(), false);
    out
}

/// A tuple parameter of unix sockets.
pub(crate) fn unix_tuple(source: u64, destination: u64, path: &str) -> Vec<u8> {
    let mut out = vec![1];
    out.extend(source.to_le_bytes());
    out.extend(destination.to_le_bytes());
    out.extend(path.as_bytes());
    out.push(0);
    out
}

fn push_addr(out: &mut Vec<u8>, address: SocketAddr, with_family: bool) {
    if with_family {
        out.push(if address.is_ipv4() { 2 } else { 10 });
    }
    match address.ip() {
        IpAddr::V4(ip) => out.extend(ip.octets()),
        IpAddr::V6(ip) => out.extend(ip.octets()),
    }
    out.extend(address.port().to_le_bytes());
}
