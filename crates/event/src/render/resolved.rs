//! Resolved text.

use super::flags::{push_enum, push_flags};
use super::number::push_seconds;
use super::{FdType, Param, Resolve, clean_from};
use crate::names::{errno_name, signal_name};
use crate::syscall::SyscallCode;
use crate::table::{ParamDetail, ParamType, flag_table};
use crate::value::{ParamValue, text};
use crate::view::EventView;

/// What a descriptor is when a path is relative to the working directory.
const AT_FDCWD: i64 = -100;

/// Appends the resolved text of a parameter; tells whether there is one. Leaves `out` as it was
/// when there is none.
pub(super) fn write(
    view: &EventView<'_>,
    param: Param<'_>,
    resolve: &(impl Resolve + ?Sized),
    out: &mut Vec<u8>,
) -> bool {
    let mark = out.len();
    let known = write_any(view, param, resolve, out);
    // Names of files, threads and users are chosen by whoever is watched.
    clean_from(mark, out);
    let there = known && out.len() > mark && !is_raw_path(param, &out[mark..]);
    if !there {
        out.truncate(mark);
    }
    there
}

fn write_any(
    view: &EventView<'_>,
    param: Param<'_>,
    resolve: &(impl Resolve + ?Sized),
    out: &mut Vec<u8>,
) -> bool {
    use ParamType as T;
    if matches!(param.ty, T::Fspath | T::Fsrelpath) {
        return write_path(view, param, resolve, out);
    }
    match ParamValue::decode_as(param.ty, param.bytes) {
        Some(ParamValue::Int(value)) => match param.ty {
            T::Errno => push_errno(value, out),
            T::Pid | T::Pid32 => resolve.thread_name(value, out),
            T::Fd | T::Fd32 => push_fd(value, resolve, out),
            _ => false,
        },
        Some(ParamValue::Uint(value)) => write_unsigned(param, value, resolve, out),
        _ => false,
    }
}

fn write_unsigned(
    param: Param<'_>,
    value: u64,
    resolve: &(impl Resolve + ?Sized),
    out: &mut Vec<u8>,
) -> bool {
    use ParamType as T;
    let id = u32::try_from(value).unwrap_or(u32::MAX);
    match (param.ty, param.detail) {
        (T::Flags8 | T::Flags16 | T::Flags32 | T::Mode, ParamDetail::Flags(table)) => {
            push_flags(table, value, out)
        }
        (T::Enumflags8 | T::Enumflags16 | T::Enumflags32, ParamDetail::Flags(table)) => {
            push_enum(table, value, out)
        }
        (T::Uid | T::Gid, _) if id == u32::MAX => push_name(Some("<NONE>"), out),
        (T::Uid, _) => resolve.user_name(id, out),
        (T::Gid, _) => resolve.group_name(id, out),
        (T::Reltime, _) if value != u64::MAX => {
            push_seconds(value, out);
            true
        }
        (T::Sigtype, _) => push_name(u8::try_from(value).ok().and_then(signal_name), out),
        (T::Sigset, _) => push_signals(id, out),
        (T::Syscallid, _) => push_name(
            u16::try_from(value)
                .ok()
                .and_then(|code| SyscallCode(code).name()),
            out,
        ),
        (T::Sockfamily, _) => {
            flag_table("socket_families").is_some_and(|table| push_enum(table, value, out))
        }
        (T::L4proto, _) => push_name(l4_name(value), out),
        _ => false,
    }
}

fn push_name(name: Option<&str>, out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(name.unwrap_or_default().as_bytes());
    name.is_some()
}

fn push_errno(value: i64, out: &mut Vec<u8>) -> bool {
    value < 0 && push_name(errno_name(value.unsigned_abs()), out)
}

/// The transport of a socket, as stored in captures.
fn l4_name(value: u64) -> Option<&'static str> {
    Some(match value {
        2 => "tcp",
        3 => "udp",
        4 => "icmp",
        5 => "raw",
        _ => return None,
    })
}

fn push_fd(fd: i64, resolve: &(impl Resolve + ?Sized), out: &mut Vec<u8>) -> bool {
    if fd == AT_FDCWD {
        return push_name(Some("AT_FDCWD"), out);
    }
    if fd < 0 {
        return push_errno(fd, out);
    }
    let Some(FdType { letter, transport }) = resolve.fd_type(fd) else {
        return false;
    };
    out.push(b'<');
    out.push(letter);
    out.extend(transport);
    out.push(b'>');
    // A descriptor may well have no name: a socket that is not connected yet.
    resolve.fd_name(fd, out);
    true
}

fn push_signals(set: u32, out: &mut Vec<u8>) -> bool {
    let mut any = false;
    for signal in (1..=32u8).filter(|signal| set & (1 << (signal - 1)) != 0) {
        if let Some(name) = signal_name(signal) {
            if any {
                out.push(b' ');
            }
            any = push_name(Some(name), out);
        }
    }
    any
}

/// A path resolves to its absolute form.
fn write_path(
    view: &EventView<'_>,
    param: Param<'_>,
    resolve: &(impl Resolve + ?Sized),
    out: &mut Vec<u8>,
) -> bool {
    let dirfd = match param.detail {
        ParamDetail::RelativeTo(index) => view.i64(index).filter(|fd| *fd != AT_FDCWD),
        _ => None,
    };
    text(param.bytes).is_some_and(|path| resolve.path(dirfd, path, out))
}

/// Whether this is a path whose resolved text says no more than the raw one.
fn is_raw_path(param: Param<'_>, resolved: &[u8]) -> bool {
    matches!(param.ty, ParamType::Fspath | ParamType::Fsrelpath)
        && text(param.bytes).is_some_and(|path| {
            resolved
                .iter()
                .eq(path.iter().filter(|b| !b.is_ascii_control()))
        })
}
