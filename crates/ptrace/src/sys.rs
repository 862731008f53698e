//! The system calls of a tracer.
//!
//! Wrappers of other crates know only signals with names, but a tracee may stop at any of them, so
//! these are our own: thin, and the only place that passes pointers to the kernel for tracing.

#![expect(unsafe_code, reason = "system calls that no safe crate offers in full")]

use std::io;
use std::mem::MaybeUninit;

/// A thread's number, as the tracer sees it.
pub(crate) type Tid = i32;

const PTRACE_SEIZE: libc::c_uint = 0x4206;
const PTRACE_LISTEN: libc::c_uint = 0x4208;
const PTRACE_CONT: libc::c_uint = 7;
const PTRACE_SYSCALL: libc::c_uint = 24;
const PTRACE_PEEKDATA: libc::c_uint = 2;
const PTRACE_POKEDATA: libc::c_uint = 5;
const PTRACE_GETEVENTMSG: libc::c_uint = 0x4201;
const PTRACE_GETSIGINFO: libc::c_uint = 0x4202;
const PTRACE_GET_SYSCALL_INFO: libc::c_uint = 0x420e;
const PTRACE_GET_RSEQ_CONFIGURATION: libc::c_uint = 0x420f;
const PTRACE_GETREGSET: libc::c_uint = 0x4204;
const PTRACE_SETREGSET: libc::c_uint = 0x4205;
const NT_PRSTATUS: usize = 1;

/// Events, as they stand above the signal in a wait status.
pub(crate) const EVENT_FORK: i32 = 1;
pub(crate) const EVENT_VFORK: i32 = 2;
pub(crate) const EVENT_CLONE: i32 = 3;
pub(crate) const EVENT_EXEC: i32 = 4;
pub(crate) const EVENT_EXIT: i32 = 6;
pub(crate) const EVENT_SECCOMP: i32 = 7;
pub(crate) const EVENT_STOP: i32 = 128;

/// Good system call stops, all events from fork to exit, seccomp, and: whoever is traced does not
/// outlive the tracer.
const OPTIONS: usize = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 20;

/// The stop at the end of a system call, with the option for good ones.
pub(crate) const SYSCALL_STOP: i32 = libc::SIGTRAP | 0x80;

fn request(request: libc::c_uint, tid: Tid, addr: usize, data: usize) -> io::Result<libc::c_long> {
    // SAFETY: the requests of this module take numbers, or pointers to places that are large enough
    // and outlive the call. The raw call is used because the C library's wrapper changes the
    // meaning of the ones that read.
    let result = unsafe { libc::syscall(libc::SYS_ptrace, request as usize, tid, addr, data) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Starts to trace a thread, without stopping it.
pub(crate) fn seize(tid: Tid) -> io::Result<()> {
    request(PTRACE_SEIZE, tid, 0, OPTIONS).map(drop)
}

/// Lets a stopped thread go on, with a signal or with none (0), up to the end of its system call
/// or up to the next thing that stops it by itself.
pub(crate) fn resume(tid: Tid, to_exit: bool, signal: i32) -> io::Result<()> {
    let how = if to_exit { PTRACE_SYSCALL } else { PTRACE_CONT };
    request(how, tid, 0, signal as usize).map(drop)
}

/// Leaves a thread in the stop that a signal like SIGSTOP brought it into.
pub(crate) fn listen(tid: Tid) -> io::Result<()> {
    request(PTRACE_LISTEN, tid, 0, 0).map(drop)
}

/// What an event is about: a new thread, a former number, an exit status.
pub(crate) fn event_message(tid: Tid) -> io::Result<u64> {
    let mut message: libc::c_ulong = 0;
    request(PTRACE_GETEVENTMSG, tid, 0, (&raw mut message) as usize)?;
    Ok(message)
}

/// The signal that a thread is stopped at: its code, and who sent it.
pub(crate) fn signal_sender(tid: Tid) -> io::Result<(i32, i32)> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    request(PTRACE_GETSIGINFO, tid, 0, info.as_mut_ptr() as usize)?;
    // SAFETY: all zeroes are a valid siginfo, and the kernel filled it in; the sender's place holds
    // a number whatever kind of signal it is.
    unsafe {
        let info = info.assume_init();
        Ok((info.si_code, info.si_pid()))
    }
}

/// `struct ptrace_rseq_configuration`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Rseq {
    address: u64,
    size: u32,
    signature: u32,
    flags: u32,
    pad: u32,
}

/// The CPU that a stopped thread ran on when it last was in its program, which the kernel notes
/// there for threads that ask for it (the common C library does, for all). `None` without that.
pub(crate) fn last_cpu(tid: Tid) -> Option<u16> {
    /// Of `struct rseq`: where the CPU stands, as a word with what is in front of it.
    const CPU_SHIFT: u32 = 32;
    let mut rseq = Rseq::default();
    let size = size_of::<Rseq>();
    request(
        PTRACE_GET_RSEQ_CONFIGURATION,
        tid,
        size,
        (&raw mut rseq) as usize,
    )
    .ok()?;
    if rseq.address == 0 {
        return None;
    }
    // Special values, for "not registered", are negative ones.
    u16::try_from(peek(tid, rseq.address).ok()? >> CPU_SHIFT).ok()
}

/// `struct ptrace_syscall_info`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct SyscallInfo {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    instruction: u64,
    stack: u64,
    data: [u64; 8],
}

/// A system call that a thread is about to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Whose numbers these are (`AUDIT_ARCH_*`).
    pub(crate) arch: u32,
    pub(crate) number: u64,
    pub(crate) args: [u64; 6],
}

/// The call at whose start a thread is stopped.
pub(crate) fn syscall_entry(tid: Tid) -> io::Result<Option<Entry>> {
    let info = syscall_info(tid)?;
    // Entry, or seccomp, which begin alike.
    Ok(matches!(info.op, 1 | 3).then(|| Entry {
        arch: info.arch,
        number: info.data[0],
        args: [1, 2, 3, 4, 5, 6].map(|index| info.data[index]),
    }))
}

/// The result of the call at whose end a thread is stopped.
pub(crate) fn syscall_result(tid: Tid) -> io::Result<Option<i64>> {
    let info = syscall_info(tid)?;
    Ok((info.op == 2).then_some(info.data[0] as i64))
}

fn syscall_info(tid: Tid) -> io::Result<SyscallInfo> {
    let mut info = SyscallInfo::default();
    request(
        PTRACE_GET_SYSCALL_INFO,
        tid,
        size_of::<SyscallInfo>(),
        (&raw mut info) as usize,
    )?;
    Ok(info)
}

/// The word at an address of a stopped thread's memory.
pub(crate) fn peek(tid: Tid, address: u64) -> io::Result<u64> {
    let mut word = 0u64;
    let to = (&raw mut word) as usize;
    request(PTRACE_PEEKDATA, tid, address as usize, to)?;
    Ok(word)
}

/// Writes a word into a stopped thread's memory.
pub(crate) fn poke(tid: Tid, address: u64, word: u64) -> io::Result<()> {
    request(PTRACE_POKEDATA, tid, address as usize, word as usize).map(drop)
}

/// How many words the general registers are, on the largest architecture.
const REGISTERS: usize = 40;

/// The words of a thread's registers, and how many bytes of them there are.
pub(crate) struct Registers {
    words: [u64; REGISTERS],
    len: usize,
}

/// The registers of a stopped thread.
pub(crate) fn registers(tid: Tid) -> io::Result<Registers> {
    let mut words = [0u64; REGISTERS];
    let mut area = libc::iovec {
        iov_base: words.as_mut_ptr().cast(),
        iov_len: size_of_val(&words),
    };
    request(PTRACE_GETREGSET, tid, NT_PRSTATUS, (&raw mut area) as usize)?;
    Ok(Registers {
        words,
        len: area.iov_len,
    })
}

impl Registers {
    /// Changes the first argument of the call that is about to be made; `None` where it is not
    /// known which register that is.
    pub(crate) fn set_first_argument(&mut self, compat: bool, value: u64) -> Option<()> {
        // A 32-bit program's registers are 17 narrow ones, of which bx is the first.
        const NARROW: usize = 17 * 4;
        let index = match (cfg!(target_arch = "x86_64"), compat) {
            // Of `struct user_regs_struct`: di, and bx for 32-bit calls of 64-bit programs.
            (true, false) => 14,
            (true, true) if self.len == NARROW => {
                self.words[0] = self.words[0] >> 32 << 32 | value & 0xffff_ffff;
                return Some(());
            }
            (true, true) => 5,
            (false, false) => 0,
            (false, true) => return None,
        };
        self.words[index] = value;
        Some(())
    }

    /// Writes them back.
    pub(crate) fn store(&mut self, tid: Tid) -> io::Result<()> {
        let mut area = libc::iovec {
            iov_base: self.words.as_mut_ptr().cast(),
            iov_len: self.len,
        };
        request(PTRACE_SETREGSET, tid, NT_PRSTATUS, (&raw mut area) as usize).map(drop)
    }
}

/// What a thread did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// It stopped at this signal, for this event (0: none).
    Stopped { signal: i32, event: i32 },
    /// It is gone; the status as the kernel keeps it.
    Gone { status: i32 },
}

/// The next thread of this thread's children and tracees with news; `None` when there is none now.
///
/// # Errors
///
/// `ECHILD` when there is nobody left.
pub(crate) fn next_change() -> io::Result<Option<(Tid, Change)>> {
    let mut status = 0;
    // What other threads of this process started is theirs to wait for.
    let flags = libc::__WALL | libc::WNOHANG | libc::__WNOTHREAD;
    // SAFETY: `status` is a place for the answer.
    let tid = unsafe { libc::waitpid(-1, &raw mut status, flags) };
    match tid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        tid if libc::WIFSTOPPED(status) => {
            let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
            Ok(Some((tid, Change::Stopped { signal, event })))
        }
        tid => Ok(Some((tid, Change::Gone { status }))),
    }
}

/// Reads another process's memory, as much as can be had; `None` when this is not allowed.
pub(crate) fn read_memory(pid: Tid, address: u64, buffer: &mut [u8]) -> Option<usize> {
    let local = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: buffer.len(),
    };
    // SAFETY: the local part is a buffer that may be written; what the remote part says is for the
    // kernel to check.
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    if read >= 0 {
        return Some(read as usize);
    }
    let not_there = io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT);
    not_there.then_some(0)
}

/// Ends a process.
pub(crate) fn kill(pid: Tid, signal: i32) {
    // SAFETY: takes two numbers.
    unsafe { libc::kill(pid, signal) };
}

/// A number or two of a socket option, as bytes; `None` when the socket does not have it.
pub(crate) fn socket_option(
    socket: &impl std::os::fd::AsRawFd,
    level: i32,
    name: i32,
    value: &mut [u8],
) -> Option<usize> {
    let mut len = value.len() as libc::socklen_t;
    // SAFETY: the place for the value is as large as `len` says.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    (result == 0).then_some(len as usize)
}

/// The address of a socket, or of its peer, as the kernel writes it.
pub(crate) fn socket_address(
    socket: &impl std::os::fd::AsRawFd,
    of_peer: bool,
    buffer: &mut [u8; 128],
) -> Option<usize> {
    let mut len = buffer.len() as libc::socklen_t;
    let (to, len_at) = (buffer.as_mut_ptr().cast(), &raw mut len);
    // SAFETY: the place for the address is as large as `len` says.
    let result = unsafe {
        if of_peer {
            libc::getpeername(socket.as_raw_fd(), to, len_at)
        } else {
            libc::getsockname(socket.as_raw_fd(), to, len_at)
        }
    };
    (result == 0).then_some((len as usize).min(buffer.len()))
}

/// A copy of another process's descriptor. `PIDFD_THREAD` finds the table of a thread that does not
/// share its process's; older kernels have only the process's.
pub(crate) fn copy_descriptor(tid: Tid, tgid: Tid, fd: i32) -> Option<std::os::fd::OwnedFd> {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    let open = |id: Tid, flags: libc::c_uint| -> Option<OwnedFd> {
        // SAFETY: takes numbers; a descriptor that comes back is new and nobody else's.
        unsafe {
            let pidfd = libc::syscall(libc::SYS_pidfd_open, id, flags);
            (pidfd >= 0).then(|| OwnedFd::from_raw_fd(pidfd as i32))
        }
    };
    const PIDFD_THREAD: libc::c_uint = libc::O_EXCL as libc::c_uint;
    let pidfd = open(tid, PIDFD_THREAD).or_else(|| open(tgid, 0))?;
    // SAFETY: takes numbers; a descriptor that comes back is new and nobody else's.
    unsafe {
        let copy = libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0);
        (copy >= 0).then(|| OwnedFd::from_raw_fd(copy as i32))
    }
}
