//! What the kernel can find out about a call, as a formula over small questions.
//!
//! A formula stands for a condition of a rule and is never stricter than it: what the kernel cannot
//! know is [`Formula::True`].

use ipnet::IpNet;

/// The number of the argument that stands for the result of the call.
pub const RESULT: u8 = 6;

/// How many names of programs, ports or networks a text shows.
const NAMES_SHOWN: usize = 4;

/// A question that the kernel can answer about a call.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Atom {
    /// The sign of the result is one of these.
    Sign(Signs),
    /// A property of an argument.
    Test(Test),
    /// A property of the path that the call names first (0) or second (1).
    Path(u8, PathAtom),
    /// A property of the process, found out when it starts a program or is made.
    Process(ProcessAtom),
    /// A property of the other end of the connection that the call has made or begun. Where there
    /// is none, or it cannot be told, every answer is possible.
    Peer(PeerAtom),
}

/// A set of signs of the result, as bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Signs(pub u8);

impl Signs {
    /// The call failed.
    pub const NEGATIVE: Self = Self(1);
    /// The result is 0.
    pub const ZERO: Self = Self(2);
    /// The result is above 0.
    pub const POSITIVE: Self = Self(4);
    /// The call did not fail.
    pub const NOT_NEGATIVE: Self = Self(6);

    /// The other signs.
    pub fn others(self) -> Self {
        Self(!self.0 & 7)
    }

    /// The index that the kernel makes of a result: 0 negative, 1 zero, 2 positive.
    pub fn index_of(result: i64) -> usize {
        match result {
            ..0 => 0,
            0 => 1,
            1.. => 2,
        }
    }
}

/// A property of an argument (0 to 5), or of the result ([`RESULT`]).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Test {
    /// The bits of `mask` are those of `value`.
    Equals {
        /// Which argument.
        arg: u8,
        /// Which of its bits.
        mask: u64,
        /// What they are.
        value: u64,
    },
    /// One of the bits is set.
    AnyBit {
        /// Which argument.
        arg: u8,
        /// Which bits.
        bits: u64,
    },
    /// The argument is a descriptor, and what it leads to is of one of these kinds, a bit each.
    /// Where the kernel finds no open file, the answer is yes.
    Descriptor {
        /// Which argument.
        arg: u8,
        /// The kinds: see [`kind`].
        kinds: u64,
    },
}

/// What descriptors lead to, as the kernel tells them apart.
pub mod kind {
    /// No open file.
    pub const NONE: u64 = 1;
    /// A stream socket of IPv4 or IPv6.
    pub const STREAM: u64 = 1 << 1;
    /// A datagram socket of IPv4 or IPv6.
    pub const DATAGRAM: u64 = 1 << 2;
    /// Any other socket of IPv4 or IPv6.
    pub const INET_OTHER: u64 = 1 << 3;
    /// A unix socket.
    pub const UNIX: u64 = 1 << 4;
    /// Any other socket.
    pub const SOCKET_OTHER: u64 = 1 << 5;
    /// A directory.
    pub const DIRECTORY: u64 = 1 << 6;
    /// Anything else.
    pub const OTHER: u64 = 1 << 7;
    /// Every socket of IPv4 or IPv6.
    pub const INET: u64 = STREAM | DATAGRAM | INET_OTHER;
    /// Every socket.
    pub const SOCKET: u64 = INET | UNIX | SOCKET_OTHER;
}

/// A property of a path that is absolute and has no empty, `.` or `..` components. Of other paths
/// the kernel knows nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PathAtom {
    /// It is this.
    Exact(Box<[u8]>),
    /// It begins with this.
    Prefix(Box<[u8]>),
    /// This is somewhere in it.
    Contains(Box<[u8]>),
    /// It ends with this.
    Suffix(Box<[u8]>),
    /// It names something in the root directory.
    InRoot,
}

/// A property of the other end of a connection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PeerAtom {
    /// Its port is this.
    Port(u16),
    /// Its address is in this network. An IPv4 address that is mapped into IPv6 is an IPv4 address.
    Network(IpNet),
}

/// A property of a process.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ProcessAtom {
    /// Its short name, as of the start of its program, is this.
    Name(Box<[u8]>),
    /// It is in a container, by the control groups that it had then.
    InContainer,
}

/// A formula, with negation at the questions only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Formula {
    /// May always hold.
    True,
    /// Never holds.
    False,
    /// The answer is yes.
    Is(Atom),
    /// The answer is no.
    Not(Atom),
    /// All of these hold.
    And(Vec<Formula>),
    /// One of these holds.
    Or(Vec<Formula>),
}

impl Formula {
    /// Some signs of the result.
    pub fn sign(signs: Signs) -> Self {
        match signs.0 {
            0 => Self::False,
            7 => Self::True,
            _ => Self::Is(Atom::Sign(signs)),
        }
    }

    /// A property of an argument.
    pub fn test(test: Test) -> Self {
        Self::Is(Atom::Test(test))
    }

    /// All of these; what is known is left out.
    pub fn and(parts: impl IntoIterator<Item = Self>) -> Self {
        join(parts, true)
    }

    /// One of these; what is known is left out.
    pub fn or(parts: impl IntoIterator<Item = Self>) -> Self {
        join(parts, false)
    }

    /// The opposite. Right only for a formula that says exactly what it stands for.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Is(Atom::Sign(signs)) => Self::sign(signs.others()),
            Self::Is(atom) => Self::Not(atom),
            Self::Not(atom) => Self::Is(atom),
            Self::And(parts) => Self::or(parts.into_iter().map(Self::opposite)),
            Self::Or(parts) => Self::and(parts.into_iter().map(Self::opposite)),
        }
    }

    /// Whether it may hold, where `answer` gives the answers that are known.
    pub fn may_hold(&self, answer: &dyn Fn(&Atom) -> Option<bool>) -> bool {
        match self {
            Self::True => true,
            Self::False => false,
            Self::Is(atom) => answer(atom) != Some(false),
            Self::Not(atom) => answer(atom) != Some(true),
            Self::And(parts) => parts.iter().all(|part| part.may_hold(answer)),
            Self::Or(parts) => parts.iter().any(|part| part.may_hold(answer)),
        }
    }

    /// Calls `visit` with each question.
    pub fn for_each_atom<'a>(&'a self, visit: &mut dyn FnMut(&'a Atom)) {
        match self {
            Self::True | Self::False => {}
            Self::Is(atom) | Self::Not(atom) => visit(atom),
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.for_each_atom(visit);
                }
            }
        }
    }
}

fn join(parts: impl IntoIterator<Item = Formula>, and: bool) -> Formula {
    let (neutral, absorbing) = if and {
        (Formula::True, Formula::False)
    } else {
        (Formula::False, Formula::True)
    };
    let mut left = Vec::new();
    for part in parts {
        match part {
            part if part == neutral => {}
            part if part == absorbing => return absorbing,
            Formula::And(inner) if and => left.extend(inner),
            Formula::Or(inner) if !and => left.extend(inner),
            part => left.push(part),
        }
    }
    left.sort_unstable();
    left.dedup();
    match left.len() {
        0 => neutral,
        1 => left.pop().unwrap_or(neutral),
        _ if and => Formula::And(left),
        _ => Formula::Or(left),
    }
}

impl std::fmt::Display for Formula {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |f: &mut std::fmt::Formatter<'_>, parts: &[Self], word: &str| {
            // Many names of programs, ports and networks are said at once.
            let is_or = word == "or";
            let mut groups: [(&str, Vec<String>); 3] = [
                ("process", Vec::new()),
                ("port", Vec::new()),
                ("address", Vec::new()),
            ];
            let mut texts: Vec<String> = Vec::new();
            for part in parts {
                let atom = match part {
                    Self::Is(atom) if is_or => Some(atom),
                    Self::Not(atom) if !is_or => Some(atom),
                    _ => None,
                };
                match (atom.and_then(Atom::grouped), part) {
                    (Some((group, text)), _) => groups[group].1.push(text),
                    (None, Self::And(_) | Self::Or(_)) => texts.push(format!("({part})")),
                    (None, part) => texts.push(part.to_string()),
                }
            }
            for (what, mut names) in groups {
                if names.is_empty() {
                    continue;
                }
                let more = names.len().saturating_sub(NAMES_SHOWN);
                names.truncate(NAMES_SHOWN);
                let more = match more {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let not = if is_or { "" } else { "not " };
                texts.push(format!("{not}{what} in ({}{more})", names.join(", ")));
            }
            f.write_str(&texts.join(&format!(" {word} ")))
        };
        match self {
            Self::True => f.write_str("anything"),
            Self::False => f.write_str("nothing"),
            Self::Is(atom) => write!(f, "{atom}"),
            Self::Not(atom) => write!(f, "not {atom}"),
            Self::And(parts) => list(f, parts, "and"),
            Self::Or(parts) => list(f, parts, "or"),
        }
    }
}

impl Atom {
    /// For a question that stands in long lists: which kind of list, and what it asks for.
    fn grouped(&self) -> Option<(usize, String)> {
        match self {
            Self::Process(ProcessAtom::Name(name)) => {
                Some((0, String::from_utf8_lossy(name).into_owned()))
            }
            Self::Peer(PeerAtom::Port(port)) => Some((1, port.to_string())),
            Self::Peer(PeerAtom::Network(network)) => Some((2, network.to_string())),
            _ => None,
        }
    }
}

impl std::fmt::Display for Atom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arg = |arg: u8| match arg {
            RESULT => "result".to_owned(),
            arg => format!("arg{arg}"),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Self::Sign(signs) => f.write_str(match signs.0 {
                1 => "result<0",
                2 => "result=0",
                3 => "result<=0",
                4 => "result>0",
                5 => "result!=0",
                6 => "result>=0",
                _ => "result",
            }),
            Self::Test(Test::Equals {
                arg: which,
                mask,
                value,
            }) => match *mask {
                0xffff_ffff | u64::MAX => write!(f, "{}={value}", arg(*which)),
                mask => write!(f, "{}&{mask:#o}={value:#o}", arg(*which)),
            },
            Self::Test(Test::AnyBit { arg: which, bits }) => {
                write!(f, "{}&{bits:#o}", arg(*which))
            }
            Self::Test(Test::Descriptor { arg: which, kinds }) => {
                let names = [
                    (kind::STREAM, "stream"),
                    (kind::DATAGRAM, "datagram"),
                    (kind::INET_OTHER, "raw"),
                    (kind::UNIX, "unix"),
                    (kind::SOCKET_OTHER, "socket"),
                    (kind::DIRECTORY, "directory"),
                    (kind::OTHER, "file"),
                ];
                let names: Vec<_> = names
                    .into_iter()
                    .filter(|(bit, _)| kinds & bit != 0)
                    .map(|(_, name)| name)
                    .collect();
                write!(f, "descriptor({})={}", arg(*which), names.join("/"))
            }
            Self::Path(which, atom) => {
                let name = if *which == 0 { "path" } else { "path2" };
                match atom {
                    PathAtom::Exact(bytes) => write!(f, "{name}={}", text(bytes)),
                    PathAtom::Prefix(bytes) => write!(f, "{name}={}*", text(bytes)),
                    PathAtom::Contains(bytes) => write!(f, "{name}=*{}*", text(bytes)),
                    PathAtom::Suffix(bytes) => write!(f, "{name}=*{}", text(bytes)),
                    PathAtom::InRoot => write!(f, "{name} in /"),
                }
            }
            Self::Process(ProcessAtom::Name(name)) => write!(f, "process={}", text(name)),
            Self::Process(ProcessAtom::InContainer) => f.write_str("in a container"),
            Self::Peer(PeerAtom::Port(port)) => write!(f, "port={port}"),
            Self::Peer(PeerAtom::Network(network)) => write!(f, "address in {network}"),
        }
    }
}
