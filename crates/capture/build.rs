//! Turns `table/conversions.txt` into a Rust table. The idents in it become constants of the event
//! crate, so that a wrong one does not compile.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

const TABLE: &str = "table/conversions.txt";

fn source(word: &str) -> String {
    let param = |text: &str| -> u8 {
        text.parse()
            .unwrap_or_else(|_| panic!("{TABLE}: `{text}` is no parameter number"))
    };
    if let Some(range) = word.strip_prefix("old.") {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        return (param(from)..=param(to))
            .map(|n| format!("Source::Old({n}),"))
            .collect();
    }
    if let Some(rest) = word.strip_prefix("enter.") {
        return match rest.split_once('|') {
            Some((n, "empty")) => format!("Source::Enter({}, Missing::Empty),", param(n)),
            Some((n, "default")) => format!("Source::Enter({}, Missing::Default),", param(n)),
            _ => panic!("{TABLE}: `{word}` must end in |empty or |default"),
        };
    }
    match word {
        "empty" => "Source::Empty,".to_owned(),
        "default" => "Source::Default,".to_owned(),
        "container_json" => "Source::ContainerJson,".to_owned(),
        _ => panic!("{TABLE}: unknown source `{word}`"),
    }
}

fn main() -> std::fmt::Result {
    println!("cargo::rerun-if-changed={TABLE}");
    println!("cargo::rerun-if-changed=build.rs");
    let text =
        fs::read_to_string(TABLE).unwrap_or_else(|err| panic!("failed to read {TABLE}: {err}"));
    let mut out = String::from("static STEPS: &[Step] = &[\n");
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let words: Vec<&str> = line.split(' ').collect();
        let [ident, params, action, rest @ ..] = words.as_slice() else {
            panic!("{TABLE}: `{line}` needs an event type, a number and an action");
        };
        let (action, sources) = match (*action, rest) {
            ("pass", []) => ("Action::Pass".to_owned(), rest),
            ("store", []) => ("Action::Store".to_owned(), rest),
            ("store_and_pass", []) => ("Action::StoreAndPass".to_owned(), rest),
            ("append", [_, ..]) => ("Action::Append".to_owned(), rest),
            ("become", [ident, rest @ ..]) => (format!("Action::Become(EventType::{ident})"), rest),
            _ => panic!("{TABLE}: `{line}` has an unknown action or a wrong number of words"),
        };
        let sources: String = sources.iter().map(|word| source(word)).collect();
        writeln!(
            out,
            "Step {{ event: EventType::{ident}, params: {params}, action: {action}, \
             sources: &[{sources}] }},"
        )?;
    }
    out.push_str("];\n");
    let dest = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("conversions.rs");
    fs::write(dest, out).expect("the output directory is writable");
    Ok(())
}
