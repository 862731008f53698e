//! The system as a whole. Most of these fail here, and their events must tell what was tried.

use crate::Case;
use crate::harness::{Harness, Value, at, call, check, minus, text};

pub(crate) const CASES: &[Case] = &[
    (&["init_module", "finit_module", "delete_module"], modules),
    (&["fsconfig"], fsconfig),
    (&["keyctl"], keyctl),
    (&["semget", "semop", "semctl"], semaphores),
    (&["quotactl"], quotactl),
];

fn modules(h: &mut Harness) {
    let image = *b"not a module";
    let (res, event) = h.one("init_module", || {
        call(
            libc::SYS_init_module,
            [at(&image), image.len(), text(c"a=1")],
        )
    });
    assert!(res < 0);
    check!(event, res: res, img: image.to_vec(), length: 12, uargs: "a=1");
    let (res, event) = h.one("finit_module", || {
        call(libc::SYS_finit_module, [minus(1), text(c""), 1 | 4])
    });
    check!(event, res: res, fd: -1, uargs: "", flags: 1 | 4);
    let flags = (libc::O_NONBLOCK | libc::O_TRUNC) as usize;
    let (res, event) = h.one("delete_module", || {
        call(libc::SYS_delete_module, [text(c"absent"), flags])
    });
    check!(event, res: res, name: "absent", flags: 2 | 1);
}

fn fsconfig(h: &mut Harness) {
    let mut config = |command: usize, value: usize, aux: usize| {
        h.one("fsconfig", || {
            call(
                libc::SYS_fsconfig,
                [minus(1), command, text(c"key"), value, aux, 0],
            )
        })
    };
    let (res, event) = config(1, text(c"string"), 0);
    check!(event, res: res, fd: -1, cmd: 1, key: "key", value_bytebuf: Value::Empty,
        value_charbuf: "string", aux: 0);
    let (res, event) = config(2, at(b"bytes"), 5);
    check!(event, res: res, fd: -1, cmd: 2, key: "key", value_bytebuf: b"bytes".to_vec(),
        value_charbuf: Value::Empty, aux: 5);
    let (res, event) = config(5, 0, 9);
    check!(event, res: res, fd: -1, cmd: 5, key: "key", value_bytebuf: Value::Empty,
        value_charbuf: Value::Empty, aux: 9);
}

fn keyctl(h: &mut Harness) {
    let number = |value: i64| [&[0][..], &value.to_le_bytes()].concat();
    let string = |value: &str| [&[1], value.as_bytes(), &[0]].concat();
    let (res, event) = h.one("keyctl", || call(libc::SYS_keyctl, [0, minus(3), 0, 0, 0]));
    check!(event, res: res, operation: 0, arg2: number(-3), arg3: number(0), arg4: number(0),
        arg5: number(0));
    let (res, event) = h.one("keyctl", || {
        call(libc::SYS_keyctl, [1, text(c"session"), 0, 0, 0])
    });
    check!(event, res: res, operation: 1, arg2: string("session"), arg3: number(0),
        arg4: number(0), arg5: number(0));
    let (res, event) = h.one("keyctl", || {
        call(
            libc::SYS_keyctl,
            [10, minus(3), text(c"user"), text(c"description"), 4],
        )
    });
    check!(event, res: res, operation: 10, arg2: number(-3), arg3: string("user"),
        arg4: string("description"), arg5: number(4));
}

fn semaphores(h: &mut Harness) {
    let (id, event) = h.one("semget", || {
        call(libc::SYS_semget, [0, 2, 0o1000 | 0o2000 | 0o600])
    });
    check!(event, res: id, key: 0, nsems: 2, semflg: 8192 | 16384 | 0o600);
    let semaphores = id as usize;
    let operations = [[0u16, 1, 0], [1, 0xffff, 0o4000 | 0x1000]];
    let (res, event) = h.one("semop", || {
        call(libc::SYS_semop, [semaphores, at(&operations), 2])
    });
    check!(event, res: res, nsops: 2, sem_num_0: 0, sem_op_0: 1, sem_flg_0: 0, sem_num_1: 1,
        sem_op_1: -1, sem_flg_1: 1 | 2, semid: id);
    let (res, event) = h.one("semctl", || call(libc::SYS_semctl, [semaphores, 1, 16, 5]));
    check!(event, res: res, semid: id, semnum: 1, cmd: 4096, val: 5);
    let (res, event) = h.one("semctl", || call(libc::SYS_semctl, [semaphores, 0, 0, 0]));
    check!(event, res: res, semid: id, semnum: 0, cmd: 4, val: 0);
}

fn quotactl(h: &mut Harness) {
    // Q_SETQUOTA for groups: limits of blocks and inodes, grace times, what is valid.
    let quota = [10u64, 9, 8, 7, 6, 5, 4, 3, 0x3f];
    let command = 0x80_0008usize << 8 | 1;
    let (res, event) = h.one("quotactl", || {
        call(
            libc::SYS_quotactl,
            [command, text(c"/dev/absent"), 42, at(&quota)],
        )
    });
    assert!(res < 0);
    check!(event, res: res, special: "/dev/absent", quotafilepath: Value::Empty,
        dqb_bhardlimit: 10, dqb_bsoftlimit: 9, dqb_curspace: 8, dqb_ihardlimit: 7,
        dqb_isoftlimit: 6, dqb_btime: 4, dqb_itime: 3, dqi_bgrace: 0, dqi_igrace: 0, dqi_flags: 1,
        quota_fmt_out: 1, cmd: 64, type: 2, id: 42, quota_fmt: 1);
    let command = 0x80_0002usize << 8;
    let (res, event) = h.one("quotactl", || {
        call(
            libc::SYS_quotactl,
            [command, text(c"/dev/absent"), 2, text(c"/quota.file")],
        )
    });
    check!(event, res: res, special: "/dev/absent", quotafilepath: "/quota.file",
        dqb_bhardlimit: 0, dqb_bsoftlimit: 0, dqb_curspace: 0, dqb_ihardlimit: 0,
        dqb_isoftlimit: 0, dqb_btime: 0, dqb_itime: 0, dqi_bgrace: 0, dqi_igrace: 0, dqi_flags: 1,
        quota_fmt_out: 1, cmd: 1, type: 1, id: 0, quota_fmt: 4);
}
