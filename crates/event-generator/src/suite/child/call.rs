//! A step's system call: arguments into registers, the call, and what it takes to undo it.

use std::ffi::CString;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use suite::schema::{self, Register, Undo};
use suite::{Argument, Errno};

use super::bindings::Bindings;
use super::undo::{Undone, exists};
use super::{Failure, chain, numbers, raw};
use crate::suite::plan::Launch;

/// The most bytes an argument may have.
const LIMIT: i64 = 16 << 20;

/// Arguments with their values, by name.
struct Arguments(Vec<(String, Argument)>);

/// What a step did.
pub(super) struct Done {
    /// What the call returned; none when it failed as expected.
    pub(super) returned: Option<i64>,
    /// What has to be taken back.
    pub(super) undone: Option<Undone>,
    /// The arguments as they were in the end.
    pub(super) arguments: Vec<(String, Argument)>,
}

/// Makes the call of the step called `step`.
pub(super) fn perform(
    step: &str,
    call: &str,
    arguments: &[(String, Argument)],
    expected: &[Errno],
    bindings: &Bindings,
) -> Result<Done, Failure> {
    let at = || format!("step {step}: {call}");
    let resolved = arguments
        .iter()
        .map(|(name, argument)| Ok((name.clone(), bindings.resolve(argument)?)))
        .collect::<Result<Vec<_>, Failure>>()
        .map_err(|failure| Failure::new(at(), format!("{}: {}", failure.at, failure.error)))?;
    let arguments = Arguments(resolved);
    let row = schema::call(call).and_then(|row| row.call.as_ref());
    let row = row.ok_or_else(|| Failure::new(at(), "it is not in the table"))?;
    let undo = Plan::of(row.undo, &arguments);
    let answer = match call {
        "execve" => execute(&arguments).map_err(Failure::at(at()))?,
        "ptrace" if arguments.number("request") == Some(0) => {
            in_copy(call, row.registers, &arguments).map_err(Failure::at(at()))?
        }
        _ => make(call, row.registers, &arguments).map_err(Failure::at(at()))?,
    };
    let names: Vec<&str> = expected.iter().map(|errno| errno.name.as_str()).collect();
    let names = names.join(" or ");
    let returned = match answer {
        Ok(value) if expected.is_empty() => Some(value),
        Ok(value) => {
            let error = format!("expected {names}, but it returned {value}");
            return Err(Failure::new(at(), error));
        }
        Err(number) if expected.iter().any(|errno| errno.number == number) => None,
        Err(number) if expected.is_empty() => return Err(Failure::new(at(), text(number))),
        Err(number) => {
            let error = format!("expected {names}, found {}", text(number));
            return Err(Failure::new(at(), error));
        }
    };
    Ok(Done {
        returned,
        undone: returned.and_then(|value| undo.after(value)),
        arguments: arguments.0,
    })
}

fn text(number: i32) -> String {
    std::io::Error::from_raw_os_error(number).to_string()
}

/// Puts the arguments into registers and makes the call.
fn make(
    call: &str,
    registers: &[Register],
    arguments: &Arguments,
) -> Result<Result<i64, i32>, String> {
    let number = numbers::number(call)
        .ok_or_else(|| format!("{} has no such call", std::env::consts::ARCH))?;
    // What registers point to; it must not move before the call returns.
    let mut memory: Vec<(&str, Vec<u8>)> = Vec::new();
    for register in registers {
        if let Register::Argument(name) | Register::LengthOf(name) | Register::LengthOr(_, name) =
            register
            && let Some(bytes) = arguments.bytes(name)?
            && !memory.iter().any(|(known, _)| known == name)
        {
            memory.push((name, bytes));
        }
    }
    if call == "read" && !memory.iter().any(|(name, _)| *name == "buffer") {
        let length = arguments.number("len").unwrap_or(0);
        if !(0..=LIMIT).contains(&length) {
            return Err(format!("cannot read {length} bytes; at most {LIMIT}"));
        }
        memory.push(("buffer", vec![0; length as usize]));
    }
    let length = |name: &str| {
        let found = memory.iter().find(|(known, _)| *known == name);
        found.map_or(0, |(_, bytes)| bytes.len() as i64)
    };
    // A length that is given may not reach beyond the memory that is.
    for register in registers {
        if let Register::LengthOr(given, buffer) = register
            && let Some(asked) = arguments.number(given)
            && asked > length(buffer)
        {
            let error = format!(
                "`{given}` is {asked}, but `{buffer}` has {} bytes",
                length(buffer)
            );
            return Err(error);
        }
    }
    let mut values = [0; 6];
    for (value, register) in values.iter_mut().zip(registers) {
        *value = match register {
            Register::Argument(name) => match memory.iter_mut().find(|(known, _)| known == name) {
                Some((_, bytes)) => bytes.as_mut_ptr() as i64,
                None => arguments.number(name).unwrap_or(0),
            },
            Register::LengthOf(name) => memory
                .iter()
                .find(|(known, _)| known == name)
                .map_or(0, |(_, bytes)| bytes.len() as i64),
            Register::LengthOr(given, buffer) => arguments.number(given).unwrap_or_else(|| {
                let found = memory.iter().find(|(known, _)| known == buffer);
                found.map_or(0, |(_, bytes)| bytes.len() as i64)
            }),
            Register::Constant(number) => *number,
        };
    }
    #[expect(unsafe_code, reason = "see the function")]
    // SAFETY: the table says what each register of this call is; addresses are those of `memory`, which
    // is at least as long as the lengths say and outlives the call. Calls that would keep an address
    // beyond their return are not in the table; ptrace writes to memory of other processes alone.
    let answer = unsafe { raw::system_call(number, values) };
    drop(memory);
    Ok(answer)
}

/// Makes a call in a copy of this process, which ends at once: it would change what signals do here.
fn in_copy(
    call: &str,
    registers: &[Register],
    arguments: &Arguments,
) -> Result<Result<i64, i32>, String> {
    let pid = raw::fork(|| match make(call, registers, arguments) {
        Ok(Ok(_)) => 0,
        Ok(Err(number)) => number,
        Err(_) => 255,
    })
    .map_err(|error| error.to_string())?;
    match chain::wait(pid).map_err(|error| error.to_string())? {
        0 => Ok(Ok(0)),
        255 => Err("the call could not be made".to_owned()),
        number => Ok(Err(i32::from(number))),
    }
}

/// Executes a program in a child and waits for its end.
fn execute(arguments: &Arguments) -> Result<Result<i64, i32>, String> {
    let path = arguments.text("pathname").ok_or("`pathname` is no text")?;
    let argv = match arguments.get("argv") {
        Some(Argument::Strings(list)) => list.clone(),
        _ => vec![path.clone()],
    };
    let mut environment: Vec<(String, String)> = std::env::vars().collect();
    // What marks the test stays in front.
    environment.sort_by_key(|(name, _)| name != crate::suite::TOKEN);
    if let Some(Argument::Texts(texts)) = arguments.get("env") {
        environment.extend(texts.iter().cloned());
    }
    match chain::spawn(&Launch::new(path, argv, environment), &[]) {
        Ok(pid) => {
            let code = chain::wait(pid).map_err(|error| error.to_string())?;
            Ok(Ok(i64::from(code)))
        }
        Err(error) => match errno_of(&error) {
            Some(number) => Ok(Err(number)),
            None => Err(error.to_string()),
        },
    }
}

/// The number behind an error that was given more words.
fn errno_of(error: &std::io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        let text = error.to_string();
        let number = text.rsplit_once("(os error ")?.1.strip_suffix(')')?;
        number.parse().ok()
    })
}

impl Arguments {
    fn get(&self, name: &str) -> Option<&Argument> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, argument)| argument)
    }

    fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Argument::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Argument::CString(text) | Argument::Address(text) => Some(text.clone()),
            Argument::Bytes(bytes) => String::from_utf8(bytes.clone()).ok(),
            _ => None,
        }
    }

    /// What an argument is in memory; none when it is a number or is not given.
    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(match self.get(name) {
            Some(Argument::Bytes(bytes)) => Some(bytes.clone()),
            Some(Argument::CString(text)) => Some(
                CString::new(text.as_str())
                    .map_err(|error| error.to_string())?
                    .into_bytes_with_nul(),
            ),
            Some(Argument::Address(text)) => Some(socket_address(text)?),
            Some(Argument::Group(members)) => {
                let inner = Self(members.clone());
                let words = members
                    .iter()
                    .flat_map(|(name, _)| inner.number(name).unwrap_or(0).to_ne_bytes());
                Some(words.collect())
            }
            _ => None,
        })
    }

    fn path(&self, name: &str) -> Option<CString> {
        CString::new(self.text(name)?).ok()
    }

    fn dir(&self, name: Option<&str>) -> RawFd {
        name.and_then(|name| self.number(name))
            .and_then(|number| RawFd::try_from(number).ok())
            .unwrap_or(libc::AT_FDCWD)
    }
}

/// The bytes of a `sockaddr`.
pub(super) fn socket_address(text: &str) -> Result<Vec<u8>, String> {
    if let Some(path) = text.strip_prefix("unix://") {
        let mut bytes = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
        bytes.extend(path.as_bytes());
        bytes.push(0);
        return Ok(bytes);
    }
    let address: SocketAddr = text
        .parse()
        .map_err(|_| format!("`{text}` is no address"))?;
    let mut bytes = Vec::new();
    match address {
        SocketAddr::V4(address) => {
            bytes.extend((libc::AF_INET as u16).to_ne_bytes());
            bytes.extend(address.port().to_be_bytes());
            bytes.extend(address.ip().octets());
            bytes.extend([0; 8]);
        }
        SocketAddr::V6(address) => {
            bytes.extend((libc::AF_INET6 as u16).to_ne_bytes());
            bytes.extend(address.port().to_be_bytes());
            bytes.extend(address.flowinfo().to_be_bytes());
            bytes.extend(address.ip().octets());
            bytes.extend(address.scope_id().to_ne_bytes());
        }
    }
    Ok(bytes)
}

/// What has to be known before a call, to take it back after.
enum Plan {
    Nothing,
    Close,
    /// Close, and then that.
    CloseAnd(Undone),
    Then(Undone),
}

impl Plan {
    fn of(undo: Undo, arguments: &Arguments) -> Self {
        match undo {
            Undo::Nothing => Self::Nothing,
            Undo::Close => Self::Close,
            Undo::CloseAndRemove { dir, path } => match arguments.path(path) {
                Some(path) if !exists(arguments.dir(dir), &path) => {
                    Self::CloseAnd(Undone::Remove {
                        dir: arguments.dir(dir),
                        path,
                    })
                }
                _ => Self::Close,
            },
            Undo::Remove { dir, path } => match arguments.path(path) {
                Some(path) if !exists(arguments.dir(dir), &path) => Self::Then(Undone::Remove {
                    dir: arguments.dir(dir),
                    path,
                }),
                _ => Self::Nothing,
            },
            Undo::RenameBack { dirs } => {
                match (arguments.path("oldPath"), arguments.path("newPath")) {
                    (Some(old), Some(new)) => Self::Then(Undone::Rename {
                        from: (arguments.dir(dirs.map(|(_, new)| new)), new),
                        to: (arguments.dir(dirs.map(|(old, _)| old)), old),
                    }),
                    _ => Self::Nothing,
                }
            }
            Undo::Unmount { path } => match arguments.path(path) {
                Some(path) => Self::Then(Undone::Unmount(path)),
                None => Self::Nothing,
            },
        }
    }

    /// What is left to take back once the call has returned `value`.
    fn after(self, value: i64) -> Option<Undone> {
        match self {
            Self::Nothing => None,
            Self::Close => RawFd::try_from(value).ok().map(Undone::Close),
            Self::CloseAnd(then) | Self::Then(then) => Some(then),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_addresses_have_the_kernels_form() {
        let v4 = socket_address("1.2.3.4:80").unwrap();
        assert_eq!(v4.len(), 16);
        assert_eq!(&v4[2..8], [0, 80, 1, 2, 3, 4]);
        let v6 = socket_address("[::1]:443").unwrap();
        assert_eq!(v6.len(), 28);
        assert_eq!(&v6[2..4], 443u16.to_be_bytes());
        assert_eq!(v6[23], 1);
        assert_eq!(&socket_address("unix:///x").unwrap()[2..], b"/x\0");
    }

    #[test]
    fn the_length_may_not_reach_beyond_the_buffer() {
        let arguments = [
            ("fd".to_owned(), Argument::Number(1)),
            ("buffer".to_owned(), Argument::Bytes(b"abc".to_vec())),
            ("len".to_owned(), Argument::Number(4)),
        ];
        let failure = perform("s", "write", &arguments, &[], &Bindings::default())
            .err()
            .unwrap();
        assert!(
            failure.error.contains("`buffer` has 3 bytes"),
            "{}",
            failure.error
        );
    }

    #[test]
    fn an_expected_error_is_no_failure_and_another_is() {
        let errno = |name: &str, number| Errno {
            name: name.to_owned(),
            number,
        };
        let arguments = [("fd".to_owned(), Argument::Number(-1))];
        let run =
            |errnos: &[Errno]| perform("s", "close", &arguments, errnos, &Bindings::default());
        assert!(
            run(&[errno("EBADF", libc::EBADF)])
                .unwrap()
                .returned
                .is_none()
        );
        let other = run(&[errno("ENOENT", libc::ENOENT)]).err().unwrap();
        assert!(
            other.error.contains("expected ENOENT, found"),
            "{}",
            other.error
        );
        assert!(run(&[]).is_err());
    }
}
