//! Memory of the process.

use crate::Case;
use crate::harness::{Event, Harness, Value, call, check, minus};

pub(crate) const CASES: &[Case] = &[
    (&["brk", "mmap", "munmap", "mprotect"], mapping),
    (
        &["mlock", "mlock2", "munlock", "mlockall", "munlockall"],
        locking,
    ),
];

/// The process's size and resident part in KB, as the kernel tells them otherwise.
pub(crate) fn sizes() -> (i64, i64) {
    let status = std::fs::read_to_string("/proc/self/status").expect("there is one");
    let field = |name: &str| {
        let line = status
            .lines()
            .find(|line| line.starts_with(name))
            .expect("it has the field");
        line.split_whitespace()
            .nth(1)
            .and_then(|kb| kb.parse().ok())
            .expect("a number")
    };
    (field("VmSize:"), field("VmRSS:"))
}

/// The sizes change all the time, but not by much between two looks.
pub(crate) fn check_sizes(event: &Event) {
    let (size, resident) = sizes();
    let near = |ours: i64, theirs: i64| (ours - theirs).abs() < 20_000;
    assert!(
        near(event.number("vm_size"), size),
        "{} {size}",
        event.number("vm_size")
    );
    assert!(
        near(event.number("vm_rss"), resident),
        "{} {resident}",
        event.number("vm_rss")
    );
    assert!(event.number("vm_rss") > 0 && event.number("vm_size") > event.number("vm_rss"));
}

fn mapping(h: &mut Harness) {
    let (res, event) = h.one("brk", || call(libc::SYS_brk, [0]));
    check_sizes(&event);
    check!(event, res: res, vm_size: Value::Any, vm_rss: Value::Any, vm_swap: 0, addr: 0);

    let prot = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as usize;
    // The allocator maps memory when it likes, but hardly as much as this.
    const LENGTH: usize = 17 << 12;
    let (area, events) = h.all("mmap", || {
        call(libc::SYS_mmap, [0, LENGTH, prot, flags, minus(1), 0])
    });
    let event = events
        .into_iter()
        .find(|event| event.number("length") == LENGTH as i64);
    let event = event.expect("it is among them");
    check_sizes(&event);
    check!(event, res: area, vm_size: Value::Any, vm_rss: Value::Any, vm_swap: 0, addr: 0,
        length: LENGTH, prot: 3, flags: 2 | 8 | 64, fd: -1, offset: 0);
    let (res, events) = h.all("mmap", || {
        let flags = (libc::MAP_SHARED | libc::MAP_POPULATE) as usize;
        call(
            libc::SYS_mmap,
            [4096, 4096, libc::PROT_EXEC as usize, flags, 9999, 8192],
        )
    });
    let event = events.into_iter().find(|event| event.number("fd") == 9999);
    let event = event.expect("it is among them");
    assert_eq!(res, -i64::from(libc::EBADF));
    check!(event, res: res, vm_size: Value::Any, vm_rss: Value::Any, vm_swap: 0, addr: 4096,
        length: 4096, prot: 4, flags: 1 | 128, fd: 9999, offset: 8192);

    let (_, events) = h.all("mprotect", || {
        call(libc::SYS_mprotect, [area as usize, 4096, 5])
    });
    let event = events
        .into_iter()
        .find(|event| event.number("addr") == area);
    let event = event.expect("it is among them");
    check!(event, res: 0, addr: area, length: 4096, prot: 5);
    let (_, events) = h.all("munmap", || call(libc::SYS_munmap, [area as usize, LENGTH]));
    let event = events
        .into_iter()
        .find(|event| event.number("addr") == area);
    let event = event.expect("it is among them");
    check!(event, res: 0, vm_size: Value::Any, vm_rss: Value::Any, vm_swap: 0, addr: area,
        length: LENGTH);
}

fn locking(h: &mut Harness) {
    let page = Box::new([0u8; 8192]);
    let address = page.as_ptr() as usize & !4095;
    let (res, event) = h.one("mlock", || call(libc::SYS_mlock, [address, 4096]));
    check!(event, res: res, addr: address, len: 4096);
    let (res, event) = h.one("mlock2", || call(libc::SYS_mlock2, [address, 4096, 1]));
    check!(event, res: res, addr: address, len: 4096, flags: 1);
    let (res, event) = h.one("munlock", || call(libc::SYS_munlock, [address, 4096]));
    check!(event, res: res, addr: address, len: 4096);
    let (res, event) = h.one("mlockall", || call(libc::SYS_mlockall, [2 | 4]));
    check!(event, res: res, flags: 2 | 4);
    let (res, event) = h.one("munlockall", || call(libc::SYS_munlockall, []));
    check!(event, res: res);
}
