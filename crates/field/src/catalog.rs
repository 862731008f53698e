//! The catalogue of fields that rules are compiled against.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use condition::{Catalog, FieldDesc, FieldError, FieldId, Shape, ValueType};

use crate::argument::{self, Argument};
use crate::event_names;
use crate::lasting;
use crate::suggest;
use crate::table::{FieldFlags, FieldInfo, Key, Sources, fields};

static BY_NAME: LazyLock<HashMap<&'static str, &'static FieldInfo>> =
    LazyLock::new(|| fields().iter().map(|info| (info.name, info)).collect());

/// The row with this name, without an argument.
pub fn field_info(name: &str) -> Option<&'static FieldInfo> {
    BY_NAME.get(name).copied()
}

/// The fields that the rules of one event source can name, and those that they do name.
///
/// Every field with its argument that is looked up gets a [`FieldId`]; [`EventContext`] finds the
/// values by it. Look-ups happen while rules load; an id stays valid for the life of the catalogue.
///
/// [`EventContext`]: crate::EventContext
#[derive(Clone, Debug)]
pub struct Fields {
    sources: Sources,
    specs: Vec<Spec>,
    by_expression: HashMap<Box<str>, FieldId>,
    statics: HashMap<Box<str>, Box<str>>,
    event_names: Vec<Box<str>>,
}

/// A field with its argument.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) expression: Box<str>,
    pub(crate) desc: FieldDesc,
    pub(crate) flags: FieldFlags,
    pub(crate) kind: SpecKind,
}

#[derive(Clone, Debug)]
pub(crate) enum SpecKind {
    Builtin {
        info: &'static FieldInfo,
        argument: Argument,
    },
    /// A text from the configuration.
    Static(Box<str>),
}

/// Why a static field cannot be added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StaticFieldError {
    /// The name is not made of letters, digits and `_`.
    BadName(String),
    /// There is one with this name already.
    Duplicate(String),
}

impl fmt::Display for StaticFieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName(name) => write!(
                f,
                "bad name of a static field `{name}`: expected a letter, then letters, digits, `_` and `.`"
            ),
            Self::Duplicate(name) => write!(f, "static field `{name}` is given twice"),
        }
    }
}

impl std::error::Error for StaticFieldError {}

impl Fields {
    /// The fields of the `syscall` source: all of them.
    pub fn new() -> Self {
        Self::with_sources(Sources::Syscall)
    }

    /// The fields that events of every source have, for the source of a plugin.
    pub fn generic() -> Self {
        Self::with_sources(Sources::Any)
    }

    fn with_sources(sources: Sources) -> Self {
        Self {
            sources,
            specs: Vec::new(),
            by_expression: HashMap::new(),
            statics: HashMap::new(),
            event_names: Vec::new(),
        }
    }

    /// Adds `static.<name>`, a text that is the same in every event.
    ///
    /// # Errors
    ///
    /// When the name cannot be written in a condition, or is taken.
    pub fn add_static(&mut self, name: &str, value: &str) -> Result<(), StaticFieldError> {
        let good = name.split('.').all(|word| {
            word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        if !good {
            return Err(StaticFieldError::BadName(name.to_owned()));
        }
        let previous = self
            .statics
            .insert(format!("static.{name}").into(), value.into());
        if previous.is_some() {
            return Err(StaticFieldError::Duplicate(name.to_owned()));
        }
        Ok(())
    }

    /// Names of the static fields, `static.` included, sorted.
    pub fn static_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.statics.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }

    /// Adds a name that `evt.type` can have beside those of the event table: that of an event which
    /// a plugin injects.
    pub fn add_event_name(&mut self, name: &str) {
        self.event_names.push(name.into());
    }

    /// How many ids have been given out.
    pub fn len(&self) -> usize {
        self.specs.len()
    }

    /// Whether no field has been looked up yet.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// A field with its argument, as rules write it; empty for an id of another catalogue.
    pub fn expression(&self, id: FieldId) -> &str {
        self.spec(id).map_or("", |spec| &spec.expression)
    }

    /// The description that [`resolve`](Catalog::resolve) gave.
    pub fn desc(&self, id: FieldId) -> Option<FieldDesc> {
        self.spec(id).map(|spec| spec.desc)
    }

    /// The table row of a field; `None` for static fields.
    pub fn info(&self, id: FieldId) -> Option<&'static FieldInfo> {
        match &self.spec(id)?.kind {
            SpecKind::Builtin { info, .. } => Some(info),
            SpecKind::Static(_) => None,
        }
    }

    pub(crate) fn spec(&self, id: FieldId) -> Option<&Spec> {
        self.specs.get(id.0 as usize)
    }

    /// The row for a name that may have its argument as a last part: `evt.arg.fd`.
    fn find<'n>(&self, name: &'n str) -> Option<(&'static FieldInfo, Option<&'n str>)> {
        let known = |name| {
            field_info(name).filter(|info| {
                self.sources == Sources::Syscall || info.class().sources == Sources::Any
            })
        };
        if let Some(info) = known(name) {
            return Some((info, None));
        }
        name.match_indices('.').rev().find_map(|(at, _)| {
            let info = known(name.get(..at)?)?;
            info.argument
                .is_some_and(|rule| rule.dotted)
                .then_some((info, name.get(at + 1..)))
        })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        fields()
            .iter()
            .filter(|info| self.sources == Sources::Syscall || info.class().sources == Sources::Any)
            .filter(|info| !info.is(FieldFlags::HIDDEN))
            .map(|info| info.name)
            .chain(self.statics.keys().map(|name| &**name))
    }

    fn intern(
        &mut self,
        expression: &str,
        ty: ValueType,
        flags: FieldFlags,
        shape: Shape,
        kind: SpecKind,
    ) -> FieldDesc {
        let id = FieldId(u32::try_from(self.specs.len()).expect("rules are smaller than 4 GiB"));
        let desc = FieldDesc {
            id,
            ty,
            shape,
            rhs_allowed: !flags.contains(FieldFlags::NO_RHS),
            transformers_allowed: !flags.contains(FieldFlags::NO_TRANSFORMER),
        };
        self.specs.push(Spec {
            expression: expression.into(),
            desc,
            flags,
            kind,
        });
        self.by_expression.insert(expression.into(), id);
        desc
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self::new()
    }
}

impl Catalog for Fields {
    fn resolve(&mut self, name: &str, argument: Option<&str>) -> Result<FieldDesc, FieldError> {
        let expression = match argument {
            None => name.to_owned(),
            Some(argument) => format!("{name}[{argument}]"),
        };
        if let Some(spec) = self
            .by_expression
            .get(&*expression)
            .and_then(|&id| self.spec(id))
        {
            return Ok(spec.desc);
        }
        if let Some(value) = self.statics.get(name) {
            if argument.is_some() {
                return Err(FieldError::ArgumentNotAllowed);
            }
            let kind = SpecKind::Static(value.clone());
            let (ty, flags) = (ValueType::String, FieldFlags::NONE);
            return Ok(self.intern(&expression, ty, flags, Shape::Scalar, kind));
        }
        let Some((info, suffix)) = self.find(name) else {
            let suggestion = suggest::nearest(name, self.names()).map(str::to_owned);
            return Err(FieldError::Unknown { suggestion });
        };
        let text = match (suffix, argument) {
            (Some(_), Some(_)) => return Err(FieldError::ArgumentNotAllowed),
            (suffix, argument) => suffix.or(argument),
        };
        let (argument, argument_type) = argument::check(info.argument, text)?;
        let ty = info.ty.or(argument_type).unwrap_or(ValueType::Buffer);
        let shape = match argument {
            _ if info.is(FieldFlags::LIST) => Shape::List,
            Argument::None if info.is(FieldFlags::ANY) => Shape::Any,
            _ => Shape::Scalar,
        };
        let kind = SpecKind::Builtin { info, argument };
        Ok(self.intern(&expression, ty, info.flags, shape, kind))
    }

    fn is_field_name(&self, text: &str) -> bool {
        self.find(text).is_some() || self.statics.contains_key(text)
    }

    fn lasts(&self, field: FieldId) -> bool {
        let Some(spec) = self.spec(field) else {
            return false;
        };
        match &spec.kind {
            SpecKind::Builtin { info, .. } => lasting::lasts(info.key),
            SpecKind::Static(_) => true,
        }
    }

    fn check_constant(&self, field: FieldId, constant: &[u8]) -> Result<(), String> {
        use crate::table::EventKey;
        let Some(Spec {
            kind: SpecKind::Builtin { info, .. },
            ..
        }) = self.spec(field)
        else {
            return Ok(());
        };
        if !matches!(info.key, Key::Event(EventKey::Type | EventKey::SyscallType)) {
            return Ok(());
        }
        let name = String::from_utf8_lossy(constant);
        let added = self.event_names.iter().map(|name| &**name);
        if event_names::is_known(&name) || added.clone().any(|known| known == name) {
            return Ok(());
        }
        Err(
            match suggest::nearest(&name, event_names::all().chain(added)) {
                Some(near) => format!("unknown event type `{name}`; did you mean `{near}`?"),
                None => format!("unknown event type `{name}`"),
            },
        )
    }
}
