//! Gives back memory that only start-up needed.
//!
//! Reading rules, making programs fit the kernel and listing processes touches most of the program
//! and a heap several times as large as what stays. None of it is looked at again while events are
//! watched.

#![expect(
    unsafe_code,
    reason = "advice to the kernel about this process's own pages"
)]

use std::ffi::{c_int, c_void};

/// Gives back free heap, and the pages of program and libraries that nothing writes to: they stay
/// in the page cache, and what is needed again comes back with a minor fault.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
    // SAFETY: the callback matches what is asked for, and is given no data.
    unsafe { libc::dl_iterate_phdr(Some(give_back_object), std::ptr::null_mut()) };
}

/// Called with the program and each library.
unsafe extern "C" fn give_back_object(
    object: *mut libc::dl_phdr_info,
    _size: usize,
    _data: *mut c_void,
) -> c_int {
    let page = page_size();
    // SAFETY: the loader hands out a valid description, with as many headers as it says.
    let (base, headers) = unsafe {
        let object = &*object;
        let count = usize::from(object.dlpi_phnum);
        let headers = if count == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(object.dlpi_phdr, count)
        };
        (object.dlpi_addr as usize, headers)
    };
    for header in headers {
        // A segment without the right to write is the file, whatever has happened. One with it can
        // hold what the loader has changed, even where it took the right away afterwards.
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
            continue;
        }
        let start = (base + header.p_vaddr as usize).next_multiple_of(page);
        let end = (base + header.p_vaddr as usize + header.p_memsz as usize) & !(page - 1);
        if start < end {
            // SAFETY: the range lies within a read-only mapping of a file, whose pages the kernel
            // reads again when they are touched. Should it refuse, they just stay.
            unsafe { libc::madvise(start as *mut c_void, end - start, libc::MADV_DONTNEED) };
        }
    }
    0
}

fn page_size() -> usize {
    // SAFETY: no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::give_back;

    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap()
    }

    #[test]
    fn what_is_free_goes_and_what_is_needed_stays() {
        let kept: Vec<Vec<u8>> = (0..1000_u32).map(|n| n.to_le_bytes().repeat(500)).collect();
        let freed: Vec<Vec<u8>> = (0..10_000).map(|_| vec![7; 2000]).collect();
        // Behind what is freed, so that the heap does not simply end there.
        let last = vec![9_u8; 3000];
        drop(freed);
        let before = resident_kib();
        give_back();
        let after = resident_kib();
        assert!(
            after + 10_000 < before,
            "20 MB were freed, but {before} KiB became {after} KiB"
        );
        for (n, bytes) in (0_u32..).zip(&kept) {
            assert_eq!(*bytes, n.to_le_bytes().repeat(500));
        }
        assert_eq!(last, vec![9; 3000]);
    }
}
