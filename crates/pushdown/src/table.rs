//! Clauses as the tables that the kernel looks into, and how they are looked into.
//!
//! Every clause of a system call is a bit of a 64-bit word. A look-up gives the clauses that what was
//! looked up may pass, and the words are joined with AND. What is left at the end are clauses that
//! the call may pass; when none is left, no rule can match and the record is not made.
//!
//! The look-ups of the kernel (`filter.h` of the probe) are written once more here, in
//! [`Slot::passes`], so that tests can hold them against what the engine decides.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::clause::{CLASS, Clause, PATHS, PROCESS, limit, merge};
use crate::formula::{Atom, Formula, PathAtom, ProcessAtom, RESULT, Signs, Test, kind};
use crate::peer::PeerTable;

/// How many clauses a system call can have: the bits of a word.
pub const CLAUSES: usize = 64;
/// How many properties of arguments are told apart per system call.
pub const TESTS: usize = 6;
/// The classes of a call: the sign of the result (two bits) and a bit per test.
pub const CLASSES: usize = 1 << (2 + TESTS);
/// How many ends of a path are looked for.
pub const TAILS: usize = 64;
/// How many properties of processes a system call can ask for.
pub const PROCESSES: usize = 16;
/// How many groups of paths are told apart by how they begin.
pub const STARTS: usize = 128;
/// How much of a path is looked up.
pub const KEY_BYTES: usize = 128;
/// Paths that are not shorter are not looked at.
pub const PATH_BYTES: usize = 256;

/// What a property of an argument asks, and of which value.
pub const TEST_EQUALS: u32 = 0;
/// See [`TEST_EQUALS`].
pub const TEST_ANY_BIT: u32 = 1;
/// See [`TEST_EQUALS`].
pub const TEST_DESCRIPTOR: u32 = 2;

/// What the kernel knows of a path that begins with a key, and no longer key of the table.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PathMasks {
    /// Clauses that it may pass when it has one of the ends that are looked for.
    pub with_tail: u64,
    /// Clauses that it may pass when it has none.
    pub without_tail: u64,
}

/// The table of one path of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathTable {
    /// Which argument it is.
    pub arg: u8,
    /// Clauses that ask something of it.
    pub clauses: u64,
    /// Clauses that a path may pass which cannot be read, is relative, is long, or has empty, `.` or
    /// `..` components.
    pub irregular: u64,
    /// Ends that are looked for: the last bytes (up to 8) of each as a number with the last byte on
    /// top, and which of its bits count.
    pub tails: Vec<(u64, u64)>,
    /// Whether being in the root directory counts as an end that is looked for.
    pub in_root: bool,
    /// By [`start_of`] the first four bytes: the clauses that any such path may pass. What rules a
    /// path out here need not be looked up. Empty when there are shorter keys.
    pub starts: Vec<PathMasks>,
    /// The factor of [`start_of`], under which few keys that begin differently share an entry.
    pub factor: u32,
    /// By [`end_of`] the last two bytes, a bit each: whether a path may have one of the ends.
    pub ends: [u64; 4],
    /// Beginnings of paths and, with a NUL at the end, whole ones. The empty one is always there.
    pub keys: Vec<(Vec<u8>, PathMasks)>,
}

/// The tables of one system call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The properties of arguments, a bit of the class each.
    pub tests: Vec<Test>,
    /// For each class the clauses that a call of it may pass.
    pub masks: Vec<u64>,
    /// The paths.
    pub paths: [Option<PathTable>; 2],
    /// Properties of the process: the number in the plan, and the clauses that need it.
    pub processes: Vec<(u8, u64)>,
    /// The other end of the connection; `None` when nothing is asked of it.
    pub peer: Option<PeerTable>,
    /// The clauses, in the order of their bits.
    pub clauses: Vec<Clause>,
}

/// The verdicts on a process, by where it is. Where that is not known it may be either.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Verdicts {
    /// What is possible on the host.
    pub host: u64,
    /// What is possible in a container.
    pub container: u64,
}

impl Verdicts {
    /// The verdict on a process that is in a container, is not, or may be.
    pub fn at(self, in_container: Option<bool>) -> u64 {
        match in_container {
            Some(true) => self.container,
            Some(false) => self.host,
            None => self.host | self.container,
        }
    }
}

/// What a process may be asked: formulas over its name and place, each a bit of its verdict.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Processes {
    /// The formulas, in the order of their bits.
    pub formulas: Vec<Formula>,
}

impl Processes {
    /// The bit of a formula; `None` when there is no room left.
    fn bit(&mut self, formula: &Formula) -> Option<u8> {
        let known = self.formulas.iter().position(|known| known == formula);
        let bit = known.or_else(|| {
            (self.formulas.len() < 64).then(|| {
                self.formulas.push(formula.clone());
                self.formulas.len() - 1
            })
        })?;
        u8::try_from(bit).ok()
    }

    /// The verdicts on a process of this name.
    pub fn verdicts(&self, name: &[u8]) -> Verdicts {
        self.verdicts_of(Some(name))
    }

    /// The verdicts on a process whose name no formula names.
    pub fn verdicts_of_others(&self) -> Verdicts {
        self.verdicts_of(None)
    }

    /// The verdicts that the kernel finds for a process of this name.
    pub fn verdicts_by_name(&self, name: &[u8]) -> Verdicts {
        if self.names().contains(&name) {
            self.verdicts(name)
        } else {
            self.verdicts_of_others()
        }
    }

    fn verdicts_of(&self, name: Option<&[u8]>) -> Verdicts {
        let verdict = |is_contained: bool| {
            let answer = |atom: &Atom| match atom {
                Atom::Process(ProcessAtom::Name(other)) => Some(name == Some(&**other)),
                Atom::Process(ProcessAtom::InContainer) => Some(is_contained),
                _ => None,
            };
            mask(self.formulas.iter(), |formula| formula.may_hold(&answer))
        };
        Verdicts {
            host: verdict(false),
            container: verdict(true),
        }
    }

    /// Every name that a formula names. Longer ones than a process can have are left out.
    pub fn names(&self) -> Vec<&[u8]> {
        let mut names = BTreeSet::new();
        for formula in &self.formulas {
            formula.for_each_atom(&mut |atom| {
                if let Atom::Process(ProcessAtom::Name(name)) = atom {
                    names.insert(&**name);
                }
            });
        }
        names.into_iter().filter(|name| name.len() < 16).collect()
    }
}

/// A call as the kernel sees it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Seen<'a> {
    /// The arguments.
    pub args: [u64; 6],
    /// The result.
    pub result: i64,
    /// What the paths are, where they can be read.
    pub paths: [Option<&'a [u8]>; 2],
    /// What each descriptor that the call names leads to: by argument, the result last.
    pub kinds: [u64; 7],
    /// The verdict on the process, if it was told of when it started.
    pub process: Option<u64>,
    /// The other end of the connection that the call made, where it can be told.
    pub peer: Option<(IpAddr, u16)>,
}

pub(crate) fn mask<'a, T: 'a>(
    items: impl Iterator<Item = &'a T>,
    test: impl Fn(&T) -> bool,
) -> u64 {
    items
        .enumerate()
        .filter(|(_, item)| test(item))
        .fold(0, |mask, (bit, _)| mask | 1 << bit)
}

impl Slot {
    /// Makes the tables of clauses. `path_args` says which arguments the paths are.
    pub(crate) fn new(
        clauses: Vec<Clause>,
        path_args: [Option<u8>; 2],
        processes: &mut Processes,
    ) -> Self {
        let mut clauses = merge(clauses);
        if clauses.len() > CLAUSES {
            // Alternatives that ask the same of the class are one, whatever else they ask.
            for clause in &mut clauses {
                clause.of[PROCESS] = Formula::True;
                clause.of[PATHS[1]] = Formula::True;
            }
        }
        let mut clauses = limit(clauses, CLAUSES);
        let tests = tests_of(&mut clauses);
        let process_bits: Vec<(u8, u64)> = own_processes(&mut clauses, processes);
        let peer = PeerTable::new(&mut clauses);
        let masks = (0..CLASSES)
            .map(|class| {
                let answer = |atom: &Atom| match atom {
                    // There is no fourth sign.
                    Atom::Sign(signs) => Some(signs.0 >> (class & 3).min(2) & 1 == 1),
                    Atom::Test(test) => {
                        let bit = tests.iter().position(|known| known == test)?;
                        Some(class >> (2 + bit) & 1 == 1)
                    }
                    _ => None,
                };
                mask(clauses.iter(), |clause| clause.of[CLASS].may_hold(&answer))
            })
            .collect();
        let paths = std::array::from_fn(|which| {
            let arg = path_args[which]?;
            PathTable::new(&clauses, PATHS[which], arg)
        });
        Self {
            tests,
            masks,
            paths,
            processes: process_bits,
            peer,
            clauses,
        }
    }

    /// Whether it lets everything pass.
    pub fn passes_everything(&self) -> bool {
        self.clauses.iter().any(Clause::is_anything)
    }

    /// Whether it lets nothing pass.
    pub fn passes_nothing(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Whether a call may pass some clause: what the kernel decides.
    pub fn passes(&self, seen: &Seen<'_>) -> bool {
        self.possible(seen) != 0
    }

    /// The clauses that a call may pass, a bit each.
    pub fn possible(&self, seen: &Seen<'_>) -> u64 {
        let mut class = Signs::index_of(seen.result);
        for (bit, test) in self.tests.iter().enumerate() {
            class |= usize::from(seen.answer(test)) << (2 + bit);
        }
        let mut alive = self.masks[class];
        for (which, table) in self.paths.iter().enumerate() {
            if let Some(table) = table {
                alive &= table.mask(seen.paths[which]) | !table.clauses;
            }
        }
        if let (Some(table), Some((address, port))) = (&self.peer, seen.peer) {
            alive &= table.mask(address, port);
        }
        if let Some(verdict) = seen.process {
            for (bit, clauses) in &self.processes {
                if verdict >> bit & 1 == 0 {
                    alive &= !clauses;
                }
            }
        }
        alive
    }
}

impl Seen<'_> {
    fn answer(&self, test: &Test) -> bool {
        let value = |arg: u8| match arg {
            RESULT => self.result as u64,
            arg => self.args[usize::from(arg)],
        };
        match *test {
            Test::Equals {
                arg,
                mask,
                value: wanted,
            } => value(arg) & mask == wanted,
            Test::AnyBit { arg, bits } => value(arg) & bits != 0,
            Test::Descriptor { arg, kinds } => {
                let found = match self.kinds[usize::from(arg)] {
                    0 => kind::NONE,
                    found => found,
                };
                kinds & found != 0
            }
        }
    }
}

/// The properties of arguments that clauses ask for; those that there is no room for are taken out
/// of the clauses.
fn tests_of(clauses: &mut [Clause]) -> Vec<Test> {
    let mut counts: Vec<(Test, usize)> = Vec::new();
    for clause in clauses.iter() {
        clause.of[CLASS].for_each_atom(&mut |atom| {
            if let Atom::Test(test) = atom {
                match counts.iter_mut().find(|(known, _)| known == test) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((test.clone(), 1)),
                }
            }
        });
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let tests: Vec<Test> = counts
        .into_iter()
        .map(|(test, _)| test)
        .take(TESTS)
        .collect();
    for clause in clauses {
        let formula = std::mem::replace(&mut clause.of[CLASS], Formula::True);
        clause.of[CLASS] = without_tests(formula, &tests);
    }
    tests
}

fn without_tests(formula: Formula, known: &[Test]) -> Formula {
    match formula {
        Formula::Is(Atom::Test(test)) | Formula::Not(Atom::Test(test))
            if !known.contains(&test) =>
        {
            Formula::True
        }
        Formula::And(parts) => {
            Formula::and(parts.into_iter().map(|part| without_tests(part, known)))
        }
        Formula::Or(parts) => Formula::or(parts.into_iter().map(|part| without_tests(part, known))),
        formula => formula,
    }
}

/// Gives each property of processes a bit; those that there is no room for are taken out of the
/// clauses.
fn own_processes(clauses: &mut [Clause], processes: &mut Processes) -> Vec<(u8, u64)> {
    let mut own: Vec<(u8, u64)> = Vec::new();
    for (index, clause) in clauses.iter_mut().enumerate() {
        let formula = &clause.of[PROCESS];
        if *formula == Formula::True {
            continue;
        }
        let bit = processes.bit(formula);
        let entry = bit.and_then(|bit| {
            if let Some(at) = own.iter().position(|(known, _)| *known == bit) {
                return own.get_mut(at);
            }
            if own.len() == PROCESSES {
                return None;
            }
            own.push((bit, 0));
            own.last_mut()
        });
        match entry {
            Some((_, clauses)) => *clauses |= 1 << index,
            None => clause.of[PROCESS] = Formula::True,
        }
    }
    own
}

impl PathTable {
    /// The table of what clauses ask of a path; `None` when they ask nothing.
    fn new(clauses: &[Clause], table: usize, arg: u8) -> Option<Self> {
        let asking = mask(clauses.iter(), |clause| clause.of[table] != Formula::True);
        if asking == 0 {
            return None;
        }
        let mut keys: BTreeSet<Vec<u8>> = BTreeSet::from([Vec::new()]);
        let mut suffixes: BTreeSet<&[u8]> = BTreeSet::new();
        for clause in clauses {
            clause.of[table].for_each_atom(&mut |atom| match atom {
                // A path that is not looked at needs no key.
                Atom::Path(_, PathAtom::Exact(text))
                    if text.len() < PATH_BYTES && !is_regular(text) => {}
                Atom::Path(_, PathAtom::Exact(text)) => _ = keys.insert(exact_key(text)),
                Atom::Path(_, PathAtom::Prefix(text)) => _ = keys.insert(cut(text).to_vec()),
                Atom::Path(_, PathAtom::Suffix(text)) if !text.is_empty() => {
                    suffixes.insert(text);
                }
                _ => {}
            });
        }
        let tails: Vec<(u64, u64)> = suffixes
            .iter()
            .map(|suffix| tail(suffix))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        // Without room to look for all ends, every path may have one.
        let looks_for_tails = tails.len() <= TAILS;
        let mut in_root = false;
        for clause in clauses {
            clause.of[table].for_each_atom(&mut |atom| {
                in_root |= matches!(atom, Atom::Path(_, PathAtom::InRoot));
            });
        }
        let masks = |key: &[u8]| {
            let of = |has_tail: bool| {
                mask(clauses.iter(), |clause| {
                    clause.of[table].may_hold(&|atom| match atom {
                        Atom::Path(_, atom) => knows(atom, key, has_tail),
                        _ => None,
                    })
                })
            };
            let with_tail = of(true);
            PathMasks {
                with_tail,
                without_tail: if looks_for_tails {
                    of(false)
                } else {
                    with_tail
                },
            }
        };
        let keys: Vec<(Vec<u8>, PathMasks)> = keys
            .into_iter()
            .map(|key| {
                let masks = masks(&key);
                (key, masks)
            })
            .collect();
        let irregular = mask(clauses.iter(), |clause| {
            clause.of[table].may_hold(&|_| None)
        });
        let factor = best_factor(&keys);
        Some(Self {
            arg,
            clauses: asking,
            irregular,
            in_root,
            starts: starts(&keys, factor),
            factor,
            ends: ends(&suffixes),
            tails: if looks_for_tails { tails } else { Vec::new() },
            keys,
        })
    }

    /// The clauses that a path may pass.
    pub fn mask(&self, path: Option<&[u8]>) -> u64 {
        let Some(path) = path.filter(|path| is_regular(path)) else {
            return self.irregular;
        };
        let (end, _) = tail(path);
        let bit = end_of(end);
        let may_end = self.ends[bit / 64] >> (bit % 64) & 1 == 1;
        let has_tail = (may_end && self.tails.iter().any(|(value, bits)| end & bits == *value))
            || (self.in_root && !path.get(1..).unwrap_or_default().contains(&b'/'));
        let of = |masks: &PathMasks| {
            if has_tail {
                masks.with_tail
            } else {
                masks.without_tail
            }
        };
        let mut whole = path.to_vec();
        whole.push(0);
        let first: Vec<u8> = whole.iter().copied().chain([0; 4]).take(4).collect();
        let at_start = self
            .starts
            .get(start_of(&first, self.factor))
            .map_or(u64::MAX, of);
        let longest = self
            .keys
            .iter()
            .filter(|(key, _)| whole.starts_with(key))
            .max_by_key(|(key, _)| key.len());
        let Some((_, masks)) = longest else {
            return self.irregular;
        };
        of(masks) & at_start
    }
}

/// The group of paths that begin with these four bytes (a shorter path is followed by NULs).
pub fn start_of(first: &[u8], factor: u32) -> usize {
    let word = first
        .iter()
        .rev()
        .fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    (word.wrapping_mul(factor) >> 25) as usize
}

/// The factor under which keys that begin differently share the fewest entries.
fn best_factor(keys: &[(Vec<u8>, PathMasks)]) -> u32 {
    let firsts: BTreeSet<&[u8]> = keys.iter().filter_map(|(key, _)| key.get(..4)).collect();
    let used = |factor: u32| {
        let entries: BTreeSet<usize> = firsts.iter().map(|first| start_of(first, factor)).collect();
        entries.len()
    };
    let factors =
        (0..256u32).map(|index| 0x9e37_79b1u32.wrapping_add(index.wrapping_mul(0x1f12_3bb6)));
    let mut best = (0, 0x9e37_79b1);
    for factor in factors {
        let entries = used(factor);
        if entries > best.0 {
            best = (entries, factor);
        }
    }
    best.1
}

/// The bit of paths whose last bytes are those on top of this word.
pub fn end_of(tail: u64) -> usize {
    (((tail >> 48) as u32).wrapping_mul(0x9e37_79b1) >> 24) as usize
}

/// The bits of the paths that may have one of these ends.
fn ends(suffixes: &BTreeSet<&[u8]>) -> [u64; 4] {
    let mut ends = [0; 4];
    for suffix in suffixes {
        let (value, bits) = tail(suffix);
        if bits >> 48 == 0xffff {
            let bit = end_of(value);
            ends[bit / 64] |= 1 << (bit % 64);
        } else {
            // What stands before a single byte can be anything.
            ends = [u64::MAX; 4];
        }
    }
    ends
}

/// For each beginning the clauses that a path with it may pass; nothing where that is not known.
fn starts(keys: &[(Vec<u8>, PathMasks)], factor: u32) -> Vec<PathMasks> {
    let is_short = |key: &[u8]| !key.is_empty() && key.len() < 4;
    if keys.iter().any(|(key, _)| is_short(key)) {
        return Vec::new();
    }
    let others = keys.iter().find(|(key, _)| key.is_empty());
    let others = others.map_or_else(PathMasks::default, |(_, masks)| *masks);
    let mut starts = vec![others; STARTS];
    for (key, masks) in keys {
        if let Some(start) = key
            .get(..4)
            .and_then(|first| starts.get_mut(start_of(first, factor)))
        {
            start.with_tail |= masks.with_tail;
            start.without_tail |= masks.without_tail;
        }
    }
    starts
}

fn cut(text: &[u8]) -> &[u8] {
    &text[..text.len().min(KEY_BYTES)]
}

fn exact_key(text: &[u8]) -> Vec<u8> {
    let mut key = text.to_vec();
    key.push(0);
    key.truncate(KEY_BYTES);
    key
}

/// The last 8 bytes of a text as a number, the last byte on top, and which bits count when it is
/// shorter.
fn tail(text: &[u8]) -> (u64, u64) {
    let mut value = 0;
    let mut bits = 0;
    for (index, byte) in text.iter().rev().take(8).enumerate() {
        let shift = 56 - 8 * index;
        value |= u64::from(*byte) << shift;
        bits |= 0xff << shift;
    }
    (value, bits)
}

/// What is known of a path whose longest key in the table is this one; it ends with NUL when it is
/// the whole path.
fn knows(atom: &PathAtom, key: &[u8], has_tail: bool) -> Option<bool> {
    if let Some(path) = key.strip_suffix(&[0]) {
        return Some(match atom {
            PathAtom::Exact(text) => **text == *path,
            PathAtom::Prefix(text) => path.starts_with(text),
            PathAtom::Contains(text) => contains(path, text),
            PathAtom::Suffix(text) => path.ends_with(text),
            PathAtom::InRoot => !path.get(1..).unwrap_or_default().contains(&b'/'),
        });
    }
    let is_cut = key.len() == KEY_BYTES;
    match atom {
        // Both have keys of their own, which would have been found.
        PathAtom::Exact(text) => (!(is_cut && text.starts_with(key))).then_some(false),
        PathAtom::Prefix(text) if key.starts_with(text) => Some(true),
        PathAtom::Prefix(text) => (!(is_cut && text.starts_with(key))).then_some(false),
        PathAtom::Contains(text) if contains(key, text) => Some(true),
        PathAtom::Contains(text) => {
            let irregular = [&b"../"[..], b"//", b"/./"];
            let impossible = irregular.iter().any(|part| contains(text, part));
            impossible.then_some(false)
        }
        PathAtom::Suffix(text) => (!has_tail && !text.is_empty()).then_some(false),
        PathAtom::InRoot => (!has_tail).then_some(false),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// Whether the kernel looks at a path: it is absolute, not long, and has no `//`, no component that
/// is `.` or begins with `..`, no `../`, and no slash at its end.
pub fn is_regular(path: &[u8]) -> bool {
    let strange = |triple: &[u8]| match *triple {
        [b'/', b'/', _] => true,
        [b'/', b'.', next] => matches!(next, b'/' | b'.' | 0),
        [b'/', 0, _] => true,
        [b'.', b'.', b'/'] => true,
        _ => false,
    };
    let mut padded = path.to_vec();
    padded.extend_from_slice(&[0, 0]);
    path.first() == Some(&b'/')
        && path.len() + 1 < PATH_BYTES
        && !path.contains(&0)
        && !padded.windows(3).any(strange)
}
