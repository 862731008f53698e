//! What the language needs to know about fields: their types when a condition is compiled, their
//! values when it is evaluated. The `field` crate implements both; tests use small mocks.

use std::ops::ControlFlow;

use crate::value::{Value, ValueType};

/// A field together with its argument (`proc.aname[2]`), interned by the catalogue: equal
/// expressions have equal ids, counted up from 0 without gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FieldId(pub u32);

/// How many values a field has in an event, and how a check treats them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shape {
    /// At most one.
    Scalar,
    /// A list (`fd.types`): only `exists`, `in` (all values are in the set) and `intersects`.
    List,
    /// Several candidates of which one is enough (`fd.ip`: either side; `proc.aname`: any
    /// ancestor). `!=` holds when no candidate is equal.
    Any,
}

/// What the compiler needs to know about a field.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FieldDesc {
    /// The interned id.
    pub id: FieldId,
    /// The type of its value or values.
    pub ty: ValueType,
    /// How many values there are.
    pub shape: Shape,
    /// Whether it may stand on the right-hand side, in `val(…)`.
    pub rhs_allowed: bool,
    /// Whether transformers may be applied to it.
    pub transformers_allowed: bool,
}

/// Why a field cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldError {
    /// There is no such field. Holds the nearest known name, if one is near.
    Unknown {
        /// "did you mean".
        suggestion: Option<String>,
    },
    /// It needs an argument.
    ArgumentRequired,
    /// It takes none.
    ArgumentNotAllowed,
    /// The argument is not of the right form; says what was expected.
    InvalidArgument(String),
}

/// The fields that conditions can name.
pub trait Catalog {
    /// Looks up a field, with the argument between its brackets if there is one.
    ///
    /// # Errors
    ///
    /// When the field does not exist or its argument is wrong.
    fn resolve(&mut self, name: &str, argument: Option<&str>) -> Result<FieldDesc, FieldError>;

    /// Whether a text is exactly the name of a field (for the warning that a constant looks like
    /// one).
    fn is_field_name(&self, text: &str) -> bool;

    /// How much work it is to find the value of a field, in units of one load from memory. Parts of
    /// a condition that cost less are evaluated first.
    fn cost(&self, field: FieldId) -> u32 {
        let _ = field;
        4
    }

    /// Whether the value of a field only depends on the [subject](Context::subject) of an event and
    /// the version of what is known of it.
    fn lasts(&self, field: FieldId) -> bool {
        let _ = field;
        false
    }

    /// Checks a constant that a field is compared with, beyond its type: `evt.type` takes only
    /// names of events.
    ///
    /// # Errors
    ///
    /// When the constant can never be a value of the field; says why.
    fn check_constant(&self, field: FieldId, constant: &[u8]) -> Result<(), String> {
        let _ = (field, constant);
        Ok(())
    }
}

/// The values of fields in one event.
pub trait Context {
    /// Whom the event is about, and a number that changes whenever something does that fields which
    /// [last](Catalog::lasts) depend on. Without it, nothing is taken to last.
    fn subject(&self) -> Option<(u64, u64)> {
        None
    }

    /// The value of a scalar field; `None` when it is absent.
    fn value(&mut self, field: FieldId) -> Option<Value<'_>>;

    /// Calls `visit` with each value of a [`Shape::List`] or [`Shape::Any`] field until it breaks.
    /// Returns false, without a call, when the field is absent.
    fn each(&mut self, field: FieldId, visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>)
    -> bool;
}
