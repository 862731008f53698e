//! Event types, their flag tables, and what is found by event type or event name.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::syscalls::Carriers;
use crate::text::{bits, pascal, rows, sections};

/// Event codes by ident, and which of them only fill a slot.
#[derive(Default)]
pub(crate) struct Idents {
    codes: HashMap<String, usize>,
    placeholders: Vec<bool>,
}

impl Idents {
    /// The code of an ident that another table names.
    pub(crate) fn code(&self, ident: &str) -> usize {
        *self
            .codes
            .get(ident)
            .unwrap_or_else(|| panic!("no event type `{ident}`"))
    }

    /// Whether no record ever has this type.
    pub(crate) fn is_placeholder(&self, code: usize) -> bool {
        self.placeholders[code]
    }
}

/// Writes flag tables, variant lists, constants and the event table.
pub(crate) fn generate(out: &mut String) -> Result<Idents, std::fmt::Error> {
    let tables = sections("flags.txt", "table");
    writeln!(
        out,
        "pub(crate) static FLAG_TABLES: [FlagTable; {}] = [",
        tables.len()
    )?;
    for (name, entries) in &tables {
        write!(out, "FlagTable {{ name: {name:?}, entries: &[")?;
        for entry in entries {
            write!(out, "Flag {{ name: {:?}, value: {} }},", entry[0], entry[1])?;
        }
        writeln!(out, "] }},")?;
    }
    writeln!(out, "];")?;

    let lists = sections("dynamic.txt", "list");
    for (name, entries) in &lists {
        writeln!(
            out,
            "static {}: [Variant; {}] = [",
            name.to_uppercase(),
            entries.len()
        )?;
        for entry in entries {
            let (ty, format) = (pascal(&entry[0]), pascal(&entry[1]));
            writeln!(
                out,
                "Variant {{ ty: ParamType::{ty}, format: PrintFormat::{format} }},"
            )?;
        }
        writeln!(out, "];")?;
    }

    let constants = rows("constants.txt");
    writeln!(
        out,
        "pub(crate) static CONSTANTS: [(&str, i64); {}] = [",
        constants.len()
    )?;
    for line in &constants {
        let (name, value) = line.split_once(' ').expect("a name and a value");
        writeln!(out, "({name:?}, {value}),")?;
    }
    writeln!(out, "];")?;

    let events = rows("events.txt");
    let mut idents = Idents::default();
    let mut consts = String::new();
    writeln!(
        out,
        "pub(crate) static EVENTS: [EventInfo; {}] = [",
        events.len()
    )?;
    for (index, line) in events.iter().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(
            words[0],
            index.to_string(),
            "events.txt must be in code order"
        );
        idents.codes.insert(words[1].to_owned(), index);
        idents
            .placeholders
            .push(words[5].split(',').any(|flag| flag == "UNUSED"));
        let half = if index % 2 == 0 {
            "enter or meta event"
        } else {
            "exit event"
        };
        let (ident, name) = (words[1], words[2]);
        writeln!(
            consts,
            "/// `{name}`, {half}.\npub const {ident}: EventType = EventType({index});"
        )?;
        let origin = match words[4] {
            "-" => "None".to_owned(),
            origin => format!("Some(Origin::{})", pascal(origin)),
        };
        let (used, created) = descriptors(index, words[5], &words[6..]);
        write!(
            out,
            "EventInfo {{ event_type: EventType({index}), ident: {ident:?}, name: {name:?}, \
             category: Category::{}, origin: {origin}, flags: {}, used_fd: {used:?}, \
             created_fd: {created:?}, params: &[",
            pascal(words[3]),
            bits(words[5], "EventFlags"),
        )?;
        for param in &words[6..] {
            out.push_str(&param_info(ident, param, &tables, &lists));
        }
        writeln!(out, "] }},")?;
    }
    writeln!(out, "];\nimpl EventType {{\n{consts}}}")?;
    Ok(idents)
}

type Section = crate::text::Section;

fn param_info(ident: &str, param: &str, tables: &[Section], lists: &[Section]) -> String {
    let parts: Vec<&str> = param.split(':').collect();
    let detail = match parts.get(3) {
        None => "ParamDetail::None".to_owned(),
        Some(info) => {
            if let Some(dirfd) = info.strip_prefix("dirfd=") {
                format!("ParamDetail::RelativeTo({dirfd})")
            } else if let Some(index) = tables.iter().position(|(name, _)| name == info) {
                format!("ParamDetail::Flags(&FLAG_TABLES[{index}])")
            } else if lists.iter().any(|(name, _)| name == info) {
                format!("ParamDetail::Variants(&{})", info.to_uppercase())
            } else {
                panic!("{ident}: no flag table or variant list `{info}`");
            }
        }
    };
    let (name, ty, format) = (parts[0], pascal(parts[1]), pascal(parts[2]));
    format!(
        "ParamInfo {{ name: {name:?}, ty: ParamType::{ty}, format: PrintFormat::{format}, \
         detail: {detail} }},"
    )
}

/// Which parameters hold the descriptor that an event works on and the one that it makes.
///
/// The flags say that there is one, not where. A descriptor that is worked on is the first
/// descriptor parameter that is not the result; `copy_file_range` has two and is about the one it
/// reads. Exits of old versions may have none at all: their enter event has it. A new descriptor is the result, unless two are made at once.
fn descriptors(code: usize, flags: &str, params: &[&str]) -> (Option<usize>, Option<usize>) {
    let has = |flag: &str| flags.split(',').any(|f| f == flag);
    let is_exit = code % 2 == 1;
    let name = |param: &str| param.split(':').next().unwrap_or_default().to_owned();
    let is_fd = |param: &str| param.split(':').nth(1) == Some("FD");
    let find = |wanted: &str| {
        params
            .iter()
            .position(|param| is_fd(param) && name(param) == wanted)
    };
    let creates = has("CREATES_FD");
    let mut used = None;
    if has("USES_FD") || has("DESTROYS_FD") {
        used = find("fdin").or_else(|| {
            params
                .iter()
                .position(|param| is_fd(param) && name(param) != "res")
        });
    }
    let mut created = None;
    if creates && is_exit && !params.is_empty() {
        created = Some(find("fd1").unwrap_or(0));
    }
    (used, created)
}

/// Writes the event types of every event name, and the system calls of every event type.
pub(crate) fn generate_lookups(
    out: &mut String,
    idents: &Idents,
    carriers: &Carriers,
) -> std::fmt::Result {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (code, line) in rows("events.txt").iter().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        if !idents.is_placeholder(code) {
            by_name.entry(words[2].to_owned()).or_default().push(code);
        }
    }
    let generic = [idents.code("GENERIC_E"), idents.code("GENERIC_X")];
    for (name, _, events) in carriers {
        if events.iter().any(|event| generic.contains(event)) {
            by_name.entry(name.clone()).or_default().extend(generic);
        }
    }
    writeln!(
        out,
        "pub(crate) static NAMES: [(&str, &[EventType]); {}] = [",
        by_name.len()
    )?;
    for (name, mut codes) in by_name {
        codes.sort_unstable();
        codes.dedup();
        let codes: Vec<String> = codes
            .iter()
            .map(|code| format!("EventType({code})"))
            .collect();
        writeln!(out, "({name:?}, &[{}]),", codes.join(","))?;
    }
    writeln!(out, "];")?;

    writeln!(
        out,
        "pub(crate) static EVENT_SYSCALLS: [&[SyscallCode]; {}] = [",
        idents.placeholders.len()
    )?;
    for event in 0..idents.placeholders.len() {
        let codes: Vec<String> = carriers
            .iter()
            .filter(|(_, _, events)| events.contains(&event))
            .map(|(_, code, _)| format!("SyscallCode({code})"))
            .collect();
        writeln!(out, "&[{}],", codes.join(","))?;
    }
    writeln!(out, "];")?;
    Ok(())
}
