//! The event generator.
fn main() {}
