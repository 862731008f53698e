//! Falco's JSON form.

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostic};
use crate::load::Loaded;

use super::snippet;

/// The results for all files, as an array: what stands under `falco_load_results`.
pub fn json(loaded: &Loaded) -> Value {
    loaded
        .files
        .iter()
        .map(|(file, source)| {
            let of = |found: &Diagnostic| entry(loaded, found);
            let errors: Vec<Value> = loaded.errors(file).map(of).collect();
            let warnings: Vec<Value> = loaded.warnings(file).map(of).collect();
            let schema: Vec<&str> = loaded
                .diagnostics
                .iter()
                .filter(|found| found.file() == file)
                .filter(|found| {
                    matches!(
                        found.code,
                        Code::YamlValidate | Code::UnknownKey | Code::UnknownItem
                    )
                })
                .map(|found| found.message.as_str())
                .collect();
            json!({
                "name": source.name,
                "successful": errors.is_empty(),
                "schema_valid": schema.is_empty(),
                "schema_warnings": schema,
                "errors": errors,
                "warnings": warnings,
            })
        })
        .collect()
}

fn entry(loaded: &Loaded, found: &Diagnostic) -> Value {
    let locations: Vec<Value> = found
        .locations
        .iter()
        .map(|location| {
            let position = loaded
                .files
                .position(location.span.file, location.span.start);
            json!({
                "item_type": location.place.name(),
                "item_name": location.name,
                "position": {
                    "name": loaded.files.name(location.span.file),
                    "line": position.line,
                    "column": position.column,
                    "offset": position.offset,
                },
            })
        })
        .collect();
    // Errors carry the short text, warnings the long one; consumers expect it so.
    let description = if found.is_error() {
        found.code.short()
    } else {
        found.code.long()
    };
    let mut value = json!({
        "code": found.code.name(),
        "codedesc": description,
        "message": found.message,
        "context": {
            "locations": locations,
            "snippet": snippet(&loaded.files, found),
        },
    });
    if let (Some(field), Some(object)) = (&found.deprecated_field, value.as_object_mut()) {
        object.insert("deprecated_field".to_owned(), Value::from(field.as_str()));
    }
    value
}
