//! The names that `evt.type` can have.

use std::collections::HashSet;
use std::sync::LazyLock;

use event::{Syscall, events};

static NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let events = events()
        .iter()
        .filter(|info| !info.is_unused())
        .map(|info| info.name);
    let syscalls = Syscall::all().iter().map(|syscall| syscall.name);
    events.chain(syscalls).collect()
});

/// Whether an event or a system call has this name.
pub(crate) fn is_known(name: &str) -> bool {
    NAMES.contains(name)
}

/// All names, in no order.
pub(crate) fn all<'a>() -> impl Iterator<Item = &'a str> {
    NAMES.iter().copied()
}
