//! A condition, seen in one system call, as a formula that the kernel can answer.
//!
//! Soundness is decided here. A check becomes questions only where a yes of the check implies a yes
//! of the questions; its opposite (`not`, and `!=` under `not`) only where the two are the same. Two
//! things break that: fields that may be absent, on which a check is false and its opposite true,
//! and answers that describe the kernel's view where the field has the engine's.

use std::collections::BTreeSet;

use condition::{CheckDef, CheckId, CondId, Constant, FieldId, NodeKind, Operator, Pool, RightDef};
use event::{EventInfo, ParamDetail, Syscall};
use field::Fields;
use ipnet::IpNet;

use crate::call;
use crate::formula::{Atom, Formula, PeerAtom, ProcessAtom, Signs, Test, kind};
use crate::path;
use crate::reason::reason;

/// What a formula was made of: which checks it does not contain, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LeftOver {
    /// The field of the check.
    pub field: String,
    /// Why the kernel does not answer it.
    pub reason: &'static str,
}

/// One system call, and the conditions that are to be seen in it.
#[derive(Clone, Copy)]
pub(crate) struct Translator<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) fields: &'a Fields,
    pub(crate) syscall: &'static Syscall,
    /// The event that the call is reported as.
    pub(crate) event: &'static EventInfo,
}

/// What a check becomes.
pub(crate) struct Answer {
    formula: Formula,
    /// Whether the opposite of the check is the opposite of the formula.
    is_exact: bool,
    /// In which calls the field may be absent although the formula has an answer.
    absent: Formula,
}

impl Answer {
    pub(crate) fn exact(formula: Formula) -> Self {
        Self {
            formula,
            is_exact: true,
            absent: Formula::False,
        }
    }

    pub(crate) fn implied(formula: Formula) -> Self {
        Self {
            is_exact: false,
            ..Self::exact(formula)
        }
    }
}

impl Translator<'_> {
    /// The formula of a condition; `left` receives what it does not contain.
    pub(crate) fn formula(&self, condition: CondId, left: &mut BTreeSet<LeftOver>) -> Formula {
        self.walk(condition, false, left)
    }

    fn walk(&self, condition: CondId, negated: bool, left: &mut BTreeSet<LeftOver>) -> Formula {
        let node = self.pool.node(condition);
        let negated = negated != node.negated;
        let parts = |operands: &[CondId], left: &mut BTreeSet<LeftOver>| -> Vec<Formula> {
            operands
                .iter()
                .map(|&operand| self.walk(operand, negated, left))
                .collect()
        };
        match node.kind {
            NodeKind::Always if negated => Formula::False,
            NodeKind::Always => Formula::True,
            NodeKind::Check(check) => self.literal(check, negated, left),
            NodeKind::And(operands) if !negated => Formula::and(parts(operands, left)),
            NodeKind::Or(operands) if negated => Formula::and(parts(operands, left)),
            NodeKind::And(operands) | NodeKind::Or(operands) => Formula::or(parts(operands, left)),
        }
    }

    fn literal(&self, id: CheckId, negated: bool, left: &mut BTreeSet<LeftOver>) -> Formula {
        let check = self.pool.check(id);
        let Some(field) = self.pool.operand_field(check.left) else {
            left.insert(LeftOver {
                field: "a transformer".to_owned(),
                reason: "transformers are applied in user space",
            });
            return Formula::True;
        };
        let found = match self.answer(check, field) {
            Some(answer) if !negated => Some(answer.formula),
            Some(answer) if answer.is_exact => {
                Some(Formula::or([answer.formula.opposite(), answer.absent]))
            }
            _ => None,
        };
        found.unwrap_or_else(|| {
            let field = self.fields.expression(field).to_owned();
            let reason = reason(&field, check.operator, negated);
            left.insert(LeftOver { field, reason });
            Formula::True
        })
    }

    fn answer(&self, check: &CheckDef, field: FieldId) -> Option<Answer> {
        let name = self.fields.expression(field);
        if let Some(which) = self.path_of(name) {
            let answer = match name {
                "fd.directory" => path::directory(check, which)?,
                "fd.filename" => path::file_name(check, which)?,
                _ => path::answer(check, which)?,
            };
            // Of calls that make no descriptor, only those that succeed have `fs.path`.
            let makes_descriptor = self.event.params.first().is_some_and(|p| p.name == "fd");
            let absent = if name.starts_with("fs.path") && !makes_descriptor {
                Formula::sign(Signs::NEGATIVE)
            } else {
                Formula::False
            };
            return Some(Answer { absent, ..answer });
        }
        match name {
            "evt.type" | "syscall.type" => {
                let known = self.event_name();
                text_holds(check, known).map(|holds| Answer::exact(constant(holds)))
            }
            "evt.dir" => text_holds(check, "<").map(|holds| Answer::exact(constant(holds))),
            "evt.failed" if self.has_result() => {
                let failed = bool_of(check)?;
                let signs = if failed {
                    Signs::NEGATIVE
                } else {
                    Signs::NOT_NEGATIVE
                };
                Some(Answer::exact(Formula::sign(signs)))
            }
            "evt.res" if self.has_result() => {
                let success = text_holds(check, "SUCCESS")?;
                let of_success = if success {
                    Formula::True
                } else {
                    Formula::sign(Signs::NEGATIVE)
                };
                Some(match (check.operator, success) {
                    (Operator::Eq, true) => Answer::exact(Formula::sign(Signs::NOT_NEGATIVE)),
                    (Operator::Ne, false) => Answer::exact(Formula::sign(Signs::NEGATIVE)),
                    _ => Answer::implied(of_success),
                })
            }
            "evt.rawres" | "evt.rawarg.res" if self.has_result() => result_answer(check, false),
            "fd.num" if call::opening(self.syscall.name).is_some() => result_answer(check, true),
            "fd.typechar" | "fd.type" | "fd.l4proto" | "fd.sockfamily" => {
                self.descriptor_answer(check, name)
            }
            "evt.is_open_read" | "evt.is_open_write" | "evt.is_open_exec"
            | "evt.is_open_create" => self.open_answer(check, name),
            "proc.name" => process_answer(check),
            _ if name.starts_with("container.") || name.starts_with("k8s.") => {
                container_answer(check, name)
            }
            "fd.sport" if self.makes_connection() => peer_answer(check, |constant| {
                let port = number(constant)?;
                Some(u16::try_from(port).ok().map(PeerAtom::Port))
            }),
            "fd.sip" | "fd.snet" if self.makes_connection() => peer_answer(check, |constant| {
                Some(Some(PeerAtom::Network(network(constant)?)))
            }),
            // Names of addresses are not looked up: these never have a value.
            "fd.sip.name" | "fd.cip.name" | "fd.lip.name" | "fd.rip.name" => Some(Answer {
                absent: Formula::True,
                ..Answer::exact(Formula::False)
            }),
            _ => self.argument_answer(check, name),
        }
    }

    /// What `evt.type` is.
    fn event_name(&self) -> &'static str {
        if self.syscall.is_generic() {
            self.syscall.name
        } else {
            self.event.name
        }
    }

    /// Whether the first parameter of the event is the result of the call.
    fn has_result(&self) -> bool {
        let first = self.event.params.first();
        first.is_some_and(|param| matches!(param.name, "res" | "fd")) && !self.syscall.is_generic()
    }

    /// Whether the call leaves a descriptor that is connected, this side being the client. The end
    /// of the server is then the one that the record has; where the call failed, or the descriptor
    /// is another kind of socket, the kernel has no answer and everything passes.
    fn makes_connection(&self) -> bool {
        self.syscall.name == "connect"
    }

    /// Which path of the call a field is.
    fn path_of(&self, name: &str) -> Option<u8> {
        let call = self.syscall.name;
        let opens = call::opening(call).is_some();
        let by_index = |index: usize| {
            let param = self.event.params.get(index)?;
            call::path_of(call, param.name)
        };
        match name {
            "fd.name" | "fd.nameraw" | "fd.directory" | "fd.filename" if opens => Some(0),
            "evt.abspath" => {
                // Only paths that stand beside a directory.
                let index = self
                    .event
                    .params
                    .iter()
                    .position(|param| param.ty == event::ParamType::Fsrelpath)?;
                by_index(index)
            }
            _ if name.starts_with("fs.path") => by_index(field::path_parameter(name, self.event)?),
            _ => {
                let param = parameter(name)?;
                call::path_of(call, param)
            }
        }
    }

    fn descriptor_answer(&self, check: &CheckDef, name: &str) -> Option<Answer> {
        if let Some(opening) = call::opening(self.syscall.name) {
            // What is opened counts as a directory when it was asked for as one.
            let holds = |value| text_holds(check, value);
            let (file, directory) = match name {
                "fd.typechar" => (holds("f")?, holds("d")?),
                "fd.type" => (holds("file")?, holds("directory")?),
                _ => return None,
            };
            let as_directory = match opening.flags {
                Some(arg) => Formula::test(Test::AnyBit {
                    arg,
                    bits: call::O_DIRECTORY,
                }),
                None => Formula::False,
            };
            let opened = Formula::or([
                Formula::and([constant(file), as_directory.clone().opposite()]),
                Formula::and([constant(directory), as_directory]),
            ]);
            let opened = Formula::and([opened, Formula::sign(Signs::NOT_NEGATIVE)]);
            // What could not be opened is `o`, and has no type.
            let failed = name == "fd.typechar" && holds("o")?;
            return Some(Answer::implied(Formula::or([
                opened,
                Formula::and([constant(failed), Formula::sign(Signs::NEGATIVE)]),
            ])));
        }
        if check.operator == Operator::Ne {
            return None;
        }
        let arg = call::descriptor(self.syscall.name)?;
        let holds = |value| text_holds(check, value);
        let kinds = match name {
            "fd.typechar" | "fd.type" => {
                let names: [(&str, &str, u64); 6] = [
                    ("4", "ipv4", kind::INET),
                    ("6", "ipv6", kind::INET),
                    ("u", "unix", kind::UNIX),
                    ("f", "file", kind::OTHER),
                    ("d", "directory", kind::DIRECTORY | kind::OTHER),
                    ("o", "", 0),
                ];
                let mut kinds = 0;
                for (character, word, kind) in names {
                    let text = if name == "fd.type" { word } else { character };
                    if holds(text)? {
                        // A descriptor that the engine does not know is `o`.
                        kinds |= if kind == 0 { return None } else { kind };
                    }
                }
                // The others are no sockets of these kinds; a set that names one of them is left
                // to user space.
                for other in OTHER_TYPES {
                    if holds(other)? {
                        return None;
                    }
                }
                kinds
            }
            "fd.l4proto" => {
                if holds("<NA>")? || holds("")? {
                    return None;
                }
                let mut kinds = 0;
                for (text, kind) in [
                    ("tcp", kind::STREAM | kind::INET_OTHER),
                    ("udp", kind::DATAGRAM | kind::INET_OTHER),
                    ("icmp", kind::INET),
                    ("raw", kind::INET),
                ] {
                    if holds(text)? {
                        kinds |= kind;
                    }
                }
                kinds
            }
            "fd.sockfamily" => {
                let mut kinds = 0;
                if holds("ip")? {
                    kinds |= kind::INET;
                }
                if holds("unix")? {
                    kinds |= kind::UNIX;
                }
                kinds
            }
            _ => return None,
        };
        Some(Answer::implied(Formula::test(Test::Descriptor {
            arg,
            kinds: kinds | kind::NONE,
        })))
    }

    fn open_answer(&self, check: &CheckDef, name: &str) -> Option<Answer> {
        let wanted = bool_of(check)?;
        let Some(opening) = call::opening(self.syscall.name) else {
            // Other calls have no open flags, except the one that takes a handle.
            let has_none = self.syscall.name != "open_by_handle_at";
            return has_none.then(|| Answer::exact(constant(!wanted)));
        };
        let access = |arg, value| {
            Formula::test(Test::Equals {
                arg,
                mask: 3,
                value,
            })
        };
        let any = |arg, bits| Formula::test(Test::AnyBit { arg, bits });
        let making = |arg| any(arg, call::O_CREAT | call::O_TMPFILE_ONLY);
        let (formula, is_exact) = match (name, opening.flags) {
            ("evt.is_open_read", Some(arg)) => (access(arg, 1).opposite(), true),
            ("evt.is_open_write", Some(arg)) => {
                (Formula::or([access(arg, 1), access(arg, 2)]), true)
            }
            ("evt.is_open_exec", Some(arg)) => {
                (Formula::and([making(arg), any(opening.mode, 0o111)]), true)
            }
            ("evt.is_open_exec", None) => (any(opening.mode, 0o111), true),
            ("evt.is_open_create", Some(arg)) => (making(arg), false),
            (_, None) => (Formula::False, true),
            _ => return None,
        };
        match (wanted, is_exact) {
            (true, true) => Some(Answer::exact(formula)),
            (true, false) => Some(Answer::implied(formula)),
            (false, true) => Some(Answer::exact(formula.opposite())),
            (false, false) => None,
        }
    }

    /// The values of all names of a parameter that have `needle` in them; `None` when the native
    /// value of one is not known, or when it may be in other texts.
    fn names_with(&self, param: &str, needle: &[u8], known: &[(&str, u64)]) -> Option<Vec<u64>> {
        let (_, info) = self.event.param(param)?;
        let ParamDetail::Flags(table) = info.detail else {
            return None;
        };
        // A value without a name is shown as a number.
        if !needle.iter().any(u8::is_ascii_uppercase) {
            return None;
        }
        table
            .entries
            .iter()
            .filter(|entry| contains(entry.name.as_bytes(), needle))
            .map(|entry| {
                let value = known.iter().find(|(name, _)| *name == entry.name)?.1;
                Some(value)
            })
            .collect()
    }

    fn argument_answer(&self, check: &CheckDef, name: &str) -> Option<Answer> {
        let param = parameter(name)?;
        let (arg, meaning) = call::argument(self.syscall.name, param)?;
        let raw = name.starts_with("evt.rawarg");
        match meaning {
            call::Meaning::Number(mask) if raw => {
                let mut parts = Vec::new();
                for constant in values(check)? {
                    let value = number(constant)?;
                    parts.push(Formula::test(Test::Equals {
                        arg,
                        mask,
                        value: value as u64 & mask,
                    }));
                }
                match check.operator {
                    Operator::Eq | Operator::In => Some(Answer::exact(Formula::or(parts))),
                    Operator::Ne => Some(Answer::exact(Formula::or(parts).opposite())),
                    _ => None,
                }
            }
            call::Meaning::Flags(names) if !raw && check.operator == Operator::Contains => {
                // The text has the names of all flags that are set.
                let [constant] = values(check)? else {
                    return None;
                };
                let needle = constant.bytes().filter(|text| !text.contains(&b'|'))?;
                let bits = names
                    .iter()
                    .filter(|(name, _)| contains(name.as_bytes(), needle))
                    .fold(0, |bits, (_, bit)| bits | bit);
                let known = bits != 0;
                known.then(|| Answer::implied(Formula::test(Test::AnyBit { arg, bits })))
            }
            call::Meaning::Choice(names) if !raw => {
                let of_name = |value| {
                    Formula::test(Test::Equals {
                        arg,
                        mask: 0xffff_ffff,
                        value,
                    })
                };
                let mut parts = Vec::new();
                for constant in values(check)? {
                    let text = constant.bytes()?;
                    match check.operator {
                        Operator::Eq | Operator::In => {
                            let mut found =
                                names.iter().filter(|(name, _)| name.as_bytes() == text);
                            parts.push(of_name(found.next()?.1));
                        }
                        Operator::Contains => parts.extend(
                            self.names_with(param, text, names)?
                                .into_iter()
                                .map(of_name),
                        ),
                        _ => return None,
                    }
                }
                Some(Answer::implied(Formula::or(parts)))
            }
            _ => None,
        }
    }
}

/// Texts of `fd.type` and `fd.typechar` that the kernel's kinds do not tell apart.
const OTHER_TYPES: [&str; 28] = [
    "pipe",
    "event",
    "signalfd",
    "eventpoll",
    "inotify",
    "timerfd",
    "netlink",
    "bpf",
    "userfaultfd",
    "io_uring",
    "memfd",
    "pidfd",
    "p",
    "e",
    "s",
    "l",
    "i",
    "t",
    "n",
    "b",
    "r",
    "m",
    "P",
    "X",
    "unsupported",
    "<NA>",
    "?",
    "other",
];

/// The parameter that `evt.arg.NAME` or `evt.rawarg.NAME` is.
fn parameter(name: &str) -> Option<&str> {
    let rest = name
        .strip_prefix("evt.arg")
        .or_else(|| name.strip_prefix("evt.rawarg"))?;
    match rest.strip_prefix('.') {
        Some(param) => Some(param),
        None => rest.strip_prefix('[')?.strip_suffix(']'),
    }
}

fn constant(holds: bool) -> Formula {
    if holds { Formula::True } else { Formula::False }
}

/// The constants that a check compares with.
pub(crate) fn values(check: &CheckDef) -> Option<&[Constant]> {
    match &check.right {
        RightDef::Constant(constant) => Some(std::slice::from_ref(constant)),
        RightDef::Constants(constants) => Some(constants),
        RightDef::Nothing | RightDef::Quantified(..) | RightDef::Operand(_) => None,
    }
}

fn number(constant: &Constant) -> Option<i64> {
    match *constant {
        Constant::I64(number) => Some(number),
        Constant::U64(number) => i64::try_from(number).ok(),
        _ => None,
    }
}

/// Which value of a field that is true or false a check asks for.
fn bool_of(check: &CheckDef) -> Option<bool> {
    let [Constant::Bool(value)] = values(check)? else {
        return None;
    };
    match check.operator {
        Operator::Eq | Operator::In => Some(*value),
        Operator::Ne => Some(!value),
        _ => None,
    }
}

/// Whether a check holds for a text; `None` for operators that are not looked into.
fn text_holds(check: &CheckDef, text: &str) -> Option<bool> {
    let text = text.as_bytes();
    let mut any = false;
    for constant in values(check)? {
        let other = constant.bytes()?;
        any |= match check.operator {
            Operator::Eq | Operator::In | Operator::Ne => text == other,
            Operator::StartsWith => text.starts_with(other),
            Operator::EndsWith => text.ends_with(other),
            Operator::Contains => contains(text, other),
            _ => return None,
        };
    }
    Some(any != (check.operator == Operator::Ne))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// A check of the result, or of the number of a descriptor that is made (-1 for every failure).
fn result_answer(check: &CheckDef, is_descriptor: bool) -> Option<Answer> {
    let equals = |value: i64| match value {
        ..0 if is_descriptor && value == -1 => Answer::exact(Formula::sign(Signs::NEGATIVE)),
        ..0 => Answer::implied(Formula::sign(Signs::NEGATIVE)),
        0 => Answer::exact(Formula::sign(Signs::ZERO)),
        1.. => Answer::exact(Formula::test(Test::Equals {
            arg: crate::formula::RESULT,
            mask: u64::MAX,
            value: value as u64,
        })),
    };
    let constants = values(check)?;
    let numbers: Option<Vec<i64>> = constants.iter().map(number).collect();
    let numbers = numbers?;
    let sign = |signs, is_exact| {
        let formula = Formula::sign(signs);
        if is_exact {
            Answer::exact(formula)
        } else {
            Answer::implied(formula)
        }
    };
    match (check.operator, numbers.as_slice()) {
        (Operator::Eq | Operator::In, numbers) => {
            let answers: Vec<Answer> = numbers.iter().map(|&number| equals(number)).collect();
            let is_exact = answers.iter().all(|answer| answer.is_exact);
            let formula = Formula::or(answers.into_iter().map(|answer| answer.formula));
            Some(Answer {
                is_exact,
                ..Answer::exact(formula)
            })
        }
        (Operator::Ne, &[value]) => {
            let answer = equals(value);
            answer
                .is_exact
                .then(|| Answer::exact(answer.formula.opposite()))
        }
        (Operator::Ge, &[value]) => Some(match value {
            ..0 => sign(Signs(7), false),
            0 => sign(Signs::NOT_NEGATIVE, true),
            1 => sign(Signs::POSITIVE, true),
            2.. => sign(Signs::POSITIVE, false),
        }),
        (Operator::Gt, &[value]) => Some(match value {
            -1 => sign(Signs::NOT_NEGATIVE, true),
            ..-1 => sign(Signs(7), false),
            0 => sign(Signs::POSITIVE, true),
            1.. => sign(Signs::POSITIVE, false),
        }),
        (Operator::Lt, &[value]) => Some(match value {
            ..0 => sign(Signs::NEGATIVE, false),
            0 => sign(Signs::NEGATIVE, true),
            1 => sign(Signs(3), true),
            2.. => sign(Signs(7), false),
        }),
        (Operator::Le, &[value]) => Some(match value {
            -1 => sign(Signs::NEGATIVE, true),
            ..-1 => sign(Signs::NEGATIVE, false),
            0 => sign(Signs(3), true),
            1.. => sign(Signs(7), false),
        }),
        _ => None,
    }
}

/// A check of the other end. `atom` says what to ask for a constant: `None` when that cannot be
/// told, `Some(None)` for what no end is.
fn peer_answer(
    check: &CheckDef,
    atom: impl Fn(&Constant) -> Option<Option<PeerAtom>>,
) -> Option<Answer> {
    let mut parts = Vec::new();
    for constant in values(check)? {
        parts.extend(atom(constant)?.map(|atom| Formula::Is(Atom::Peer(atom))));
    }
    let formula = Formula::or(parts);
    match check.operator {
        Operator::Eq | Operator::In => Some(Answer {
            // It may also be that there is no end at all.
            absent: if formula == Formula::False {
                Formula::True
            } else {
                Formula::False
            },
            ..Answer::exact(formula)
        }),
        // Where there is no end, the kernel has no answer to what this is made of either.
        Operator::Ne if formula != Formula::False => Some(Answer::exact(formula.opposite())),
        _ => None,
    }
}

/// An address as a network of its own, or a network.
fn network(constant: &Constant) -> Option<IpNet> {
    match *constant {
        Constant::Ip(address) => Some(address.into()),
        Constant::Net(network) => Some(network),
        _ => None,
    }
}

fn process_answer(check: &CheckDef) -> Option<Answer> {
    let mut parts = Vec::new();
    for constant in values(check)? {
        let name = constant.bytes()?;
        parts.push(Formula::Is(Atom::Process(ProcessAtom::Name(name.into()))));
    }
    match check.operator {
        Operator::Eq | Operator::In => Some(Answer::exact(Formula::or(parts))),
        Operator::Ne => Some(Answer::exact(Formula::or(parts).opposite())),
        _ => None,
    }
}

/// A check of a field of containers. The kernel knows whether a process is in one, and user space
/// makes sure that it takes none for known whose id is the word that stands for no container.
fn container_answer(check: &CheckDef, name: &str) -> Option<Answer> {
    const HOST: &str = "host";
    let contained = Formula::Is(Atom::Process(ProcessAtom::InContainer));
    match name {
        // Outside containers both are this word, and inside neither ever is.
        "container.id" | "container.type" => {
            let all_are_host = values(check)?
                .iter()
                .all(|constant| constant.bytes() == Some(HOST.as_bytes()));
            match (check.operator, text_holds(check, HOST)?) {
                (Operator::Eq | Operator::In, true) if all_are_host => {
                    Some(Answer::exact(contained.opposite()))
                }
                (Operator::Ne, false) => Some(Answer::exact(contained)),
                (_, false) => Some(Answer::implied(contained)),
                (_, true) => None,
            }
        }
        // They are this word there, too, but a container may be called so.
        "container.name" | "container.full_id" => {
            let may_be_host = text_holds(check, HOST)?;
            (!may_be_host).then(|| Answer::implied(contained))
        }
        // All others are absent outside containers, and on what is absent every check is false.
        _ => Some(Answer::implied(contained)),
    }
}
