//! Memory of processes.

use crate::facts::process::Sizes;
use crate::flags::{mmap_flags, prot_flags};
use crate::ppm::*;
use crate::record::Record;

/// Size, resident part and swapped part in KB.
pub(super) fn sizes(r: &mut Record<'_>) {
    Sizes::of(r.caller.tgid).put(r);
}

pub(super) fn brk(r: &mut Record<'_>) {
    r.ret();
    sizes(r);
    r.long(0);
}

pub(super) fn mmap(r: &mut Record<'_>) {
    r.ret();
    sizes(r);
    r.long(0);
    r.long(1);
    r.u32(prot_flags(r.arg(2)));
    r.u32(mmap_flags(r.arg(3)));
    r.fd(4);
    r.long(5);
}

pub(super) fn munmap(r: &mut Record<'_>) {
    r.ret();
    sizes(r);
    r.long(0);
    r.long(1);
}

pub(super) fn mprotect(r: &mut Record<'_>) {
    area(r);
    r.u32(prot_flags(r.arg(2)));
}

/// Result, address and length.
pub(super) fn area(r: &mut Record<'_>) {
    r.ret();
    r.long(0);
    r.long(1);
}

pub(super) fn mlock2(r: &mut Record<'_>) {
    area(r);
    r.u32(r.arg(2) & PPM_MLOCK_ONFAULT);
}

pub(super) fn mlockall(r: &mut Record<'_>) {
    r.ret();
    r.u32(
        r.arg(0) & (PPM_MLOCKALL_MCL_CURRENT | PPM_MLOCKALL_MCL_FUTURE | PPM_MLOCKALL_MCL_ONFAULT),
    );
}

/// The result only.
pub(super) fn result(r: &mut Record<'_>) {
    r.ret();
}
