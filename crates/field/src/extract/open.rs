//! What calls that open a file ask for.

use std::sync::LazyLock;

use event::{EventInfo, EventType, events};

use crate::view::View;

/// Portable open flags, as the event table lists them under `file_flags`.
pub(crate) const O_RDONLY: u64 = 1;
pub(crate) const O_WRONLY: u64 = 1 << 1;
const O_CREAT: u64 = 1 << 2;
const O_TMPFILE: u64 = 1 << 13;
/// Set by the kernel side when the call made the file.
const F_CREATED: u64 = 1 << 14;

const ANY_EXECUTE: u64 = 0o111;

/// Where a call that opens has its parameters.
#[derive(Clone, Copy)]
struct Opening {
    flags: Option<usize>,
    mode: Option<usize>,
    path: Option<usize>,
    /// It has no flags because it always makes the file anew.
    is_creat: bool,
}

impl Opening {
    fn of(info: &EventInfo) -> Option<Self> {
        let param = |name| info.param(name).map(|(index, _)| index);
        let path = match info.name {
            "open" | "openat" | "openat2" | "creat" => "name",
            "open_by_handle_at" => "path",
            _ => return None,
        };
        let is_creat = info.name == "creat";
        Some(Self {
            flags: param("flags"),
            mode: param("mode"),
            path: param(path),
            is_creat,
        })
    }
}

/// By event code, since rules ask this of every event that opens something.
static OPENINGS: LazyLock<Vec<Option<Opening>>> =
    LazyLock::new(|| events().iter().map(Opening::of).collect());

fn opening(event_type: EventType) -> Option<Opening> {
    *OPENINGS.get(usize::from(event_type.0))?
}

/// The open flags; none on events that do not open anything.
pub(crate) fn flags(view: &View<'_>) -> u64 {
    let flags = opening(view.event.event_type()).and_then(|opening| opening.flags);
    flags.and_then(|index| view.event.u64(index)).unwrap_or(0)
}

/// Whether a file is to be made that someone may execute.
pub(crate) fn makes_executable(view: &View<'_>) -> bool {
    let Some(opening) = opening(view.event.event_type()) else {
        return false;
    };
    let makes = opening.is_creat || flags(view) & (O_CREAT | O_TMPFILE) != 0;
    let mode = opening
        .mode
        .and_then(|index| view.event.u64(index))
        .unwrap_or(0);
    makes && mode & ANY_EXECUTE != 0
}

/// Whether the call made the file, so far as the kernel side saw it.
pub(crate) fn creates(view: &View<'_>) -> bool {
    let flags = flags(view);
    let unnamed = flags & O_TMPFILE != 0 && view.result().is_some_and(|fd| fd >= 0);
    flags & F_CREATED != 0 || unnamed
}

/// The parameter with the path of the file that a call opens or should have opened.
pub(crate) fn path(view: &View<'_>) -> Option<usize> {
    opening(view.event.event_type())?.path
}
