//! System calls, and what is found by their code or native number.

use std::fmt::Write as _;

use crate::events::Idents;
use crate::text::{bits, list, pascal, rows};

/// Name, code and event types of every system call.
pub(crate) type Carriers = Vec<(String, usize, Vec<usize>)>;

/// Writes the table of system calls and the arrays that are indexed by code and native number.
pub(crate) fn generate(out: &mut String, idents: &Idents) -> Result<Carriers, std::fmt::Error> {
    let syscalls = rows("syscalls.txt");
    let mut carriers = Carriers::new();
    let mut consts = String::new();
    let mut by_code = Vec::new();
    // x86-64, aarch64, 32-bit x86.
    let mut by_native: [Vec<Option<usize>>; 3] = Default::default();

    writeln!(
        out,
        "pub(crate) static SYSCALLS: [Syscall; {}] = [",
        syscalls.len()
    )?;
    for (row, line) in syscalls.iter().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        let [
            code,
            name,
            x86_64,
            aarch64,
            ia32,
            enter,
            exit,
            flags,
            sets,
            others,
        ] = words[..]
        else {
            panic!("syscalls.txt: ten columns expected in `{line}`")
        };
        let code: usize = code.parse().expect("a code comes first");
        assert!(code >= by_code.len(), "syscalls.txt must be in code order");
        by_code.resize(code, None);
        by_code.push(Some(row));

        let event = |word: &str| match word {
            "-" => "None".to_owned(),
            word => format!("Some(EventType({}))", idents.code(word)),
        };
        let number = |word: &str| match word {
            "-" => "None".to_owned(),
            word => format!("Some({word})"),
        };
        for (index, word) in [x86_64, aarch64, ia32].into_iter().enumerate() {
            for number in list(word) {
                let number: usize = number.parse().expect("a native number");
                let table = &mut by_native[index];
                table.resize(table.len().max(number + 1), None);
                assert_eq!(table[number], None, "{name}: its number {number} is taken");
                table[number] = Some(row);
            }
        }
        let mut events: Vec<usize> = [vec![enter, exit], list(others)]
            .concat()
            .into_iter()
            .filter(|w| *w != "-")
            .map(|w| idents.code(w))
            .collect();
        // The enter half of a call may be a mere placeholder, which no record ever has.
        events.retain(|event| !idents.is_placeholder(*event));
        events.sort_unstable();
        let event_list: Vec<String> = events.iter().map(|e| format!("EventType({e})")).collect();
        let set_list: Vec<String> = list(sets)
            .iter()
            .map(|set| format!("SyscallSet::{}", pascal(set)))
            .collect();
        let upper = name.to_uppercase();
        writeln!(
            consts,
            "/// `{name}`.\npub const {upper}: SyscallCode = SyscallCode({code});"
        )?;
        writeln!(
            out,
            "Syscall {{ code: SyscallCode({code}), name: {name:?}, x86_64: {}, aarch64: {}, \
             ia32: &[{}], enter: {}, exit: {}, events: &[{}], flags: {}, sets: &[{}] }},",
            number(x86_64),
            number(aarch64),
            list(ia32).join(","),
            event(enter),
            event(exit),
            event_list.join(","),
            bits(flags, "SyscallFlags"),
            set_list.join(","),
        )?;
        carriers.push((name.to_owned(), code, events));
    }
    writeln!(out, "];\nimpl SyscallCode {{\n{consts}}}")?;

    let [x86_64, aarch64, ia32] = by_native;
    for (name, rows) in [
        ("BY_CODE", by_code),
        ("BY_X86_64", x86_64),
        ("BY_AARCH64", aarch64),
        ("BY_IA32", ia32),
    ] {
        let rows: Vec<String> = rows
            .iter()
            .map(|row| row.map_or("NO_ROW".into(), |row| row.to_string()))
            .collect();
        writeln!(
            out,
            "pub(crate) static {name}: [u16; {}] = [{}];",
            rows.len(),
            rows.join(",")
        )?;
    }
    Ok(carriers)
}
