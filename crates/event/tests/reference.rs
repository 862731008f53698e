//! Every row of the text tables against the reference's.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![expect(clippy::print_stderr, reason = "this is how a test says that it skips")]

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

fn reference(file: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/data")
        .join(file);
    let Ok(text) = fs::read(&path) else {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

fn rows(table: &str) -> impl Iterator<Item = Vec<String>> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn bare<'a>(value: &'a Value, prefix: &str) -> &'a str {
    value.as_str().unwrap().strip_prefix(prefix).unwrap()
}

/// Words joined by commas, sorted; `-` for none.
fn set<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: BTreeSet<&str> = words.collect();
    match words.is_empty() {
        true => "-".to_owned(),
        false => words.into_iter().collect::<Vec<_>>().join(","),
    }
}

/// A parameter as events.txt writes it.
fn param(param: &Value) -> String {
    let mut text = format!(
        "{}:{}:{}",
        param["name"].as_str().unwrap(),
        bare(&param["type"], "PT_"),
        bare(&param["fmt"], "PF_")
    );
    if let Some(info) = param["info"].as_str() {
        text += &format!(":{info}");
    } else if let Some(dirfd) = param["dirfd_param"].as_u64() {
        text += &format!(":dirfd={dirfd}");
    }
    text
}

#[test]
fn every_event_is_the_reference_s() {
    let Some(reference) = reference("event_table.json") else {
        return;
    };
    let expected = array(&reference["events"]).map(|event| {
        let mut row = vec![
            event["code"].to_string(),
            bare(&event["ppme"], "PPME_").to_owned(),
            event["name"].as_str().unwrap().to_owned(),
            bare(&event["syscall_category"], "EC_").to_owned(),
            set(array(&event["event_category"]).map(|category| bare(category, "EC_"))),
            set(array(&event["flags"]).map(|flag| bare(flag, "EF_"))),
        ];
        row.extend(array(&event["params"]).map(param));
        row
    });
    let table = rows(include_str!("../table/events.txt")).map(|mut row| {
        row[5] = set(row[5].split(',').filter(|flag| *flag != "-"));
        row
    });
    let (table, expected): (Vec<_>, Vec<_>) = (table.collect(), expected.collect());
    for (row, expected) in table.iter().zip(&expected) {
        assert_eq!(row, expected);
    }
    assert_eq!(table.len(), expected.len());
}

#[test]
fn every_flag_is_the_reference_s() {
    let Some(reference) = reference("flags.json") else {
        return;
    };
    let mut name = String::new();
    let mut table = Vec::new();
    for row in rows(include_str!("../table/flags.txt")) {
        match &*row[0] {
            "table" => name.clone_from(&row[1]),
            flag => table.push((
                name.clone(),
                flag.to_owned(),
                row[1].parse::<u64>().unwrap(),
            )),
        }
    }
    let mut expected = Vec::new();
    for (name, flags) in reference["tables"].as_object().unwrap() {
        for flag in array(flags) {
            let value = flag["value"].as_u64().unwrap();
            expected.push((
                name.clone(),
                flag["name"].as_str().unwrap().to_owned(),
                value,
            ));
        }
    }
    // The order of the tables means nothing; the order in a table does, so the sort is stable.
    table.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(table, expected);
}

#[test]
fn every_system_call_is_the_reference_s() {
    let Some(reference) = reference("syscalls.json") else {
        return;
    };
    let number = |value: &Value| value.as_u64().map_or("-".to_owned(), |n| n.to_string());
    let ident = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        ident => bare(ident, "PPME_").to_owned(),
    };
    let mut expected = Vec::new();
    for call in array(&reference["syscalls"]) {
        let name = call["name"].as_str().unwrap();
        let aliases: Vec<String> = array(&call["nr_ia32_aliases"])
            .map(Value::to_string)
            .collect();
        let own = [ident(&call["enter"]), ident(&call["exit"])];
        let others = array(&call["events"])
            .map(|event| bare(event, "PPME_"))
            .filter(|event| !own.contains(&(*event).to_owned()));
        let sets = reference["sets"].as_object().unwrap();
        let sets = sets
            .iter()
            .filter(|(_, calls)| array(calls).any(|call| call == name))
            .map(|(set, _)| &**set);
        let [enter, exit] = own.clone();
        expected.push([
            call["sc"].to_string(),
            name.to_owned(),
            number(&call["nr"]["x86_64"]),
            number(&call["nr"]["aarch64"]),
            set(aliases.iter().map(|alias| &**alias)),
            enter,
            exit,
            set(array(&call["flags"]).map(|flag| bare(flag, "UF_"))),
            set(sets),
            set(others),
        ]);
    }
    let table = rows(include_str!("../table/syscalls.txt")).map(|mut row| {
        for column in [4, 7, 8, 9] {
            row[column] = set(row[column].split(',').filter(|word| *word != "-"));
        }
        row
    });
    for (row, expected) in table.zip(&expected) {
        assert_eq!(row, expected);
    }
    assert_eq!(
        rows(include_str!("../table/syscalls.txt")).count(),
        expected.len()
    );
}
