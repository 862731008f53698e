//! Every group of extractors, with events from the encoder and a state made by hand.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod allocations;
mod container;
mod descriptors;
mod events;
mod paths;
mod processes;
mod random;
mod templates;
mod world;
