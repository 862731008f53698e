//! Turns the text tables of `table/` into Rust constants.
//!
//! The tables are the only place where an event, a flag or a system call is written down: the Rust
//! tables come from here, and the probe's C header comes from the Rust tables.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// The lines of a table that say something, with comments and blank lines left out.
fn rows(name: &str) -> Vec<String> {
    let path = Path::new("table").join(name);
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(&path)
        .unwrap_or_else(|err| panic!("failed to read {}: {err}", path.display()))
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn pascal(ident: &str) -> String {
    let mut out = String::new();
    for word in ident.split('_') {
        let mut chars = word.chars();
        if let Some(first) = chars.next() {
            out.push(first.to_ascii_uppercase());
            out.extend(chars.map(|c| c.to_ascii_lowercase()));
        }
    }
    out
}

/// `table NAME` / `list NAME` headings followed by their rows.
fn sections(name: &str, keyword: &str) -> Vec<(String, Vec<Vec<String>>)> {
    let mut out: Vec<(String, Vec<Vec<String>>)> = Vec::new();
    for line in rows(name) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if words[0] == keyword {
            out.push((words[1].clone(), Vec::new()));
        } else {
            out.last_mut().expect("a heading comes first").1.push(words);
        }
    }
    out
}

fn bits(flags: &str, ty: &str) -> String {
    if flags == "-" {
        return format!("{ty}::NONE");
    }
    let parts: Vec<String> = flags.split(',').map(|flag| format!("{ty}::{flag}.bits()")).collect();
    format!("{ty}::from_bits({})", parts.join(" | "))
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut out = String::new();

    let tables = sections("flags.txt", "table");
    let table_index: HashMap<&str, usize> =
        tables.iter().enumerate().map(|(i, (name, _))| (name.as_str(), i)).collect();
    writeln!(out, "pub(crate) static FLAG_TABLES: [FlagTable; {}] = [", tables.len()).unwrap();
    for (name, entries) in &tables {
        write!(out, "FlagTable {{ name: {name:?}, entries: &[").unwrap();
        for entry in entries {
            write!(out, "Flag {{ name: {:?}, value: {} }},", entry[0], entry[1]).unwrap();
        }
        writeln!(out, "] }},").unwrap();
    }
    writeln!(out, "];").unwrap();

    let lists = sections("dynamic.txt", "list");
    for (name, entries) in &lists {
        writeln!(out, "static {}: [Variant; {}] = [", name.to_uppercase(), entries.len()).unwrap();
        for entry in entries {
            writeln!(
                out,
                "Variant {{ ty: ParamType::{}, format: PrintFormat::{} }},",
                pascal(&entry[0]),
                pascal(&entry[1])
            )
            .unwrap();
        }
        writeln!(out, "];").unwrap();
    }

    let events = rows("events.txt");
    let mut consts = String::new();
    writeln!(out, "pub(crate) static EVENTS: [EventInfo; {}] = [", events.len()).unwrap();
    for (index, line) in events.iter().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[0].parse::<usize>().unwrap(), index, "events.txt must be in code order");
        writeln!(
            consts,
            "/// `{}`, {}.\npub const {}: EventType = EventType({index});",
            words[2],
            if index % 2 == 0 { "enter or meta event" } else { "exit event" },
            words[1]
        )
        .unwrap();
        let origin =
            if words[4] == "-" { "None".into() } else { format!("Some(Origin::{})", pascal(words[4])) };
        write!(
            out,
            "EventInfo {{ event_type: EventType({index}), ident: {:?}, name: {:?}, category: Category::{}, \
             origin: {origin}, flags: {}, params: &[",
            words[1],
            words[2],
            pascal(words[3]),
            bits(words[5], "EventFlags"),
        )
        .unwrap();
        for param in &words[6..] {
            let parts: Vec<&str> = param.split(':').collect();
            let detail = match parts.get(3) {
                None => "ParamDetail::None".to_owned(),
                Some(info) => {
                    if let Some(dirfd) = info.strip_prefix("dirfd=") {
                        format!("ParamDetail::RelativeTo({dirfd})")
                    } else if let Some(index) = table_index.get(info) {
                        format!("ParamDetail::Flags(&FLAG_TABLES[{index}])")
                    } else if lists.iter().any(|(name, _)| name == info) {
                        format!("ParamDetail::Variants(&{})", info.to_uppercase())
                    } else {
                        panic!("{}: no flag table or variant list `{info}`", words[1]);
                    }
                }
            };
            write!(
                out,
                "ParamInfo {{ name: {:?}, ty: ParamType::{}, format: PrintFormat::{}, detail: {detail} }},",
                parts[0],
                pascal(parts[1]),
                pascal(parts[2]),
            )
            .unwrap();
        }
        writeln!(out, "] }},").unwrap();
    }
    writeln!(out, "];").unwrap();
    writeln!(out, "impl EventType {{\n{consts}}}").unwrap();

    let constants = rows("constants.txt");
    writeln!(out, "pub(crate) static CONSTANTS: [(&str, i64); {}] = [", constants.len()).unwrap();
    for line in &constants {
        let (name, value) = line.split_once(' ').unwrap();
        writeln!(out, "({name:?}, {value}),").unwrap();
    }
    writeln!(out, "];").unwrap();

    let event_code: HashMap<&str, usize> = events
        .iter()
        .enumerate()
        .map(|(i, line)| (line.split(' ').nth(1).unwrap(), i))
        .collect();
    let syscalls = rows("syscalls.txt");
    writeln!(out, "pub(crate) static SYSCALLS: [Syscall; {}] = [", syscalls.len()).unwrap();
    let mut consts = String::new();
    let mut last = None;
    for line in &syscalls {
        let words: Vec<&str> = line.split(' ').collect();
        let index = words[0].parse::<usize>().unwrap();
        // Codes have gaps, so the table is searched, which needs it sorted.
        assert!(last < Some(index), "syscalls.txt must be in code order");
        last = Some(index);
        writeln!(
            consts,
            "/// `{}`.\npub const {}: SyscallCode = SyscallCode({index});",
            words[1],
            words[1].to_uppercase()
        )
        .unwrap();
        let number = |word: &str| if word == "-" { "None".into() } else { format!("Some({word})") };
        let event = |word: &str| match word {
            "-" => "None".to_owned(),
            ident => format!("Some(EventType({}))", event_code[ident]),
        };
        let list = |word: &str| if word == "-" { String::new() } else { word.to_owned() };
        let sets: Vec<String> = list(words[8])
            .split(',')
            .filter(|set| !set.is_empty())
            .map(|set| format!("SyscallSet::{}", pascal(set)))
            .collect();
        writeln!(
            out,
            "Syscall {{ code: SyscallCode({index}), name: {:?}, x86_64: {}, aarch64: {}, ia32: &[{}], \
             enter: {}, exit: {}, flags: {}, sets: &[{}] }},",
            words[1],
            number(words[2]),
            number(words[3]),
            list(words[4]),
            event(words[5]),
            event(words[6]),
            bits(words[7], "SyscallFlags"),
            sets.join(","),
        )
        .unwrap();
    }
    writeln!(out, "];").unwrap();
    writeln!(out, "impl SyscallCode {{\n{consts}}}").unwrap();

    let dest = Path::new(&env::var("OUT_DIR").unwrap()).join("tables.rs");
    fs::write(dest, out).unwrap();
}
