//! Who a process is: user and group ids, capabilities, sessions.

use crate::facts::process::Status;
use crate::record::Record;

/// Result and an id.
pub(super) fn one(r: &mut Record<'_>) {
    r.ret();
    r.word(0);
}

pub(super) fn two(r: &mut Record<'_>) {
    one(r);
    r.word(1);
}

pub(super) fn three(r: &mut Record<'_>) {
    two(r);
    r.word(2);
}

/// An id, which is the result.
pub(super) fn answer(r: &mut Record<'_>) {
    r.u32(r.call.ret as u64);
}

/// Result and the three ids that the arguments now point to.
pub(super) fn answers(r: &mut Record<'_>) {
    r.ret();
    for index in 0..3 {
        let id = r.caller.memory.u32(r.arg(index)).unwrap_or(u32::MAX);
        r.u32(u64::from(id));
    }
}

pub(super) fn setpgid(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    r.fd(1);
}

/// What the thread has now, which is what it asked for only if the call succeeded.
pub(super) fn capset(r: &mut Record<'_>) {
    let status = Status::of(r.caller.tid);
    r.ret();
    r.u64(status.cap_inheritable);
    r.u64(status.cap_permitted);
    r.u64(status.cap_effective);
}
