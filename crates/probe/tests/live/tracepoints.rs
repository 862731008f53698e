//! What happens to threads without their making a call.

use crate::Case;
use crate::harness::{Event, Harness, Value, at, call, check, minus, text};
use crate::life::{fork, wait};
use crate::memory::check_sizes;

pub(crate) const CASES: &[Case] = &[
    (&["signal_deliver"], signal),
    (&["sched_switch"], switch),
    #[cfg(target_arch = "x86_64")]
    (&["page_fault_user", "page_fault_kernel"], page_faults),
];

fn signal(h: &mut Harness) {
    let (child, _, events) = h.run(&["signal_deliver"], || {
        let child = fork(|| {
            loop {
                call(libc::SYS_nanosleep, [at(&[1u64, 0]), 0]);
            }
        });
        call(libc::SYS_kill, [child as usize, libc::SIGSTOP as usize]);
        call(
            libc::SYS_wait4,
            [child as usize, 0, libc::WUNTRACED as usize, 0],
        );
        call(libc::SYS_kill, [child as usize, libc::SIGKILL as usize]);
        wait(child);
        child
    });
    let own = |signal| {
        let of_child = |event: &&Event| event.tid() == child && event.number("sig") == signal;
        events.iter().find(of_child).expect("it was sent")
    };
    check!(own(19), spid: std::process::id(), dpid: child, sig: 19);
    // The kernel does not keep who sent a signal that ends a process.
    check!(own(9), spid: 0, dpid: child, sig: 9);
}

fn switch(h: &mut Harness) {
    if !h.knows_the_kernel() {
        return;
    }
    let (_, tid, events) = h.run(&["sched_switch"], || {
        call(libc::SYS_nanosleep, [at(&[0u64, 2_000_000]), 0])
    });
    let event = events
        .iter()
        .find(|event| event.tid() == tid)
        .expect("it slept");
    assert_eq!(event.ident(), "SCHEDSWITCH_6_E");
    assert!(event.number("next") >= 0 && event.number("next") != tid);
    check_sizes(event);
}

#[cfg(target_arch = "x86_64")]
fn page_faults(h: &mut Harness) {
    if !h.knows_the_kernel() {
        return;
    }
    let (prot, flags) = (3, (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize);
    let page = || call(libc::SYS_mmap, [0, 4096, prot, flags, minus(1), 0]);
    let (address, tid, events) = h.run(&["page_fault_user"], || {
        let address = page();
        // SAFETY: the page was just mapped, for this.
        unsafe { (address as *mut u8).write_volatile(1) };
        address
    });
    let own = |event: &&Event, address| event.tid() == tid && event.number("addr") == address;
    let event = events
        .iter()
        .find(|event| own(event, address))
        .expect("the page was missing");
    assert!(event.number("ip") > 0);
    // Not there, written to, from user space.
    check!(event, addr: address, ip: Value::Any, error: 2 | 4 | 16);

    let zero = call(libc::SYS_openat, [minus(100), text(c"/dev/zero"), 0, 0]) as usize;
    let (address, _, events) = h.run(&["page_fault_kernel"], || {
        let address = page();
        assert_eq!(call(libc::SYS_read, [zero, address as usize, 16]), 16);
        address
    });
    let event = events.iter().find(|event| event.number("addr") == address);
    let event = event.expect("the page was missing");
    check!(event, addr: address, ip: Value::Any, error: 2 | 4 | 32);
}
