//! Tests of one value against constants.

use hashbrown::HashSet;
use memchr::memmem;
use std::cmp::Ordering;
use std::net::IpAddr;

use super::glob::{self, Glob};
use super::network::Networks;
use super::number::Number;
use super::path_prefix::PathPrefixes;
use super::regex::PosixRegex;
use super::substring;
use crate::ast::Operator;
use crate::pool::Constant;
use crate::value::{Value, ValueType};

type Set<T> = HashSet<T, foldhash::fast::FixedState>;

/// A test of one value.
#[derive(Debug)]
pub(crate) enum Matcher {
    Bytes(Box<[u8]>),
    BytesIn(Set<Box<[u8]>>),
    BytesOrder(Operator, Box<[u8]>),
    Number(Operator, Number),
    NumberIn(Box<[Number]>),
    Ip(IpAddr),
    IpIn(Set<IpAddr>),
    Networks(Networks),
    Contains(Box<memmem::Finder<'static>>),
    /// In lower case.
    IContains(Box<[u8]>),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Glob(Box<Glob>),
    Regex(Box<PosixRegex>),
    PathPrefixes(Box<PathPrefixes>),
}

impl Matcher {
    /// The test for `value operator constant`. `!=` gives the test for `=`, which is then turned
    /// round for all values at once.
    ///
    /// # Errors
    ///
    /// When a regular expression is wrong.
    pub(crate) fn new(operator: Operator, constant: &Constant) -> Result<Self, String> {
        let bytes = match constant {
            Constant::Bytes(bytes) => bytes,
            Constant::Ip(address) => return Ok(Self::Ip(*address)),
            Constant::Net(network) => return Ok(Self::Networks([*network].into_iter().collect())),
            number => {
                let operator = if operator == Operator::Ne {
                    Operator::Eq
                } else {
                    operator
                };
                return Ok(Self::Number(operator, number.number()));
            }
        };
        Ok(match operator {
            Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge => {
                Self::BytesOrder(operator, bytes.clone())
            }
            Operator::Contains | Operator::BContains => {
                Self::Contains(Box::new(memmem::Finder::new(bytes).into_owned()))
            }
            Operator::IContains => Self::IContains(bytes.to_ascii_lowercase().into()),
            Operator::StartsWith | Operator::BStartsWith => Self::StartsWith(bytes.clone()),
            Operator::EndsWith => Self::EndsWith(bytes.clone()),
            Operator::Glob | Operator::IGlob => {
                Self::Glob(Box::new(Glob::new(bytes, operator == Operator::IGlob)))
            }
            Operator::Regex => {
                let pattern = std::str::from_utf8(bytes)
                    .map_err(|_| "a regular expression must be valid UTF-8".to_owned())?;
                Self::Regex(Box::new(PosixRegex::new(pattern)?))
            }
            Operator::PMatch => Self::PathPrefixes(Box::new(PathPrefixes::new([&**bytes]))),
            Operator::Exists
            | Operator::Eq
            | Operator::Ne
            | Operator::In
            | Operator::Intersects => Self::Bytes(bytes.clone()),
        })
    }

    /// The test for membership in a set, or below a set of paths.
    pub(crate) fn set(operator: Operator, ty: ValueType, constants: &[Constant]) -> Self {
        let bytes = || constants.iter().filter_map(Constant::bytes);
        match ty {
            _ if operator == Operator::PMatch => {
                Self::PathPrefixes(Box::new(PathPrefixes::new(bytes())))
            }
            ValueType::String | ValueType::Path | ValueType::Buffer => {
                Self::BytesIn(bytes().map(Into::into).collect())
            }
            ValueType::IpAddr => {
                let address = |constant: &_| match constant {
                    Constant::Ip(address) => Some(*address),
                    _ => None,
                };
                Self::IpIn(constants.iter().filter_map(address).collect())
            }
            ValueType::IpNet => {
                let network = |constant: &_| match constant {
                    Constant::Net(network) => Some(*network),
                    _ => None,
                };
                Self::Networks(constants.iter().filter_map(network).collect())
            }
            _ => {
                let mut numbers: Vec<_> = constants.iter().map(Constant::number).collect();
                numbers.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
                Self::NumberIn(numbers.into())
            }
        }
    }

    /// Whether a value passes; `None` when it is of a type that the test does not know.
    pub(crate) fn matches(&self, value: Value<'_>, scratch: &mut String) -> Option<bool> {
        match value {
            Value::Bytes(bytes) => self.matches_bytes(bytes, scratch),
            Value::Ip(address) => {
                let address = address.to_canonical();
                match self {
                    Self::Ip(wanted) => Some(address == *wanted),
                    Self::IpIn(set) => Some(set.contains(&address)),
                    Self::Networks(networks) => Some(networks.contain(address)),
                    _ => None,
                }
            }
            value => {
                let number = Number::of(value)?;
                match self {
                    Self::Number(operator, wanted) => {
                        Some(ordering_holds(*operator, number.partial_cmp(wanted)))
                    }
                    Self::NumberIn(set) => {
                        let compare =
                            |other: &Number| other.partial_cmp(&number).unwrap_or(Ordering::Less);
                        Some(set.binary_search_by(compare).is_ok())
                    }
                    _ => None,
                }
            }
        }
    }

    fn matches_bytes(&self, bytes: &[u8], scratch: &mut String) -> Option<bool> {
        Some(match self {
            Self::Bytes(wanted) => *bytes == **wanted,
            Self::BytesIn(set) => set.contains(bytes),
            Self::BytesOrder(operator, other) => ordering_holds(*operator, Some(bytes.cmp(other))),
            Self::Contains(finder) => finder.find(bytes).is_some(),
            Self::IContains(lower) => substring::contains_lower(bytes, lower),
            Self::StartsWith(start) => bytes.starts_with(start),
            Self::EndsWith(end) => bytes.ends_with(end),
            Self::Glob(glob) => glob.matches(bytes),
            Self::Regex(regex) => regex.matches(bytes, scratch),
            Self::PathPrefixes(prefixes) => prefixes.contains(bytes),
            Self::Number(..)
            | Self::NumberIn(_)
            | Self::Ip(_)
            | Self::IpIn(_)
            | Self::Networks(_) => return None,
        })
    }

    /// What one test costs, in the units of [`Catalog::cost`](crate::Catalog::cost).
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Self::Number(..) | Self::Ip(_) => 1,
            Self::Bytes(_) | Self::StartsWith(_) | Self::EndsWith(_) => 2,
            Self::BytesOrder(..) | Self::NumberIn(_) => 3,
            Self::BytesIn(_) | Self::IpIn(_) => 8,
            Self::Contains(_) | Self::Networks(_) => 12,
            Self::IContains(_) | Self::Glob(_) => 25,
            Self::PathPrefixes(_) => 40,
            Self::Regex(_) => 120,
        }
    }
}

/// Whether `left operator right` holds for two values of an event; `None` when they cannot be
/// compared. `!=` is answered like `=`.
pub(crate) fn compare(operator: Operator, left: Value<'_>, right: Value<'_>) -> Option<bool> {
    match (left, right) {
        (Value::Bytes(left), Value::Bytes(right)) => Some(compare_bytes(operator, left, right)),
        (Value::Ip(left), Value::Ip(right)) => Some(left.to_canonical() == right.to_canonical()),
        _ => {
            let ordering = Number::of(left)?.partial_cmp(&Number::of(right)?);
            Some(ordering_holds(operator, ordering))
        }
    }
}

fn compare_bytes(operator: Operator, left: &[u8], right: &[u8]) -> bool {
    match operator {
        Operator::Contains | Operator::BContains => memmem::find(left, right).is_some(),
        Operator::IContains => substring::contains_any_case(left, right),
        Operator::StartsWith | Operator::BStartsWith => left.starts_with(right),
        Operator::EndsWith => left.ends_with(right),
        Operator::Glob | Operator::IGlob => {
            glob::matches_once(right, left, operator == Operator::IGlob)
        }
        _ => ordering_holds(operator, Some(left.cmp(right))),
    }
}

/// Operators that do not order ask for equality.
fn ordering_holds(operator: Operator, ordering: Option<Ordering>) -> bool {
    let Some(ordering) = ordering else {
        return false;
    };
    match operator {
        Operator::Lt => ordering.is_lt(),
        Operator::Le => ordering.is_le(),
        Operator::Gt => ordering.is_gt(),
        Operator::Ge => ordering.is_ge(),
        _ => ordering.is_eq(),
    }
}
