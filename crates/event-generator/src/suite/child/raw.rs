//! What has no safe form: a system call by its number, and becoming two processes.

use std::ffi::CString;
use std::io;

/// Makes the system call `number`; the kernel's answer is the result or an error number.
///
/// # Safety
/// What is in the registers is what the call asks for: numbers are numbers, and addresses are those of
/// memory that is large enough, and stays where it is until the call returns.
#[expect(unsafe_code, reason = "a system call by its number has no safe form")]
pub(super) unsafe fn system_call(number: libc::c_long, registers: [i64; 6]) -> Result<i64, i32> {
    let [a, b, c, d, e, f] = registers;
    // SAFETY: the caller vouches for the registers.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if answer == -1 {
        return Err(io::Error::last_os_error().raw_os_error().unwrap_or(0));
    }
    Ok(answer)
}

/// Starts a process that is a copy of this one and does `body`, which says how it ends.
///
/// Only for a process with one thread: the copy has no other threads, and whatever they had locked
/// would stay locked for ever. Children of suites have one; this is looked up before.
pub(super) fn fork(body: impl FnOnce() -> i32) -> io::Result<rustix::process::Pid> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("only a process with one thread can fork"));
    }
    #[expect(unsafe_code, reason = "fork has no safe form")]
    // SAFETY: there is one thread, so that no lock is held by another in the copy.
    let answer = unsafe { libc::fork() };
    match answer {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = body();
            #[expect(
                unsafe_code,
                reason = "ending without the handlers of the original process"
            )]
            // SAFETY: nothing of this process is used any more.
            unsafe {
                libc::_exit(code)
            }
        }
        pid => rustix::process::Pid::from_raw(pid).ok_or_else(|| io::Error::other("no process")),
    }
}

/// Becomes another program; returns only when that failed.
pub(super) fn execute(
    program: &CString,
    arguments: &[CString],
    environment: &[CString],
) -> io::Error {
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts
            .iter()
            .map(|text| text.as_ptr())
            .chain([std::ptr::null()])
            .collect()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    #[expect(
        unsafe_code,
        reason = "an environment in a given order needs the call itself"
    )]
    // SAFETY: both lists end with a null pointer, and the texts they point to outlive the call.
    unsafe {
        libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
    }
    io::Error::last_os_error()
}

/// Moves this process into new namespaces.
pub(super) fn unshare(flags: rustix::thread::UnshareFlags) -> io::Result<()> {
    #[expect(
        unsafe_code,
        reason = "rustix marks it unsafe because of descriptor tables"
    )]
    // SAFETY: the table of descriptors is not among what is unshared.
    unsafe {
        rustix::thread::unshare_unsafe(flags).map_err(io::Error::from)
    }
}
