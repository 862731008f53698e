//! What processes do to themselves and to each other, other than starting and ending.

use crate::flags::{clone_flags, resource, translate};
use crate::ppm::*;
use crate::record::Record;

pub(super) fn kill(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    r.u8(r.arg(1));
}

pub(super) fn tgkill(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    r.fd(1);
    r.u8(r.arg(2));
}

pub(super) fn setns(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    r.u32(clone_flags(u64::from(r.arg32(1))));
}

pub(super) fn unshare(r: &mut Record<'_>) {
    r.ret();
    r.u32(clone_flags(u64::from(r.arg32(0))));
}

pub(super) fn seccomp(r: &mut Record<'_>) {
    r.ret();
    r.long(0);
    r.long(1);
}

pub(super) fn nanosleep(r: &mut Record<'_>) {
    r.ret();
    r.u64(r.timespec(r.arg(0)));
}

/// The commands and their modifiers keep the kernel's numbers.
pub(super) fn futex(r: &mut Record<'_>) {
    r.ret();
    r.long(0);
    r.u16(r.arg(1));
    r.u64(u64::from(r.arg32(2)));
}

/// Soft and hard limit; -1 each when there is none.
fn limits(r: &mut Record<'_>, limits: Option<[i64; 2]>) {
    for limit in limits.unwrap_or([-1; 2]) {
        r.u64(limit as u64);
    }
}

pub(super) fn setrlimit(r: &mut Record<'_>) {
    r.ret();
    limits(r, r.longs(r.arg(1)));
    r.u8(resource(r.arg(0)));
}

pub(super) fn getrlimit(r: &mut Record<'_>) {
    r.ret();
    let answer = if r.call.ret == 0 {
        r.longs(r.arg(1))
    } else {
        None
    };
    limits(r, answer);
    r.u8(resource(r.arg(0)));
}

/// Its limits are of 64 bits each, whatever the caller.
pub(super) fn prlimit64(r: &mut Record<'_>) {
    let wide = |r: &Record<'_>, index| {
        let words = r.caller.memory.words::<2>(r.arg(index))?;
        Some(words.map(|word| word as i64))
    };
    r.ret();
    limits(r, wide(r, 2));
    let answer = if r.call.ret == 0 { wide(r, 3) } else { None };
    limits(r, answer);
    r.fd(0);
    r.u8(resource(r.arg(1)));
}

pub(super) fn prctl(r: &mut Record<'_>) {
    let option = u64::from(r.arg32(0));
    let mut number = r.arg(1);
    r.ret();
    r.u32(option);
    if option == PPM_PR_SET_NAME || option == PPM_PR_GET_NAME {
        r.name(1);
        number = 0;
    } else {
        r.empty();
        if option == PPM_PR_GET_CHILD_SUBREAPER {
            number = i64::from(r.number(r.arg(1)) as i32) as u64;
        }
    }
    r.u64(number);
}

const REQUESTS: &[(u32, u64)] = &[
    (0, PPM_PTRACE_TRACEME),
    (1, PPM_PTRACE_PEEKTEXT),
    (2, PPM_PTRACE_PEEKDATA),
    (3, PPM_PTRACE_PEEKUSR),
    (4, PPM_PTRACE_POKETEXT),
    (5, PPM_PTRACE_POKEDATA),
    (6, PPM_PTRACE_POKEUSR),
    (7, PPM_PTRACE_CONT),
    (8, PPM_PTRACE_KILL),
    (9, PPM_PTRACE_SINGLESTEP),
    (16, PPM_PTRACE_ATTACH),
    (17, PPM_PTRACE_DETACH),
    (24, PPM_PTRACE_SYSCALL),
    (31, PPM_PTRACE_SYSEMU),
    (32, PPM_PTRACE_SYSEMU_SINGLESTEP),
    (0x4200, PPM_PTRACE_SETOPTIONS),
    (0x4201, PPM_PTRACE_GETEVENTMSG),
    (0x4202, PPM_PTRACE_GETSIGINFO),
    (0x4203, PPM_PTRACE_SETSIGINFO),
    (0x4204, PPM_PTRACE_GETREGSET),
    (0x4205, PPM_PTRACE_SETREGSET),
    (0x4206, PPM_PTRACE_SEIZE),
    (0x4207, PPM_PTRACE_INTERRUPT),
    (0x4208, PPM_PTRACE_LISTEN),
    (0x4209, PPM_PTRACE_PEEKSIGINFO),
    (0x420a, PPM_PTRACE_GETSIGMASK),
    (0x420b, PPM_PTRACE_SETSIGMASK),
];

/// Requests that only x86 has.
const X86_REQUESTS: &[(u32, u64)] = &[
    (12, PPM_PTRACE_GETREGS),
    (13, PPM_PTRACE_SETREGS),
    (14, PPM_PTRACE_GETFPREGS),
    (15, PPM_PTRACE_SETFPREGS),
    (18, PPM_PTRACE_GETFPXREGS),
    (19, PPM_PTRACE_SETFPXREGS),
    (21, PPM_PTRACE_OLDSETOPTIONS),
    (25, PPM_PTRACE_GET_THREAD_AREA),
    (26, PPM_PTRACE_SET_THREAD_AREA),
    (30, PPM_PTRACE_ARCH_PRCTL),
    (33, PPM_PTRACE_SINGLEBLOCK),
];

fn variant_u64(r: &mut Record<'_>, variant: u64, value: u64) {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    r.bytes(&[variant as u8, a, b, c, d, e, f, g, h]);
}

pub(super) fn ptrace(r: &mut Record<'_>) {
    let mut request = translate(r.arg(0), REQUESTS, PPM_PTRACE_UNKNOWN);
    if cfg!(target_arch = "x86_64") {
        request = translate(r.arg(0), X86_REQUESTS, request);
    }
    let data = r.arg(3);
    r.ret();
    if r.call.ret < 0 {
        r.empty();
        r.empty();
    } else {
        variant_u64(r, PPM_PTRACE_IDX_UINT64, r.arg(2));
        match request {
            PPM_PTRACE_CONT | PPM_PTRACE_SYSCALL | PPM_PTRACE_SINGLESTEP | PPM_PTRACE_DETACH => {
                r.bytes(&[PPM_PTRACE_IDX_SIGTYPE as u8, data as u8]);
            }
            PPM_PTRACE_PEEKTEXT | PPM_PTRACE_PEEKDATA | PPM_PTRACE_PEEKUSR => {
                // The kernel wrote what it found to where `data` points.
                let found = r.pointer(data);
                variant_u64(r, PPM_PTRACE_IDX_UINT64, found);
            }
            _ => variant_u64(r, PPM_PTRACE_IDX_UINT64, data),
        }
    }
    r.u16(request);
    r.fd(1);
}
