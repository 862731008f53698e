//! Turns the text tables of `table/` into Rust constants.
//!
//! The tables are the only place where an event, a flag or a system call is written down: the Rust
//! tables come from here, and the probe's C header comes from the Rust tables.

#[path = "build/events.rs"]
mod events;
#[path = "build/names.rs"]
mod names;
#[path = "build/syscalls.rs"]
mod syscalls;
#[path = "build/text.rs"]
mod text;

use std::path::Path;
use std::{env, fs};

fn main() -> std::fmt::Result {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let mut out = String::new();
    let idents = events::generate(&mut out)?;
    let carriers = syscalls::generate(&mut out, &idents)?;
    events::generate_lookups(&mut out, &idents, &carriers)?;
    names::generate(&mut out)?;
    let dest = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("tables.rs");
    fs::write(dest, out).expect("the output directory is writable");
    Ok(())
}
