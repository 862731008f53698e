//! A description of types in the kernel's own format (BTF), and another with fewer of them.
//!
//! The format is the kernel's `Documentation/bpf/btf.rst`: a header, the types one after the other,
//! numbered from 1, and their names.

use std::collections::HashSet;

const MAGIC: u16 = 0xeb9f;
const HEADER_BYTES: usize = 24;
/// What every type begins with: where its name is, its kind and how many members it has, and its size or
/// the type that it is made of.
const TYPE_BYTES: usize = 12;

const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
pub(super) const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FWD: u32 = 7;
pub(super) const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const RESTRICT: u32 = 11;
pub(super) const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const FLOAT: u32 = 16;
const DECL_TAG: u32 = 17;
const TYPE_TAG: u32 = 18;
const ENUM64: u32 = 19;

/// Types, where they are in a description.
pub(super) struct Types<'a> {
    types: &'a [u8],
    names: &'a [u8],
    /// Where each begins; number 1 is the first.
    starts: Vec<u32>,
}

/// One of them.
#[derive(Clone, Copy)]
struct Type<'a> {
    name: u32,
    info: u32,
    /// Its size, or the type that it is made of.
    of: u32,
    /// What follows.
    more: &'a [u8],
}

impl Type<'_> {
    fn kind(&self) -> u32 {
        self.info >> 24 & 0x1f
    }
}

/// A name without what only tells shapes of one type apart.
pub(super) fn essential(name: &[u8]) -> &[u8] {
    let flavor = name.windows(3).rposition(|three| three == b"___");
    match flavor {
        Some(at) if at > 0 => &name[..at],
        _ => name,
    }
}

impl<'a> Types<'a> {
    /// Finds the types of a description of this machine's byte order; `None` when it is not understood.
    pub(super) fn read(description: &'a [u8]) -> Option<Self> {
        let magic = u16::from_ne_bytes(description.get(..2)?.try_into().ok()?);
        let word = |at: usize| word(description, at).map(|word| word as usize);
        let (header, at, len) = (word(4)?, word(8)?, word(12)?);
        let (names_at, names_len) = (word(16)?, word(20)?);
        if magic != MAGIC || header < HEADER_BYTES {
            return None;
        }
        let part = |at: usize, len: usize| {
            let start = header.checked_add(at)?;
            description.get(start..start.checked_add(len)?)
        };
        let mut found = Self {
            types: part(at, len)?,
            names: part(names_at, names_len)?,
            starts: Vec::new(),
        };
        let mut next = 0;
        while next < found.types.len() {
            found.starts.push(u32::try_from(next).ok()?);
            next += TYPE_BYTES + found.at(next)?.more.len();
        }
        Some(found)
    }

    fn at(&self, start: usize) -> Option<Type<'a>> {
        let (name, info) = (word(self.types, start)?, word(self.types, start + 4)?);
        let of = word(self.types, start + 8)?;
        let count = (info & 0xffff) as usize;
        let more = match info >> 24 & 0x1f {
            INT | VAR | DECL_TAG => 4,
            ARRAY => 12,
            STRUCT | UNION | DATASEC | ENUM64 => 12 * count,
            ENUM | FUNC_PROTO => 8 * count,
            PTR | FWD | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNC | FLOAT | TYPE_TAG => 0,
            _ => return None,
        };
        let begin = start + TYPE_BYTES;
        Some(Type {
            name,
            info,
            of,
            more: self.types.get(begin..begin + more)?,
        })
    }

    fn get(&self, number: u32) -> Option<Type<'a>> {
        let index = (number as usize).checked_sub(1)?;
        self.at(*self.starts.get(index)? as usize)
    }

    fn name(&self, at: u32) -> &'a [u8] {
        let rest = self.names.get(at as usize..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == 0);
        &rest[..end.unwrap_or(rest.len())]
    }

    /// All types with their numbers.
    fn all(&self) -> impl Iterator<Item = (u32, Type<'a>)> + '_ {
        (1..).zip(&self.starts).filter_map(|(number, start)| {
            let found = self.at(*start as usize)?;
            Some((number, found))
        })
    }

    /// The names of all types of a kind.
    pub(super) fn names_of(&self, kind: u32) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.all()
            .filter(move |(_, found)| found.kind() == kind)
            .map(|(_, found)| self.name(found.name))
    }

    /// A description with the types that have one of these names, whatever shape, and the types of their
    /// members. All keep their numbers; in between there are types without a name. Pointers lead to
    /// nothing, since nobody asks what a member points to. `None` when there are none.
    pub(super) fn only(&self, names: &HashSet<Vec<u8>>) -> Option<Vec<u8>> {
        let mut wanted = HashSet::new();
        let mut open: Vec<u32> = self
            .all()
            .filter(|(_, found)| {
                matches!(found.kind(), STRUCT | UNION | ENUM | ENUM64 | TYPEDEF)
                    && names.contains(essential(self.name(found.name)))
            })
            .map(|(number, _)| number)
            .collect();
        while let Some(number) = open.pop() {
            if number != 0 && wanted.insert(number) {
                let found = self.get(number)?;
                open.extend(parts(&found));
            }
        }
        let last = *wanted.iter().max()?;
        let mut out = Out::new();
        for number in 1..=last {
            match self.get(number).filter(|_| wanted.contains(&number)) {
                Some(found) => out.add(self, &found),
                None => out.fill(),
            }
        }
        out.finish()
    }
}

/// The types that a type has in itself.
fn parts<'a>(found: &Type<'a>) -> impl Iterator<Item = u32> + use<'a> {
    let own = match found.kind() {
        TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG => Some(found.of),
        _ => None,
    };
    // Of an array the type and that of its index; of members the type is the second word.
    let (first, stride, count) = match found.kind() {
        ARRAY => (0, 4, 2),
        STRUCT | UNION => (4, 12, found.more.len() / 12),
        _ => (0, 0, 0),
    };
    let more = found.more;
    let members = (0..count).filter_map(move |index| word(more, first + index * stride));
    own.into_iter().chain(members)
}

/// A description that is being made.
struct Out {
    types: Vec<u8>,
    names: Vec<u8>,
}

impl Out {
    fn new() -> Self {
        Self {
            types: Vec::new(),
            names: vec![0],
        }
    }

    fn push(&mut self, word: u32) {
        self.types.extend_from_slice(&word.to_ne_bytes());
    }

    fn name(&mut self, name: &[u8]) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.names.len();
        self.names.extend_from_slice(name);
        self.names.push(0);
        u32::try_from(at).unwrap_or(0)
    }

    /// A type that nobody asks for.
    fn fill(&mut self) {
        for word in [0, FWD << 24, 0] {
            self.push(word);
        }
    }

    fn add(&mut self, types: &Types<'_>, found: &Type<'_>) {
        let name = self.name(types.name(found.name));
        let leads_nowhere = matches!(found.kind(), PTR | FUNC_PROTO | FUNC);
        for word in [name, found.info, if leads_nowhere { 0 } else { found.of }] {
            self.push(word);
        }
        let begin = self.types.len();
        self.types.extend_from_slice(found.more);
        // Members of structures and values of enumerations begin with their names.
        let stride = match found.kind() {
            STRUCT | UNION | ENUM64 => 12,
            ENUM => 8,
            _ => return,
        };
        for at in (0..found.more.len()).step_by(stride) {
            let name = word(found.more, at).unwrap_or(0);
            let name = self.name(types.name(name));
            self.types[begin + at..begin + at + 4].copy_from_slice(&name.to_ne_bytes());
        }
    }

    fn finish(self) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.types.len() + self.names.len());
        out.extend_from_slice(&MAGIC.to_ne_bytes());
        // Version and flags.
        out.extend_from_slice(&[1, 0]);
        let types = u32::try_from(self.types.len()).ok()?;
        let names = u32::try_from(self.names.len()).ok()?;
        for word in [HEADER_BYTES as u32, 0, types, types, names] {
            out.extend_from_slice(&word.to_ne_bytes());
        }
        out.extend_from_slice(&self.types);
        out.extend_from_slice(&self.names);
        Some(out)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}
