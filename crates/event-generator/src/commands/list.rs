//! `list`: the names of actions, or all that is known about them.

use action::Action;
use serde_json::{Value, json};

use crate::Error;
use crate::cli::{ListFlags, ListFormat};
use crate::selection::matching;

/// What `list` prints.
pub(super) fn render(flags: &ListFlags) -> Result<String, Error> {
    let pattern = flags.pattern.as_deref();
    let actions: Vec<&Action> = matching(pattern)?
        .into_iter()
        .filter(|action| flags.all || action.enabled)
        .collect();
    if actions.is_empty() {
        return Err(Error::NoneEnabledMatching(
            pattern.unwrap_or_default().to_owned(),
        ));
    }
    Ok(match flags.output {
        ListFormat::Text => actions
            .iter()
            .map(|action| format!("{}\n", action.name))
            .collect(),
        ListFormat::Json => {
            let rows: Vec<Value> = actions.into_iter().map(row).collect();
            format!("{:#}\n", Value::from(rows))
        }
    })
}

/// An action as an object.
fn row(action: &Action) -> Value {
    json!({
        "name": action.name,
        "rule": action.rule,
        "maturity": action.maturity.to_string(),
        "enabled": action.enabled,
        "available": action.is_available(),
        "does": action.does,
        "needs": action.needs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "bench": action.suitability.to_string(),
        "mitre": action.mitre,
        "spawns": action.spawns.map(|spawn| json!({"name": spawn.name, "role": spawn.role})),
    })
}
