//! User and group ids, capabilities, sessions. Every action is in a thread of its own, and the
//! kernel's ids belong to threads.

use crate::Case;
use crate::harness::{Harness, at, call, check, own_ids};

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
    h.needs_rights(res);
    check!(event, res: res, uid: 1234);
    let (res, event) = h.one("setgid", || call(libc::SYS_setgid, [4321]));
    h.needs_rights(res);
    check!(event, res: res, gid: 4321);
    let none = u32::MAX as usize;
    let (res, event) = h.one("setreuid", || call(libc::SYS_setreuid, [5, none]));
    h.needs_rights(res);
    check!(event, res: res, ruid: 5, euid: u32::MAX);
    let (res, event) = h.one("setregid", || call(libc::SYS_setregid, [none, 6]));
    h.needs_rights(res);
    check!(event, res: res, rgid: u32::MAX, egid: 6);
    let (res, event) = h.one("setresuid", || call(libc::SYS_setresuid, [1, 2, 3]));
    h.needs_rights(res);
    check!(event, res: res, ruid: 1, euid: 2, suid: 3);
    let (res, event) = h.one("setresgid", || call(libc::SYS_setresgid, [4, 5, none]));
    h.needs_rights(res);
    check!(event, res: res, rgid: 4, egid: 5, sgid: u32::MAX);
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
    // Without rights there is nothing to prepare, and all ids are the user's own.
    let (uids, gids) = match h.privileged() {
        true => ([1, 2, 3], [4, 5, 6]),
        false => {
            let (uid, gid) = own_ids();
            ([uid; 3], [gid; 3])
        }
    };
    let mut ids = [0u32; 3];
    let to = ids.as_mut_ptr() as usize;
    let (_, event) = h.one("getuid", || (prepare(), call(libc::SYS_getuid, [])).1);
    check!(event, uid: uids[0]);
    let (_, event) = h.one("geteuid", || (prepare(), call(libc::SYS_geteuid, [])).1);
    check!(event, euid: uids[1]);
    let (_, event) = h.one("getgid", || (prepare(), call(libc::SYS_getgid, [])).1);
    check!(event, gid: gids[0]);
    let (_, event) = h.one("getegid", || (prepare(), call(libc::SYS_getegid, [])).1);
    check!(event, egid: gids[1]);
    let args = [to, to + 4, to + 8];
    let (_, event) = h.one("getresuid", || {
        (prepare(), call(libc::SYS_getresuid, args)).1
    });
    check!(event, res: 0, ruid: uids[0], euid: uids[1], suid: uids[2]);
    let (_, event) = h.one("getresgid", || {
        (prepare(), call(libc::SYS_getresgid, args)).1
    });
    check!(event, res: 0, rgid: gids[0], egid: gids[1], sgid: gids[2]);
}

fn capset(h: &mut Harness) {
    // Version 3 of the header, this thread; effective, permitted and inheritable, low and high.
    let header = [0x2008_0522u32, 0];
    let data = [1u32 << 3, 1 << 3 | 1 << 5, 1 << 5, 1 << 7, 1 << 7, 0];
    let (res, event) = h.one("capset", || {
        call(libc::SYS_capset, [at(&header), at(&data)])
    });
    h.needs_rights(res);
    if res < 0 {
        check!(event, res: res, cap_inheritable: 0, cap_permitted: 0, cap_effective: 0);
        return;
    }
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
