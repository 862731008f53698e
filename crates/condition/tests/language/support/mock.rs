//! A catalogue of fields from a table, and an event in which they have given values.

use std::collections::HashMap;
use std::ops::ControlFlow;

use condition::{Catalog, Context, FieldDesc, FieldError, FieldId, Shape, Value, ValueType};

/// What a mock field is.
#[derive(Clone, Debug)]
pub(crate) struct MockField {
    pub(crate) ty: ValueType,
    pub(crate) shape: Shape,
    pub(crate) rhs_allowed: bool,
    pub(crate) transformers_allowed: bool,
}

impl MockField {
    pub(crate) fn new(ty: ValueType, shape: Shape) -> Self {
        Self {
            ty,
            shape,
            rhs_allowed: true,
            transformers_allowed: true,
        }
    }
}

#[derive(Default)]
pub(crate) struct MockCatalog {
    fields: HashMap<String, MockField>,
    ids: HashMap<String, FieldId>,
    /// What `check_constant` refuses.
    pub(crate) refused: Vec<&'static str>,
    /// The fields that last.
    pub(crate) lasting: Vec<&'static str>,
}

impl MockCatalog {
    pub(crate) fn with(fields: &[(&str, ValueType, Shape)]) -> Self {
        let mut catalog = Self::default();
        for &(name, ty, shape) in fields {
            catalog.insert(name, MockField::new(ty, shape));
        }
        catalog
    }

    pub(crate) fn insert(&mut self, name: &str, field: MockField) {
        self.fields.insert(name.to_owned(), field);
    }
}

impl Catalog for MockCatalog {
    fn resolve(&mut self, name: &str, argument: Option<&str>) -> Result<FieldDesc, FieldError> {
        let Some(field) = self.fields.get(name) else {
            return Err(FieldError::Unknown { suggestion: None });
        };
        let next = FieldId(u32::try_from(self.ids.len()).unwrap());
        let key = format!("{name}[{}]", argument.unwrap_or_default());
        let id = *self.ids.entry(key).or_insert(next);
        let MockField {
            ty,
            shape,
            rhs_allowed,
            transformers_allowed,
        } = field.clone();
        Ok(FieldDesc {
            id,
            ty,
            shape,
            rhs_allowed,
            transformers_allowed,
        })
    }

    fn lasts(&self, field: FieldId) -> bool {
        let is_it = |name: &&str| self.ids.get(&format!("{name}[]")) == Some(&field);
        self.lasting.iter().any(is_it)
    }

    fn is_field_name(&self, text: &str) -> bool {
        self.fields.contains_key(text)
    }

    fn check_constant(&self, _field: FieldId, constant: &[u8]) -> Result<(), String> {
        match self
            .refused
            .iter()
            .find(|refused| refused.as_bytes() == constant)
        {
            Some(_) => Err("no such thing".to_owned()),
            None => Ok(()),
        }
    }
}

/// A value that owns its bytes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Owned {
    Bytes(Vec<u8>),
    Other(Value<'static>),
}

impl Owned {
    pub(crate) fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Other(value) => *value,
        }
    }
}

/// The values of fields, by number; fields without values are absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct MockEvent {
    pub(crate) values: HashMap<FieldId, Vec<Owned>>,
    /// How often a value was asked for.
    pub(crate) reads: usize,
    pub(crate) subject: Option<(u64, u64)>,
}

impl MockEvent {
    pub(crate) fn set(&mut self, catalog: &mut MockCatalog, field: &str, values: &[Owned]) {
        let (name, argument) = match field.split_once('[') {
            Some((name, argument)) => (name, argument.strip_suffix(']')),
            None => (field, None),
        };
        let id = catalog.resolve(name, argument).unwrap().id;
        self.values.insert(id, values.to_vec());
    }
}

impl Context for MockEvent {
    fn subject(&self) -> Option<(u64, u64)> {
        self.subject
    }

    fn value(&mut self, field: FieldId) -> Option<Value<'_>> {
        self.reads += 1;
        self.values.get(&field)?.first().map(Owned::value)
    }

    fn each(
        &mut self,
        field: FieldId,
        visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
    ) -> bool {
        self.reads += 1;
        let Some(values) = self.values.get(&field).filter(|values| !values.is_empty()) else {
            return false;
        };
        for value in values {
            if visit(value.value()).is_break() {
                break;
            }
        }
        true
    }
}
