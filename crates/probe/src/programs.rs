//! Which programs are loaded, and loading more of them later.
//!
//! The kernel looks at every program for as long as it takes to prove that it ends and stays within
//! its memory: most of a start is that. So only the programs for the calls that are asked for are
//! loaded at first. When other calls are asked for, their programs come as a second object that
//! works on the maps of the first.

use std::collections::HashSet;
use std::os::fd::{AsFd, AsRawFd};

use event::{Syscall, SyscallCodeSet};
use libbpf_rs::{MapCore, MapFlags, Object, ObjectBuilder, ProgramMut};

use crate::error::Error;
use crate::loader::{OBJECT, Probe, is_possible, map};
use crate::log;
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
    // The dispatcher has the name of a call, too.
    program
        .strip_prefix("sys_")
        .filter(|name| *name != "exit")
        .and_then(Syscall::by_name)
        .is_none_or(|syscall| only.contains(syscall.code))
}

impl Probe {
    /// A program that is loaded; `None` when the kernel lacks what it would be attached to.
    pub(crate) fn loaded_program(&self, name: &str) -> Option<ProgramMut<'_>> {
        std::iter::once(&self.object)
            .chain(&self.more)
            .find_map(|object| {
                let mut programs = object.progs_mut();
                programs.find(|program| program.name() == name && program.autoload())
            })
    }

    /// Loads the programs that these calls need and that are not there yet.
    pub(crate) fn load_missing(&mut self, codes: &SyscallCodeSet) -> Result<(), Error> {
        let loaded: HashSet<String> = std::iter::once(&self.object)
            .chain(&self.more)
            .flat_map(Object::progs)
            .filter(|program| program.autoload())
            .map(|program| program.name().to_string_lossy().into_owned())
            .collect();
        // Others belong to features, which are chosen once.
        let features = self.features.fit();
        let none = SyscallCodeSet::new();
        let missing: HashSet<String> = self
            .object
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
        let (object, log) = log::collect(|| self.load_more(&missing));
        let object = object.map_err(|err| Error::Load {
            reason: format!("{err:#}"),
            log,
        })?;
        let table = map(&self.object, "fillers")?;
        for program in object.progs().filter(libbpf_rs::Program::autoload) {
            let name = program.name().to_string_lossy().into_owned();
            let number = name
                .strip_prefix("sys_")
                .and_then(Syscall::by_name)
                .and_then(Syscall::native);
            let Some(number) = number else {
                continue;
            };
            table
                .update(
                    &u32::from(number).to_ne_bytes(),
                    &program.as_fd().as_raw_fd().to_ne_bytes(),
                    MapFlags::ANY,
                )
                .map_err(|err| Error::Access {
                    action: "fill the table of programs",
                    reason: err.to_string(),
                })?;
        }
        self.more.push(object);
        Ok(())
    }

    fn load_more(&self, names: &HashSet<String>) -> libbpf_rs::Result<Object> {
        let mut object = ObjectBuilder::default().open_memory(OBJECT)?;
        for mut map in object.maps_mut() {
            let known = self.object.maps().find(|known| known.name() == map.name());
            match known.filter(|known| known.as_fd().as_raw_fd() >= 0) {
                Some(known) => map.reuse_fd(known.as_fd())?,
                None => map.set_autocreate(false)?,
            }
        }
        for mut program in object.progs_mut() {
            let name = program.name().to_string_lossy().into_owned();
            program.set_autoload(names.contains(&name));
        }
        object.load()
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
