//! The page of settings that the kernel programs read on every call, mapped into this process so
//! that a change is one store.

#![expect(unsafe_code, reason = "memory shared with the kernel programs")]

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::error::Error;
use crate::reader::mapping::{Mapping, Protection};

/// Native system call numbers that the bitmap covers. Every architecture's stay below.
pub(crate) const NATIVE_MAX: usize = 512;

/// `struct control` of `bpf/maps.h`.
#[repr(C)]
pub(crate) struct Layout {
    pub(crate) native: [AtomicU64; NATIVE_MAX / 64],
    pub(crate) ia32: [AtomicU64; NATIVE_MAX / 64],
    pub(crate) wall_offset: AtomicU64,
    pub(crate) own_tgid: AtomicU32,
    pub(crate) self_tgid: AtomicU32,
    pub(crate) tracepoints: AtomicU32,
    pub(crate) snaplen: AtomicU32,
    pub(crate) drop_failed: AtomicU32,
    pub(crate) page_kb_shift: AtomicU32,
    pub(crate) noted: [AtomicU64; NATIVE_MAX / 64],
    pub(crate) noted_ia32: [AtomicU64; NATIVE_MAX / 64],
    pub(crate) entries: AtomicU32,
    pub(crate) enter_all: AtomicU32,
    pub(crate) saw_foreign: AtomicU32,
    pub(crate) filter: AtomicU32,
    pub(crate) filter_round: AtomicU32,
    pub(crate) filter_key: [AtomicU64; 2],
    pub(crate) filter_others: [[AtomicU64; 2]; 2],
    pub(crate) filter_slot_of: [[AtomicU8; NATIVE_MAX]; 2],
}

/// The settings, shared with the kernel.
pub(crate) struct Control {
    mapping: Mapping,
}

impl Control {
    /// Maps the global data of the object.
    pub(crate) fn map(fd: BorrowedFd<'_>) -> Result<Self, Error> {
        let mapping =
            Mapping::new(fd, 0, size_of::<Layout>(), Protection::ReadWrite).map_err(|source| {
                Error::Map {
                    what: "the probe's settings",
                    source,
                }
            })?;
        Ok(Self { mapping })
    }

    pub(crate) fn layout(&self) -> &Layout {
        // SAFETY: the mapping starts on a page boundary, is at least as large as the layout, lives
        // as long as `self`, and all its fields are atomics, for which any bit pattern is valid and
        // which the kernel side may change or read at any time.
        unsafe { &*self.mapping.start().cast::<Layout>() }
    }

    /// Takes the offset from boot clock to wall clock again, and says what it is.
    pub(crate) fn sync_clock(&self) -> u64 {
        let offset = wall_offset();
        self.layout().wall_offset.store(offset, Ordering::Relaxed);
        offset
    }
}

/// Nanoseconds since boot, including time in suspend.
pub(crate) fn boot_clock() -> u64 {
    clock(libc::CLOCK_BOOTTIME)
}

/// What to add to the boot clock to get nanoseconds since the epoch.
fn wall_offset() -> u64 {
    // The two clocks cannot be read at the same instant: of a few tries the one where the least
    // time went by is the best.
    (0..5)
        .map(|_| {
            let before = boot_clock();
            let wall = clock(libc::CLOCK_REALTIME);
            let after = boot_clock();
            let spread = after - before;
            (spread, wall.wrapping_sub(before + spread / 2))
        })
        .min_by_key(|&(spread, _)| spread)
        .map_or(0, |(_, offset)| offset)
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result; these two clocks exist on every kernel that
    // can run the probe, so the call cannot fail.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_clock_plus_offset_is_now() {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_nanos() as u64;
        let ours = boot_clock().wrapping_add(wall_offset());
        assert!(ours.abs_diff(now) < 50_000_000, "{ours} against {now}");
    }
}
