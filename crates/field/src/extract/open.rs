//! What calls that open a file ask for.

use event::EventInfo;

use crate::view::View;

/// Portable open flags, as the event table lists them under `file_flags`.
pub(crate) const O_RDONLY: u64 = 1;
pub(crate) const O_WRONLY: u64 = 1 << 1;
const O_CREAT: u64 = 1 << 2;
const O_TMPFILE: u64 = 1 << 13;
/// Set by the kernel side when the call made the file.
const F_CREATED: u64 = 1 << 14;

const ANY_EXECUTE: u64 = 0o111;

fn opens(info: &EventInfo) -> bool {
    matches!(
        info.name,
        "open" | "openat" | "openat2" | "open_by_handle_at"
    )
}

fn param(view: &View<'_>, name: &str) -> Option<u64> {
    view.event.u64(view.event.info().param(name)?.0)
}

/// The open flags; none on events that do not open anything.
pub(crate) fn flags(view: &View<'_>) -> u64 {
    if opens(view.event.info()) {
        param(view, "flags").unwrap_or(0)
    } else {
        0
    }
}

/// Whether a file is to be made that someone may execute.
pub(crate) fn makes_executable(view: &View<'_>) -> bool {
    let name = view.event.info().name;
    let makes = name == "creat" || flags(view) & (O_CREAT | O_TMPFILE) != 0;
    makes && param(view, "mode").is_some_and(|mode| mode & ANY_EXECUTE != 0)
}

/// Whether the call made the file, so far as the kernel side saw it.
pub(crate) fn creates(view: &View<'_>) -> bool {
    let flags = flags(view);
    let unnamed = flags & O_TMPFILE != 0 && view.result().is_some_and(|fd| fd >= 0);
    flags & F_CREATED != 0 || unnamed
}

/// The parameter with the path of the file that a call opens or should have opened.
pub(crate) fn path(view: &View<'_>) -> Option<usize> {
    let info = view.event.info();
    let name = match info.name {
        "open" | "openat" | "openat2" | "creat" => "name",
        "open_by_handle_at" => "path",
        _ => return None,
    };
    info.param(name).map(|(index, _)| index)
}
