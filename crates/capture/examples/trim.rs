//! Cuts a capture down to one program and what it starts, so that it can be shared: other processes,
//! environments and the name of the machine are left out.
//!
//! ```text
//! cargo run -p capture --example trim -- WHOLE.scap TRIMMED.scap NAME
//! ```
//!
//! NAME is the short name of the program (15 bytes at most). What happens in a process before it
//! takes that name belongs to whoever started it, and is left out.

use std::collections::HashSet;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use capture::{Block, Compression, MachineInfo, Process, Reader, Writer};
use event::{EventView, ParamType};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, whole, trimmed, name] = arguments.as_slice() else {
        return Err("usage: trim WHOLE.scap TRIMMED.scap NAME".into());
    };
    let mut reader = Reader::open(whole)?;
    let mut writer = Writer::new(BufWriter::new(File::create(trimmed)?), Compression::Gzip)?;
    let mut kept = HashSet::new();
    while let Some(block) = reader.next_block()? {
        match block {
            Block::Machine(machine) => {
                writer.machine(&MachineInfo {
                    hostname: b"example".to_vec(),
                    ..machine
                })?;
            }
            Block::Accounts(accounts) => writer.accounts(&accounts)?,
            Block::Processes(processes) => {
                let processes: Vec<Process> = processes
                    .into_iter()
                    .filter(|process| process.comm == name.as_bytes())
                    .map(|process| Process {
                        env: Vec::new(),
                        ..process
                    })
                    .collect();
                kept.extend(processes.iter().map(|process| process.tid));
                writer.processes(&processes)?;
            }
            Block::Descriptors { tid, descriptors } if kept.contains(&tid) => {
                writer.descriptors(tid, &descriptors)?;
            }
            Block::Event(event) => {
                let view = EventView::parse(event.record)?;
                if belongs(&view, name.as_bytes(), &mut kept) {
                    writer.event(event.cpu, event.flags, event.record)?;
                }
            }
            _ => {}
        }
    }
    writer.finish()?;
    Ok(())
}

/// Whether an event is one of the threads that are kept, which may grow by it.
fn belongs(event: &EventView<'_>, name: &[u8], kept: &mut HashSet<i64>) -> bool {
    if takes_name(event, name) {
        kept.insert(event.tid());
    }
    if !kept.contains(&event.tid()) {
        return false;
    }
    let clone = matches!(event.info().name, "clone" | "clone3" | "fork" | "vfork");
    if clone && let Some(child @ 1..) = event.i64(0) {
        kept.insert(child);
    }
    true
}

/// Whether it is an exec after which the thread has this name.
fn takes_name(event: &EventView<'_>, name: &[u8]) -> bool {
    let is_exec = matches!(event.info().name, "execve" | "execveat");
    let comm = event.info().param("comm");
    is_exec
        && event.i64(0) == Some(0)
        && comm.is_some_and(|(index, param)| {
            param.ty == ParamType::Charbuf && event.str(index) == Some(name)
        })
}
