//! The compiled conditions of a ruleset. Equal checks, operands and sub-conditions exist once,
//! however many conditions share them.

use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;

use crate::ast::{Operator, Quantifier, Transformer};
use crate::context::{FieldId, Shape};
use crate::eval::memo::Place;
use crate::index::TextIndex;
use crate::matching::number::Number;
use crate::program::Test;
use crate::value::ValueType;

/// A condition, or a part of one, in a [`Pool`]; it may be negated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CondId(pub(crate) u32);

/// A check in a [`Pool`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CheckId(pub(crate) u32);

/// A field or transformer in a [`Pool`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OperandId(pub(crate) u32);

/// A condition taken apart by one level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Node<'a> {
    /// Whether the opposite holds.
    pub negated: bool,
    /// What it is.
    pub kind: NodeKind<'a>,
}

/// What a [`Node`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeKind<'a> {
    /// Always true (or, negated, never).
    Always,
    /// A check.
    Check(CheckId),
    /// All of these hold.
    And(&'a [CondId]),
    /// One of these holds.
    Or(&'a [CondId]),
}

/// A check with its names resolved and its constants read.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CheckDef {
    /// What is tested.
    pub left: OperandId,
    /// How.
    pub operator: Operator,
    /// What it is compared with.
    pub right: RightDef,
}

/// The right-hand side of a [`CheckDef`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RightDef {
    /// None: `exists`.
    Nothing,
    /// One constant.
    Constant(Constant),
    /// The constants after `in`, `intersects`, `pmatch`: sorted, each once.
    Constants(Vec<Constant>),
    /// The constants after `oneof`, `anyof`, `allof`, in the order of the text.
    Quantified(Quantifier, Vec<Constant>),
    /// Another field, or a transformer.
    Operand(OperandId),
}

/// A constant, read by the type of the field it is compared with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Constant {
    /// Text, a pattern, or bytes.
    Bytes(Box<[u8]>),
    /// A number of a signed type.
    I64(i64),
    /// A number of an unsigned type, a port, a time.
    U64(u64),
    /// A floating-point number, as its bits.
    F64(u64),
    /// True or false.
    Bool(bool),
    /// An address.
    Ip(IpAddr),
    /// A network.
    Net(ipnet::IpNet),
}

/// A field or transformer with its names resolved.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OperandDef {
    /// What it is.
    pub kind: OperandDefKind,
    /// The type of its value or values.
    pub ty: ValueType,
    /// How many values it has.
    pub shape: Shape,
}

/// What an [`OperandDef`] is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum OperandDefKind {
    /// A field.
    Field(FieldId),
    /// A constant argument of a transformer.
    Constant(Box<[u8]>),
    /// A list argument of a transformer.
    List(Vec<OperandId>),
    /// A transformer with its arguments.
    Call {
        /// Which one.
        transformer: Transformer,
        /// Its arguments.
        arguments: Vec<OperandId>,
        /// The letter of the option that `getopt` selects.
        selector: Option<u8>,
    },
}

/// The compiled conditions of a ruleset, made by a [`PoolBuilder`](crate::PoolBuilder).
#[derive(Debug)]
pub struct Pool {
    pub(crate) operands: Vec<OperandDef>,
    pub(crate) checks: Vec<CheckDef>,
    /// How each check is evaluated.
    pub(crate) tests: Vec<Test>,
    pub(crate) nodes: Vec<NodeDef>,
    /// What each node costs, in the units of [`Catalog::cost`](crate::Catalog::cost).
    pub(crate) costs: Vec<u32>,
    /// What it costs to find the value of each operand.
    pub(crate) operand_costs: Vec<u32>,
    /// The operands of all nodes, one after another.
    pub(crate) children: Vec<CondId>,
    pub(crate) indexes: Vec<TextIndex>,
    /// Where the results of nodes are kept.
    pub(crate) node_places: Vec<Place>,
    /// Where the results of look-ups are kept.
    pub(crate) index_places: Vec<Place>,
    /// How many dispatches there are.
    pub(crate) dispatches: AtomicUsize,
}

/// A node without its negation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NodeDef {
    Always,
    Check(CheckId),
    And { first: u32, length: u32 },
    Or { first: u32, length: u32 },
}

impl Pool {
    /// Takes a condition apart by one level.
    pub fn node(&self, condition: CondId) -> Node<'_> {
        let kind = match self.nodes[condition.index()] {
            NodeDef::Always => NodeKind::Always,
            NodeDef::Check(check) => NodeKind::Check(check),
            NodeDef::And { first, length } => NodeKind::And(self.children(first, length)),
            NodeDef::Or { first, length } => NodeKind::Or(self.children(first, length)),
        };
        Node {
            negated: condition.negated(),
            kind,
        }
    }

    pub(crate) fn children(&self, first: u32, length: u32) -> &[CondId] {
        &self.children[first as usize..][..length as usize]
    }

    /// A check.
    pub fn check(&self, check: CheckId) -> &CheckDef {
        &self.checks[check.0 as usize]
    }

    /// How many checks there are; their numbers count up from 0.
    pub fn check_count(&self) -> usize {
        self.checks.len()
    }

    /// A field or transformer.
    pub fn operand(&self, operand: OperandId) -> &OperandDef {
        &self.operands[operand.0 as usize]
    }

    /// The field that an operand is, if it is one without a transformer.
    pub fn operand_field(&self, operand: OperandId) -> Option<FieldId> {
        match self.operand(operand).kind {
            OperandDefKind::Field(field) => Some(field),
            _ => None,
        }
    }

    /// The fields that a condition reads, sorted, each once.
    pub fn fields(&self, condition: CondId) -> Vec<FieldId> {
        let mut fields = Vec::new();
        let mut seen = vec![false; self.nodes.len()];
        let mut open = vec![condition];
        while let Some(condition) = open.pop() {
            if std::mem::replace(&mut seen[condition.index()], true) {
                continue;
            }
            match self.node(condition).kind {
                NodeKind::Always => {}
                NodeKind::And(operands) | NodeKind::Or(operands) => open.extend(operands),
                NodeKind::Check(check) => {
                    let check = self.check(check);
                    self.operand_fields(check.left, &mut fields);
                    if let RightDef::Operand(right) = check.right {
                        self.operand_fields(right, &mut fields);
                    }
                }
            }
        }
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Adds the fields that an operand reads.
    fn operand_fields(&self, operand: OperandId, fields: &mut Vec<FieldId>) {
        match &self.operand(operand).kind {
            OperandDefKind::Field(field) => fields.push(*field),
            OperandDefKind::Constant(_) => {}
            OperandDefKind::List(operands)
            | OperandDefKind::Call {
                arguments: operands,
                ..
            } => {
                for &operand in operands {
                    self.operand_fields(operand, fields);
                }
            }
        }
    }
}

impl CondId {
    /// The condition that always holds; every pool has it.
    pub(crate) const ALWAYS: Self = Self(0);
    /// The condition that never holds.
    pub(crate) const NEVER: Self = Self(1);

    pub(crate) fn new(index: usize) -> Self {
        let index = u32::try_from(index).ok().filter(|index| *index < 1 << 31);
        Self(index.expect("a pool has less than two thousand million nodes") << 1)
    }

    pub(crate) fn index(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// Whether it is the opposite of its node.
    pub(crate) fn negated(self) -> bool {
        self.0 & 1 == 1
    }
}

impl std::ops::Not for CondId {
    type Output = Self;

    fn not(self) -> Self {
        Self(self.0 ^ 1)
    }
}

impl Constant {
    /// The text, pattern or bytes, if it is any.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The number that it is; 0 for what is none.
    pub(crate) fn number(&self) -> Number {
        match *self {
            Self::I64(number) => Number::Integer(number.into()),
            Self::U64(number) => Number::Integer(number.into()),
            Self::F64(bits) => Number::Float(f64::from_bits(bits)),
            Self::Bool(bool) => Number::Integer(bool.into()),
            Self::Bytes(_) | Self::Ip(_) | Self::Net(_) => Number::Integer(0),
        }
    }
}
