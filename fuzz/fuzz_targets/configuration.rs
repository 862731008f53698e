//! Any text as the configuration, and its first line as an override: both resolve, or say why.

#![no_main]

use std::fs;
use std::path::PathBuf;

use config::{Override, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // The loader reads files. One that includes others must not find any but itself.
    let path: PathBuf = std::env::temp_dir().join(format!("fuzz-{}.yaml", std::process::id()));
    fs::write(&path, text).expect("a temporary file can be written");
    let options: Vec<Override> = text
        .lines()
        .next()
        .and_then(|line| Override::parse(line).ok())
        .into_iter()
        .collect();
    let environment = |name: &str| (name.len() % 2 == 0).then(|| "value: 1".to_owned());
    for options in [&[][..], &options] {
        if let Err(error) = load(Some(&path), options, &environment) {
            assert!(!error.to_string().is_empty());
        }
    }
    let _ = fs::remove_file(&path);
});
