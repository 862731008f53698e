//! Descriptors: making them, copying them, asking about them.

use std::os::fd::AsRawFd;

use crate::Case;
use crate::files::{Folder, identity};
use crate::harness::{Harness, Value, at, call, check, minus, text};

pub(crate) const CASES: &[Case] = &[
    (&["close", "close_range"], closing),
    #[cfg(target_arch = "x86_64")]
    (&["dup2"], dup2),
    (&["dup", "dup3", "fcntl"], copying),
    (&["ioctl", "lseek", "flock", "fstat", "getdents64"], working),
    #[cfg(target_arch = "x86_64")]
    (&["getdents"], getdents),
    #[cfg(target_arch = "x86_64")]
    (
        &[
            "pipe",
            "eventfd",
            "signalfd",
            "inotify_init",
            "epoll_create",
            "epoll_wait",
        ],
        old_makers,
    ),
    (
        &[
            "pipe2",
            "eventfd2",
            "signalfd4",
            "inotify_init1",
            "epoll_create1",
        ],
        makers,
    ),
    (
        &[
            "timerfd_create",
            "userfaultfd",
            "memfd_create",
            "pidfd_open",
            "pidfd_getfd",
        ],
        more_makers,
    ),
    (&["bpf"], bpf),
    (
        &["io_uring_setup", "io_uring_enter", "io_uring_register"],
        io_uring,
    ),
    #[cfg(target_arch = "x86_64")]
    (&["select", "poll"], old_waiting),
    (&["ppoll"], ppoll),
];

fn open_null() -> i64 {
    call(
        libc::SYS_openat,
        [minus(100), text(c"/dev/null"), libc::O_RDWR as usize, 0],
    )
}

fn closing(h: &mut Harness) {
    let fd = open_null();
    let (res, event) = h.one("close", || call(libc::SYS_close, [fd as usize]));
    assert_eq!(res, 0);
    check!(event, res: 0, fd: fd);
    let (res, event) = h.one("close", || call(libc::SYS_close, [minus(1)]));
    check!(event, res: res, fd: -1);
    let (res, event) = h.one("close_range", || {
        call(libc::SYS_close_range, [70_000, 80_000, 4])
    });
    assert_eq!(res, 0);
    check!(event, res: 0, first: 70_000, last: 80_000, flags: 4);
}

#[cfg(target_arch = "x86_64")]
fn dup2(h: &mut Harness) {
    let fd = open_null();
    let (res, event) = h.one("dup2", || call(libc::SYS_dup2, [fd as usize, 700]));
    assert_eq!(res, 700);
    check!(event, res: 700, oldfd: fd, newfd: 700);
}

fn copying(h: &mut Harness) {
    let fd = open_null();
    let (res, event) = h.one("dup", || call(libc::SYS_dup, [fd as usize]));
    check!(event, res: res, oldfd: fd);
    let (res, event) = h.one("dup3", || {
        call(libc::SYS_dup3, [fd as usize, 701, libc::O_CLOEXEC as usize])
    });
    assert_eq!(res, 701);
    check!(event, res: 701, oldfd: fd, newfd: 701, flags: 4096);
    // Linux's commands and the portable ones.
    for (command, portable, arg) in [
        (libc::F_DUPFD, 1, 710),
        (libc::F_GETFD, 2, 0),
        (libc::F_SETFL, 5, libc::O_NONBLOCK as usize),
        (libc::F_SETOWN, 10, 0),
        (15, 21, 0),
        (libc::F_OFD_SETLKW, 32, 0),
        (libc::F_DUPFD_CLOEXEC, 26, 711),
        (libc::F_SETPIPE_SZ, 28, 0),
        (libc::F_GETPIPE_SZ, 29, 0),
        (1033, 0, 5),
        (77, 0, 5),
    ] {
        let (res, event) = h.one("fcntl", || {
            call(libc::SYS_fcntl, [fd as usize, command as usize, arg])
        });
        check!(event, res: res, fd: fd, cmd: portable, arg: arg);
    }
}

fn working(h: &mut Harness) {
    let dir = Folder::new("working");
    dir.file("a");
    let file = std::fs::File::open(dir.path("a")).expect("just made");
    let fd = file.as_raw_fd() as usize;
    let number = 0u32;
    let (res, event) = h.one("ioctl", || call(libc::SYS_ioctl, [fd, 0x541b, at(&number)]));
    check!(event, res: res, fd: fd, request: 0x541b, argument: at(&number));
    let (res, event) = h.one("lseek", || call(libc::SYS_lseek, [fd, minus(2), 2]));
    assert_eq!(res, 5);
    check!(event, res: 5, fd: fd, offset: -2, whence: 2);
    let (res, event) = h.one("flock", || call(libc::SYS_flock, [fd, 2 | 4]));
    check!(event, res: res, fd: fd, operation: 2 | 4);
    let buffer = [0u8; 512];
    let (res, event) = h.one("fstat", || call(libc::SYS_fstat, [fd, at(&buffer)]));
    check!(event, res: res, fd: fd);
    let (res, event) = h.one("getdents64", || {
        call(libc::SYS_getdents64, [fd, at(&buffer), 512])
    });
    assert_eq!(res, -i64::from(libc::ENOTDIR));
    check!(event, res: res, fd: fd);
}

#[cfg(target_arch = "x86_64")]
fn getdents(h: &mut Harness) {
    let dir = Folder::new("getdents");
    let file = std::fs::File::open(dir.path("")).expect("just made");
    let buffer = [0u8; 512];
    let fd = file.as_raw_fd() as usize;
    let (res, event) = h.one("getdents", || {
        call(libc::SYS_getdents, [fd, at(&buffer), 512])
    });
    assert!(res > 0);
    check!(event, res: res, fd: fd);
}

/// The inode of an open descriptor.
fn inode(fd: i32) -> u64 {
    identity(std::path::Path::new(&format!("/proc/self/fd/{fd}"))).1
}

#[cfg(target_arch = "x86_64")]
fn old_makers(h: &mut Harness) {
    let mut pair = [0i32; 2];
    let to = pair.as_mut_ptr() as usize;
    let (_, event) = h.one("pipe", || call(libc::SYS_pipe, [to]));
    check!(event, res: 0, fd1: pair[0], fd2: pair[1], ino: inode(pair[0]));
    let (res, event) = h.one("pipe", || call(libc::SYS_pipe, [0]));
    check!(event, res: res, fd1: -1, fd2: -1, ino: 0);
    let (res, event) = h.one("eventfd", || call(libc::SYS_eventfd, [3]));
    check!(event, res: res, initval: 3, flags: 0);
    let mask = 1u64 << 9;
    let (res, event) = h.one("signalfd", || {
        call(libc::SYS_signalfd, [minus(1), at(&mask), 8])
    });
    assert!(res >= 0);
    check!(event, res: res, fd: -1, mask: 512, flags: 0);
    let (res, event) = h.one("inotify_init", || call(libc::SYS_inotify_init, []));
    check!(event, res: res, flags: 0);
    let (poll, event) = h.one("epoll_create", || call(libc::SYS_epoll_create, [5]));
    check!(event, res: poll, size: 5);
    let buffer = [0u8; 64];
    let (res, event) = h.one("epoll_wait", || {
        call(libc::SYS_epoll_wait, [poll as usize, at(&buffer), 4, 0])
    });
    check!(event, res: res, maxevents: 4);
}

fn makers(h: &mut Harness) {
    let mut pair = [0i32; 2];
    let to = pair.as_mut_ptr() as usize;
    let flags = (libc::O_CLOEXEC | libc::O_DIRECT) as usize;
    let (_, event) = h.one("pipe2", || call(libc::SYS_pipe2, [to, flags]));
    check!(event, res: 0, fd1: pair[0], fd2: pair[1], ino: inode(pair[0]), flags: 4096 | 512);
    let flags = (libc::EFD_NONBLOCK | libc::EFD_SEMAPHORE) as usize;
    let (res, event) = h.one("eventfd2", || call(libc::SYS_eventfd2, [9, flags]));
    check!(event, res: res, flags: 64, initval: 9);
    let mask = 1u64 << 11;
    let flags = libc::SFD_CLOEXEC as usize;
    let (res, event) = h.one("signalfd4", || {
        call(libc::SYS_signalfd4, [minus(1), at(&mask), 8, flags])
    });
    assert!(res >= 0);
    check!(event, res: res, flags: 4096, fd: -1, mask: 2048);
    let flags = (libc::IN_NONBLOCK | libc::IN_CLOEXEC) as usize;
    let (res, event) = h.one("inotify_init1", || call(libc::SYS_inotify_init1, [flags]));
    check!(event, res: res, flags: 64 | 4096);
    let flags = libc::EPOLL_CLOEXEC as usize;
    let (res, event) = h.one("epoll_create1", || call(libc::SYS_epoll_create1, [flags]));
    check!(event, res: res, flags: 1);
}

fn more_makers(h: &mut Harness) {
    let (res, event) = h.one("timerfd_create", || {
        call(libc::SYS_timerfd_create, [1, libc::TFD_CLOEXEC as usize])
    });
    check!(event, res: res, clockid: 1, flags: 0);
    let flags = (libc::O_CLOEXEC | libc::O_NONBLOCK) as usize;
    let (res, event) = h.one("userfaultfd", || call(libc::SYS_userfaultfd, [flags]));
    check!(event, res: res, flags: 4096 | 64);
    let (res, event) = h.one("memfd_create", || {
        call(
            libc::SYS_memfd_create,
            [text(c"some name"), (libc::MFD_ALLOW_SEALING | 1) as usize],
        )
    });
    check!(event, fd: res, name: "some name", flags: 2 | 1);
    let own = std::process::id();
    let (pidfd, event) = h.one("pidfd_open", || {
        call(
            libc::SYS_pidfd_open,
            [own as usize, libc::PIDFD_NONBLOCK as usize],
        )
    });
    assert!(pidfd >= 0);
    check!(event, fd: pidfd, pid: own, flags: 1);
    let (res, event) = h.one("pidfd_getfd", || {
        call(libc::SYS_pidfd_getfd, [pidfd as usize, 0, 0])
    });
    check!(event, fd: res, pid_fd: pidfd, target_fd: 0, flags: 0);
}

fn bpf(h: &mut Harness) {
    let (res, event) = h.one("bpf", || call(libc::SYS_bpf, [35, 0, 0]));
    assert!(res < 0);
    check!(event, fd: res, cmd: 35);
}

fn io_uring(h: &mut Harness) {
    // sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, and what follows.
    let mut params = [0u32; 30];
    params[2] = 1 << 3 | 1 << 4;
    params[1] = 16;
    let to = params.as_mut_ptr() as usize;
    let (ring, event) = h.one("io_uring_setup", || call(libc::SYS_io_uring_setup, [4, to]));
    check!(event, res: ring, entries: 4, sq_entries: params[0], cq_entries: params[1],
        flags: 16 | 32, sq_thread_cpu: params[3], sq_thread_idle: params[4],
        features: params[5] & 0x7ff);
    if ring >= 0 {
        assert_eq!(params[1], 16, "the kernel filled it in");
    }
    let mask = 1u64 << 5;
    let (res, event) = h.one("io_uring_enter", || {
        call(
            libc::SYS_io_uring_enter,
            [ring as usize, 0, 0, 1, at(&mask), 8],
        )
    });
    check!(event, res: res, fd: ring, to_submit: 0, min_complete: 0, flags: 1, sig: 32);
    let (res, event) = h.one("io_uring_register", || {
        call(libc::SYS_io_uring_register, [ring as usize, 5, 0x1000, 2])
    });
    check!(event, res: res, fd: ring, opcode: 5, arg: 0x1000, nr_args: 2);
}

/// A pipe with a byte in it: one end can be read, the other written to.
fn full_pipe() -> [i32; 2] {
    let mut pair = [0i32; 2];
    assert_eq!(call(libc::SYS_pipe2, [pair.as_mut_ptr() as usize, 0]), 0);
    assert_eq!(call(libc::SYS_write, [pair[1] as usize, at(b"x"), 1]), 1);
    pair
}

fn fd_list(ready: &[(i32, u16)]) -> Vec<u8> {
    let mut bytes = (ready.len() as u16).to_le_bytes().to_vec();
    for (fd, events) in ready {
        bytes.extend(i64::from(*fd).to_le_bytes());
        bytes.extend(events.to_le_bytes());
    }
    bytes
}

fn polled(pair: [i32; 2]) -> [libc::pollfd; 3] {
    let wait = |fd, events| libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    [
        wait(pair[0], libc::POLLIN | libc::POLLRDNORM),
        wait(pair[0], libc::POLLPRI),
        wait(pair[1], libc::POLLOUT),
    ]
}

#[cfg(target_arch = "x86_64")]
fn old_waiting(h: &mut Harness) {
    let (res, event) = h.one("select", || {
        call(libc::SYS_select, [0, 0, 0, 0, at(&[0u64; 2])])
    });
    check!(event, res: res);
    let pair = full_pipe();
    let mut fds = polled(pair);
    let to = fds.as_mut_ptr() as usize;
    let (res, event) = h.one("poll", || call(libc::SYS_poll, [to, 3, minus(1)]));
    assert_eq!(res, 2);
    // 128 is the portable POLLRDNORM. Nothing happened to the second.
    check!(event, res: 2, fds: fd_list(&[(pair[0], 1 | 128), (pair[1], 4)]), timeout: -1);
    let (res, event) = h.one("poll", || call(libc::SYS_poll, [8, 1, 0]));
    check!(event, res: res, fds: Value::Empty, timeout: 0);
}

fn ppoll(h: &mut Harness) {
    let pair = full_pipe();
    let mut fds = polled(pair);
    let to = fds.as_mut_ptr() as usize;
    let time = [1u64, 500];
    let mask = 1u64 << 3;
    let (res, event) = h.one("ppoll", || {
        call(libc::SYS_ppoll, [to, 3, at(&time), at(&mask), 8])
    });
    assert_eq!(res, 2);
    // The kernel writes back how much of the time was left.
    let left = time[0] * 1_000_000_000 + time[1];
    check!(event, res: 2, fds: fd_list(&[(pair[0], 1 | 128), (pair[1], 4)]), timeout: left,
        sigmask: 8);
    let (res, event) = h.one("ppoll", || call(libc::SYS_ppoll, [to, 3, 0, 0, 8]));
    check!(event, res: res, fds: fd_list(&[(pair[0], 1 | 128), (pair[1], 4)]), timeout: -1,
        sigmask: 0);
}
