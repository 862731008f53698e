//! Turns `table/fields.txt` into Rust: the table itself, and one enum per class whose variants are
//! its fields, so that the compiler insists on an extractor for every row.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// `is_open_read`, `pid.ts` → `IsOpenRead`, `PidTs`.
fn pascal(name: &str) -> String {
    let mut out = String::new();
    for word in name.split(['_', '.']) {
        let mut chars = word.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out.extend(chars);
    }
    out
}

fn value_type(name: &str) -> String {
    let ty = match name {
        "dynamic" => return "None".to_owned(),
        "string" => "String".to_owned(),
        "buffer" => "Buffer".to_owned(),
        "bool" => "Bool".to_owned(),
        "double" => "Double".to_owned(),
        "reltime" => "RelTime".to_owned(),
        "abstime" => "AbsTime".to_owned(),
        "port" => "Port".to_owned(),
        "ip" => "IpAddr".to_owned(),
        "net" => "IpNet".to_owned(),
        _ => match name.split_at(1) {
            ("i", bits) => format!("Int({bits})"),
            ("u", bits) => format!("Uint({bits})"),
            _ => panic!("unknown type `{name}`"),
        },
    };
    format!("Some(ValueType::{ty})")
}

fn argument(rule: &str) -> String {
    let dotted = rule.starts_with('.');
    let optional = rule.ends_with('?');
    let kind = match rule.trim_start_matches('.').trim_end_matches('?') {
        "-" => return "None".to_owned(),
        kind => pascal(kind),
    };
    format!(
        "Some(ArgumentRule {{ kind: ArgumentKind::{kind}, required: {}, dotted: {dotted} }})",
        !optional
    )
}

fn flags(list: &str) -> String {
    if list == "-" {
        return "FieldFlags::NONE".to_owned();
    }
    let bits: Vec<String> = list
        .split(',')
        .map(|flag| {
            format!(
                "FieldFlags::{}.bits()",
                flag.to_uppercase().replace('-', "_")
            )
        })
        .collect();
    format!("FieldFlags::from_bits({})", bits.join(" | "))
}

/// The fields of a class are named after it, save for a few guests; the guests keep their prefix.
fn home_prefix(class: &str) -> &str {
    match class {
        "generic" | "event" => "evt.",
        "process" => "proc.",
        "fs_path" => "fs.path.",
        "user" => "user.",
        "group" => "group.",
        "fd" => "fd.",
        "fdlist" => "fdlist.",
        "container" => "container.",
        "util" => "util.",
        _ => panic!("unknown class `{class}`"),
    }
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=table/fields.txt");
    let table = fs::read_to_string("table/fields.txt").expect("the table is part of the crate");

    let mut classes = String::new();
    let mut fields = String::new();
    let mut enums = String::new();
    let mut keys = String::new();
    let mut class: Option<(String, usize)> = None;
    let (mut class_count, mut field_count) = (0, 0);

    let close =
        |class: &Option<(String, usize)>, end: usize, classes: &mut String, enums: &mut String| {
            if let Some((_, first)) = class {
                writeln!(classes, "fields: {first}..{end} }},").expect("strings take everything");
                writeln!(enums, "}}").expect("strings take everything");
            }
        };
    for line in table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (left, doc) = line
            .split_once(" | ")
            .expect("a row ends with its documentation");
        let words: Vec<&str> = left.split(' ').collect();
        if words[0] == "class" {
            close(&class, field_count, &mut classes, &mut enums);
            let variant = pascal(words[1]);
            write!(
                classes,
                "Class {{ name: {:?}, sources: Sources::{}, doc: {doc:?}, ",
                words[2],
                pascal(words[3])
            )
            .expect("strings take everything");
            writeln!(keys, "{variant}({variant}Key),").expect("strings take everything");
            writeln!(
                enums,
                "#[derive(Clone, Copy, PartialEq, Eq, Debug)]\npub(crate) enum {variant}Key {{"
            )
            .expect("strings take everything");
            class = Some((words[1].to_owned(), field_count));
            class_count += 1;
            continue;
        }
        let [name, ty, rule, flag_list] = words[..] else {
            panic!("`{left}` has {} columns, not 4", words.len());
        };
        let (class, _) = class.as_ref().expect("a class comes first");
        let variant = pascal(name.strip_prefix(home_prefix(class)).unwrap_or(name));
        writeln!(enums, "{variant},").expect("strings take everything");
        writeln!(
            fields,
            "FieldInfo {{ name: {name:?}, class: {}, ty: {}, argument: {}, flags: {}, doc: {doc:?}, \
             key: Key::{class}({class}Key::{variant}) }},",
            class_count - 1,
            value_type(ty),
            argument(rule),
            flags(flag_list),
            class = pascal(class),
        )
        .expect("strings take everything");
        field_count += 1;
    }
    close(&class, field_count, &mut classes, &mut enums);

    let out = format!(
        "static CLASSES: [Class; {class_count}] = [\n{classes}];\n\
         static FIELDS: [FieldInfo; {field_count}] = [\n{fields}];\n{enums}\
         /// Which extractor a row has.\n#[derive(Clone, Copy, PartialEq, Eq, Debug)]\n\
         pub(crate) enum Key {{\n{keys}}}\n"
    );
    let dest = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("fields.rs");
    fs::write(dest, out).expect("cargo's output folder is writable");
}
