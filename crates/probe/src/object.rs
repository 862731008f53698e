//! From the object to loaded programs, on two CPUs where there are two.
//!
//! A start is mostly the kernel looking at programs, one after the other. So two fifths of them
//! come as a second object that works on the maps of the first, while the others are being looked at;
//! and the rings are handed over meanwhile, for which the kernel waits more than it works.

#![expect(
    unsafe_code,
    reason = "steps of libbpf that libbpf-rs has no functions for"
)]

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::thread;

use event::SyscallCodeSet;
use libbpf_rs::{AsRawLibbpf, MapHandle, MapType, Object, ObjectBuilder, OpenObject};

use crate::features::Features;
use crate::loader::{MAX_SPENDERS, OBJECT, SPENDERS_PER_CPU, is_possible};
use crate::programs;

/// The maps of an object by name.
pub(crate) type MapFds = HashMap<String, RawFd>;

/// Loads what is wanted and runs `meanwhile`, which is given the maps, beside it. The second object
/// has no maps of its own.
pub(crate) fn load<T: Send>(
    slots: u32,
    features: Features,
    only: Option<&SyscallCodeSet>,
    meanwhile: impl FnOnce(&MapFds) -> T + Send,
) -> libbpf_rs::Result<(Object, Option<Object>, T)> {
    let mut object = ObjectBuilder::default().open_memory(OBJECT)?;
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
    let alone = thread::available_parallelism().is_ok_and(|cpus| cpus.get() < 2);
    let for_second = if alone {
        HashSet::new()
    } else {
        share_of_second(&object, features, only)
    };
    for mut program in object.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let wanted = is_wanted(&name, &program.section().to_string_lossy(), features, only);
        program.set_autoload(wanted && !for_second.contains(&name));
    }
    let maps = prepare(&mut object)?;
    thread::scope(|scope| {
        let meanwhile = scope.spawn(|| meanwhile(&maps));
        let second = (!for_second.is_empty()).then(|| scope.spawn(|| load_on(&maps, &for_second)));
        let first = object.load();
        let second = second.map(|second| second.join().unwrap_or_else(|err| resume(err)));
        let done = meanwhile.join().unwrap_or_else(|err| resume(err));
        Ok((first?, second.transpose()?, done))
    })
}

fn resume(err: Box<dyn std::any::Any + Send>) -> ! {
    std::panic::resume_unwind(err)
}

/// Whether a program is loaded at the start.
fn is_wanted(name: &str, section: &str, features: Features, only: Option<&SyscallCodeSet>) -> bool {
    is_possible(name, section) && features.fit().need(name) && programs::is_wanted(name, only)
}

/// Which fillers the second object has: as many as weigh two fifths of all programs, for it starts
/// later.
fn share_of_second(
    object: &OpenObject,
    features: Features,
    only: Option<&SyscallCodeSet>,
) -> HashSet<String> {
    let mut all = 0;
    let mut fillers = Vec::new();
    for program in object.progs() {
        let name = program.name().to_string_lossy().into_owned();
        if !is_wanted(&name, &program.section().to_string_lossy(), features, only) {
            continue;
        }
        let weight = program.insn_cnt();
        all += weight;
        if programs::filled_by(&name).is_some() {
            fillers.push((name, weight));
        }
    }
    let mut taken = 0;
    fillers
        .into_iter()
        .rev()
        .take_while(|(_, weight)| {
            taken += weight;
            taken <= all * 2 / 5
        })
        .map(|(name, _)| name)
        .collect()
}

/// Makes the maps of an object, without its programs.
fn prepare(object: &mut OpenObject) -> libbpf_rs::Result<MapFds> {
    // SAFETY: the object is open, and ours alone.
    let result = unsafe { libbpf_sys::bpf_object__prepare(object.as_libbpf_object().as_ptr()) };
    if result < 0 {
        return Err(libbpf_rs::Error::from_raw_os_error(-result));
    }
    let fd = |map: &libbpf_rs::OpenMap<'_>| {
        // SAFETY: the map belongs to the object, which is borrowed.
        unsafe { libbpf_sys::bpf_map__fd(map.as_libbpf_object().as_ptr()) }
    };
    // What was not made has a descriptor, too, but not of a map.
    Ok(object
        .maps()
        .filter(|map| map.autocreate())
        .map(|map| (map.name().to_string_lossy().into_owned(), fd(&map)))
        .collect())
}

/// Loads programs that work on maps which are there already.
pub(crate) fn load_on(maps: &MapFds, names: &HashSet<String>) -> libbpf_rs::Result<Object> {
    let mut object = ObjectBuilder::default().open_memory(OBJECT)?;
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
    object.load()
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
