//! The table of fields, as generated from `table/fields.txt`.

use std::ops::Range;

use condition::ValueType;

/// Fields that belong together, as lists and documentation show them.
#[derive(Debug)]
pub struct Class {
    /// The common name; two classes may share it (`evt`).
    pub name: &'static str,
    /// Which events its fields can have a value on.
    pub sources: Sources,
    /// What the class is about, in a sentence.
    pub doc: &'static str,
    fields: Range<usize>,
}

impl Class {
    /// The fields of the class in table order.
    pub fn fields(&self) -> &'static [FieldInfo] {
        FIELDS.get(self.fields.clone()).unwrap_or_default()
    }
}

/// Which events a class is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sources {
    /// Events of every source.
    Any,
    /// Events of the probe and of captures.
    Syscall,
}

/// One row of the table.
#[derive(Debug)]
pub struct FieldInfo {
    /// The name, without an argument.
    pub name: &'static str,
    /// The type of its values; `None` when it follows from the argument (`evt.rawarg`).
    pub ty: Option<ValueType>,
    /// What may stand between the brackets; `None` when nothing may.
    pub argument: Option<ArgumentRule>,
    /// Its properties.
    pub flags: FieldFlags,
    /// What it is, in one or two sentences.
    pub doc: &'static str,
    pub(crate) class: usize,
    pub(crate) key: Key,
}

impl FieldInfo {
    /// The class that it belongs to.
    pub fn class(&self) -> &'static Class {
        CLASSES
            .get(self.class)
            .expect("the build script counts the classes")
    }

    /// Whether it has a property.
    pub fn is(&self, flag: FieldFlags) -> bool {
        self.flags.contains(flag)
    }
}

/// What may stand between the brackets of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArgumentRule {
    /// The form of the argument.
    pub kind: ArgumentKind,
    /// Whether the field is useless without it.
    pub required: bool,
    /// Whether it is written as one more part of the name: `evt.arg.fd`.
    pub dotted: bool,
}

/// The form of an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgumentKind {
    /// A number from 0.
    Index,
    /// Any text that is not empty.
    Key,
    /// A number or a text.
    Item,
    /// The name or the number of an event parameter.
    Param,
    /// The name of an event parameter.
    Name,
    /// The name of an event type.
    Event,
    /// Nanoseconds since the epoch.
    Moment,
    /// `src` or `dst`.
    Side,
}

/// A set of properties of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldFlags(u16);

impl FieldFlags {
    /// No property.
    pub const NONE: Self = Self(0);
    /// It has several values, which only list operators compare.
    pub const LIST: Self = Self(1);
    /// Without an argument it has several values, of which one has to match.
    pub const ANY: Self = Self(1 << 1);
    /// Printed in hexadecimal.
    pub const HEX: Self = Self(1 << 2);
    /// Printed with at least nine digits.
    pub const PADDED: Self = Self(1 << 3);
    /// Of use only in outputs.
    pub const PRINT_ONLY: Self = Self(1 << 4);
    /// Of use only in conditions: outputs never have a value for it.
    pub const FILTER_ONLY: Self = Self(1 << 5);
    /// Still accepted, but rules should not use it.
    pub const DEPRECATED: Self = Self(1 << 6);
    /// Left out of lists.
    pub const HIDDEN: Self = Self(1 << 7);
    /// Appended to outputs when suggested output is asked for.
    pub const SUGGESTED: Self = Self(1 << 8);
    /// May not stand on the right-hand side, in `val(…)`.
    pub const NO_RHS: Self = Self(1 << 9);
    /// May not stand in a transformer.
    pub const NO_TRANSFORMER: Self = Self(1 << 10);
    /// Never has a value.
    pub const ABSENT: Self = Self(1 << 11);

    const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all properties of `other` are there.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

include!(concat!(env!("OUT_DIR"), "/fields.rs"));

/// All classes in table order.
pub fn classes() -> &'static [Class] {
    &CLASSES
}

/// All fields in table order.
pub fn fields() -> &'static [FieldInfo] {
    &FIELDS
}
