//! The system as a whole: modules, keys, quotas, semaphores, file system settings.

use crate::flags::{delete_module_flags, map, translate};
use crate::ppm::*;
use crate::record::{Record, TEXT_MAX};

pub(super) fn init_module(r: &mut Record<'_>) {
    r.ret();
    r.data(r.arg(0), r.arg(1));
    r.long(1);
    r.name(2);
}

pub(super) fn finit_module(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    r.name(1);
    r.u32(
        r.arg(2)
            & (PPM_MODULE_INIT_IGNORE_MODVERSIONS
                | PPM_MODULE_INIT_IGNORE_VERMAGIC
                | PPM_MODULE_INIT_COMPRESSED_FILE),
    );
}

pub(super) fn delete_module(r: &mut Record<'_>) {
    r.ret();
    r.name(0);
    r.u32(delete_module_flags(r.arg(1)));
}

pub(super) fn fsconfig(r: &mut Record<'_>) {
    let command = u64::from(r.arg32(1));
    r.ret();
    r.fd(0);
    r.u32(command);
    r.name(2);
    match command {
        PPM_FSCONFIG_SET_BINARY => {
            // Its length is in the last argument.
            r.data(r.arg(3), u64::from(r.arg32(4)));
            r.empty();
        }
        PPM_FSCONFIG_SET_STRING | PPM_FSCONFIG_SET_PATH | PPM_FSCONFIG_SET_PATH_EMPTY => {
            r.empty();
            r.name(3);
        }
        _ => {
            r.empty();
            r.empty();
        }
    }
    r.word(4);
}

fn key_number(r: &mut Record<'_>, value: u64) {
    let mut bytes = vec![PPM_KEYCTL_IDX_INT64 as u8];
    bytes.extend(value.to_le_bytes());
    r.bytes(&bytes);
}

fn key_string(r: &mut Record<'_>, address: u64) {
    match r.caller.memory.string(address, TEXT_MAX) {
        Some(text) => {
            let mut bytes = vec![PPM_KEYCTL_IDX_CHARBUF as u8];
            bytes.extend(text);
            r.bytes(&bytes);
        }
        None => r.empty(),
    }
}

pub(super) fn keyctl(r: &mut Record<'_>) {
    let operation = u64::from(r.arg32(0));
    r.ret();
    r.u32(operation);
    if operation == PPM_KEYCTL_JOIN_SESSION_KEYRING {
        key_string(r, r.arg(1));
    } else {
        key_number(r, r.arg(1));
    }
    // A type and a description of a key.
    let named = operation == PPM_KEYCTL_SEARCH || operation == PPM_KEYCTL_RESTRICT_KEYRING;
    for index in [2, 3] {
        if named {
            key_string(r, r.arg(index));
        } else {
            key_number(r, r.arg(index));
        }
    }
    key_number(r, r.arg(4));
}

/// Of `struct sembuf`: number, operation, flags.
const SEMBUF: usize = 6;

pub(super) fn semop(r: &mut Record<'_>) {
    let count = r.arg32(2);
    r.ret();
    r.u32(u64::from(count));
    for index in 0..2u32 {
        let address = r.arg(1) + u64::from(index) * SEMBUF as u64;
        let operation = if index < count {
            r.caller.memory.array::<SEMBUF>(address)
        } else {
            None
        };
        let bytes = operation.unwrap_or_default();
        let field = |at: usize| u64::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]));
        r.u16(field(0));
        r.u16(field(2));
        r.u16(map(
            field(4),
            &[(0o4000, PPM_IPC_NOWAIT), (0x1000, PPM_SEM_UNDO)],
        ));
    }
    r.word(0);
}

pub(super) fn semget(r: &mut Record<'_>) {
    let flags = r.arg(2);
    r.ret();
    r.word(0);
    r.word(1);
    r.u32((flags & 0o777) | map(flags, &[(0o1000, PPM_IPC_CREAT), (0o2000, PPM_IPC_EXCL)]));
}

const SEMCTL: &[(u32, u64)] = &[
    (0, PPM_IPC_RMID),
    (1, PPM_IPC_SET),
    (2, PPM_IPC_STAT),
    (3, PPM_IPC_INFO),
    (11, PPM_GETPID),
    (12, PPM_GETVAL),
    (13, PPM_GETALL),
    (14, PPM_GETNCNT),
    (15, PPM_GETZCNT),
    (16, PPM_SETVAL),
    (17, PPM_SETALL),
    (18, PPM_SEM_STAT),
    (19, PPM_SEM_INFO),
];

pub(super) fn semctl(r: &mut Record<'_>) {
    const IPC_64: u32 = 0x100;
    const SETVAL: u32 = 16;
    let command = r.arg32(2) & !IPC_64;
    r.ret();
    r.word(0);
    r.word(1);
    r.u16(translate(u64::from(command), SEMCTL, 0));
    r.u32(if command == SETVAL { r.arg(3) } else { 0 });
}

const Q_QUOTAON: u32 = 0x80_0002;
const Q_GETFMT: u32 = 0x80_0004;
const Q_GETINFO: u32 = 0x80_0005;
const Q_SETINFO: u32 = 0x80_0006;
const Q_GETQUOTA: u32 = 0x80_0007;
const Q_SETQUOTA: u32 = 0x80_0008;

const QUOTA: &[(u32, u64)] = &[
    (0x80_0001, PPM_Q_SYNC),
    (Q_QUOTAON, PPM_Q_QUOTAON),
    (0x80_0003, PPM_Q_QUOTAOFF),
    (Q_GETFMT, PPM_Q_GETFMT),
    (Q_GETINFO, PPM_Q_GETINFO),
    (Q_SETINFO, PPM_Q_SETINFO),
    (Q_GETQUOTA, PPM_Q_GETQUOTA),
    (Q_SETQUOTA, PPM_Q_SETQUOTA),
    (0x5801, PPM_Q_XQUOTAON),
    (0x5802, PPM_Q_XQUOTAOFF),
    (0x5803, PPM_Q_XGETQUOTA),
    (0x5804, PPM_Q_XSETQLIM),
    (0x5805, PPM_Q_XGETQSTAT),
    (0x5806, PPM_Q_XQUOTARM),
    (0x5807, PPM_Q_XQUOTASYNC),
    (0x5808, PPM_Q_XGETQSTATV),
];

fn quota_format(format: u64) -> u64 {
    translate(
        format,
        &[
            (1, PPM_QFMT_VFS_OLD),
            (2, PPM_QFMT_VFS_V0),
            (4, PPM_QFMT_VFS_V1),
        ],
        PPM_QFMT_NOT_USED,
    )
}

pub(super) fn quotactl(r: &mut Record<'_>) {
    let command = r.arg32(0) >> 8;
    let (kind, address) = (r.arg(0) & 0xff, r.arg(3));
    let memory = r.caller.memory;
    // What the caller passes or, on success, what the kernel answered.
    let answered = r.call.ret == 0;
    let has = |set, get| command == set || (command == get && answered);
    // block_hard, block_soft, space, inode_hard, inode_soft, inodes, block_time, inode_time
    let mut quota = [0u64; 8];
    // block_grace, inode_grace, flags and what is valid
    let mut info = [0u64; 3];
    let mut format = 0;
    if has(Q_SETQUOTA, Q_GETQUOTA) {
        quota = memory.words(address).unwrap_or_default();
    }
    if has(Q_SETINFO, Q_GETINFO) {
        info = memory.words(address).unwrap_or_default();
    }
    if command == Q_GETFMT && answered {
        format = memory.u32(address).unwrap_or(0);
    }
    r.ret();
    r.name(1);
    if command == Q_QUOTAON {
        r.string(address);
    } else {
        r.empty();
    }
    for index in [0, 1, 2, 3, 4, 6, 7] {
        r.u64(quota[index]);
    }
    r.u64(info[0]);
    r.u64(info[1]);
    let info_flags = info[2] as u32;
    r.u8(match info_flags {
        0 => PPM_DQF_NONE,
        flags if flags & 1 != 0 => PPM_V1_DQF_RSQUASH,
        _ => 0,
    });
    r.u8(if format == 0 {
        PPM_QFMT_NOT_USED
    } else {
        quota_format(u64::from(format))
    });
    r.u16(translate(u64::from(command), QUOTA, 0));
    r.u8(match kind {
        0 => PPM_USRQUOTA,
        1 => PPM_GRPQUOTA,
        _ => 0,
    });
    // An id for most commands; a format for the one that turns quotas on.
    if command == Q_QUOTAON {
        r.u32(0);
        r.u8(quota_format(r.arg(2)));
    } else {
        r.word(2);
        r.u8(PPM_QFMT_NOT_USED);
    }
}
