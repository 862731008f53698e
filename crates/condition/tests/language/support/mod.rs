//! Finds the data that several test files read.

pub(crate) mod generate;
pub(crate) mod mock;

use std::path::PathBuf;

use serde_json::Value;

/// Reads a file of conformance cases about the language. Says why when there is none.
pub(crate) fn language(name: &str) -> Option<Value> {
    shared(&format!("conformance/language/{name}"))
}

/// Reads a JSON file below the folder of shared data.
pub(crate) fn shared(name: &str) -> Option<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            eprintln!("skipped: {}: {error}", path.display());
            None
        }
    }
}
