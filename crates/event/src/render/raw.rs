//! Raw text.

use super::number::{push, push_date, push_octal, push_signed, push_unsigned};
use super::{BufferFormat, Param, Resolve, address, push_clean};
use crate::table::ParamType;
use crate::value::{ParamValue, text};

/// Appends the raw text of a parameter.
pub(super) fn write(param: Param<'_>, resolve: &(impl Resolve + ?Sized), out: &mut Vec<u8>) {
    use ParamType as T;
    match param.ty {
        T::Bytebuf | T::Charbufarray | T::CharbufPairArray if !param.bytes.is_empty() => {
            push_buffer(param.bytes, resolve.buffer_format(), out);
        }
        T::Charbuf | T::Fspath | T::Fsrelpath => match text(param.bytes) {
            Some(text) => push_clean(text, out),
            None => push_absent(param.ty, out),
        },
        T::Sockaddr if !param.bytes.is_empty() => address::push_sockaddr(param.bytes, out),
        T::Socktuple if !param.bytes.is_empty() => address::push_socktuple(param.bytes, out),
        ty => match ParamValue::decode_as(ty, param.bytes) {
            Some(value) => push_value(param, value, resolve, out),
            None => push_absent(ty, out),
        },
    }
}

fn push_value(
    param: Param<'_>,
    value: ParamValue<'_>,
    resolve: &(impl Resolve + ?Sized),
    out: &mut Vec<u8>,
) {
    use ParamType as T;
    match (param.ty, value) {
        (T::Errno | T::Fd | T::Pid | T::Fd32 | T::Pid32, ParamValue::Int(value)) => {
            push!(out, "{value}");
        }
        (_, ParamValue::Int(value)) => push_signed(value, param.bytes.len(), param.format, out),
        (T::Mode, ParamValue::Uint(value)) => push_octal(value, out),
        (T::Uid | T::Gid, ParamValue::Uint(value)) if value == u64::from(u32::MAX) => {
            out.extend_from_slice(b"-1");
        }
        (T::Reltime, ParamValue::Uint(u64::MAX)) => out.extend_from_slice(b"none"),
        (T::Abstime, ParamValue::Uint(value)) => {
            push_date(
                value,
                resolve.utc_offset((value / 1_000_000_000) as i64),
                out,
            );
        }
        (
            T::Flags8
            | T::Flags16
            | T::Flags32
            | T::Enumflags8
            | T::Enumflags16
            | T::Enumflags32
            | T::Uid
            | T::Gid
            | T::Sigtype
            | T::Syscallid
            | T::Port
            | T::L4proto
            | T::Sockfamily
            | T::Reltime,
            ParamValue::Uint(value),
        ) => push!(out, "{value}"),
        (_, ParamValue::Uint(value)) => push_unsigned(value, param.format, out),
        (_, ParamValue::Bool(value)) => push!(out, "{value}"),
        (_, ParamValue::Double(value)) => push!(out, "{value:.1}"),
        (_, ParamValue::Ipv4(ip)) => push!(out, "{ip}"),
        (_, ParamValue::Ipv6(ip)) => push!(out, "{ip}"),
        (_, ParamValue::FdList(list)) => {
            for (index, (fd, flags)) in list.enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                let letter = resolve.fd_type(fd).map_or(b'?', |ty| ty.letter);
                push!(out, "{fd}:{}{flags:x}", char::from(letter));
            }
        }
        (_, ParamValue::Bytes(bytes)) => push_buffer(bytes, resolve.buffer_format(), out),
        // `write` has taken care of these.
        (
            _,
            ParamValue::Text(_)
            | ParamValue::Strings(_)
            | ParamValue::SockAddr(_)
            | ParamValue::SockTuple(_),
        ) => {}
    }
}

/// Appends what stands for a parameter that could not be read.
fn push_absent(ty: ParamType, out: &mut Vec<u8>) {
    use ParamType as T;
    out.extend_from_slice(match ty {
        T::Bytebuf | T::Socktuple | T::Fdlist | T::Charbufarray | T::CharbufPairArray | T::Dyn => {
            b"NULL"
        }
        _ => b"<NA>",
    });
}

/// Appends bytes as text.
fn push_buffer(bytes: &[u8], format: BufferFormat, out: &mut Vec<u8>) {
    match format {
        BufferFormat::Printable => {
            let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
            out.extend(
                bytes
                    .iter()
                    .map(|byte| if printable(*byte) { *byte } else { b'.' }),
            );
        }
        BufferFormat::Hex => {
            for byte in bytes {
                push!(out, "{byte:02x}");
            }
        }
        BufferFormat::Base64 => push_base64(bytes, out),
    }
}

fn push_base64(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let mut group = [0u8; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let group = u32::from_be_bytes(group);
        for position in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * position) & 63) as usize];
            out.push(if position <= chunk.len() { digit } else { b'=' });
        }
    }
}
