//! Loads rules files and prints what is wrong with them: `check [--text|--json] FILE…`.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use rules::{EventSource, Settings, Source, load, report};

fn main() {
    let (options, paths): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with("--"));
    let files = paths
        .iter()
        .map(|path| Source::from_bytes(path.as_str(), &std::fs::read(path).unwrap_or_default()))
        .collect();
    let loaded = load(files, vec![EventSource::syscall()], &Settings::default());
    match options.first().map(String::as_str) {
        Some("--text") => {
            for (file, _) in loaded.files.iter() {
                print!("{}", report::text(&loaded, file, true));
            }
        }
        Some("--json") => println!("{:#}", report::json(&loaded)),
        _ => print!("{}", report::human(&loaded, false)),
    }
    if let Some(ruleset) = &loaded.ruleset {
        println!(
            "{} rules, {} system calls",
            ruleset.rules().len(),
            ruleset.syscalls().len()
        );
    }
}
