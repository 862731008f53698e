//! Any bytes as a record: viewed, decoded and printed in every way.

#![no_main]

use event::render::{self, BufferFormat, FdType, Resolve};
use event::{EventView, ParamValue};
use libfuzzer_sys::fuzz_target;

struct State(BufferFormat);

impl Resolve for State {
    fn fd_type(&self, fd: i64) -> Option<FdType> {
        (fd & 1 == 0).then_some(FdType {
            letter: b'4',
            transport: Some(b't'),
        })
    }

    fn fd_name(&self, _fd: i64, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"name");
        true
    }

    fn path(&self, _dirfd: Option<i64>, path: &[u8], out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"/base/");
        out.extend_from_slice(path);
        true
    }

    fn buffer_format(&self) -> BufferFormat {
        self.0
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(view) = EventView::parse(bytes) else {
        return;
    };
    assert!(view.record().len() <= bytes.len());
    let mut out = Vec::new();
    for format in [
        BufferFormat::Printable,
        BufferFormat::Base64,
        BufferFormat::Hex,
    ] {
        render::args(&view, &State(format), &mut out);
    }
    for index in 0..=view.param_count() {
        let _ = (view.i64(index), view.u64(index), view.str(index));
        out.clear();
        let resolved = render::resolved(&view, index, &State(BufferFormat::Printable), &mut out);
        assert_eq!(resolved, !out.is_empty());
        match view.value(index) {
            Some(ParamValue::FdList(list)) => assert_eq!(list.len(), list.count()),
            Some(ParamValue::Strings(strings)) => {
                let bytes = view.param(index).map_or(0, <[u8]>::len);
                assert!(strings.map(|s| s.len() + 1).sum::<usize>() <= bytes + 1);
            }
            _ => {}
        }
    }
    let _ = view.syscall();
});
