//! What the benches share: a small machine, events of it, and rules in any number.
//!
//! Run them all with `cargo bench -p benches`, or one with `--bench NAME`.

mod recording;
mod records;
mod world;

pub use recording::Recording;
pub use records::{clone, close, exec, exit, open, read};
pub use world::{NOW, PID, machine, ruleset, rulesets_of, surrounded};
