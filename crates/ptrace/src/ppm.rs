//! The portable constants of the event table, by their names there.

#![expect(
    dead_code,
    non_upper_case_globals,
    reason = "all of the table are here, under the names that they have there"
)]

include!(concat!(env!("OUT_DIR"), "/constants.rs"));
