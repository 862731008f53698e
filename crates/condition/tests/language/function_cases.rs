//! The functions of `language/functions.json` that belong to the language.

use condition::{quote, sanitize_utf8};
use serde_json::Value;

use crate::support;

/// A text, or `{"hex": …}`.
fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.as_bytes().to_vec(),
        value => {
            let hex = value["hex"].as_str().unwrap();
            (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect()
        }
    }
}

#[test]
fn escapes() {
    let Some(document) = support::language("functions.json") else {
        return;
    };
    for case in document["escape"].as_array().unwrap() {
        let text = case["in"].as_str().unwrap();
        match case["op"].as_str().unwrap() {
            "escape" => assert_eq!(
                quote::escape(text.as_bytes()),
                case["out"].as_str().unwrap()
            ),
            "roundtrip" => {
                let escaped = quote::escape(text.as_bytes());
                assert_eq!(quote::unescape(&escaped).unwrap(), text.as_bytes());
            }
            "unescape" if case["error"] == true => {
                assert!(quote::unescape(text).is_err(), "{text}");
            }
            "unescape" => assert_eq!(
                quote::unescape(text).unwrap(),
                bytes(&case["out"]),
                "{text}"
            ),
            other => panic!("unknown operation {other}"),
        }
    }
}

#[test]
fn utf8() {
    let Some(document) = support::language("functions.json") else {
        return;
    };
    for case in document["utf8_sanitize"].as_array().unwrap() {
        let mut text = String::new();
        sanitize_utf8(&bytes(&case["in"]), &mut text);
        assert_eq!(text, case["out"].as_str().unwrap());
    }
}

/// No function of this crate splits texts; the rest of the project uses the one of the standard
/// library, which this holds to the cases.
#[test]
fn split() {
    let Some(document) = support::language("functions.json") else {
        return;
    };
    for case in document["split"].as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap();
        let parts: Vec<&str> = text("in").split(text("sep")).collect();
        assert_eq!(serde_json::json!(parts), case["out"], "{case}");
    }
}
