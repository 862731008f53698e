//! What the kernel knows of a loaded program.

#![expect(unsafe_code, reason = "libbpf's C interface")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How often the kernel did not run the program because it was already running on that CPU.
pub(crate) fn recursion_misses(program: BorrowedFd<'_>) -> io::Result<u64> {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut len = size_of_val(&info) as u32;
    // SAFETY: `info` is all zeroes, which asks for the plain numbers only, and `len` is its size;
    // the kernel writes at most that much.
    let result = unsafe {
        libbpf_sys::bpf_obj_get_info_by_fd(
            program.as_raw_fd(),
            (&raw mut info).cast(),
            &raw mut len,
        )
    };
    if result == 0 {
        Ok(info.recursion_misses)
    } else {
        Err(io::Error::from_raw_os_error(-result))
    }
}
