//! Calls of 32-bit programs.

use crate::harness::call;

/// Makes a system call as a 32-bit program does.
pub(crate) fn call32(number: u32, args: [u32; 3]) -> i64 {
    let result: i32;
    // SAFETY: the kernel keeps all registers but the result, and `rbx`, which the compiler wants
    // for itself, is put back. Pointers are to memory below 4 GB that outlives the call.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {first}",
            "int 0x80",
            "xchg rbx, {first}",
            first = inout(reg) u64::from(args[0]) => _,
            inout("eax") number => result,
            in("ecx") args[1],
            in("edx") args[2],
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    i64::from(result)
}

/// Whether the kernel knows 32-bit calls; asks it in a child, which may die of it.
pub(crate) fn runs_32_bit_programs() -> bool {
    let child = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0]);
    if child == 0 {
        let own = call(libc::SYS_getpid, []);
        let works = call32(20, [0; 3]) == own;
        call(libc::SYS_exit_group, [works as usize]);
    }
    let mut status = 0i32;
    let address = std::ptr::from_mut(&mut status) as usize;
    call(libc::SYS_wait4, [child as usize, address, 0, 0]);
    status == 1 << 8
}
