//! Any text as a file of tests: it loads, or says why, and every place it names is in the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use suite::{Source, load, render};

fuzz_target!(|text: &str| {
    let sources = [Source {
        name: "fuzz".to_owned(),
        text: text.to_owned(),
    }];
    for needs_rules in [false, true] {
        let loaded = load(&sources, needs_rules);
        for problem in &loaded.problems {
            assert!(problem.span.start <= problem.span.end);
            assert!(problem.span.end <= text.len());
        }
        let _ = render(&sources, &loaded.problems, true);
    }
});
