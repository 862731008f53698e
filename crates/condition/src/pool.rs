//! The compiled conditions of a ruleset. Equal checks, operands and sub-conditions exist once,
//! however many conditions share them.

use std::net::IpAddr;

use crate::ast::{Operator, Quantifier, Transformer};
use crate::context::{FieldId, Shape};
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

/// The compiled conditions of a ruleset.
#[derive(Debug)]
pub struct Pool {}

impl Pool {
    /// Takes a condition apart by one level.
    pub fn node(&self, _condition: CondId) -> Node<'_> {
        unimplemented!()
    }

    /// A check.
    pub fn check(&self, _check: CheckId) -> &CheckDef {
        unimplemented!()
    }

    /// A field or transformer.
    pub fn operand(&self, _operand: OperandId) -> &OperandDef {
        unimplemented!()
    }

    /// The fields that a condition reads, sorted, each once.
    pub fn fields(&self, _condition: CondId) -> Vec<FieldId> {
        unimplemented!()
    }
}
