//! Names of flags and of values.

use crate::table::{Flag, FlagTable};

/// Appends the names of all bits that are set, in table order. An entry counts when all its bits
/// are set, and its bits are then used up, so that `O_RDWR` is not also `O_RDONLY`. Zero has a name
/// only where the table gives it one. Tells whether anything was appended.
pub(super) fn push_flags(table: &FlagTable, value: u64, out: &mut Vec<u8>) -> bool {
    let mut rest = value;
    push_names(
        table.entries.iter().filter(|flag| {
            let bits = u64::from(flag.value);
            let set = if bits == 0 {
                value == 0
            } else {
                rest & bits == bits
            };
            if set {
                rest &= !bits;
            }
            set
        }),
        out,
    )
}

/// Appends every name of exactly this value. Tells whether there is one.
pub(super) fn push_enum(table: &FlagTable, value: u64, out: &mut Vec<u8>) -> bool {
    push_names(
        table
            .entries
            .iter()
            .filter(|flag| u64::from(flag.value) == value),
        out,
    )
}

fn push_names<'a>(flags: impl Iterator<Item = &'a Flag>, out: &mut Vec<u8>) -> bool {
    let mut any = false;
    for flag in flags {
        if any {
            out.push(b'|');
        }
        out.extend_from_slice(flag.name.as_bytes());
        any = true;
    }
    any
}
