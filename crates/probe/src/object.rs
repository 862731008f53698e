//! From the object to loaded programs, on two CPUs where there are two.
//!
//! A start is mostly libbpf fitting programs to the kernel's types and then the kernel looking at them,
//! one after the other. So an object that has the maps and no programs comes first, and each half of
//! the programs is an object of its own on those maps, with a thread for each step. The fitting needs to
//! know nothing but the kernel: it can be done while rules are read. And the rings are handed over while
//! programs are looked at, for which the kernel waits more than it works.

#![expect(
    unsafe_code,
    reason = "steps of libbpf that libbpf-rs has no functions for"
)]

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::thread;

use event::SyscallCodeSet;
use libbpf_rs::{AsRawLibbpf, MapHandle, MapType, Object, OpenObject, ProgramMut};

use crate::features::Features;
use crate::kernel;
use crate::loader::{MAX_SPENDERS, OBJECT, SPENDERS_PER_CPU, is_possible};
use crate::programs;

/// The maps of an object by name.
pub(crate) type MapFds = HashMap<String, RawFd>;

/// What is loaded.
pub(crate) struct Objects {
    /// Has all maps, and no programs.
    pub(crate) maps: Object,
    /// Have programs, on the same maps.
    pub(crate) parts: Vec<Object>,
}

impl Objects {
    /// A program that is loaded; `None` when the kernel lacks what it would be attached to.
    pub(crate) fn program(&self, name: &str) -> Option<ProgramMut<'_>> {
        self.parts.iter().find_map(|object| {
            let mut programs = object.progs_mut();
            programs.find(|program| program.name() == name && program.autoload())
        })
    }
}

/// Objects whose maps are made and whose programs fit this kernel. None of them is loaded.
pub(crate) struct Prepared {
    maps: OpenObject,
    parts: Vec<Part>,
}

/// Some of the programs.
struct Part {
    object: OpenObject,
    names: HashSet<String>,
}

/// Makes the maps, and fits all programs that these features have to the kernel.
pub(crate) fn prepare(slots: u32, features: Features) -> libbpf_rs::Result<Prepared> {
    let mut object = kernel::builder()?.open_memory(OBJECT)?;
    features.fit().apply(&mut object)?;
    for mut map in object.maps_mut() {
        if map.name() == "rings" || map.name() == "scratches" {
            map.set_max_entries(slots)?;
        }
        // What can be kept with a thread is only used where the kernel can do that.
        if map.name() == "threads" && !MapType::TaskStorage.is_supported()? {
            map.set_autocreate(false)?;
        }
        if map.name() == "spenders" {
            map.set_max_entries((slots * SPENDERS_PER_CPU).min(MAX_SPENDERS))?;
        }
    }
    let halves = halves(&object, features);
    for mut program in object.progs_mut() {
        program.set_autoload(false);
    }
    prepare_object(&mut object)?;
    let maps = map_fds(&object);
    let parts = thread::scope(|scope| {
        let threads: Vec<_> = halves
            .into_iter()
            .map(|names| scope.spawn(|| prepare_on(&maps, names)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|err| resume(err)))
            .collect::<libbpf_rs::Result<_>>()
    })?;
    Ok(Prepared {
        maps: object,
        parts,
    })
}

impl Prepared {
    /// Loads the programs that are wanted for some calls, or all, and runs `meanwhile`, which is given
    /// the maps, beside it.
    pub(crate) fn load<T: Send>(
        self,
        only: Option<&SyscallCodeSet>,
        meanwhile: impl FnOnce(&MapFds) -> T + Send,
    ) -> libbpf_rs::Result<(Objects, T)> {
        let maps = map_fds(&self.maps);
        let load = |part: Part| {
            let mut object = part.object;
            for mut program in object.progs_mut() {
                let name = program.name().to_string_lossy().into_owned();
                program
                    .set_autoload(part.names.contains(&name) && programs::is_wanted(&name, only));
            }
            object.load()
        };
        let (parts, done) = thread::scope(|scope| {
            let meanwhile = scope.spawn(|| meanwhile(&maps));
            let threads: Vec<_> = self
                .parts
                .into_iter()
                .map(|part| scope.spawn(move || load(part)))
                .collect();
            // All are waited for, whatever comes of the first.
            let parts: Vec<_> = threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|err| resume(err)))
                .collect();
            let done = meanwhile.join().unwrap_or_else(|err| resume(err));
            let parts = parts.into_iter().collect::<libbpf_rs::Result<Vec<_>>>();
            parts.map(|parts| (parts, done))
        })?;
        let objects = Objects {
            maps: self.maps.load()?,
            parts,
        };
        Ok((objects, done))
    }
}

fn resume(err: Box<dyn std::any::Any + Send>) -> ! {
    std::panic::resume_unwind(err)
}

/// The names of all programs that this kernel and these features have a use for, as two sets that
/// take about as long to load, whatever calls are wanted of them; as one where there is one CPU.
fn halves(object: &OpenObject, features: Features) -> Vec<HashSet<String>> {
    let features = features.fit();
    let mut programs: Vec<(usize, String)> = object
        .progs()
        .filter_map(|program| {
            let name = program.name().to_string_lossy().into_owned();
            let section = program.section().to_string_lossy().into_owned();
            (is_possible(&name, &section) && features.need(&name))
                .then(|| (program.insn_cnt(), name))
        })
        .collect();
    // Programs of much the same length serve much the same calls, so that any choice of calls has as
    // many in either half.
    programs.sort_unstable_by(|one, other| other.cmp(one));
    let cpus = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut halves = vec![(0, HashSet::new()); cpus.clamp(1, 2)];
    for (weight, name) in programs {
        if let Some((sum, names)) = halves.iter_mut().min_by_key(|(sum, _)| *sum) {
            *sum += weight;
            names.insert(name);
        }
    }
    halves.into_iter().map(|(_, names)| names).collect()
}

/// Fits the programs of an object to the kernel and makes its maps.
fn prepare_object(object: &mut OpenObject) -> libbpf_rs::Result<()> {
    // SAFETY: the object is open, and ours alone.
    let result = unsafe { libbpf_sys::bpf_object__prepare(object.as_libbpf_object().as_ptr()) };
    if result < 0 {
        return Err(libbpf_rs::Error::from_raw_os_error(-result));
    }
    Ok(())
}

/// The maps of an object that is prepared.
fn map_fds(object: &OpenObject) -> MapFds {
    let fd = |map: &libbpf_rs::OpenMap<'_>| {
        // SAFETY: the map belongs to the object, which is borrowed.
        unsafe { libbpf_sys::bpf_map__fd(map.as_libbpf_object().as_ptr()) }
    };
    // What was not made has a descriptor, too, but not of a map.
    object
        .maps()
        .filter(|map| map.autocreate())
        .map(|map| (map.name().to_string_lossy().into_owned(), fd(&map)))
        .collect()
}

/// Fits programs to the kernel that work on maps which are there already.
fn prepare_on(maps: &MapFds, names: HashSet<String>) -> libbpf_rs::Result<Part> {
    let mut object = open_on(maps, &names)?;
    prepare_object(&mut object)?;
    Ok(Part { object, names })
}

/// Loads programs that work on maps which are there already.
pub(crate) fn load_on(maps: &MapFds, names: &HashSet<String>) -> libbpf_rs::Result<Object> {
    open_on(maps, names)?.load()
}

/// An object with these programs, on maps which are there already.
fn open_on(maps: &MapFds, names: &HashSet<String>) -> libbpf_rs::Result<OpenObject> {
    let mut object = kernel::builder()?.open_memory(OBJECT)?;
    for mut map in object.maps_mut() {
        match maps.get(&*map.name().to_string_lossy()) {
            // SAFETY: the object that the map belongs to outlives this function.
            Some(&known) => map.reuse_fd(unsafe { BorrowedFd::borrow_raw(known) })?,
            None => map.set_autocreate(false)?,
        }
    }
    for mut program in object.progs_mut() {
        let wanted = names.contains(&*program.name().to_string_lossy());
        program.set_autoload(wanted);
    }
    Ok(object)
}

/// Puts maps into a map of maps, each at its number.
pub(crate) fn hand_over(outer: RawFd, inner: &[(u32, MapHandle)]) -> libbpf_rs::Result<()> {
    let keys: Vec<u32> = inner.iter().map(|(number, _)| *number).collect();
    let fds: Vec<RawFd> = inner
        .iter()
        .map(|(_, map)| map.as_fd().as_raw_fd())
        .collect();
    if inner.is_empty() {
        return Ok(());
    }
    // The kernel waits until no program uses the old state any more, which takes milliseconds. At
    // once for all CPUs is much faster on large machines; kernels before 5.13 cannot do that.
    let mut count = keys.len() as u32;
    // SAFETY: there are so many keys and values, of the sizes that maps of maps have.
    let result = unsafe {
        libbpf_sys::bpf_map_update_batch(
            outer,
            keys.as_ptr().cast(),
            fds.as_ptr().cast(),
            &raw mut count,
            std::ptr::null(),
        )
    };
    if result == 0 {
        return Ok(());
    }
    keys.iter().zip(&fds).try_for_each(|(key, fd)| {
        // SAFETY: key and value live as long as the call, and have the sizes that maps of maps have.
        let result = unsafe {
            let (key, fd): (*const u32, *const RawFd) = (key, fd);
            libbpf_sys::bpf_map_update_elem(outer, key.cast(), fd.cast(), 0)
        };
        if result < 0 {
            return Err(libbpf_rs::Error::from_raw_os_error(-result));
        }
        Ok(())
    })
}
