//! Any text as a rules file: it loads, or says why, and every place it names is in the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rules::{EventSource, Settings, Source, load, report};

fuzz_target!(|bytes: &[u8]| {
    let files = vec![Source::from_bytes("fuzz", bytes)];
    let loaded = load(files, vec![EventSource::syscall()], &Settings::default());
    for (file, source) in loaded.files.iter() {
        for found in loaded.errors(file).chain(loaded.warnings(file)) {
            assert!(found.span.start <= found.span.end);
            assert!(found.span.end as usize <= source.text.len());
        }
        let _ = report::text(&loaded, file, true);
    }
    let _ = report::human(&loaded, false);
});
