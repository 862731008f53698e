//! The parameters of an event: names and values → bytes, by the event table.

use std::net::SocketAddr;

use event::{AF_INET, AF_INET6, AF_UNIX, EventInfo, EventType, ParamDetail, ParamInfo, ParamType};

use super::process::{Process, address, joined};
use super::read::{Keys, Reader};
use crate::yaml::{Kind, Node};

/// The working directory where a descriptor of a directory is expected.
const AT_FDCWD: i64 = -100;

/// The descriptor that a call makes, unless the example says which.
const NEW_FD: i64 = 3;

/// No error number is greater.
const MAX_ERRNO: u64 = 4095;

/// Bytes that a parameter with a wide length may have here; far more than anybody writes by hand.
const MAX_LARGE: usize = 16 << 20;

/// What is wrong with a value: the message, a remark, a suggestion.
struct Wrong(String, String, Option<&'static str>);

/// The type of the event that rules see under a name: of those that share it, the one that the
/// probe writes today.
pub(super) fn event_type(name: &str) -> Option<EventType> {
    let mut candidates = EventType::by_name(name)
        .iter()
        .filter_map(|candidate| candidate.info())
        .filter(|info| !info.is_unused());
    let is_current = |info: &&EventInfo| {
        info.is_exit() && !info.is_old_version() && (info.name == name || is_generic(info))
    };
    let last_own = candidates
        .clone()
        .rfind(|info| is_current(info) && !is_generic(info));
    last_own
        .or_else(|| candidates.clone().find(is_current))
        .or_else(|| candidates.find(|info| !info.is_old_version()))
        .map(|info| info.event_type)
}

/// Whether an event stands for many calls, of which a parameter says which.
fn is_generic(info: &EventInfo) -> bool {
    info.params
        .iter()
        .any(|param| param.ty == ParamType::Syscallid)
}

/// The parameters of an event, those that are not given included: a call that succeeded, on
/// descriptors that are usual. What describes a process comes from the process.
pub(super) fn encode(
    reader: &mut Reader<'_>,
    event_type: EventType,
    name: &str,
    args: Option<Keys<'_>>,
    process: &Process,
) -> Option<Vec<Vec<u8>>> {
    let info = event_type.info()?;
    let mut all_right = true;
    for (given, entry) in args.iter().flat_map(|args| args.iter()) {
        if info.param(given).is_some() {
            continue;
        }
        let names: Vec<&str> = info.params.iter().map(|param| param.name).collect();
        let label = format!("it has: {}", names.join(", "));
        let near = suggest::nearest(given, names.iter().copied());
        let message = format!("Event '{name}' has no parameter '{given}'");
        reader.wrong::<()>(entry.key.span, message, label, near);
        all_right = false;
    }
    let most = if info.is_large() {
        MAX_LARGE
    } else {
        usize::from(u16::MAX)
    };
    let mut params = Vec::with_capacity(info.params.len());
    for (index, param) in info.params.iter().enumerate() {
        let given = args.and_then(|args| args.iter().find(|(name, _)| *name == param.name));
        let Some((_, entry)) = given else {
            params.push(default(info, index, param, name, process));
            continue;
        };
        match value(&entry.value, param) {
            Ok(bytes) if bytes.len() > most => {
                let message = format!("Parameter '{}' is too long", param.name);
                let label = format!("{} bytes, {most} fit", bytes.len());
                reader.wrong::<()>(entry.value.span, message, label, None);
                all_right = false;
            }
            Ok(bytes) => params.push(bytes),
            Err(Wrong(message, label, near)) => {
                reader.wrong::<()>(entry.value.span, message, label, near);
                all_right = false;
            }
        }
    }
    all_right.then_some(params)
}

fn default(
    info: &EventInfo,
    index: usize,
    param: &ParamInfo,
    name: &str,
    process: &Process,
) -> Vec<u8> {
    if info.param("exe").is_some()
        && info.param("ptid").is_some()
        && let Some(bytes) = of_process(param.name, process, info)
    {
        return sized(bytes, param);
    }
    let is_directory = info
        .params
        .iter()
        .any(|other| matches!(other.detail, ParamDetail::RelativeTo(at) if at == index));
    if is_directory {
        return AT_FDCWD.to_le_bytes().to_vec();
    }
    match param.ty {
        ParamType::Syscallid => {
            let code = event::Syscall::by_name(name).map_or(0, |call| call.code.0);
            code.to_le_bytes().to_vec()
        }
        ParamType::Fd => NEW_FD.to_le_bytes().to_vec(),
        _ if info.created_fd == Some(index) => NEW_FD.to_le_bytes().to_vec(),
        ty => vec![0; ty.wire_size().unwrap_or(0)],
    }
}

/// What an event that makes or changes a process says of it.
fn of_process(name: &str, process: &Process, info: &EventInfo) -> Option<Vec<u8>> {
    let text = |text: &str| [text.as_bytes(), &[0]].concat();
    let number = |number: i64| number.to_le_bytes().to_vec();
    Some(match name {
        "exe" => text(&process.argv0),
        "args" => joined(&process.args),
        "env" => joined(&process.env),
        "comm" => text(&process.name),
        "cwd" => text(&process.cwd),
        "cgroups" => process.cgroups(),
        "trusted_exepath" | "filename" => text(&process.exe),
        "tid" | "pid" | "vtid" | "vpid" | "vpgid" | "pgid" => number(process.pid),
        "ptid" => number(process.parent_pid()),
        "fdlimit" => number(1024),
        "tty" => number(process.tty.into()),
        "uid" => number(process.uid.into()),
        "gid" => number(process.gid.into()),
        "loginuid" => number(process.loginuid.into()),
        "flags" if info.name.starts_with("exec") => number(process.exe_flags.into()),
        "cap_permitted" | "cap_effective" => process.caps.to_le_bytes().to_vec(),
        _ => return None,
    })
}

/// A number cut to the size of its parameter; anything else as it is.
fn sized(mut bytes: Vec<u8>, param: &ParamInfo) -> Vec<u8> {
    if let Some(size) = param.ty.wire_size() {
        bytes.truncate(size);
    }
    bytes
}

fn value(node: &Node, param: &ParamInfo) -> Result<Vec<u8>, Wrong> {
    let text = match &node.kind {
        // "Could not be read."
        Kind::Null => return Ok(Vec::new()),
        Kind::Scalar { text, .. } => text.as_str(),
        Kind::Sequence(items) if is_array(param.ty) => {
            let mut bytes = Vec::new();
            for item in items {
                let Some(text) = item.scalar() else {
                    return Err(expected(param, "a sequence of texts"));
                };
                bytes.extend_from_slice(text.as_str().as_bytes());
                bytes.push(0);
            }
            return Ok(bytes);
        }
        _ => return Err(expected(param, "a single value")),
    };
    match param.ty {
        ParamType::Charbuf | ParamType::Fspath | ParamType::Fsrelpath => {
            Ok([text.as_bytes(), &[0]].concat())
        }
        ParamType::Sockaddr => {
            socket_address(text).ok_or_else(|| expected(param, "`HOST:PORT` or `/PATH`"))
        }
        ParamType::Socktuple => {
            socket_tuple(text).ok_or_else(|| expected(param, "`HOST:PORT->HOST:PORT` or `/PATH`"))
        }
        ty => match ty.wire_size() {
            Some(size) if size <= size_of::<u64>() => {
                let number = number(text, param)?;
                let least = -(1_i128 << (size * 8 - 1));
                let greatest = (1_i128 << (size * 8)) - 1;
                if !(least..=greatest).contains(&number) {
                    return Err(expected(param, &format!("a number of {} bits", size * 8)));
                }
                Ok(number.to_le_bytes()[..size].to_vec())
            }
            _ => match text.strip_prefix("hex:") {
                Some(digits) => {
                    hex(digits).ok_or_else(|| expected(param, "hexadecimal digits, two a byte"))
                }
                None if matches!(ty, ParamType::Bytebuf | ParamType::Charbufarray) => {
                    Ok(text.as_bytes().to_vec())
                }
                None => Err(expected(param, "the bytes of the parameter as `hex:…`")),
            },
        },
    }
}

fn is_array(ty: ParamType) -> bool {
    matches!(
        ty,
        ParamType::Bytebuf | ParamType::Charbufarray | ParamType::CharbufPairArray
    )
}

fn expected(param: &ParamInfo, what: &str) -> Wrong {
    let message = format!("Not a value of parameter '{}'", param.name);
    Wrong(message, format!("expected {what}"), None)
}

/// A number, names of bits with `|` between them, or the name of an error with a minus.
fn number(text: &str, param: &ParamInfo) -> Result<i128, Wrong> {
    let mut sum = 0;
    for word in text.split('|').map(str::trim) {
        if let Some(number) = plain_number(word).or_else(|| named_number(word, param)) {
            sum |= number;
            continue;
        }
        let ParamDetail::Flags(table) = param.detail else {
            return Err(expected(param, "a number, or an error as `-ENOENT`"));
        };
        let names = table.entries.iter().map(|flag| flag.name);
        let near = suggest::nearest(word, names.clone());
        let message = format!("Parameter '{}' has no flag '{word}'", param.name);
        let names: Vec<&str> = names.take(12).collect();
        let label = format!(
            "expected a number, or names with `|`: {}, …",
            names.join(", ")
        );
        return Err(Wrong(message, label, near));
    }
    Ok(sum)
}

fn named_number(word: &str, param: &ParamInfo) -> Option<i128> {
    if let ParamDetail::Flags(table) = param.detail
        && let Some(flag) = table.entries.iter().find(|flag| flag.name == word)
    {
        return Some(flag.value.into());
    }
    match (word, param.ty) {
        ("AT_FDCWD", _) => Some(AT_FDCWD.into()),
        ("true", ParamType::Bool) => Some(1),
        ("false", ParamType::Bool) => Some(0),
        (name, ParamType::Sigtype) => (0..=64)
            .find(|signal| event::signal_name(*signal) == Some(name))
            .map(i128::from),
        _ => {
            let name = word.strip_prefix('-')?;
            let errno = (1..=MAX_ERRNO).find(|errno| event::errno_name(*errno) == Some(name))?;
            Some(-i128::from(errno))
        }
    }
}

/// As in C: `0x` for hexadecimal, a leading `0` (or `0o`) for octal.
fn plain_number(word: &str) -> Option<i128> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let number = if let Some(hex) = digits.strip_prefix("0x") {
        u64::from_str_radix(hex, 16).ok()?
    } else if let Some(octal) = digits.strip_prefix("0o") {
        u64::from_str_radix(octal, 8).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        u64::from_str_radix(digits, 8).ok()?
    } else {
        digits.parse::<u64>().ok()?
    };
    Some(sign * i128::from(number))
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = digits
        .chars()
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    bytes.collect()
}

fn socket_address(text: &str) -> Option<Vec<u8>> {
    if text.starts_with('/') {
        return Some([&[AF_UNIX], text.as_bytes(), &[0]].concat());
    }
    let at = address(text)?;
    let mut bytes = vec![family(at)];
    push_end(at, &mut bytes);
    Some(bytes)
}

fn socket_tuple(text: &str) -> Option<Vec<u8>> {
    if text.starts_with('/') {
        return Some([&[AF_UNIX], &[0; 16][..], text.as_bytes(), &[0]].concat());
    }
    let (from, to) = text.split_once("->")?;
    let (from, to) = (address(from)?, address(to)?);
    if family(from) != family(to) {
        return None;
    }
    let mut bytes = vec![family(from)];
    push_end(from, &mut bytes);
    push_end(to, &mut bytes);
    Some(bytes)
}

fn family(at: SocketAddr) -> u8 {
    if at.is_ipv4() { AF_INET } else { AF_INET6 }
}

fn push_end(at: SocketAddr, bytes: &mut Vec<u8>) {
    match at {
        SocketAddr::V4(at) => bytes.extend_from_slice(&at.ip().octets()),
        SocketAddr::V6(at) => bytes.extend_from_slice(&at.ip().octets()),
    }
    bytes.extend_from_slice(&at.port().to_le_bytes());
}
