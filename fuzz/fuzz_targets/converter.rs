//! Any sequence of records, as a capture of any age could hold it. The input is a list of: type
//! u16, thread u8, number of parameters u8, then a length u8 and that many bytes each.

#![no_main]

use capture::{Converted, Converter};
use event::{Encoder, EventType, EventView};
use libfuzzer_sys::fuzz_target;

fn next<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(taken)
}

fn record(rest: &mut &[u8], encoder: &mut Encoder) -> Option<()> {
    let head = next(rest, 4)?;
    let code = u16::from_le_bytes([head[0], head[1]]) % 454;
    encoder.begin(EventType(code), 1, i64::from(head[2] % 4));
    for _ in 0..head[3] % 34 {
        let len = usize::from(next(rest, 1)?[0]);
        encoder.bytes(next(rest, len)?);
    }
    Some(())
}

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let mut encoder = Encoder::new();
    let mut converter = Converter::new();
    while record(&mut rest, &mut encoder).is_some() {
        let Ok(record) = encoder.finish() else {
            continue;
        };
        if converter.convert(record) == Ok(Converted::Changed) {
            let view = EventView::parse(converter.record()).unwrap();
            assert!(!view.info().is_unused());
            assert!(!(view.info().is_exit() && view.info().is_old_version()));
        }
    }
});
