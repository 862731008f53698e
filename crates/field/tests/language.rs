//! Conditions on built-in fields: which ones type-check, and with how many warnings.

use std::path::Path;

use condition::{PoolBuilder, parse};
use field::Fields;
use serde_json::Value;

/// Whether a condition compiles, with how many warnings, or what is wrong.
fn compile(text: &str) -> Result<usize, String> {
    let tree = parse(text).map_err(|errors| format!("{errors:?}"))?;
    let mut pool = PoolBuilder::new();
    let compiled = pool.add(&tree, &mut Fields::new());
    compiled
        .map(|compiled| compiled.warnings.len())
        .map_err(|errors| format!("{errors:?}"))
}

#[test]
fn conditions_type_check_as_the_reference_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/conformance/language/compile.json");
    let cases: Value = match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(err) => {
            eprintln!("skipped: {}: {err}", path.display());
            return;
        }
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases["compile"].as_array().unwrap() {
        if case["mock_fields"] == true {
            continue;
        }
        count += 1;
        let filter = case["filter"].as_str().unwrap();
        let compiled = compile(filter);
        if compiled.is_ok() != case["ok"].as_bool().unwrap() {
            wrong.push(format!("{filter}: {compiled:?}"));
        } else if let (Ok(found), Some(expected)) = (&compiled, case["warnings"].as_u64())
            && *found as u64 != expected
        {
            wrong.push(format!("{filter}: {found} warnings instead of {expected}"));
        }
    }
    assert!(count > 50, "{count} cases");
    assert!(
        wrong.is_empty(),
        "{} of {count} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn either_side_and_ancestor_fields_are_for_plain_checks() {
    for (text, ok) in [
        ("fd.ip = 10.0.0.1", true),
        ("fd.net = 10.0.0.0/8", true),
        ("fd.snet in (10.0.0.0/8)", true),
        ("fd.sport = https", true),
        ("proc.aname in (sh, bash)", true),
        ("fd.types intersects (file)", true),
        ("fd.types = file", false),
        ("tolower(proc.aname) = x", false),
        ("fd.cip = val(fd.sip)", true),
        ("fd.cip = val(fd.ip)", false),
        ("fd.num = val(fd.name)", false),
        ("evt.type = opneat", false),
        ("evt.rawarg.res < 0", true),
        ("evt.rawarg.res = nothing", false),
        ("proc.nmae = x", false),
        ("proc.duration > 1000", true),
        ("evt.failed = true", true),
        ("evt.failed = maybe", false),
    ] {
        let compiled = compile(text);
        assert_eq!(compiled.is_ok(), ok, "{text}: {compiled:?}");
    }
}
