//! Arguments of fields: checked once, when a rule is loaded, and turned into what extraction needs.

use condition::{FieldError, ValueType};
use event::{ParamType, events};

use crate::table::{ArgumentKind, ArgumentRule};

/// An argument, ready for use.
#[derive(Clone, Debug)]
pub(crate) enum Argument {
    None,
    Index(u32),
    Key(Box<str>),
    Param(ParamByName),
    Moment(u64),
    Source,
    Destination,
}

impl Argument {
    pub(crate) fn index(&self) -> Option<u32> {
        match self {
            Self::Index(index) => Some(*index),
            _ => None,
        }
    }

    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            _ => None,
        }
    }
}

/// Where the parameter with a certain name is in each event type, so that no event costs a search.
#[derive(Clone, Debug)]
pub(crate) struct ParamByName {
    /// By event code; [`Self::NOWHERE`] where the event has no such parameter.
    index: Box<[u8]>,
}

impl ParamByName {
    const NOWHERE: u8 = u8::MAX;

    fn new(name: &str) -> Option<Self> {
        let index: Box<[u8]> = events()
            .iter()
            .map(|info| {
                info.param(name)
                    .map_or(Self::NOWHERE, |(index, _)| index as u8)
            })
            .collect();
        index
            .iter()
            .any(|&index| index != Self::NOWHERE)
            .then_some(Self { index })
    }

    /// The index of the parameter in events of this type.
    pub(crate) fn of(&self, event_type: event::EventType) -> Option<usize> {
        let index = *self.index.get(usize::from(event_type.0))?;
        (index != Self::NOWHERE).then_some(usize::from(index))
    }

    /// The type of the parameter in the first event type that has it and is in use.
    fn first_type(&self) -> ParamType {
        events()
            .iter()
            .filter(|info| !info.is_unused())
            .find_map(|info| info.params.get(self.of(info.event_type)?))
            .map_or(ParamType::Charbuf, |param| param.ty)
    }
}

/// Checks an argument against the rule of its field. Also says which type the field has with it,
/// where that depends on the argument.
pub(crate) fn check(
    rule: Option<ArgumentRule>,
    text: Option<&str>,
) -> Result<(Argument, Option<ValueType>), FieldError> {
    let invalid = |expected: String| Err(FieldError::InvalidArgument(expected));
    let (rule, text) = match (rule, text) {
        (None, None) => return Ok((Argument::None, None)),
        (None, Some(_)) => return Err(FieldError::ArgumentNotAllowed),
        (Some(rule), None) if rule.required => return Err(FieldError::ArgumentRequired),
        (Some(_), None) => return Ok((Argument::None, None)),
        (Some(rule), Some(text)) => (rule, text),
    };
    if text.is_empty() {
        return invalid("the argument is empty".to_owned());
    }
    // Signs and blanks, which `parse` would take, are not part of a number here.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let argument = match rule.kind {
        ArgumentKind::Index | ArgumentKind::Param | ArgumentKind::Item if digits => {
            match text.parse() {
                Ok(index) => Argument::Index(index),
                Err(_) if rule.kind == ArgumentKind::Item => Argument::Key(text.into()),
                Err(_) => return invalid(format!("`{text}` is too large a number")),
            }
        }
        ArgumentKind::Index => {
            return invalid(format!("expected a number, such as 1, instead of `{text}`"));
        }
        ArgumentKind::Key | ArgumentKind::Item => Argument::Key(text.into()),
        ArgumentKind::Param | ArgumentKind::Name => match ParamByName::new(text) {
            Some(param) => {
                let ty = value_type(param.first_type());
                return Ok((Argument::Param(param), Some(ty)));
            }
            None => return invalid(format!("no event has a parameter named `{text}`")),
        },
        ArgumentKind::Event => {
            if !crate::event_names::is_known(text) {
                return invalid(format!("there is no event type `{text}`"));
            }
            Argument::Key(text.into())
        }
        ArgumentKind::Moment => match text.parse() {
            Ok(moment) if digits => Argument::Moment(moment),
            _ => {
                return invalid(format!(
                    "expected a moment in nanoseconds since the epoch instead of `{text}`"
                ));
            }
        },
        ArgumentKind::Side => match text {
            "src" => Argument::Source,
            "dst" => Argument::Destination,
            _ => return invalid(format!("expected `src` or `dst` instead of `{text}`")),
        },
    };
    Ok((argument, None))
}

/// The type that conditions see for a parameter type.
pub(crate) fn value_type(ty: ParamType) -> ValueType {
    use ParamType as P;
    match ty {
        P::Int8 => ValueType::Int(8),
        P::Int16 => ValueType::Int(16),
        P::Int32 | P::Fd32 | P::Pid32 => ValueType::Int(32),
        P::Int64 | P::Errno | P::Fd | P::Pid => ValueType::Int(64),
        P::Uint8 | P::Sigtype | P::L4proto | P::Sockfamily | P::Flags8 | P::Enumflags8 => {
            ValueType::Uint(8)
        }
        P::Uint16 | P::Syscallid | P::Flags16 | P::Enumflags16 => ValueType::Uint(16),
        P::Uint32 | P::Flags32 | P::Enumflags32 | P::Uid | P::Gid | P::Mode | P::Sigset => {
            ValueType::Uint(32)
        }
        P::Uint64 => ValueType::Uint(64),
        P::Port => ValueType::Port,
        P::Bool => ValueType::Bool,
        P::Double => ValueType::Double,
        P::Reltime => ValueType::RelTime,
        P::Abstime => ValueType::AbsTime,
        P::Charbuf => ValueType::String,
        P::Fspath | P::Fsrelpath => ValueType::Path,
        P::Ipv4addr | P::Ipv6addr | P::Ipaddr => ValueType::IpAddr,
        P::Ipv4net | P::Ipv6net | P::Ipnet => ValueType::IpNet,
        P::Bytebuf
        | P::Sockaddr
        | P::Socktuple
        | P::Fdlist
        | P::Dyn
        | P::Charbufarray
        | P::CharbufPairArray => ValueType::Buffer,
    }
}
