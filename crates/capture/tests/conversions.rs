//! Every row of the table of conversions against the reference's.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fs, path::Path};

use serde_json::Value;

/// A row of the reference in the words of `table/conversions.txt`, ranges written out.
fn row(conversion: &Value) -> String {
    let ident = |key: &str| {
        let ident = conversion[key].as_str().unwrap();
        ident.strip_prefix("PPME_").unwrap().to_owned()
    };
    let mut words = vec![ident("event"), conversion["nparams"].to_string()];
    match conversion["action"].as_str().unwrap() {
        "PASS" => words.push("pass".to_owned()),
        "STORE" => words.push("store".to_owned()),
        "STORE_AND_PASS" => words.push("store_and_pass".to_owned()),
        "ADD_PARAMS" => words.push("append".to_owned()),
        "CHANGE_TYPE" => words.extend(["become".to_owned(), ident("to")]),
        action => panic!("the reference has an action {action}, which the table has no word for"),
    }
    for source in conversion["instrs"].as_array().into_iter().flatten() {
        let param = &source["param"];
        words.push(match source["from"].as_str().unwrap() {
            "old" => format!("old.{param}"),
            "enter" => format!(
                "enter.{param}|{}",
                source["missing_enter"].as_str().unwrap()
            ),
            "callback" => "container_json".to_owned(),
            alone => alone.to_owned(),
        });
    }
    words.join(" ")
}

/// A line of the table with `old.N-M` written out.
fn written_out(line: &str) -> String {
    let mut words = Vec::new();
    for word in line.split_whitespace() {
        match word
            .strip_prefix("old.")
            .and_then(|range| range.split_once('-'))
        {
            Some((first, last)) => {
                let range = first.parse::<u8>().unwrap()..=last.parse().unwrap();
                words.extend(range.map(|n| format!("old.{n}")));
            }
            None => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}

#[test]
fn every_row_is_the_reference_s() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/data/scap_conversions.json");
    let Ok(text) = fs::read(&path) else {
        eprintln!("skipped: {} is absent", path.display());
        return;
    };
    let reference: Value = serde_json::from_slice(&text).unwrap();
    let mut expected: Vec<String> = reference["conversions"]
        .as_array()
        .unwrap()
        .iter()
        .map(row)
        .collect();
    let mut table: Vec<String> = include_str!("../table/conversions.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(written_out)
        .collect();
    expected.sort();
    table.sort();
    assert_eq!(table, expected);
}
