//! Records as the probe writes them.

use event::{Encoder, EventType as T};

use crate::world::NOW;

fn record(event_type: T, tid: i64, params: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.begin(event_type, NOW, tid);
    params(&mut encoder);
    let record = encoder.finish().map(<[u8]>::to_vec);
    record.unwrap_or_else(|err| panic!("a bench wrote a bad record: {err}"))
}

/// Descriptor 7 was opened with this path.
pub fn open(tid: i64, path: &str) -> Vec<u8> {
    record(T::SYSCALL_OPENAT_2_X, tid, |encoder| {
        encoder.i64(7).i64(-100).str(path);
        encoder.u32(1).u32(0).u32(0).u64(0);
    })
}

/// Five bytes were read from descriptor 7.
pub fn read(tid: i64) -> Vec<u8> {
    record(T::SYSCALL_READ_X, tid, |encoder| {
        encoder.i64(5).bytes(b"hello").i64(7).u32(5);
    })
}

/// Descriptor 7 was closed.
pub fn close(tid: i64) -> Vec<u8> {
    record(T::SYSCALL_CLOSE_X, tid, |encoder| {
        encoder.i64(0).i64(7);
    })
}

/// A fork, as the caller sees it (`result` is the child) or the child (0).
pub fn clone(caller: i64, result: i64, parent: i64) -> Vec<u8> {
    record(T::SYSCALL_CLONE_20_X, caller, |encoder| {
        start_of_process(encoder, result, caller, parent, "bash");
        encoder.u32(0).u32(0).u32(0);
        encoder.i64(caller).i64(caller).u64(0);
    })
}

/// A process became `/usr/bin/true`.
pub fn exec(tid: i64, parent: i64) -> Vec<u8> {
    record(T::SYSCALL_EXECVE_19_X, tid, |encoder| {
        start_of_process(encoder, 0, tid, parent, "true");
        encoder.bytes(b"PATH=/usr/bin:/bin\0");
        encoder.u32(0).i64(tid).u32(u32::MAX).u32(0);
        encoder.u64(0).u64(0).u64(0).u64(7).u64(1).u64(1);
        encoder.u32(0).str("/usr/bin/true").i64(tid);
        encoder.u32(0).str("/usr/bin/true");
    })
}

/// A process ended.
pub fn exit(tid: i64, reaper: i64) -> Vec<u8> {
    record(T::PROCEXIT_1_E, tid, |encoder| {
        encoder.i64(0).i64(0).u8(0).u8(0).i64(reaper);
    })
}

/// The parameters that clones and execs have in common.
fn start_of_process(encoder: &mut Encoder, result: i64, tid: i64, parent: i64, comm: &str) {
    encoder.i64(result).str(comm).bytes(b"--once\0");
    encoder.i64(tid).i64(tid).i64(parent).str("/home/anna");
    encoder.i64(1024).u64(0).u64(100);
    encoder.u32(10_000).u32(1_000).u32(0).str(comm);
    encoder.bytes(b"cpu=/user.slice\0memory=/user.slice\0");
}
