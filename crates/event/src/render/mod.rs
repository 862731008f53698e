//! The text of parameters, as Falco's users know it.
//!
//! Every parameter has a *raw* text (`4097`, `-2`, `../etc/passwd`) and some have a *resolved* one
//! beside it (`O_RDONLY|O_CLOEXEC`, `ENOENT`, `/etc/passwd`). `evt.arg.NAME` is the resolved text
//! where there is one and the raw text elsewhere ([`text`]); `evt.args` shows both ([`args`]).
//!
//! Nothing here knows processes or descriptors: what needs state is asked of a [`Resolve`]. Nothing
//! allocates: text is appended to a buffer of the caller's, which a warm caller uses again. Text is
//! bytes, since paths and arguments are; control characters are left out of strings, so that a file
//! name cannot forge a line of output. Bytes that do not fit their type print as they would if they
//! were absent; nothing panics.

mod address;
mod flags;
mod number;
mod raw;
mod resolved;

use crate::table::{EventType, ParamDetail, ParamInfo, ParamType, PrintFormat};
use crate::view::EventView;

/// What only the owner of processes, descriptors and users can say. Methods append to `out` and
/// tell whether they knew; all say "unknown" unless overridden.
pub trait Resolve {
    /// What a descriptor of the event's process is.
    fn fd_type(&self, _fd: i64) -> Option<FdType> {
        None
    }

    /// The name of a descriptor of the event's process: a path, or the two ends of a connection.
    fn fd_name(&self, _fd: i64, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// The absolute, normalised form of a path that the event's process used, relative to one of
    /// its descriptors or else to its working directory.
    fn path(&self, _dirfd: Option<i64>, _path: &[u8], _out: &mut Vec<u8>) -> bool {
        false
    }

    /// The name of a thread (`comm`).
    fn thread_name(&self, _tid: i64, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// The name of a user.
    fn user_name(&self, _uid: u32, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// The name of a group.
    fn group_name(&self, _gid: u32, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// Seconds that the local clock was ahead of UTC at this time (seconds since the epoch).
    fn utc_offset(&self, _seconds: i64) -> i32 {
        0
    }

    /// How byte buffers are shown.
    fn buffer_format(&self) -> BufferFormat {
        BufferFormat::Printable
    }
}

/// Knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unresolved;

impl Resolve for Unresolved {}

/// How a descriptor is marked in text, `<4t>` for a TCP socket over IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FdType {
    /// The letter of its type: `f` file, `4` and `6` sockets, `p` pipe, …
    pub letter: u8,
    /// The letter of the transport of an internet socket (`t`, `u`, `i`, `r`), once known.
    pub transport: Option<u8>,
}

/// How byte buffers are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BufferFormat {
    /// Printable ASCII as it is, a dot for everything else.
    #[default]
    Printable,
    /// Base64 (`buffer_format_base64`).
    Base64,
    /// Two hexadecimal digits per byte.
    Hex,
}

/// A parameter and how to read it, `Dyn` already replaced by its variant.
#[derive(Clone, Copy)]
struct Param<'a> {
    ty: ParamType,
    format: PrintFormat,
    detail: ParamDetail,
    bytes: &'a [u8],
}

impl<'a> Param<'a> {
    fn new(info: &ParamInfo, bytes: &'a [u8]) -> Self {
        let whole = Self {
            ty: info.ty,
            format: info.format,
            detail: info.detail,
            bytes,
        };
        if let (ParamType::Dyn, ParamDetail::Variants(variants)) = (info.ty, info.detail)
            && let Some((index, rest)) = bytes.split_first()
            && let Some(variant) = variants.get(usize::from(*index))
        {
            let detail = ParamDetail::None;
            return Self {
                ty: variant.ty,
                format: variant.format,
                detail,
                bytes: rest,
            };
        }
        whole
    }

    fn of(view: &EventView<'a>, index: usize) -> Option<Self> {
        Some(Self::new(
            view.info().params.get(index)?,
            view.param(index)?,
        ))
    }
}

/// Appends the raw text of a parameter. Tells whether the record has the parameter.
pub fn raw(
    view: &EventView<'_>,
    index: usize,
    resolve: &(impl Resolve + ?Sized),
    out: &mut Vec<u8>,
) -> bool {
    Param::of(view, index).is_some_and(|param| {
        raw::write(param, resolve, out);
        true
    })
}

/// Appends the resolved text of a parameter. Tells whether there is one.
pub fn resolved(
    view: &EventView<'_>,
    index: usize,
    resolve: &(impl Resolve + ?Sized),
    out: &mut Vec<u8>,
) -> bool {
    Param::of(view, index).is_some_and(|param| resolved::write(view, param, resolve, out))
}

/// Appends the text of a parameter: the resolved one, or else the raw one (`evt.arg.NAME`). Tells
/// whether the record has the parameter.
pub fn text(
    view: &EventView<'_>,
    index: usize,
    resolve: &(impl Resolve + ?Sized),
    out: &mut Vec<u8>,
) -> bool {
    resolved(view, index, resolve, out) || raw(view, index, resolve, out)
}

/// Appends all parameters, `name=raw` or `name=raw(resolved)`, separated by blanks (`evt.args`).
/// Nothing for the generic events, whose two parameters only say which call it was.
pub fn args(view: &EventView<'_>, resolve: &(impl Resolve + ?Sized), out: &mut Vec<u8>) {
    if matches!(
        view.event_type(),
        EventType::GENERIC_E | EventType::GENERIC_X
    ) {
        return;
    }
    for (index, info) in view
        .info()
        .params
        .iter()
        .enumerate()
        .take(view.param_count())
    {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(info.name.as_bytes());
        out.push(b'=');
        raw(view, index, resolve, out);
        let mark = out.len();
        out.push(b'(');
        if resolved(view, index, resolve, out) {
            out.push(b')');
        } else {
            out.truncate(mark);
        }
    }
}

/// Takes the control characters out of what was appended after `mark`.
fn clean_from(mark: usize, out: &mut Vec<u8>) {
    let mut kept = mark;
    for index in mark..out.len() {
        if !out[index].is_ascii_control() {
            out[kept] = out[index];
            kept += 1;
        }
    }
    out.truncate(kept);
}

/// Appends a string without its control characters, up to its first NUL.
fn push_clean(text: &[u8], out: &mut Vec<u8>) {
    out.extend(
        text.iter()
            .take_while(|byte| **byte != 0)
            .filter(|byte| !byte.is_ascii_control()),
    );
}
