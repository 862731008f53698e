//! Any text as a file of statistics and as the log of a benchmark: both are read, or say why, and
//! what was read can be analysed.

#![no_main]

use capacity::article::{analyze, saturation};
use capacity::read::{bench_log, statistics};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let samples = statistics(text).unwrap_or_default();
    let rounds = bench_log(text).unwrap_or_default();
    let _ = analyze(&samples, &rounds, 1.0);
    let _ = saturation(&rounds);
});
