//! Reading and writing. An event carries the first bytes of the data (`snaplen`): of what was read,
//! of what was written, and of what could not be written.

use crate::record::{Record, total};

pub(super) fn read(r: &mut Record<'_>) {
    r.ret();
    r.data(r.arg(1), r.transferred());
    r.fd(0);
    r.word(2);
}

pub(super) fn write(r: &mut Record<'_>) {
    r.ret();
    r.data(r.arg(1), r.written(r.arg(2)));
    r.fd(0);
    r.word(2);
}

pub(super) fn pread64(r: &mut Record<'_>) {
    read(r);
    r.long(3);
}

pub(super) fn pwrite64(r: &mut Record<'_>) {
    write(r);
    r.long(3);
}

pub(super) fn readv(r: &mut Record<'_>) {
    let parts = r.vector(r.arg(1), r.arg(2));
    r.ret();
    r.u32(total(&parts));
    r.gathered(&parts, r.transferred());
    r.fd(0);
}

pub(super) fn writev(r: &mut Record<'_>) {
    let parts = r.vector(r.arg(1), r.arg(2));
    let size = total(&parts) as u32;
    r.ret();
    r.gathered(&parts, r.written(u64::from(size)));
    r.fd(0);
    r.u32(u64::from(size));
}

/// The position of preadv and pwritev comes in two words, of which 64-bit callers use the first.
fn position(r: &mut Record<'_>) {
    let high = if r.call.compat { r.arg(4) << 32 } else { 0 };
    r.u64(r.arg(3) | high);
}

pub(super) fn preadv(r: &mut Record<'_>) {
    readv(r);
    position(r);
}

pub(super) fn pwritev(r: &mut Record<'_>) {
    writev(r);
    position(r);
}

/// The offset that a pointer points to; 0 without one.
fn offset_at(r: &Record<'_>, index: usize) -> u64 {
    r.caller.memory.u64(r.arg(index)).unwrap_or(0)
}

pub(super) fn sendfile(r: &mut Record<'_>) {
    r.ret();
    r.u64(offset_at(r, 2));
    r.fd(0);
    r.fd(1);
    r.long(3);
}

pub(super) fn splice(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    r.fd(2);
    r.long(4);
    r.u32(r.arg(5) & 0xf);
}

pub(super) fn copy_file_range(r: &mut Record<'_>) {
    r.ret();
    r.fd(2);
    r.u64(offset_at(r, 3));
    r.fd(0);
    r.u64(offset_at(r, 1));
    r.long(4);
}

/// Both ways report the bytes on the caller's side.
pub(super) fn process_vm(r: &mut Record<'_>) {
    let parts = r.vector(r.arg(1), r.arg(2));
    r.ret();
    r.fd(0);
    r.gathered(&parts, r.transferred());
}
