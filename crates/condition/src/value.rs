//! What a field can be, and what it is in an event.

use std::net::IpAddr;

/// The static type of a field, of a transformer's result, or of a constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValueType {
    /// Text; compared as bytes.
    String,
    /// Text that is a path; behaves like [`String`](Self::String).
    Path,
    /// Raw bytes.
    Buffer,
    /// A signed integer of this many bits (8, 16, 32, 64).
    Int(u8),
    /// An unsigned integer of this many bits.
    Uint(u8),
    /// A floating-point number.
    Double,
    /// True or false.
    Bool,
    /// Nanoseconds between two moments.
    RelTime,
    /// Nanoseconds since the epoch.
    AbsTime,
    /// A port; constants may be service names.
    Port,
    /// An address, of either family.
    IpAddr,
    /// A network in CIDR form.
    IpNet,
}

impl ValueType {
    /// Whether the value is text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::String | Self::Path)
    }
}

/// One value of a field in one event. Text and buffers are borrowed from the event, from state, or
/// from scratch space of the context.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'a> {
    /// Text or a buffer.
    Bytes(&'a [u8]),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer, a port, a time.
    U64(u64),
    /// A floating-point number.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// An address.
    Ip(IpAddr),
}
