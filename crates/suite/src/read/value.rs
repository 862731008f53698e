//! Scalars → numbers, durations, addresses.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::{Argument, Errno};
use crate::schema::Shape;
use suggest::nearest;

/// `500ms`, `2s`, `1.5m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and a unit: ms, s, m or h".to_owned();
    let at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(wrong)?;
    let number: f64 = text[..at].parse().map_err(|_| wrong())?;
    let seconds = match &text[at..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "it is too long".to_owned())
}

/// A number: decimal, hexadecimal with `0x`, octal with `0o` or a leading 0.
pub(crate) fn number(text: &str) -> Result<i64, String> {
    let wrong = || "write a whole number".to_owned();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (radix, digits) = if let Some(hex) = digits.strip_prefix("0x") {
        (16, hex)
    } else if let Some(octal) = digits.strip_prefix("0o") {
        (8, octal)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, digits)
    } else {
        (10, digits)
    };
    if digits.starts_with(['+', '-']) {
        return Err(wrong());
    }
    // Flags of 64 bits may have the highest one.
    let value = u64::from_str_radix(digits, radix).map_err(|_| wrong())?;
    match (negative, i64::try_from(value)) {
        (false, _) => Ok(value as i64),
        (true, Ok(value)) => Ok(-value),
        (true, Err(_)) => Err(wrong()),
    }
}

/// An argument of a system call that is no binding.
pub(crate) fn argument(text: &str, shape: &Shape) -> Result<Argument, String> {
    match shape {
        Shape::Descriptor if text == "AT_FDCWD" => Ok(Argument::Number(i64::from(libc::AT_FDCWD))),
        Shape::Descriptor => number(text)
            .map(Argument::Number)
            .map_err(|_| "write a number, AT_FDCWD, or a binding such as `${name.fd}`".to_owned()),
        Shape::Number => number(text)
            .map(Argument::Number)
            .map_err(|_| "write a whole number, or a binding such as `${name.pid}`".to_owned()),
        Shape::Mode => match number(text) {
            Ok(mode @ 0..=0o7777) => Ok(Argument::Number(mode)),
            _ => Err("write permission bits, such as 0644".to_owned()),
        },
        Shape::Flags(names) => {
            let mut all = 0;
            for part in text.split('|').map(str::trim) {
                all |= match names.get(part) {
                    Some(number) => number,
                    None => number(part).map_err(|_| no_name(part, names.list))?,
                };
            }
            Ok(Argument::Number(all))
        }
        Shape::Choice(names) => match names.get(text) {
            Some(number) => Ok(Argument::Number(number)),
            None => number(text)
                .map(Argument::Number)
                .map_err(|_| no_name(text, names.list)),
        },
        Shape::Address => address(text).map(|()| Argument::Address(text.to_owned())),
        Shape::AddressOrNothing if text.is_empty() => Ok(Argument::Address(String::new())),
        Shape::AddressOrNothing => address(text).map(|()| Argument::Address(text.to_owned())),
        Shape::CString if text.contains('\0') => Err("it ends at the zero byte".to_owned()),
        Shape::CString => Ok(Argument::CString(text.to_owned())),
        _ => Ok(Argument::Bytes(text.as_bytes().to_vec())),
    }
}

fn no_name(name: &str, names: &[(&str, i64)]) -> String {
    match nearest(name, names.iter().map(|(name, _)| *name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            format!("the names are {}", names.join(", "))
        }
    }
}

fn address(text: &str) -> Result<(), String> {
    if let Some(path) = text.strip_prefix("unix://") {
        return match path.len() {
            0 => Err("a path is missing behind `unix://`".to_owned()),
            1..=107 => Ok(()),
            _ => Err("the path of a Unix socket has at most 107 bytes".to_owned()),
        };
    }
    match text.parse::<SocketAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(
            "write `IP:port`, `[IPv6]:port` or `unix://path`; names are not resolved".to_owned(),
        ),
    }
}

macro_rules! errnos {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name)),*] };
}

/// Names of error numbers.
pub(crate) const ERRNOS: &[(&str, i32)] = errnos!(
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN EWOULDBLOCK ENOMEM EACCES
    EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY
    EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY
    ELOOP ENODATA EOVERFLOW EILSEQ ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT
    EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL
    ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ETIMEDOUT
    ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EDQUOT ECANCELED ENOKEY
    EKEYEXPIRED EKEYREJECTED
);

/// Error numbers by their names, with `|` between them.
pub(crate) fn errnos(text: &str) -> Result<Vec<Errno>, String> {
    text.split('|').map(|name| errno(name.trim())).collect()
}

/// An error number by its name.
fn errno(text: &str) -> Result<Errno, String> {
    let found = ERRNOS.iter().find(|(name, _)| *name == text);
    match found {
        Some(&(name, number)) => Ok(Errno {
            name: name.to_owned(),
            number,
        }),
        None => Err(match nearest(text, ERRNOS.iter().map(|(name, _)| *name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a name such as ENOENT or EACCES".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_forms() {
        for (text, expected) in [
            ("10", 10),
            ("0x1f", 31),
            ("0644", 0o644),
            ("0o17", 15),
            ("-1", -1),
            ("0", 0),
        ] {
            assert_eq!(number(text), Ok(expected), "{text}");
        }
        assert_eq!(number("18446744073709551615"), Ok(-1));
        for text in ["", "x", "1.5", "--1", "09", "-18446744073709551615"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "5", "s", "1d", "1e9999h", "9999999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_not_resolved() {
        for text in ["1.2.3.4:5", "[::1]:5", "unix:///run/x"] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in ["localhost:80", "1.2.3.4", "unix://", "[::1]"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
