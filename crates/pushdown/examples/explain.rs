//! Prints what the kernel would decide for rules files, with all calls of the rules and of state
//! traced: `cargo run -p pushdown --example explain -- FILE…`.

use std::io::Write;

use event::{SyscallCodeSet, SyscallSet};
use pushdown::{Needs, Plan};
use rules::{EventSource, Settings, Source, load};

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    for name in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&name)?;
        files.push(Source { name, text });
    }
    let loaded = load(files, vec![EventSource::syscall()], &Settings::default());
    let Some(ruleset) = loaded.ruleset else {
        return Err(std::io::Error::other("the rules have errors"));
    };
    let Some(source) = ruleset.sources().first() else {
        return Ok(());
    };
    let traced = ruleset
        .syscalls()
        .union(&SyscallCodeSet::named(SyscallSet::SinspState));
    let plan = Plan::new(&ruleset, source, &traced, Needs::of(&ruleset, source));
    std::io::stdout().write_all(pushdown::text(&plan).as_bytes())
}
