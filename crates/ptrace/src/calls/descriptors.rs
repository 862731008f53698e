//! Calls that make descriptors or do something to them, other than reading and writing.

use crate::facts::files::Opened;
use crate::flags::{cloexec, descriptor_flags, nonblock, poll_events, translate};
use crate::ppm::*;
use crate::record::Record;

/// Result and descriptor.
pub(super) fn one(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
}

/// Result and two descriptors.
pub(super) fn two(r: &mut Record<'_>) {
    one(r);
    r.fd(1);
}

pub(super) fn dup3(r: &mut Record<'_>) {
    two(r);
    r.u32(descriptor_flags(r.arg(2)));
}

const COMMANDS: &[(u32, u64)] = &[
    (0, PPM_FCNTL_F_DUPFD),
    (1, PPM_FCNTL_F_GETFD),
    (2, PPM_FCNTL_F_SETFD),
    (3, PPM_FCNTL_F_GETFL),
    (4, PPM_FCNTL_F_SETFL),
    (5, PPM_FCNTL_F_GETLK),
    (6, PPM_FCNTL_F_SETLK),
    (7, PPM_FCNTL_F_SETLKW),
    (8, PPM_FCNTL_F_SETOWN),
    (9, PPM_FCNTL_F_GETOWN),
    (10, PPM_FCNTL_F_SETSIG),
    (11, PPM_FCNTL_F_GETSIG),
    (12, PPM_FCNTL_F_GETLK64),
    (13, PPM_FCNTL_F_SETLK64),
    (14, PPM_FCNTL_F_SETLKW64),
    (15, PPM_FCNTL_F_SETOWN_EX),
    (16, PPM_FCNTL_F_GETOWN_EX),
    (36, PPM_FCNTL_F_OFD_GETLK),
    (37, PPM_FCNTL_F_OFD_SETLK),
    (38, PPM_FCNTL_F_OFD_SETLKW),
    (1024, PPM_FCNTL_F_SETLEASE),
    (1025, PPM_FCNTL_F_GETLEASE),
    (1026, PPM_FCNTL_F_NOTIFY),
    (1029, PPM_FCNTL_F_CANCELLK),
    (1030, PPM_FCNTL_F_DUPFD_CLOEXEC),
    (1031, PPM_FCNTL_F_SETPIPE_SZ),
    (1032, PPM_FCNTL_F_GETPIPE_SZ),
];

pub(super) fn fcntl(r: &mut Record<'_>) {
    one(r);
    r.u8(translate(r.arg(1), COMMANDS, PPM_FCNTL_UNKNOWN));
    r.long(2);
}

pub(super) fn ioctl(r: &mut Record<'_>) {
    one(r);
    r.long(1);
    r.long(2);
}

pub(super) fn lseek(r: &mut Record<'_>) {
    one(r);
    r.long(1);
    r.u8(r.arg(2));
}

pub(super) fn flock(r: &mut Record<'_>) {
    one(r);
    r.u32(r.arg(1) & (PPM_LOCK_SH | PPM_LOCK_EX | PPM_LOCK_NB | PPM_LOCK_UN));
}

/// The two descriptors that the call wrote to an address; -1 each when it failed.
pub(super) fn read_pair(r: &Record<'_>, address: u64) -> [i32; 2] {
    let both = if r.call.ret == 0 {
        r.caller.memory.array::<8>(address)
    } else {
        None
    };
    match both {
        Some([a, b, c, d, e, f, g, h]) => [[a, b, c, d], [e, f, g, h]].map(i32::from_ne_bytes),
        None => [-1; 2],
    }
}

pub(super) fn pipe(r: &mut Record<'_>) {
    let pair = read_pair(r, r.arg(0));
    r.ret();
    r.int(pair[0] as u64);
    r.int(pair[1] as u64);
    let end = Opened::of(r.caller, i64::from(pair[0]));
    r.u64(end.ino);
}

pub(super) fn pipe2(r: &mut Record<'_>) {
    pipe(r);
    r.u32(descriptor_flags(r.arg(1)));
}

pub(super) fn eventfd(r: &mut Record<'_>) {
    r.ret();
    r.u64(u64::from(r.arg32(0)));
    r.u32(0); // the call has none
}

pub(super) fn eventfd2(r: &mut Record<'_>) {
    r.ret();
    r.u16(descriptor_flags(r.arg(1)));
    r.u64(u64::from(r.arg32(0)));
}

/// The low half of the signal set at an address.
fn signal_mask(r: &mut Record<'_>, address: u64) {
    r.u32(u64::from(r.number(address)));
}

pub(super) fn signalfd(r: &mut Record<'_>) {
    one(r);
    signal_mask(r, r.arg(1));
    r.u8(0); // the call has none
}

pub(super) fn signalfd4(r: &mut Record<'_>) {
    r.ret();
    r.u16(descriptor_flags(r.arg(3)));
    r.fd(0);
    signal_mask(r, r.arg(1));
}

/// The flags do not fit the parameter; its low bits are all zero.
pub(super) fn timerfd_create(r: &mut Record<'_>) {
    r.ret();
    r.u8(r.arg(0));
    r.u8(r.arg(1));
}

pub(super) fn inotify_init(r: &mut Record<'_>) {
    r.ret();
    r.u8(0); // the call has none
}

pub(super) fn inotify_init1(r: &mut Record<'_>) {
    r.ret();
    r.u16(descriptor_flags(r.arg(0)));
}

pub(super) fn epoll_create(r: &mut Record<'_>) {
    r.ret();
    r.word(0);
}

pub(super) fn epoll_create1(r: &mut Record<'_>) {
    r.ret();
    r.u32(cloexec(r.arg(0), PPM_EPOLL_CLOEXEC));
}

pub(super) fn epoll_wait(r: &mut Record<'_>) {
    r.ret();
    r.fd(2);
}

pub(super) fn userfaultfd(r: &mut Record<'_>) {
    r.ret();
    r.u32(descriptor_flags(r.arg(0)));
}

pub(super) fn memfd_create(r: &mut Record<'_>) {
    r.ret();
    r.name(0);
    r.u32(r.arg(1) & (PPM_MFD_CLOEXEC | PPM_MFD_ALLOW_SEALING | PPM_MFD_HUGETLB));
}

pub(super) fn pidfd_open(r: &mut Record<'_>) {
    one(r);
    r.u32(nonblock(r.arg(1), PPM_PIDFD_NONBLOCK));
}

pub(super) fn pidfd_getfd(r: &mut Record<'_>) {
    two(r);
    r.word(2);
}

/// Result and an argument of 32 bits.
pub(super) fn bpf(r: &mut Record<'_>) {
    r.ret();
    r.word(0);
}

/// The kernel has no bit for IORING_SQ_NEED_WAKEUP here, so that from the third on the portable
/// ones are one place higher.
fn io_uring_flags(flags: u64) -> u64 {
    (flags & 3) | (flags & 0x7c) << 1
}

pub(super) fn io_uring_setup(r: &mut Record<'_>) {
    let words = r.caller.memory.words::<3>(r.arg(1)).unwrap_or_default();
    // sq_entries, cq_entries; flags, sq_thread_cpu; sq_thread_idle, features
    let [sq, flags, idle] = words.map(|word| word & 0xffff_ffff);
    let [cq, cpu, features] = words.map(|word| word >> 32);
    r.ret();
    r.word(0);
    r.u32(sq);
    r.u32(cq);
    r.u32(io_uring_flags(flags));
    r.u32(cpu);
    r.u32(idle);
    r.u32(features & 0x7ff);
}

pub(super) fn io_uring_enter(r: &mut Record<'_>) {
    let flags = r.arg(3) & 0xf;
    one(r);
    r.word(1);
    r.word(2);
    r.u32(flags);
    // With the flag, the argument is a structure and not a signal set.
    if flags & PPM_IORING_ENTER_EXT_ARG == 0 {
        signal_mask(r, r.arg(4));
    } else {
        r.u32(0);
    }
}

pub(super) fn io_uring_register(r: &mut Record<'_>) {
    one(r);
    r.u16(r.arg(1));
    r.long(2);
    r.word(3);
}

const MAX_POLLED: u64 = 16;
/// `struct pollfd`: descriptor, what is waited for, what happened.
const POLLFD: usize = 8;

/// The descriptors for which something happened, and what.
fn polled(r: &mut Record<'_>) {
    let count = u64::from(r.arg32(1)).min(MAX_POLLED) as usize;
    let mut fds = vec![0; count * POLLFD];
    if !r.caller.memory.read(r.arg(0), &mut fds) {
        r.empty();
        return;
    }
    let mut out = vec![0; 2];
    let mut ready = 0u16;
    for entry in fds.chunks_exact(POLLFD) {
        let happened = u16::from_ne_bytes([entry[6], entry[7]]);
        if happened != 0 {
            let fd = i32::from_ne_bytes([entry[0], entry[1], entry[2], entry[3]]);
            out.extend(i64::from(fd).to_le_bytes());
            out.extend((poll_events(u64::from(happened)) as u16).to_le_bytes());
            ready += 1;
        }
    }
    out[..2].copy_from_slice(&ready.to_le_bytes());
    r.bytes(&out);
}

pub(super) fn poll(r: &mut Record<'_>) {
    r.ret();
    polled(r);
    r.fd(2);
}

pub(super) fn ppoll(r: &mut Record<'_>) {
    r.ret();
    polled(r);
    r.u64(r.timespec(r.arg(2)));
    signal_mask(r, r.arg(3));
}
