//! Turns the portable constants of the `event` crate's table into Rust ones, so that they are
//! written down once.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let mut text = String::new();
    for (name, value) in event::constants() {
        writeln!(text, "pub(crate) const {name}: u64 = {value}_i64 as u64;")
            .expect("a string takes everything");
    }
    fs::write(out.join("constants.rs"), text).expect("the output folder can be written");
    println!("cargo::rerun-if-changed=build.rs");
}
