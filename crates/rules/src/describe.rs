//! What a ruleset consists of, for `-L` and `-l`: as JSON with everything about every rule, macro
//! and list, or as two columns of text.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::collect::{ListDef, MacroDef, RuleDef};
use crate::compile::Details;
use crate::infer::EventTypes;
use crate::load::Loaded;
use crate::ruleset::Rule;
use crate::version::Version;

/// Where the second column of the text starts.
const NAME_WIDTH: usize = 50;

/// The widest line of the text.
const TEXT_WIDTH: usize = 110;

/// All rules, or the one of a name, as text. `None` when there is no such rule, or nothing was
/// loaded.
pub fn text(loaded: &Loaded, only: Option<&str>) -> Option<String> {
    let ruleset = loaded.ruleset.as_ref()?;
    let mut rows = vec![("Rule", "Description"), ("----", "-----------")];
    let rules = ruleset
        .rules()
        .iter()
        .filter(|rule| only.is_none_or(|name| &**rule.name() == name));
    rows.extend(rules.map(|rule| (&**rule.name(), rule.desc())));
    if only.is_some() && rows.len() == 2 {
        return None;
    }
    let mut out = String::new();
    for (name, description) in rows {
        let mut line = format!("{name:<NAME_WIDTH$} ");
        let mut width = line.chars().count();
        for (index, word) in description.split_whitespace().enumerate() {
            let len = word.chars().count();
            if index > 0 && width + 1 + len > TEXT_WIDTH {
                out.push_str(line.trim_end());
                out.push('\n');
                line = " ".repeat(NAME_WIDTH + 1);
                width = NAME_WIDTH + 1;
            } else if index > 0 {
                line.push(' ');
                width += 1;
            }
            line.push_str(word);
            width += len;
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    Some(out)
}

/// All rules, macros and lists, or the rule of a name, as JSON. `None` when there is no such rule,
/// or nothing was loaded.
pub fn json(loaded: &Loaded, only: Option<&str>) -> Option<Value> {
    let ruleset = loaded.ruleset.as_ref()?;
    let definitions = &loaded.description.definitions;
    let rules: Vec<Value> = ruleset
        .rules()
        .iter()
        .filter(|rule| only.is_none_or(|name| &**rule.name() == name))
        .filter_map(|rule| {
            let definition = definitions.rules.get(rule.name())?;
            let fields = ruleset
                .sources()
                .iter()
                .find(|source| source.name() == rule.source())?
                .fields();
            Some(describe_rule(rule, definition, fields))
        })
        .collect();
    if only.is_some() {
        return rules.into_iter().next();
    }
    let description = &loaded.description;
    let macros = definitions
        .macros
        .iter()
        .zip(&description.macros)
        .zip(&description.macros_used);
    let macros: Vec<Value> = macros
        .map(|((item, details), used)| describe_macro(item, details, *used))
        .collect();
    let lists = definitions.lists.iter().zip(&description.lists_used);
    let lists: Vec<Value> = lists
        .map(|(item, used)| describe_list(item, *used, loaded))
        .collect();
    let version = definitions.engine.unwrap_or(Version::new(0, 0, 0));
    let plugins: Vec<Value> = definitions
        .plugins
        .iter()
        .filter_map(|choices| {
            let (first, others) = choices.split_first()?;
            let entry = |plugin: &crate::version::PluginVersion| {
                json!({"name": plugin.name, "version": plugin.version.to_string()})
            };
            let mut value = entry(first);
            let alternatives: Vec<Value> = others.iter().map(entry).collect();
            value.as_object_mut()?.insert("alternatives".to_owned(), alternatives.into());
            Some(value)
        })
        .collect();
    Some(json!({
        "required_engine_version": version.to_string(),
        "required_plugin_versions": plugins,
        "rules": rules,
        "macros": macros,
        "lists": lists,
    }))
}

fn describe_rule(rule: &Rule, definition: &RuleDef, fields: &field::Fields) -> Value {
    let output_fields: BTreeSet<&str> = rule
        .output()
        .fields()
        .iter()
        .map(|&field| fields.expression(field))
        .collect();
    let exceptions = &definition.exceptions;
    let names = |pick: fn(&crate::item::ExceptionItem) -> Option<&crate::item::Names>| {
        let words = exceptions
            .iter()
            .filter_map(pick)
            .flat_map(|names| names.words());
        words
            .map(|word| word.as_str().to_owned())
            .collect::<BTreeSet<String>>()
    };
    let exception_names: Vec<&str> = exceptions.iter().map(|item| item.name.as_str()).collect();
    json!({
        "info": {
            "name": &**rule.name(),
            "condition": definition.condition.as_str(),
            "description": rule.desc(),
            "output": definition.output.as_str(),
            "enabled": rule.is_enabled(),
            "source": &**rule.source(),
            "priority": rule.priority().name(),
            "tags": &**rule.tags(),
            "capture": rule.capture().is_some(),
            "capture_duration": rule.capture_duration(),
        },
        "details": {
            "macros": rule.details.macros,
            "lists": rule.details.lists,
            "condition_operators": rule.details.operators,
            "condition_fields": rule.details.fields,
            "output_fields": output_fields,
            "exception_names": exception_names,
            "exception_operators": names(|item| item.comps.as_ref()),
            "exception_fields": names(|item| item.fields.as_ref()),
            "events": events(rule.events()),
            "condition_compiled": rule.details.compiled,
            "output_compiled": rule.output_text(),
            "plugins": [],
        },
    })
}

fn describe_macro(item: &MacroDef, details: &Details, used: bool) -> Value {
    json!({
        "info": {"name": item.name.as_str(), "condition": item.condition.as_str()},
        "details": {
            "used": used,
            "macros": details.macros,
            "lists": details.lists,
            "condition_operators": details.operators,
            "condition_fields": details.fields,
            "events": details.events.as_ref().map(events).unwrap_or_default(),
            "condition_compiled": details.compiled,
            "plugins": [],
        },
    })
}

fn describe_list(item: &ListDef, used: bool, loaded: &Loaded) -> Value {
    let definitions = &loaded.description.definitions;
    let mut lists = BTreeSet::new();
    let mut items = Vec::new();
    for word in &item.items {
        let inner = definitions
            .lists
            .get(word.as_str())
            .filter(|inner| inner.order.defined < item.order.touched);
        match inner {
            Some(inner) if inner.name.as_str() != item.name.as_str() => {
                lists.insert(word.as_str());
                items.extend(inner.items.iter().map(|word| word.as_str()));
            }
            _ => items.push(word.as_str()),
        }
    }
    let written: Vec<&str> = item.items.iter().map(|word| word.as_str()).collect();
    json!({
        "info": {"name": item.name.as_str(), "items": written},
        "details": {"used": used, "lists": lists, "items_compiled": items, "plugins": []},
    })
}

/// Names of events; all of them where nothing restricts them.
fn events(types: &EventTypes) -> BTreeSet<&'static str> {
    let named = types.events.iter().filter_map(event::EventType::info);
    let own = named
        .filter(|info| info.name != "NA" && !info.is_unused())
        .map(|info| info.name);
    let generic = types.syscalls.iter().filter_map(event::SyscallCode::info);
    own.chain(
        generic
            .filter(|call| call.is_generic())
            .map(|call| call.name),
    )
    .collect()
}
