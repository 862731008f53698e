//! Joining paths, case by case.

use state::{PATH_MAX, PATH_TOO_LONG, concatenate};

fn joined(base: &str, path: &str) -> String {
    let mut out = b"left over".to_vec();
    concatenate(base.as_bytes(), path.as_bytes(), &mut out);
    String::from_utf8(out).expect("the cases are text")
}

#[test]
fn conformance_cases() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/language/functions.json"
    );
    let Ok(text) = std::fs::read_to_string(file) else {
        eprintln!("skipped: {file} is not there");
        return;
    };
    let functions: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases = functions["concatenate_paths"].as_array().unwrap();
    assert!(cases.len() > 15);
    for case in cases {
        let text = |key: &str| case[key].as_str().unwrap();
        assert_eq!(joined(text("path1"), text("path2")), text("out"), "{case}");
    }
}

#[test]
fn parents_of_the_root_are_the_root() {
    assert_eq!(joined("/a/", "../../../b"), "/b");
    assert_eq!(joined("/", "../.."), "/");
    assert_eq!(joined("/x/", "/.."), "/");
    assert_eq!(joined("/x/", ""), "/x");
    assert_eq!(joined("/x/", "."), "/x");
    assert_eq!(joined("/x/", "..."), "/x/...");
}

#[test]
fn length_limit() {
    let too_long = std::str::from_utf8(PATH_TOO_LONG).unwrap();
    let fits = "a".repeat(PATH_MAX - 3);
    assert_eq!(joined("/x", &fits).len(), PATH_MAX - 1);
    assert_eq!(joined("/x", &format!("{fits}a")), too_long);
    assert_eq!(
        joined("/x/", &format!("/{}", "a".repeat(PATH_MAX))),
        too_long
    );
    assert_eq!(joined(&"b".repeat(PATH_MAX), "/short"), "/short");
}
