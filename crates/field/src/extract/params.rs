//! Parameters of events as text and as values.

use condition::{Value, ValueType};
use event::render::{self, BufferFormat, FdType, Resolve};
use event::{ParamDetail, ParamType, ParamValue};

use super::{fd, socket};
use crate::argument::Argument;
use crate::view::{Extracted, View};

/// Appends the data that was read or written, in the form that users see; false when there is none.
pub(crate) fn write_buffer(view: &View<'_>, out: &mut Vec<u8>) -> bool {
    let data = view.event.info().param("data");
    data.is_some_and(|(index, _)| render::raw(view.event, index, view, out))
}

/// Appends `evt.args`.
pub(crate) fn write_all(view: &View<'_>, out: &mut Vec<u8>) {
    render::args(view.event, view, out);
}

/// Appends `evt.arg.NAME` or `evt.arg[N]`; false when the event has no such parameter.
pub(crate) fn write_one(view: &View<'_>, argument: &Argument, out: &mut Vec<u8>) -> bool {
    let info = view.event.info();
    let index = match argument {
        Argument::Index(index) => Some(*index as usize),
        Argument::Param(param) => param.of(info.event_type),
        _ => None,
    };
    index.is_some_and(|index| render::text(view.event, index, view, out))
}

/// `evt.rawarg.NAME`, as the type that the condition was compiled for. Where events disagree on
/// the type of a parameter, numbers are converted; what cannot be converted is absent.
pub(crate) fn raw<'a>(view: &View<'a>, argument: &Argument, ty: ValueType) -> Extracted<'a> {
    let Argument::Param(param) = argument else {
        return Extracted::Absent;
    };
    let index = param.of(view.event.event_type());
    let Some((index, value)) = index.and_then(|index| Some((index, view.event.value(index)?)))
    else {
        return Extracted::Absent;
    };
    let number = match value {
        ParamValue::Int(number) => Some(i128::from(number)),
        ParamValue::Uint(number) => Some(i128::from(number)),
        ParamValue::Bool(holds) => Some(i128::from(holds)),
        _ => None,
    };
    let value = match (ty, value) {
        (ValueType::Int(_), _) => number
            .and_then(|number| i64::try_from(number).ok())
            .map(Value::I64),
        (ValueType::Bool, _) => number.map(|number| Value::Bool(number != 0)),
        (ValueType::Uint(_) | ValueType::RelTime | ValueType::AbsTime | ValueType::Port, _) => {
            number
                .and_then(|number| u64::try_from(number).ok())
                .map(Value::U64)
        }
        (ValueType::Double, ParamValue::Double(number)) => Some(Value::F64(number)),
        (ValueType::IpAddr | ValueType::IpNet, ParamValue::Ipv4(ip)) => Some(Value::Ip(ip.into())),
        (ValueType::IpAddr | ValueType::IpNet, ParamValue::Ipv6(ip)) => Some(Value::Ip(ip.into())),
        (ValueType::String | ValueType::Path, ParamValue::Text(text)) => Some(Value::Bytes(text)),
        (ValueType::Buffer, _) => view.event.param(index).map(Value::Bytes),
        _ => None,
    };
    Extracted::of(value, Extracted::Value)
}

/// Appends the absolute form of a path parameter; false when it could not be read. A path that is
/// relative to a directory that is not known stays as it is.
pub(crate) fn write_path(view: &View<'_>, index: usize, out: &mut Vec<u8>) -> bool {
    let Some(path) = view.event.str(index) else {
        return false;
    };
    let info = view.event.info().params.get(index);
    if info.is_some_and(|info| !matches!(info.ty, ParamType::Fspath | ParamType::Fsrelpath)) {
        // The source of a mount and the target of a symbolic link need not be paths.
        out.extend_from_slice(path);
        return true;
    }
    let directory = match info.map(|info| info.detail) {
        Some(ParamDetail::RelativeTo(directory)) => view.event.i64(directory),
        _ => None,
    };
    view.path(directory, path, out) || {
        out.extend_from_slice(path);
        true
    }
}

/// Appends `evt.abspath`: the path of a call that takes it together with a directory.
pub(crate) fn write_abspath(view: &View<'_>, argument: &Argument, out: &mut Vec<u8>) -> bool {
    let params = view.event.info().params.iter().enumerate();
    let mut relative = params.filter(|(_, param)| param.ty == ParamType::Fsrelpath);
    let (first, second) = (relative.next(), relative.next());
    let wanted = match argument {
        Argument::Source if second.is_some() => first,
        Argument::Destination => second,
        Argument::None if second.is_none() => first,
        _ => None,
    };
    wanted.is_some_and(|(index, _)| write_path(view, index, out))
}

/// The working directory, as the descriptor argument of calls says it.
const AT_FDCWD: i64 = -100;

impl Resolve for View<'_> {
    fn fd_type(&self, fd: i64) -> Option<FdType> {
        let kind = self.state.descriptor(self.thread()?, fd)?.kind;
        let transport = socket::is_inet(kind)
            .then(|| socket::l4_name(kind))
            .and_then(|name| {
                matches!(name, "tcp" | "udp" | "icmp" | "raw").then(|| name.as_bytes()[0])
            });
        let letter = *fd::type_char(kind).first()?;
        Some(FdType { letter, transport })
    }

    fn fd_name(&self, fd: i64, out: &mut Vec<u8>) -> bool {
        let descriptor = self
            .thread()
            .and_then(|thread| self.state.descriptor(thread, fd));
        descriptor
            .map(|descriptor| socket::write_name(descriptor, out))
            .is_some()
    }

    fn path(&self, dirfd: Option<i64>, path: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(thread) = self.thread() else {
            return false;
        };
        let mut joined = self.paths.take();
        joined.clear();
        let dirfd = dirfd.unwrap_or(AT_FDCWD);
        let known = self.state.resolve_path(thread, dirfd, path, &mut joined);
        if known {
            out.extend_from_slice(&joined);
        }
        self.paths.set(joined);
        known
    }

    fn thread_name(&self, tid: i64, out: &mut Vec<u8>) -> bool {
        let thread = self.state.thread(tid);
        thread
            .map(|thread| out.extend_from_slice(&thread.comm))
            .is_some()
    }

    fn user_name(&self, uid: u32, out: &mut Vec<u8>) -> bool {
        let user = self
            .thread()
            .and_then(|thread| self.state.user_of(thread, uid));
        user.map(|user| out.extend_from_slice(&user.name)).is_some()
    }

    fn group_name(&self, gid: u32, out: &mut Vec<u8>) -> bool {
        let group = self
            .thread()
            .and_then(|thread| self.state.group_of(thread, gid));
        group
            .map(|group| out.extend_from_slice(&group.name))
            .is_some()
    }

    fn utc_offset(&self, seconds: i64) -> i32 {
        let moment = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        self.now.surroundings.zone.to_offset(moment).seconds()
    }

    fn buffer_format(&self) -> BufferFormat {
        self.now.surroundings.buffers
    }
}
