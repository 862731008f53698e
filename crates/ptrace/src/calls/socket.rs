//! Sockets. Addresses come from the socket itself wherever it has them: what a caller points to may
//! have changed by now.

use super::descriptors::read_pair;
use crate::facts::address::{Address, Direction};
use crate::facts::sockets::Socket;
use crate::flags::{cloexec, nonblock, socket_family};
use crate::ppm::*;
use crate::record::Record;

pub(super) fn socket(r: &mut Record<'_>) {
    let kind = r.arg(1);
    r.ret();
    r.u32(socket_family(r.arg(0)));
    r.word(1);
    r.word(2);
    r.u32(nonblock(kind, PPM_O_NONBLOCK) | cloexec(kind, PPM_O_CLOEXEC));
}

pub(super) fn socketpair(r: &mut Record<'_>) {
    let pair = read_pair(r, r.arg(3));
    let numbers =
        pair.map(|fd| Socket::of(r.caller, fd as u64).map_or(0, |socket| socket.number()));
    r.ret();
    r.int(pair[0] as u64);
    r.int(pair[1] as u64);
    r.u64(numbers[0]);
    r.u64(numbers[1]);
    r.u32(socket_family(r.arg(0)));
    r.word(1);
    r.word(2);
}

/// The address that a caller passes: as it was before the call, or as it is now.
pub(super) fn passed(r: &Record<'_>, address: u64, len: u64) -> Option<Address> {
    r.caller
        .inputs
        .address(address)
        .cloned()
        .or_else(|| crate::entry::read_address(r.caller.memory, address, len))
}

/// PT_SOCKADDR of an address that the caller passes.
fn address(r: &mut Record<'_>) {
    match passed(r, r.arg(1), r.arg(2)) {
        Some(address) => r.bytes(&address.encode()),
        None => r.empty(),
    }
}

pub(super) fn bind(r: &mut Record<'_>) {
    r.ret();
    address(r);
    r.fd(0);
}

/// PT_SOCKTUPLE of a socket of the caller.
pub(super) fn tuple(r: &mut Record<'_>, fd: u64, direction: Direction, to: Option<&Address>) {
    match Socket::of(r.caller, fd) {
        Some(socket) => r.bytes(&socket.tuple(direction, to)),
        None => r.empty(),
    }
}

pub(super) fn connect(r: &mut Record<'_>) {
    r.ret();
    // A connection that failed has no two ends.
    if r.call.ret == 0 || r.call.ret == -i64::from(libc::EINPROGRESS) {
        let to = passed(r, r.arg(1), r.arg(2));
        tuple(r, r.arg(0), Direction::Outbound, to.as_ref());
    } else {
        r.empty();
    }
    r.fd(0);
    address(r);
}

pub(super) fn listen(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    r.word(1);
}

pub(super) fn accept(r: &mut Record<'_>) {
    r.ret();
    let listener = if r.call.ret >= 0 {
        Socket::of(r.caller, r.arg(0))
    } else {
        None
    };
    let (mut length, mut limit) = (0, 0);
    if let Some(listener) = listener {
        tuple(r, r.call.ret as u64, Direction::Inbound, None);
        (length, limit) = listener.queue();
    } else {
        r.empty();
    }
    let percent = (u64::from(length) * 100).checked_div(u64::from(limit));
    r.u8(percent.unwrap_or(0));
    r.u32(u64::from(length));
    r.u32(u64::from(limit));
}

pub(super) fn accept4(r: &mut Record<'_>) {
    accept(r);
    r.word(3);
}

pub(super) fn shutdown(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    let how = u64::from(r.arg32(1));
    r.u8(if how <= 2 { how } else { PPM_SHUT_UNKNOWN });
}

/// getsockname and getpeername, whose events have no parameters.
pub(super) fn nothing(_: &mut Record<'_>) {}

const SOL_SOCKET: u32 = 1;
const SOL_TCP: u32 = 6;

fn option_level(level: u32) -> u64 {
    match level {
        SOL_SOCKET => PPM_SOCKOPT_LEVEL_SOL_SOCKET,
        SOL_TCP => PPM_SOCKOPT_LEVEL_SOL_TCP,
        _ => PPM_SOCKOPT_LEVEL_UNKNOWN,
    }
}

/// Up to 50 the portable numbers are the kernel's.
fn option_name(level: u32, name: u32) -> u64 {
    if level != SOL_SOCKET {
        return PPM_SOCKOPT_UNKNOWN;
    }
    match name {
        name if u64::from(name) <= PPM_SOCKOPT_SO_ATTACH_BPF => u64::from(name),
        55 => PPM_SOCKOPT_SO_MEMINFO,
        57 => PPM_SOCKOPT_SO_COOKIE,
        59 => PPM_SOCKOPT_SO_PEERGROUPS,
        // The same options with 64-bit times.
        63 => PPM_SOCKOPT_SO_TIMESTAMP,
        64 => PPM_SOCKOPT_SO_TIMESTAMPNS,
        65 => PPM_SOCKOPT_SO_TIMESTAMPING,
        66 => PPM_SOCKOPT_SO_RCVTIMEO,
        67 => PPM_SOCKOPT_SO_SNDTIMEO,
        _ => PPM_SOCKOPT_UNKNOWN,
    }
}

/// Options whose values are numbers of 32 bits.
const NUMBERS: &[u64] = &[
    PPM_SOCKOPT_SO_DEBUG,
    PPM_SOCKOPT_SO_REUSEADDR,
    PPM_SOCKOPT_SO_TYPE,
    PPM_SOCKOPT_SO_DONTROUTE,
    PPM_SOCKOPT_SO_BROADCAST,
    PPM_SOCKOPT_SO_SNDBUF,
    PPM_SOCKOPT_SO_RCVBUF,
    PPM_SOCKOPT_SO_SNDBUFFORCE,
    PPM_SOCKOPT_SO_RCVBUFFORCE,
    PPM_SOCKOPT_SO_KEEPALIVE,
    PPM_SOCKOPT_SO_OOBINLINE,
    PPM_SOCKOPT_SO_NO_CHECK,
    PPM_SOCKOPT_SO_PRIORITY,
    PPM_SOCKOPT_SO_BSDCOMPAT,
    PPM_SOCKOPT_SO_REUSEPORT,
    PPM_SOCKOPT_SO_PASSCRED,
    PPM_SOCKOPT_SO_RCVLOWAT,
    PPM_SOCKOPT_SO_SNDLOWAT,
    PPM_SOCKOPT_SO_TIMESTAMP,
    PPM_SOCKOPT_SO_ACCEPTCONN,
    PPM_SOCKOPT_SO_PASSSEC,
    PPM_SOCKOPT_SO_TIMESTAMPNS,
    PPM_SOCKOPT_SO_MARK,
    PPM_SOCKOPT_SO_TIMESTAMPING,
    PPM_SOCKOPT_SO_PROTOCOL,
    PPM_SOCKOPT_SO_DOMAIN,
    PPM_SOCKOPT_SO_RXQ_OVFL,
    PPM_SOCKOPT_SO_WIFI_STATUS,
    PPM_SOCKOPT_SO_PEEK_OFF,
    PPM_SOCKOPT_SO_NOFCS,
    PPM_SOCKOPT_SO_LOCK_FILTER,
    PPM_SOCKOPT_SO_SELECT_ERR_QUEUE,
    PPM_SOCKOPT_SO_BUSY_POLL,
    PPM_SOCKOPT_SO_MAX_PACING_RATE,
    PPM_SOCKOPT_SO_BPF_EXTENSIONS,
    PPM_SOCKOPT_SO_INCOMING_CPU,
];

/// The value of an option, as what it is: an error, a number, a time or just bytes.
fn option(r: &mut Record<'_>, name: u64, address: u64, len: u64) {
    let wide = |variant: u64, value: u64| {
        let mut out = vec![variant as u8];
        out.extend(value.to_le_bytes());
        out
    };
    let out = match name {
        PPM_SOCKOPT_SO_ERROR => {
            let error = i64::from(r.number(address) as i32);
            wide(PPM_SOCKOPT_IDX_ERRNO, error.wrapping_neg() as u64)
        }
        PPM_SOCKOPT_SO_RCVTIMEO | PPM_SOCKOPT_SO_SNDTIMEO => {
            wide(PPM_SOCKOPT_IDX_TIMEVAL, r.timeval(address))
        }
        PPM_SOCKOPT_SO_COOKIE => {
            let cookie = r.caller.memory.u64(address).unwrap_or(0);
            wide(PPM_SOCKOPT_IDX_UINT64, cookie)
        }
        name if NUMBERS.contains(&name) => {
            let mut out = vec![PPM_SOCKOPT_IDX_UINT32 as u8];
            out.extend(r.number(address).to_le_bytes());
            out
        }
        _ => {
            let mut out = vec![0; 1 + r.shown(u64::from(len as u32))];
            if !r.caller.memory.read(address, &mut out[1..]) {
                out.truncate(1);
            }
            out[0] = PPM_SOCKOPT_IDX_UNKNOWN as u8;
            out
        }
    };
    r.bytes(&out);
}

/// Result, descriptor, level and name.
fn option_head(r: &mut Record<'_>) -> u64 {
    let name = option_name(r.arg32(1), r.arg32(2));
    r.ret();
    r.fd(0);
    r.u8(option_level(r.arg32(1)));
    r.u8(name);
    name
}

pub(super) fn setsockopt(r: &mut Record<'_>) {
    let name = option_head(r);
    option(r, name, r.arg(3), r.arg(4));
    r.word(4);
}

pub(super) fn getsockopt(r: &mut Record<'_>) {
    let len = u64::from(r.number(r.arg(4)));
    let name = option_head(r);
    if r.call.ret < 0 {
        r.empty();
    } else {
        option(r, name, r.arg(3), len);
    }
    r.u32(len);
}
