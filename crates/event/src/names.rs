//! Names of error numbers and signals.

use crate::table::{ERRNO_NAMES, SIGNAL_NAMES};

fn name(table: &'static [&'static str], number: u64) -> Option<&'static str> {
    let name = *table.get(usize::try_from(number).ok()?)?;
    (!name.is_empty()).then_some(name)
}

/// The name of an error number (`2` is `ENOENT`), as positive number.
pub fn errno_name(errno: u64) -> Option<&'static str> {
    name(&ERRNO_NAMES, errno)
}

/// The name of a signal (`9` is `SIGKILL`).
pub fn signal_name(signal: u8) -> Option<&'static str> {
    name(&SIGNAL_NAMES, u64::from(signal))
}
