//! Where the conformance captures are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Every capture with what Falco prints of it, by event number. Empty, with a word why, where the
/// folder is not there.
pub(crate) fn captures() -> Vec<(PathBuf, BTreeMap<u64, Value>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/captures");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return Vec::new();
    };
    let mut out: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "scap"))
        .map(|path| {
            let lines = fs::read_to_string(path.with_extension("fields.jsonl")).unwrap();
            let lines = lines
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap())
                .map(|line| (line["evt.num"].as_u64().unwrap(), line))
                .collect();
            (path, lines)
        })
        .collect();
    out.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(out.len() >= 7, "{} captures", out.len());
    out
}
