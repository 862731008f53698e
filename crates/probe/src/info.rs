//! What the kernel knows of a loaded program.

#![expect(unsafe_code, reason = "libbpf's C interface")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use libbpf_rs::Object;
use libbpf_sys::bpf_prog_info;

/// What one program did since it was loaded. The kernel only counts while
/// `kernel.bpf_stats_enabled` is 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgramRuns {
    /// Its name.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// How long that took, in nanoseconds.
    pub run_time_ns: u64,
}

/// How often the kernel did not run the program because it was already running on that CPU.
pub(crate) fn recursion_misses(program: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(info(program)?.recursion_misses)
}

/// What every loaded program of the object did. Those that the kernel does not tell about are left
/// out.
pub(crate) fn runs(object: &Object) -> impl Iterator<Item = ProgramRuns> {
    object.progs().filter_map(|program| {
        // That of a program that was not loaded is an error, which the kernel refuses.
        let info = info(program.as_fd()).ok()?;
        Some(ProgramRuns {
            name: program.name().to_string_lossy().into_owned(),
            runs: info.run_cnt,
            run_time_ns: info.run_time_ns,
        })
    })
}

fn info(program: BorrowedFd<'_>) -> io::Result<bpf_prog_info> {
    let mut info = bpf_prog_info::default();
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
        Ok(info)
    } else {
        Err(io::Error::from_raw_os_error(-result))
    }
}
