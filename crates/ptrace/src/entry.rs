//! What a call is told, read before the kernel reads it.
//!
//! Names and addresses are taken at the start of a call: what another thread puts in their place
//! afterwards is not what the call worked on. (What it puts there between our look and the
//! kernel's is, though: a tracer cannot close that gap.) Answers, and data that is read or written,
//! are taken at the end.

use crate::call::Call;
use crate::calls::kernel_clone_flags;
use crate::facts::address::Address;
use crate::facts::files;
use crate::flags::{may_create, must_create};
use crate::memory::Memory;
use crate::record::TEXT_MAX;
use crate::sys::Tid;

/// Of the arguments of a program that could not be started, so many are looked at.
const MAX_WORDS: u64 = 16;
/// The longest `struct sockaddr` of interest: a unix one with a path that fills it.
const ADDRESS_MAX: u64 = 110;

/// What is taken before a call, by the numbers of its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    /// A string.
    Text(usize),
    /// A socket address: pointer and length.
    Address(usize, usize),
    /// An array of strings.
    Words(usize),
    /// The flags of a new thread.
    CloneFlags,
    /// Whether the file is there: directory (or the current one), name, flags.
    Existence(Option<usize>, usize, usize),
    /// The same for openat2, whose flags are in memory.
    ExistenceHow,
}

/// What was taken.
#[derive(Clone, Default, Debug)]
pub(crate) struct Inputs {
    texts: Vec<(u64, Vec<u8>)>,
    address: Option<(u64, Address)>,
    words: Vec<(u64, Vec<Vec<u8>>)>,
    /// The kernel's flags of a new thread.
    pub(crate) clone_flags: u64,
    existed: Option<bool>,
}

impl Inputs {
    /// Reads what the table says of a call.
    pub(crate) fn take(
        name: &str,
        inputs: &[Input],
        call: &Call,
        tid: Tid,
        memory: &Memory,
    ) -> Self {
        let mut taken = Self::default();
        let arg = |index: usize| call.args[index];
        for input in inputs {
            match *input {
                Input::Text(index) => taken.texts.extend(
                    memory
                        .string(arg(index), TEXT_MAX)
                        .map(|text| (arg(index), text)),
                ),
                Input::Address(at, len) => {
                    taken.address = read_address(memory, arg(at), arg(len)).map(|a| (arg(at), a));
                }
                Input::Words(index) => {
                    let words = read_words(memory, arg(index), call.compat);
                    taken.words.push((arg(index), words));
                }
                Input::CloneFlags => {
                    let of_memory = |address| memory.u64(address).unwrap_or(0);
                    taken.clone_flags = kernel_clone_flags(name, arg(0), of_memory);
                }
                Input::Existence(directory, path, flags) => {
                    taken.look_for_file(tid, directory.map(arg), arg(path), arg(flags));
                }
                Input::ExistenceHow => {
                    let flags = memory.u64(arg(2)).unwrap_or(0);
                    taken.look_for_file(tid, Some(arg(0)), arg(1), flags);
                }
            }
        }
        taken
    }

    fn look_for_file(&mut self, tid: Tid, directory: Option<u64>, path: u64, flags: u64) {
        if may_create(flags)
            && !must_create(flags)
            && let Some(name) = self.text(path)
        {
            let directory = directory.map_or(libc::AT_FDCWD, |fd| fd as i32);
            self.existed = files::exists(tid, directory, name);
        }
    }

    /// The string that was at an address.
    pub(crate) fn text(&self, address: u64) -> Option<&[u8]> {
        self.texts
            .iter()
            .find(|(at, _)| *at == address)
            .map(|(_, text)| text.as_slice())
    }

    /// The socket address that was at an address.
    pub(crate) fn address(&self, address: u64) -> Option<&Address> {
        self.address
            .as_ref()
            .filter(|(at, _)| *at == address)
            .map(|(_, found)| found)
    }

    /// The strings of an array that was at an address, each with its NUL.
    pub(crate) fn words(&self, address: u64) -> &[Vec<u8>] {
        self.words
            .iter()
            .find(|(at, _)| *at == address)
            .map_or(&[], |(_, words)| words)
    }

    /// Whether a call that opened a file with these flags has made it.
    pub(crate) fn created(&self, flags: u64) -> bool {
        must_create(flags) || (may_create(flags) && self.existed == Some(false))
    }
}

/// The address that a caller passes; `None` when there is none.
pub(crate) fn read_address(memory: &Memory, from: u64, len: u64) -> Option<Address> {
    let len = u64::from(len as u32).min(ADDRESS_MAX);
    if from == 0 || len < 2 {
        return None;
    }
    let mut bytes = vec![0; len as usize];
    memory
        .read(from, &mut bytes)
        .then(|| Address::parse(&bytes))?
}

fn read_words(memory: &Memory, array: u64, compat: bool) -> Vec<Vec<u8>> {
    let width = if compat { 4 } else { 8 };
    let pointer = |index: u64| {
        let at = array.checked_add(index * width)?;
        let pointer = if compat {
            memory.u32(at).map(u64::from)
        } else {
            memory.u64(at)
        };
        pointer.filter(|&pointer| pointer != 0)
    };
    if array == 0 {
        return Vec::new();
    }
    (0..MAX_WORDS)
        .map_while(|index| memory.string(pointer(index)?, TEXT_MAX))
        .collect()
}
