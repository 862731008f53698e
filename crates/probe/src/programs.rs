//! Which programs are loaded, and loading more of them later.
//!
//! The kernel looks at every program for as long as it takes to prove that it ends and stays within
//! its memory: most of a start is that. So only the programs for the calls that are asked for are
//! loaded at first. When other calls are asked for, their programs come as one more object that works
//! on the same maps.

use std::collections::HashSet;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use event::{Syscall, SyscallCodeSet};
use libbpf_rs::{MapCore, MapFlags, Object};

use crate::error::Error;
use crate::loader::{Probe, is_possible, map};
use crate::log;
use crate::object::load_on;
use crate::selection::{self, Selection};

/// Whether a program is needed for some calls; without any, all are.
pub(crate) fn is_wanted(program: &str, only: Option<&SyscallCodeSet>) -> bool {
    let Some(only) = only else {
        return true;
    };
    if selection::is_tracepoint(program) {
        return Selection::new(only.iter())
            .programs()
            .any(|name| name == program);
    }
    filled_by(program).is_none_or(|syscall| only.contains(syscall.code))
}

/// The call that a program makes the records of; `None` for programs that do something else.
pub(crate) fn filled_by(program: &str) -> Option<&'static Syscall> {
    // The dispatcher has the name of a call, too.
    program
        .strip_prefix("sys_")
        .filter(|name| *name != "exit")
        .and_then(Syscall::by_name)
}

/// The programs of an object that make records of calls, by the calls' native numbers.
pub(crate) fn loaded_fillers(object: &Object) -> impl Iterator<Item = (u32, RawFd)> {
    object
        .progs()
        .filter(libbpf_rs::Program::autoload)
        .filter_map(|program| {
            let syscall = filled_by(&program.name().to_string_lossy())?;
            let number = syscall.native()?;
            Some((u32::from(number), program.as_fd().as_raw_fd()))
        })
}

impl Probe {
    /// Loads the programs that these calls need and that are not there yet.
    pub(crate) fn load_missing(&mut self, codes: &SyscallCodeSet) -> Result<(), Error> {
        let loaded: HashSet<String> = self
            .objects
            .parts
            .iter()
            .flat_map(Object::progs)
            .filter(|program| program.autoload())
            .map(|program| program.name().to_string_lossy().into_owned())
            .collect();
        // Others belong to features, which are chosen once.
        let features = self.features.fit();
        let none = SyscallCodeSet::new();
        let missing: HashSet<String> = self
            .objects
            .maps
            .progs()
            .filter(|program| {
                let name = program.name().to_string_lossy();
                is_possible(&name, &program.section().to_string_lossy())
                    && is_wanted(&name, Some(codes))
                    && !is_wanted(&name, Some(&none))
                    && features.need(&name)
                    && !loaded.contains(&*name)
            })
            .map(|program| program.name().to_string_lossy().into_owned())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let maps = self.map_fds();
        let (object, log) = log::collect(|| load_on(&maps, &missing));
        let object = object.map_err(|err| Error::Load {
            reason: format!("{err:#}"),
            log,
        })?;
        let table = map(&self.objects.maps, "fillers")?;
        for (number, fd) in loaded_fillers(&object) {
            table
                .update(&number.to_ne_bytes(), &fd.to_ne_bytes(), MapFlags::ANY)
                .map_err(|err| Error::Access {
                    action: "fill the table of programs",
                    reason: err.to_string(),
                })?;
        }
        self.objects.parts.push(object);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_wanted_by_the_calls_that_they_serve() {
        let code = |name: &str| Syscall::by_name(name).unwrap().code;
        let only = SyscallCodeSet::from_iter([code("openat"), code("execve")]);
        for (program, expected) in [
            ("sys_openat", true),
            ("sys_close", false),
            ("sys_exit", true),
            ("sys_generic", true),
            ("tell", true),
            ("sched_exec", true),
            ("sched_switch", false),
        ] {
            assert_eq!(is_wanted(program, Some(&only)), expected, "{program}");
            assert!(is_wanted(program, None));
        }
    }
}
