//! `fs.path.*`: the paths of calls on files, under names that do not depend on the call.

use event::EventInfo;

use super::params;
use crate::table::FsPathKey as K;
use crate::view::{Extracted, View};

/// Stands for a path that the call has but that could not be read.
const UNREADABLE: &str = "<UNKNOWN>";

/// Which parameters of a call are paths.
enum Paths {
    /// The name of the parameter of a call that works on one file.
    One(&'static str),
    /// The names of the parameters of a call that makes a file from another.
    Two {
        source: &'static str,
        target: &'static str,
    },
}

fn paths(call: &str) -> Option<Paths> {
    use Paths::{One, Two};
    Some(match call {
        "open" | "openat" | "openat2" | "creat" | "unlinkat" | "umount" | "umount2" => One("name"),
        "open_by_handle_at" | "mkdir" | "mkdirat" | "rmdir" | "unlink" | "mknod" | "mknodat"
        | "chown" | "lchown" => One("path"),
        "chmod" | "fchmodat" => One("filename"),
        "fchownat" => One("pathname"),
        "rename" | "renameat" | "renameat2" => Two {
            source: "oldpath",
            target: "newpath",
        },
        // A link is made at the new path and leads to the old one.
        "link" | "linkat" => Two {
            source: "newpath",
            target: "oldpath",
        },
        "symlink" | "symlinkat" => Two {
            source: "linkpath",
            target: "target",
        },
        "mount" => Two {
            source: "dev",
            target: "dir",
        },
        _ => return None,
    })
}

pub(crate) fn extract<'a>(view: &View<'a>, key: K, out: &mut Vec<u8>) -> Extracted<'a> {
    let Some(index) = parameter(view, key) else {
        return Extracted::Absent;
    };
    let Some(path) = view.event.str(index) else {
        return Extracted::text(UNREADABLE);
    };
    match key {
        K::Nameraw | K::Sourceraw | K::Targetraw => Extracted::bytes(path),
        K::Name | K::Source | K::Target => Extracted::written(params::write_path(view, index, out)),
    }
}

/// The index of the parameter that a field of this class (`fs.path.name`, …) shows in events of a
/// kind, whether the call succeeded or not; `None` when it shows none.
pub fn path_parameter(field: &str, event: &EventInfo) -> Option<usize> {
    let name = match (field, paths(event.name)?) {
        ("fs.path.name" | "fs.path.nameraw", Paths::One(name)) => name,
        ("fs.path.source" | "fs.path.sourceraw", Paths::Two { source, .. }) => source,
        ("fs.path.target" | "fs.path.targetraw", Paths::Two { target, .. }) => target,
        _ => return None,
    };
    event.param(name).map(|(index, _)| index)
}

fn parameter(view: &View<'_>, key: K) -> Option<usize> {
    let info = view.event.info();
    let paths = paths(info.name)?;
    // Calls that return a descriptor name their file also when they fail; of the others only
    // success says that there is such a file.
    let returns_descriptor = info.params.first().is_some_and(|param| param.name == "fd");
    if view.result()? < 0 && !returns_descriptor {
        return None;
    }
    let name = match (key, paths) {
        (K::Name | K::Nameraw, Paths::One(name)) => name,
        (K::Source | K::Sourceraw, Paths::Two { source, .. }) => source,
        (K::Target | K::Targetraw, Paths::Two { target, .. }) => target,
        _ => return None,
    };
    info.param(name).map(|(index, _)| index)
}
