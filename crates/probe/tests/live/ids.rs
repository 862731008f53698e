//! User and group ids, capabilities, sessions. Every action is in a thread of its own, and the
//! kernel's ids belong to threads.

use crate::Case;
use crate::harness::{Harness, at, call, check};

pub(crate) const CASES: &[Case] = &[
    (
        &[
            "setuid",
            "setgid",
            "setreuid",
            "setregid",
            "setresuid",
            "setresgid",
        ],
        setting,
    ),
    (
        &[
            "getuid",
            "geteuid",
            "getgid",
            "getegid",
            "getresuid",
            "getresgid",
        ],
        getting,
    ),
    (&["capset"], capset),
    (&["setsid", "setpgid"], sessions),
];

fn setting(h: &mut Harness) {
    let (res, event) = h.one("setuid", || call(libc::SYS_setuid, [1234]));
    assert_eq!(res, 0);
    check!(event, res: 0, uid: 1234);
    let (_, event) = h.one("setgid", || call(libc::SYS_setgid, [4321]));
    check!(event, res: 0, gid: 4321);
    let none = u32::MAX as usize;
    let (_, event) = h.one("setreuid", || call(libc::SYS_setreuid, [5, none]));
    check!(event, res: 0, ruid: 5, euid: u32::MAX);
    let (_, event) = h.one("setregid", || call(libc::SYS_setregid, [none, 6]));
    check!(event, res: 0, rgid: u32::MAX, egid: 6);
    let (_, event) = h.one("setresuid", || call(libc::SYS_setresuid, [1, 2, 3]));
    check!(event, res: 0, ruid: 1, euid: 2, suid: 3);
    let (_, event) = h.one("setresgid", || call(libc::SYS_setresgid, [4, 5, none]));
    check!(event, res: 0, rgid: 4, egid: 5, sgid: u32::MAX);
    let (res, event) = h.one("setuid", || {
        call(libc::SYS_setresuid, [77, 77, 77]);
        call(libc::SYS_setuid, [0])
    });
    assert_eq!(res, -i64::from(libc::EPERM));
    check!(event, res: res, uid: 0);
}

fn getting(h: &mut Harness) {
    let prepare = || {
        call(libc::SYS_setresgid, [4, 5, 6]);
        call(libc::SYS_setresuid, [1, 2, 3]);
    };
    let mut ids = [0u32; 3];
    let to = ids.as_mut_ptr() as usize;
    let (_, event) = h.one("getuid", || (prepare(), call(libc::SYS_getuid, [])).1);
    check!(event, uid: 1);
    let (_, event) = h.one("geteuid", || (prepare(), call(libc::SYS_geteuid, [])).1);
    check!(event, euid: 2);
    let (_, event) = h.one("getgid", || (prepare(), call(libc::SYS_getgid, [])).1);
    check!(event, gid: 4);
    let (_, event) = h.one("getegid", || (prepare(), call(libc::SYS_getegid, [])).1);
    check!(event, egid: 5);
    let args = [to, to + 4, to + 8];
    let (_, event) = h.one("getresuid", || {
        (prepare(), call(libc::SYS_getresuid, args)).1
    });
    check!(event, res: 0, ruid: 1, euid: 2, suid: 3);
    let (_, event) = h.one("getresgid", || {
        (prepare(), call(libc::SYS_getresgid, args)).1
    });
    check!(event, res: 0, rgid: 4, egid: 5, sgid: 6);
}

fn capset(h: &mut Harness) {
    // Version 3 of the header, this thread; effective, permitted and inheritable, low and high.
    let header = [0x2008_0522u32, 0];
    let data = [1u32 << 3, 1 << 3 | 1 << 5, 1 << 5, 1 << 7, 1 << 7, 0];
    let (res, event) = h.one("capset", || {
        call(libc::SYS_capset, [at(&header), at(&data)])
    });
    assert_eq!(res, 0);
    check!(event, res: 0, cap_inheritable: 1 << 5, cap_permitted: 1u64 << 39 | 1 << 5 | 1 << 3,
        cap_effective: 1u64 << 39 | 1 << 3);
}

fn sessions(h: &mut Harness) {
    let (res, event) = h.one("setpgid", || call(libc::SYS_setpgid, [1, 5]));
    assert!(res < 0);
    check!(event, res: res, pid: 1, pgid: 5);
    let (res, event) = h.one("setsid", || call(libc::SYS_setsid, []));
    check!(event, res: res);
}
