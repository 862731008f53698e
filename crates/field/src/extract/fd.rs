//! `fd.*`: the descriptor that an event is about.
//!
//! An event may be about a descriptor that is not known: it was opened before the engine started,
//! or the call that should have opened it failed. Then the number is known all the same, and for
//! calls that open, the name is taken from the event, so that rules can look at failed attempts.

use std::ops::ControlFlow;

use condition::Value;
use event::EventFlags;
use state::{Descriptor, DescriptorKind};

use super::{container, open, params, socket};
use crate::argument::Argument;
use crate::table::FdKey as K;
use crate::time::digits;
use crate::view::{Extracted, View};

/// Whether events of this kind have a descriptor at all.
fn applies(view: &View<'_>) -> bool {
    let on_descriptors = EventFlags::from_bits(
        EventFlags::CREATES_FD.bits() | EventFlags::USES_FD.bits() | EventFlags::DESTROYS_FD.bits(),
    );
    view.has(on_descriptors) && view.thread().is_some()
}

/// The number as users see it: -1 stands for every way of not having one.
fn number(view: &View<'_>) -> i64 {
    view.now.subject.fd.map_or(-1, |fd| fd.max(-1))
}

pub(crate) fn extract<'a>(view: &View<'a>, key: K, out: &mut Vec<u8>) -> Extracted<'a> {
    if !applies(view) {
        return Extracted::Absent;
    }
    match key {
        K::Num => return Extracted::i64(number(view)),
        K::Uid => {
            digits(out, view.now.subject.tid.unsigned_abs(), 1);
            if number(view) < 0 {
                out.push(b'-');
            }
            digits(out, number(view).unsigned_abs(), 1);
            return Extracted::Written;
        }
        K::Containername | K::Containerdirectory => {
            container::write_id(view, out);
            out.push(b':');
        }
        _ => {}
    }
    match view.descriptor() {
        Some(descriptor) => known(view, descriptor, key, out),
        None => unknown(view, key, out),
    }
}

fn known<'a>(
    view: &View<'a>,
    descriptor: &'a Descriptor,
    key: K,
    out: &mut Vec<u8>,
) -> Extracted<'a> {
    use DescriptorKind as D;
    let kind = descriptor.kind;
    let ip =
        |end: Option<socket::End>| Extracted::of(end, |(ip, _)| Extracted::Value(Value::Ip(ip)));
    let port =
        |end: Option<socket::End>| Extracted::of(end, |(_, port)| Extracted::u64(u64::from(port)));
    let mut port_text = |end: Option<socket::End>| {
        Extracted::written(
            end.map(|(_, port)| digits(out, u64::from(port), 1))
                .is_some(),
        )
    };
    match key {
        K::Type => Extracted::of(type_name(kind), Extracted::text),
        K::Typechar => Extracted::bytes(type_char(kind)),
        K::Name if socket::has_made_name(descriptor) => {
            socket::write_name(descriptor, out);
            Extracted::Written
        }
        K::Name => Extracted::bytes(&descriptor.name),
        K::Containername => {
            socket::write_name(descriptor, out);
            Extracted::Written
        }
        K::Directory => match kind {
            D::File => Extracted::bytes(parent(&descriptor.name)),
            D::Directory => Extracted::bytes(&descriptor.name),
            _ => Extracted::Absent,
        },
        K::Containerdirectory => match kind {
            D::File => append(out, parent(&descriptor.name)),
            D::Directory => append(out, &descriptor.name),
            _ => Extracted::Absent,
        },
        K::Filename if kind == D::File => Extracted::bytes(file_name(&descriptor.name)),
        K::Filename => Extracted::Absent,
        K::Cip | K::Cnet => ip(socket::client(kind)),
        K::Sip | K::Snet => ip(socket::server(kind)),
        K::Lip | K::Lnet => ip(socket::local(view, kind)),
        K::Rip | K::Rnet => ip(socket::remote(view, kind)),
        K::Cport => port(socket::client(kind)),
        K::Sport => port(socket::server(kind)),
        K::Lport => port(socket::local(view, kind)),
        K::Rport => port(socket::remote(view, kind)),
        K::Cproto => port_text(socket::client(kind)),
        K::Sproto => port_text(socket::server(kind)),
        K::Lproto => port_text(socket::local(view, kind)),
        K::Rproto => port_text(socket::remote(view, kind)),
        K::L4proto => Extracted::text(socket::l4_name(kind)),
        K::Sockfamily => match kind {
            _ if socket::is_inet(kind) => Extracted::text("ip"),
            D::Unix { .. } => Extracted::text("unix"),
            _ => Extracted::Absent,
        },
        K::IsServer => Extracted::bool(socket::is_server(view, kind)),
        K::Connected => Extracted::bool(descriptor.connected),
        K::NameChanged => Extracted::bool(descriptor.name_changed),
        K::Dev => Extracted::i64(i64::from(descriptor.dev as i32)),
        K::DevMajor => Extracted::i64(i64::from(descriptor.dev >> 8 & 0xfff)),
        K::DevMinor => Extracted::i64(i64::from(
            descriptor.dev & 0xff | descriptor.dev >> 12 & 0xf_ff00,
        )),
        K::Ino => Extracted::i64(descriptor.ino as i64),
        K::Nameraw => Extracted::bytes(&descriptor.name_raw),
        K::IsUpperLayer => Extracted::bool(descriptor.upper_layer),
        K::IsLowerLayer => Extracted::bool(descriptor.lower_layer),
        // The first two have been dealt with, the lists and either-side fields have several
        // values, and names of addresses are not looked up.
        K::Num | K::Uid | K::Types | K::Ip | K::Port | K::Proto | K::Net => Extracted::Absent,
        K::CipName | K::SipName | K::LipName | K::RipName => Extracted::Absent,
    }
}

fn unknown<'a>(view: &View<'a>, key: K, out: &mut Vec<u8>) -> Extracted<'a> {
    let opened = open::path(view);
    match key {
        K::Typechar => Extracted::text("o"),
        K::Name | K::Containername => {
            if let Some(index) = opened {
                params::write_path(view, index, out);
            }
            Extracted::Written
        }
        K::Nameraw => {
            let path = opened.and_then(|index| view.event.str(index));
            Extracted::bytes(path.unwrap_or_default())
        }
        K::Directory | K::Containerdirectory => {
            let start = out.len();
            if let Some(index) = opened {
                params::write_path(view, index, out);
            }
            let length = parent(&out[start..]).len();
            if out[start..].contains(&b'/') && length < out.len() - start {
                out.truncate(start + length);
            } else {
                out.truncate(start);
                out.push(b'/');
            }
            Extracted::Written
        }
        _ => Extracted::Absent,
    }
}

/// Visits the values of fields that match either end, and of `fd.types`.
pub(crate) fn each(
    view: &View<'_>,
    key: K,
    argument: &Argument,
    visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
) -> bool {
    if key == K::Types {
        return each_type(view, argument, visit);
    }
    let Some(descriptor) = view.descriptor().filter(|_| applies(view)) else {
        return false;
    };
    let (first, second) = socket::either(descriptor.kind);
    let ends = [first, second];
    for (ip, port) in ends.iter().flatten() {
        let value = match key {
            K::Port | K::Proto => Value::U64(u64::from(*port)),
            _ => Value::Ip(*ip),
        };
        if visit(value).is_break() {
            break;
        }
    }
    first.is_some()
}

fn each_type(
    view: &View<'_>,
    argument: &Argument,
    visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
) -> bool {
    let Some(thread) = view.thread() else {
        return false;
    };
    let mut seen = 0u128;
    let mut found = false;
    let mut one = |descriptor: &Descriptor| {
        let Some(name) = type_name(descriptor.kind) else {
            return ControlFlow::Continue(());
        };
        let bit = type_bit(descriptor.kind);
        let repeated = seen & bit != 0;
        seen |= bit;
        found = true;
        if repeated {
            ControlFlow::Continue(())
        } else {
            visit(Value::Bytes(name.as_bytes()))
        }
    };
    match argument.index() {
        Some(fd) => {
            if let Some(descriptor) = view.state.descriptor(thread, i64::from(fd)) {
                let _ = one(descriptor);
            }
        }
        None => {
            let _ = view
                .state
                .descriptors(thread)
                .try_for_each(|(_, descriptor)| one(descriptor));
        }
    }
    found
}

/// `fd.type`; none for a descriptor of which only the number is known.
pub(crate) fn type_name(kind: DescriptorKind) -> Option<&'static str> {
    use DescriptorKind as D;
    Some(match kind {
        D::Unknown => return None,
        D::File => "file",
        D::Directory => "directory",
        D::Inet(tuple) if tuple.source_ip.is_ipv4() => "ipv4",
        D::InetServer(endpoint) if endpoint.ip.is_ipv4() => "ipv4",
        D::InetUnbound { v6: false } => "ipv4",
        D::Inet(_) | D::InetServer(_) | D::InetUnbound { v6: true } => "ipv6",
        D::Unix { .. } => "unix",
        D::Fifo => "pipe",
        D::Event => "event",
        D::Signal => "signalfd",
        D::EventPoll => "eventpoll",
        D::Inotify => "inotify",
        D::Timer => "timerfd",
        D::Netlink => "netlink",
        D::Bpf => "bpf",
        D::Userfault => "userfaultfd",
        D::IoUring => "io_uring",
        D::Memfd => "memfd",
        D::Pidfd => "pidfd",
        D::Unsupported => "unsupported",
    })
}

/// A bit of its own for every [`type_name`]: [`type_char`], where two share one.
fn type_bit(kind: DescriptorKind) -> u128 {
    match kind {
        DescriptorKind::Userfault => 1,
        _ => type_char(kind).first().map_or(0, |char| 1 << (char & 127)),
    }
}

/// `fd.typechar`.
pub(crate) fn type_char(kind: DescriptorKind) -> &'static [u8] {
    use DescriptorKind as D;
    match kind {
        D::Unknown => b"?",
        D::File => b"f",
        D::Directory => b"d",
        D::Inet(_) | D::InetServer(_) | D::InetUnbound { .. } => match type_name(kind) {
            Some("ipv4") => b"4",
            _ => b"6",
        },
        D::Unix { .. } | D::Userfault => b"u",
        D::Fifo => b"p",
        D::Event => b"e",
        D::Signal => b"s",
        D::EventPoll => b"l",
        D::Inotify => b"i",
        D::Timer => b"t",
        D::Netlink => b"n",
        D::Bpf => b"b",
        D::IoUring => b"r",
        D::Memfd => b"m",
        D::Pidfd => b"P",
        D::Unsupported => b"X",
    }
}

fn append<'a>(out: &mut Vec<u8>, bytes: &[u8]) -> Extracted<'a> {
    out.extend_from_slice(bytes);
    Extracted::Written
}

/// The directory that a path lies in; `/` when it has none.
fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(0) | None => b"/",
        Some(slash) => &path[..slash],
    }
}

/// The part of a path after its directory; the whole path when that would be nothing.
fn file_name(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) if slash + 1 < path.len() => &path[slash + 1..],
        Some(_) => path,
        None => b"/",
    }
}
