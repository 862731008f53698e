//! open and its relatives; close.

use crate::facts::files::Opened;
use crate::flags::{open_flags, open_mode, resolve_flags};
use crate::ppm::*;
use crate::record::Record;

/// What the kernel adds to the flags.
fn kernel_flags(r: &Record<'_>, flags: u64) -> u64 {
    if r.call.ret >= 0 && r.caller.inputs.created(flags) {
        PPM_O_F_CREATED
    } else {
        0
    }
}

fn opened(r: &Record<'_>) -> Opened {
    Opened::of(r.caller, r.call.ret)
}

fn device_and_inode(r: &mut Record<'_>, opened: &Opened) {
    r.u32(u64::from(opened.dev));
    r.u64(opened.ino);
}

pub(super) fn open(r: &mut Record<'_>) {
    let flags = u64::from(r.arg32(1));
    let file = opened(r);
    r.ret();
    r.name(0);
    r.u32(open_flags(flags) | kernel_flags(r, flags));
    r.u32(open_mode(flags, r.arg(2)));
    device_and_inode(r, &file);
}

pub(super) fn openat(r: &mut Record<'_>) {
    let flags = u64::from(r.arg32(2));
    let file = opened(r);
    r.ret();
    r.fd(0);
    r.name(1);
    r.u32(open_flags(flags) | kernel_flags(r, flags));
    r.u32(open_mode(flags, r.arg(3)));
    device_and_inode(r, &file);
}

pub(super) fn openat2(r: &mut Record<'_>) {
    let [flags, mode, resolve] = r.caller.memory.words(r.arg(2)).unwrap_or_default();
    let file = opened(r);
    r.ret();
    r.fd(0);
    r.name(1);
    r.u32(open_flags(flags) | kernel_flags(r, flags));
    r.u32(open_mode(flags, mode));
    r.u32(resolve_flags(resolve));
    device_and_inode(r, &file);
}

pub(super) fn creat(r: &mut Record<'_>) {
    let file = opened(r);
    r.ret();
    r.name(0);
    r.u32(r.arg(1) & 0o7777);
    device_and_inode(r, &file);
    // The layers of an overlay cannot be told apart from here.
    r.u16(0);
}

pub(super) fn open_by_handle_at(r: &mut Record<'_>) {
    let flags = r.arg(2);
    let file = opened(r);
    r.ret();
    r.fd(0);
    r.u32(open_flags(flags));
    // The caller names no path, but the kernel knows one.
    match Opened::path(r.caller, r.call.ret) {
        Some(path) => r.text(path),
        None => r.empty(),
    }
    device_and_inode(r, &file);
}

pub(super) fn close(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
}

pub(super) fn close_range(r: &mut Record<'_>) {
    r.ret();
    r.word(0);
    r.word(1);
    r.u32(r.arg(2) & (PPM_CLOSE_RANGE_UNSHARE | PPM_CLOSE_RANGE_CLOEXEC));
}
