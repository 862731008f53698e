//! What resources and steps expose.

use std::collections::HashMap;

use suite::Argument;

use super::Failure;

/// Values by `name.path`.
#[derive(Default)]
pub(super) struct Bindings(HashMap<String, Argument>);

impl Bindings {
    /// Exposes a value.
    pub(super) fn expose(&mut self, name: &str, member: &str, value: Argument) {
        self.0.insert(format!("{name}.{member}"), value);
    }

    /// Exposes a number.
    pub(super) fn expose_number(&mut self, name: &str, member: &str, value: i64) {
        self.expose(name, member, Argument::Number(value));
    }

    /// The argument, with what it refers to in its place.
    pub(super) fn resolve(&self, argument: &Argument) -> Result<Argument, Failure> {
        match argument {
            Argument::Binding(path) => self.0.get(path).cloned().ok_or_else(|| {
                Failure::new(
                    format!("${{{path}}}"),
                    "it has no value: the call it is of failed as expected",
                )
            }),
            Argument::Group(members) => members
                .iter()
                .map(|(name, member)| Ok((name.clone(), self.resolve(member)?)))
                .collect::<Result<_, Failure>>()
                .map(Argument::Group),
            other => Ok(other.clone()),
        }
    }
}
