//! A parameter as a typed value.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::address::{SockAddr, SockTuple};
use crate::table::{ParamDetail, ParamInfo, ParamType};
use crate::view::EventView;

/// What a parameter says, by its type. Borrowed from the record.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ParamValue<'a> {
    /// Signed numbers: results, descriptors, process ids.
    Int(i64),
    /// Unsigned numbers, flags, modes, times (nanoseconds), user and group ids.
    Uint(u64),
    /// `Bool`.
    Bool(bool),
    /// `Double`.
    Double(f64),
    /// Text without its NUL: strings and paths.
    Text(&'a [u8]),
    /// Bytes as they are.
    Bytes(&'a [u8]),
    /// Strings with a NUL after each.
    Strings(Strings<'a>),
    /// One end of a connection.
    SockAddr(SockAddr<'a>),
    /// Both ends.
    SockTuple(SockTuple<'a>),
    /// Descriptors and what they are polled for.
    FdList(FdList<'a>),
    /// An address alone.
    Ipv4(Ipv4Addr),
    /// An address alone.
    Ipv6(Ipv6Addr),
}

fn le<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// What old writers stored where newer ones store nothing.
pub(crate) const NULL_TEXT: &[u8] = b"(NULL)\0";

/// The text of a string parameter: up to the first NUL, `None` for what stands for "no string".
pub(crate) fn text(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.is_empty() || bytes == NULL_TEXT {
        return None;
    }
    bytes.split(|byte| *byte == 0).next()
}

impl<'a> ParamValue<'a> {
    /// Decodes bytes by their description. `None` when they are empty or too short for the type,
    /// and for a `Dyn` whose variant is unknown.
    pub fn decode(info: &ParamInfo, bytes: &'a [u8]) -> Option<Self> {
        if let (ParamType::Dyn, ParamDetail::Variants(variants)) = (info.ty, info.detail) {
            let (index, rest) = bytes.split_first()?;
            let variant = variants.get(usize::from(*index))?;
            return Self::decode_as(variant.ty, rest);
        }
        Self::decode_as(info.ty, bytes)
    }

    /// Decodes bytes as a type.
    pub fn decode_as(ty: ParamType, bytes: &'a [u8]) -> Option<Self> {
        use ParamType as T;
        if bytes.is_empty() {
            return None;
        }
        Some(match ty {
            T::Int8 => Self::Int(i64::from(i8::from_le_bytes(le(bytes)?))),
            T::Int16 => Self::Int(i64::from(i16::from_le_bytes(le(bytes)?))),
            T::Int32 | T::Fd32 | T::Pid32 => Self::Int(i64::from(i32::from_le_bytes(le(bytes)?))),
            T::Int64 | T::Errno | T::Fd | T::Pid => Self::Int(i64::from_le_bytes(le(bytes)?)),
            T::Uint8 | T::Sigtype | T::L4proto | T::Sockfamily | T::Flags8 | T::Enumflags8 => {
                Self::Uint(u64::from(u8::from_le_bytes(le(bytes)?)))
            }
            T::Uint16 | T::Syscallid | T::Port | T::Flags16 | T::Enumflags16 => {
                Self::Uint(u64::from(u16::from_le_bytes(le(bytes)?)))
            }
            T::Uint32 | T::Flags32 | T::Uid | T::Gid | T::Sigset | T::Mode | T::Enumflags32 => {
                Self::Uint(u64::from(u32::from_le_bytes(le(bytes)?)))
            }
            T::Uint64 | T::Reltime | T::Abstime => Self::Uint(u64::from_le_bytes(le(bytes)?)),
            T::Bool => Self::Bool(u32::from_le_bytes(le(bytes)?) != 0),
            T::Double => Self::Double(f64::from_le_bytes(le(bytes)?)),
            T::Charbuf | T::Fspath | T::Fsrelpath => Self::Text(text(bytes)?),
            T::Bytebuf | T::Dyn | T::Ipv4net | T::Ipv6net | T::Ipnet => Self::Bytes(bytes),
            T::Charbufarray | T::CharbufPairArray => Self::Strings(Strings { rest: bytes }),
            T::Sockaddr => Self::SockAddr(SockAddr::parse(bytes)?),
            T::Socktuple => Self::SockTuple(SockTuple::parse(bytes)?),
            T::Fdlist => Self::FdList(FdList::parse(bytes)?),
            T::Ipv4addr => Self::Ipv4(Ipv4Addr::from(le::<4>(bytes)?)),
            T::Ipv6addr => Self::Ipv6(Ipv6Addr::from(le::<16>(bytes)?)),
            T::Ipaddr => match bytes.len() {
                4 => Self::Ipv4(Ipv4Addr::from(le::<4>(bytes)?)),
                _ => Self::Ipv6(Ipv6Addr::from(le::<16>(bytes)?)),
            },
        })
    }
}

impl<'a> EventView<'a> {
    /// A parameter as a typed value; see [`ParamValue::decode`]. `None` also where the table does
    /// not know the parameter (a record of a newer writer).
    pub fn value(&self, index: usize) -> Option<ParamValue<'a>> {
        ParamValue::decode(self.info().params.get(index)?, self.param(index)?)
    }
}

/// Strings with a NUL after each: argument vectors, environments, control groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strings<'a> {
    rest: &'a [u8],
}

impl<'a> Strings<'a> {
    /// Over the bytes of a parameter.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self
            .rest
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(self.rest.len());
        let (item, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Some(item)
    }
}

/// The length of one entry of a descriptor list.
const FD_ENTRY: usize = 10;

/// A parameter of type `Fdlist`: a count (u16), then a descriptor (i64) and poll flags (i16) each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FdList<'a> {
    rest: &'a [u8],
}

impl<'a> FdList<'a> {
    /// Reads a parameter; `None` when it is shorter than its count says.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<2>()?;
        let len = usize::from(u16::from_le_bytes(*count)) * FD_ENTRY;
        Some(Self {
            rest: rest.get(..len)?,
        })
    }
}

impl Iterator for FdList<'_> {
    /// The descriptor and its poll flags.
    type Item = (i64, i16);

    fn next(&mut self) -> Option<Self::Item> {
        let (entry, rest) = self.rest.split_first_chunk::<FD_ENTRY>()?;
        self.rest = rest;
        let (fd, flags) = entry.split_first_chunk::<8>()?;
        Some((i64::from_le_bytes(*fd), i16::from_le_bytes(le(flags)?)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.rest.len() / FD_ENTRY;
        (len, Some(len))
    }
}

impl ExactSizeIterator for FdList<'_> {}
