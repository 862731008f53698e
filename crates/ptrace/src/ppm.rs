//! The portable constants of the event table, by their names there.

#![expect(dead_code, reason = "the table has more of them than calls need")]

include!(concat!(env!("OUT_DIR"), "/constants.rs"));
