//! `list`: the names of actions, or all that is known about them.

use std::collections::BTreeSet;

use action::Action;
use serde_json::{Value, json};

use crate::Error;
use crate::cli::{ListFlags, ListFormat};
use crate::selection::{matching, regex};

/// What `list` prints.
pub(super) fn render(flags: &ListFlags) -> Result<String, Error> {
    let pattern = flags.pattern.as_deref();
    let filter = Filter::of(flags)?;
    let actions: Vec<&Action> = matching(pattern)?
        .into_iter()
        .filter(|action| flags.all || action.enabled)
        .filter(|action| filter.takes(action))
        .collect();
    if actions.is_empty() {
        let pattern = pattern.unwrap_or_default().to_owned();
        return Err(if filter.is_empty() {
            Error::NoneEnabledMatching(pattern)
        } else {
            Error::NoneLeft
        });
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

/// What the flags besides the expression leave.
struct Filter<'a> {
    flags: &'a ListFlags,
    rule: Option<regex::Regex>,
}

impl<'a> Filter<'a> {
    fn of(flags: &'a ListFlags) -> Result<Self, Error> {
        let known = |given: &[String], flag: &str, known: &[String]| {
            let wrong = given.iter().find(|value| !known.contains(value));
            wrong.map_or(Ok(()), |wrong| {
                Err(Error::Flags(format!(
                    "--{flag} knows no '{wrong}', only {}",
                    known.join(", ")
                )))
            })
        };
        let of_actions = |of: fn(&Action) -> Vec<String>| {
            let all: BTreeSet<String> = action::all().iter().copied().flat_map(of).collect();
            all.into_iter().collect::<Vec<_>>()
        };
        let maturities = of_actions(|action| vec![action.maturity.to_string()]);
        known(&flags.maturity, "maturity", &maturities)?;
        known(&flags.tag, "tag", &of_actions(Action::tags))?;
        known(&flags.needs, "needs", &of_actions(Action::need_words))?;
        known(&flags.without, "without", &of_actions(Action::need_words))?;
        let classes = of_actions(|action| vec![action.suitability.to_string()]);
        known(&flags.suits_bench, "suits-bench", &classes)?;
        Ok(Self {
            flags,
            rule: flags.rule.as_deref().map(regex).transpose()?,
        })
    }

    fn is_empty(&self) -> bool {
        let flags = self.flags;
        let lists = [
            &flags.maturity,
            &flags.tag,
            &flags.needs,
            &flags.without,
            &flags.suits_bench,
        ];
        lists.iter().all(|list| list.is_empty()) && self.rule.is_none()
    }

    fn takes(&self, action: &Action) -> bool {
        let flags = self.flags;
        let one_of = |given: &[String], value: String| given.is_empty() || given.contains(&value);
        let (tags, needs) = (action.tags(), action.need_words());
        one_of(&flags.maturity, action.maturity.to_string())
            && one_of(&flags.suits_bench, action.suitability.to_string())
            && flags.tag.iter().all(|tag| tags.contains(tag))
            && flags.needs.iter().all(|need| needs.contains(need))
            && !flags.without.iter().any(|need| needs.contains(need))
            && self
                .rule
                .as_ref()
                .is_none_or(|wanted| action.rule.is_some_and(|rule| wanted.is_match(rule)))
    }
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
        "tags": action.tags(),
        "writes": action.writes,
        "contacts": action.contacts,
        "addition": action.is_addition(),
        "spawns": action.spawns.map(|spawn| json!({"name": spawn.name, "role": spawn.role})),
    })
}
