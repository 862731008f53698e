//! Any bytes as a capture. Input that does not start with a section header gets one, so that the
//! fuzzer need not find the magic numbers first; what comes out is written and read again.

#![no_main]

use capture::{Block, Compression, Options, Reader, Writer};
use event::EventView;
use libfuzzer_sys::fuzz_target;

const HEADER: [u8; 28] = [
    0x0A, 0x0D, 0x0D, 0x0A, 28, 0, 0, 0, 0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 2, 0, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 28, 0, 0, 0,
];

fn read(bytes: &[u8], convert: bool) {
    let Ok(mut reader) = Reader::new(bytes, Options { convert }) else {
        return;
    };
    let mut writer = Writer::new(Vec::new(), Compression::None).unwrap();
    loop {
        match reader.next_block() {
            Ok(None) => break,
            Ok(Some(Block::Start { .. })) => {}
            Ok(Some(Block::Machine(machine))) => writer.machine(&machine).unwrap(),
            Ok(Some(Block::Interfaces(list))) => writer.interfaces(&list).unwrap(),
            Ok(Some(Block::Accounts(list))) => writer.accounts(&list).unwrap(),
            Ok(Some(Block::Processes(list))) => writer.processes(&list).unwrap(),
            Ok(Some(Block::Descriptors { tid, descriptors })) => {
                writer.descriptors(tid, &descriptors).unwrap();
            }
            Ok(Some(Block::Event(event))) => {
                let view = EventView::parse(event.record).unwrap();
                assert_eq!(view.record().len(), event.record.len());
                let _ = writer.event(event.cpu, event.flags, event.record);
            }
            Err(err) => {
                let _ = err.to_string();
                if !err.is_about_one_event() {
                    break;
                }
            }
        }
    }
    let written = writer.finish().unwrap();
    let mut again = Reader::new(&written[..], Options { convert: false }).unwrap();
    loop {
        match again.next_block() {
            Ok(None) | Err(capture::Error::NoEvents { .. }) => break,
            Ok(Some(_)) => {}
            Err(err) => panic!("what was written does not read: {err}"),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    for convert in [false, true] {
        if bytes.starts_with(&HEADER[..4]) || bytes.starts_with(&[0x1F, 0x8B]) {
            read(bytes, convert);
        } else {
            read(&[&HEADER[..], bytes].concat(), convert);
        }
    }
});
