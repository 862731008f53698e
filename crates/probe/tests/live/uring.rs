//! Opens and connects that come through io_uring.

use std::os::unix::net::UnixListener;

use event::EventType;
use probe::Options;

use crate::files::{Folder, identity, str_of};
use crate::harness::{Event, Harness, at, call, check, text};
use crate::with_probe;

const OP_CONNECT: u8 = 16;
const OP_OPENAT: u8 = 18;
const OP_OPENAT2: u8 = 28;
/// Flags of an entry.
const ASYNC: u8 = 1 << 4;
const SKIP_SUCCESS: u8 = 1 << 6;

/// Where things are in the shared memory, as `io_uring_setup` says.
#[repr(C)]
#[derive(Default)]
struct Params {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    rest: [u32; 7],
    sq: Offsets,
    cq: Offsets,
}

#[repr(C)]
#[derive(Default)]
struct Offsets {
    head: u32,
    tail: u32,
    ring_mask: u32,
    ring_entries: u32,
    fifth: u32,
    sixth: u32,
    seventh: u32,
    reserved: u32,
    address: u64,
}

/// A `struct io_uring_sqe`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Entry {
    opcode: u8,
    flags: u8,
    ioprio: u16,
    fd: i32,
    off: u64,
    addr: u64,
    len: u32,
    op_flags: u32,
    user_data: u64,
    buf: u16,
    personality: u16,
    file_index: u32,
    rest: [u64; 2],
}

/// A ring for one request at a time.
struct Ring {
    fd: usize,
    sq: usize,
    entries: usize,
    params: Params,
}

impl Ring {
    fn new(flags: u32) -> Option<Self> {
        let mut params = Params {
            flags,
            ..Params::default()
        };
        let address = std::ptr::from_mut(&mut params) as usize;
        let fd = usize::try_from(call(libc::SYS_io_uring_setup, [8, address])).ok()?;
        let map = |offset: usize| {
            let address = call(
                libc::SYS_mmap,
                [0, 8192, 3, libc::MAP_SHARED as usize, fd, offset],
            );
            assert!(address > 0, "the ring can be mapped");
            address as usize
        };
        // Since 5.4 one mapping holds both queues; all kernels with the tracepoints are newer.
        Some(Self {
            fd,
            sq: map(0),
            entries: map(0x1000_0000),
            params,
        })
    }

    fn word(&self, offset: u32) -> &std::sync::atomic::AtomicU32 {
        // SAFETY: the kernel says where its words are in the mapping, and both sides use them
        // atomically.
        unsafe { &*((self.sq + offset as usize) as *const std::sync::atomic::AtomicU32) }
    }

    /// Submits an entry and waits for what comes of it; `None` where nothing comes.
    fn submit(&self, entry: Entry) -> Option<i64> {
        use std::sync::atomic::Ordering;
        let waits = entry.flags & SKIP_SUCCESS == 0;
        let tail = self.word(self.params.sq.tail).load(Ordering::Relaxed);
        let index = tail & self.word(self.params.sq.ring_mask).load(Ordering::Relaxed);
        // SAFETY: the index is below the number of entries, all of which are mapped.
        unsafe { *(self.entries as *mut Entry).add(index as usize) = entry };
        self.word(self.params.sq.sixth + 4 * index)
            .store(index, Ordering::Relaxed);
        self.word(self.params.sq.tail)
            .store(tail + 1, Ordering::Release);
        let wakeup = 2;
        let flags = if self.params.flags & SQPOLL != 0 {
            wakeup
        } else {
            0
        };
        let get_events = usize::from(waits);
        let submitted = call(
            libc::SYS_io_uring_enter,
            [self.fd, 1, get_events, get_events | flags, 0, 0],
        );
        assert!(submitted >= 0, "{submitted}");
        if !waits {
            return None;
        }
        let head = self.word(self.params.cq.head);
        let at = head.load(Ordering::Relaxed);
        assert_ne!(
            self.word(self.params.cq.tail).load(Ordering::Acquire),
            at,
            "it is complete"
        );
        let index = at & self.word(self.params.cq.ring_mask).load(Ordering::Relaxed);
        let cqe = self.sq + self.params.cq.sixth as usize + 16 * index as usize;
        // SAFETY: the kernel says where its results are; this one is written.
        let result = unsafe { *((cqe + 8) as *const i32) };
        head.store(at + 1, Ordering::Release);
        Some(result.into())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        call(libc::SYS_munmap, [self.sq, 8192]);
        call(libc::SYS_munmap, [self.entries, 8192]);
        call(libc::SYS_close, [self.fd]);
    }
}

const SQPOLL: u32 = 2;

fn open(path: &std::ffi::CStr, flags: i32, mode: u32) -> Entry {
    Entry {
        opcode: OP_OPENAT,
        fd: -100,
        addr: text(path) as u64,
        len: mode,
        op_flags: flags as u32,
        ..Entry::default()
    }
}

/// Submits an entry on a ring of its own and hands back its result and the events of that kind.
fn submit(h: &mut Harness, entry: Entry, flags: u32, kind: EventType) -> (Option<i64>, Vec<Event>) {
    let (result, tid, mut events) = h.run(&["openat", "openat2", "connect"], move || {
        let ring = Ring::new(flags).expect("there was one before");
        ring.submit(entry)
    });
    let tid = if flags & SQPOLL == 0 {
        tid
    } else {
        // The kernel's own thread submits, on behalf of the process.
        std::process::id().into()
    };
    events.retain(|event| event.tid() == tid && event.view().event_type() == kind);
    (result, events)
}

fn one(h: &mut Harness, entry: Entry, flags: u32, kind: EventType) -> (i64, Event) {
    let (result, mut events) = submit(h, entry, flags, kind);
    assert_eq!(events.len(), 1, "{events:?}");
    (result.expect("it was waited for"), events.remove(0))
}

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
/// Whether this machine has both io_uring and the tracepoints; says what is missing.
fn can_run() -> bool {
    if Ring::new(0).is_none() {
        eprintln!("skipped: io_uring is switched off here");
        return false;
    }
    let btf = std::fs::read("/sys/kernel/btf/vmlinux").unwrap_or_default();
    let name = b"btf_trace_io_uring_submit_req\0";
    if !btf.windows(name.len()).any(|window| window == name) {
        eprintln!("skipped: this kernel is older than the tracepoints of io_uring");
        return false;
    }
    true
}

fn harness(io_uring: bool) -> Harness {
    let options = Options {
        exclude_own: false,
        io_uring,
        ..Options::default()
    };
    crate::source::harness(&options)
}

#[test]
fn opens_through_io_uring_are_told() {
    with_probe(|| {
        if !can_run() {
            return;
        }
        let kind = EventType::SYSCALL_OPENAT_2_X;
        let mut h = harness(true);
        let dir = Folder::new("uring");
        let name = dir.file("plain");
        let long = dir.c(&format!("{}plain", "./".repeat(300)));
        let (dev, ino) = identity(&dir.path("plain"));
        let flags = libc::O_RDWR | libc::O_CLOEXEC;
        for name in [&name, &long] {
            // Done at once, by a worker, and by a thread that polls for submissions.
            for (of_entry, of_ring) in [(0, 0), (ASYNC, 0), (0, SQPOLL)] {
                let entry = Entry {
                    flags: of_entry,
                    ..open(name, flags, 0)
                };
                let (fd, event) = one(&mut h, entry, of_ring, kind);
                assert!(fd >= 0);
                check!(event, fd: fd, dirfd: -100, name: str_of(name), flags: 3 | 4096, mode: 0,
                    dev: dev, ino: ino);
                call(libc::SYS_close, [fd as usize]);
            }
        }
        let new = dir.c("new");
        let (fd, event) = one(
            &mut h,
            open(&new, libc::O_WRONLY | libc::O_CREAT, 0o640),
            0,
            kind,
        );
        let (dev, ino) = identity(&dir.path("new"));
        check!(event, fd: fd, dirfd: -100, name: str_of(&new), flags: 2 | 4 | 16384, mode: 0o640,
            dev: dev, ino: ino);
        call(libc::SYS_close, [fd as usize]);
        let missing = dir.c("missing");
        let (res, event) = one(&mut h, open(&missing, libc::O_RDONLY, 0), 0, kind);
        assert_eq!(res, -i64::from(libc::ENOENT));
        check!(event, fd: res, dirfd: -100, name: str_of(&missing), flags: 1, mode: 0, dev: 0,
            ino: 0);

        let how = [libc::O_RDONLY as u64, 0, 0x04];
        let entry = Entry {
            opcode: OP_OPENAT2,
            fd: -100,
            addr: text(&name) as u64,
            len: 24,
            off: at(&how) as u64,
            ..Entry::default()
        };
        let (fd, event) = one(&mut h, entry, 0, EventType::SYSCALL_OPENAT2_X);
        assert!(fd >= 0);
        let (dev, ino) = identity(&dir.path("plain"));
        check!(event, fd: fd, dirfd: -100, name: str_of(&name), flags: 1, mode: 0, resolve: 8,
            dev: dev, ino: ino);
        call(libc::SYS_close, [fd as usize]);
    });
}

/// Whoever waives the completion is told of at the submission.
#[test]
fn an_open_without_completion_is_told_once() {
    with_probe(|| {
        if !can_run() {
            return;
        }
        let mut h = harness(true);
        let dir = Folder::new("uring-skip");
        let name = dir.file("plain");
        let entry = Entry {
            flags: SKIP_SUCCESS,
            ..open(&name, libc::O_RDONLY, 0)
        };
        let kind = EventType::SYSCALL_OPENAT_2_X;
        let (_, events) = submit(&mut h, entry, 0, kind);
        assert_eq!(events.len(), 1, "{events:?}");
        check!(events[0], fd: 0x7fff_ffff, dirfd: -100, name: str_of(&name), flags: 1, mode: 0,
            dev: 0, ino: 0);
        // One that fails has a completion all the same.
        let missing = dir.c("missing");
        let entry = Entry {
            flags: SKIP_SUCCESS,
            ..open(&missing, libc::O_RDONLY, 0)
        };
        let (_, events) = submit(&mut h, entry, 0, kind);
        assert_eq!(events.len(), 1, "{events:?}");

        let mut without = harness(false);
        let (fd, events) = submit(&mut without, open(&name, libc::O_RDONLY, 0), 0, kind);
        assert_eq!(events.len(), 0, "{events:?}");
        call(libc::SYS_close, [fd.expect("it was waited for") as usize]);
    });
}

#[test]
fn connects_through_io_uring_are_told() {
    with_probe(|| {
        if !can_run() {
            return;
        }
        let kind = EventType::SOCKET_CONNECT_X;
        let mut h = harness(true);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let port = listener.local_addr().expect("it is bound").port();
        let address = [
            &2u16.to_ne_bytes()[..],
            &port.to_be_bytes(),
            &[127, 0, 0, 1],
            &[0; 8],
        ]
        .concat();
        let connect = |socket: i64, address: &[u8]| Entry {
            opcode: OP_CONNECT,
            fd: socket as i32,
            addr: at(address) as u64,
            off: address.len() as u64,
            ..Entry::default()
        };
        for flags in [0, ASYNC] {
            let socket = call(libc::SYS_socket, [2, 1, 0]);
            let entry = Entry {
                flags,
                ..connect(socket, &address)
            };
            let (res, event) = one(&mut h, entry, 0, kind);
            assert_eq!(res, 0);
            assert_eq!(event.number("fd"), socket);
            let told = event.bytes("addr");
            assert_eq!(told, [&[2, 127, 0, 0, 1][..], &port.to_le_bytes()].concat());
            let tuple = event.bytes("tuple");
            assert_eq!(tuple.len(), 13);
            assert_eq!(
                tuple[7..],
                [&[127, 0, 0, 1][..], &port.to_le_bytes()].concat()
            );
            call(libc::SYS_close, [socket as usize]);
        }
        let dir = Folder::new("uring-connect");
        let path = dir.path("socket");
        let listener = UnixListener::bind(&path).expect("the folder is ours");
        let mut address = 1u16.to_ne_bytes().to_vec();
        address.extend(path.as_os_str().as_encoded_bytes());
        address.push(0);
        let socket = call(libc::SYS_socket, [1, 1, 0]);
        let (res, event) = one(&mut h, connect(socket, &address), 0, kind);
        assert_eq!(res, 0);
        let told = event.bytes("addr");
        assert_eq!(told[1..], address[2..]);
        drop(listener);
        let (res, event) = {
            let second = call(libc::SYS_socket, [1, 1, 0]);
            let result = one(&mut h, connect(second, &address), 0, kind);
            call(libc::SYS_close, [second as usize]);
            result
        };
        assert_eq!(res, -i64::from(libc::ECONNREFUSED));
        assert_eq!(event.number("res"), res);
        assert_eq!(event.bytes("tuple"), [0; 0]);
        call(libc::SYS_close, [socket as usize]);
    });
}
