//! Calls that work on names of files.

use crate::flags::map;
use crate::ppm::*;
use crate::record::Record;

const AT_SYMLINK_NOFOLLOW: u64 = 0x100;
const AT_REMOVEDIR: u64 = 0x200;
const AT_SYMLINK_FOLLOW: u64 = 0x400;
const AT_NO_AUTOMOUNT: u64 = 0x800;
const AT_EMPTY_PATH: u64 = 0x1000;

/// Result and one name.
pub(super) fn name(r: &mut Record<'_>) {
    r.ret();
    r.name(0);
}

/// Result and two names.
pub(super) fn two_names(r: &mut Record<'_>) {
    r.ret();
    r.name(0);
    r.name(1);
}

/// Result, a directory and a name in it.
fn name_at(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    r.name(1);
}

/// Result and two names, each with its directory.
pub(super) fn two_names_at(r: &mut Record<'_>) {
    name_at(r);
    r.fd(2);
    r.name(3);
}

pub(super) fn mkdir(r: &mut Record<'_>) {
    name(r);
    r.word(1);
}

pub(super) fn mkdirat(r: &mut Record<'_>) {
    name_at(r);
    r.word(2);
}

pub(super) fn mknod(r: &mut Record<'_>) {
    name(r);
    r.u32(r.arg(1) & 0o177_777);
    r.word(2);
}

pub(super) fn mknodat(r: &mut Record<'_>) {
    name_at(r);
    r.u32(r.arg(2) & 0o177_777);
    r.word(3);
}

pub(super) fn chmod(r: &mut Record<'_>) {
    name(r);
    r.u32(r.arg(1) & 0o7777);
}

pub(super) fn fchmod(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    r.u32(r.arg(1) & 0o7777);
}

pub(super) fn fchmodat(r: &mut Record<'_>) {
    name_at(r);
    r.u32(r.arg(2) & 0o7777);
}

pub(super) fn chown(r: &mut Record<'_>) {
    name(r);
    r.word(1);
    r.word(2);
}

pub(super) fn fchown(r: &mut Record<'_>) {
    r.ret();
    r.fd(0);
    r.word(1);
    r.word(2);
}

pub(super) fn fchownat(r: &mut Record<'_>) {
    name_at(r);
    r.word(2);
    r.word(3);
    // The table of this parameter has AT_SYMLINK_NOFOLLOW where others have AT_SYMLINK_FOLLOW.
    r.u32(map(
        r.arg(4),
        &[
            (AT_SYMLINK_NOFOLLOW, PPM_AT_SYMLINK_FOLLOW),
            (AT_EMPTY_PATH, PPM_AT_EMPTY_PATH),
        ],
    ));
}

pub(super) fn unlinkat(r: &mut Record<'_>) {
    name_at(r);
    r.u32(map(r.arg(2), &[(AT_REMOVEDIR, PPM_AT_REMOVEDIR)]));
}

pub(super) fn renameat2(r: &mut Record<'_>) {
    two_names_at(r);
    r.u32(r.arg(4) & (PPM_RENAME_NOREPLACE | PPM_RENAME_EXCHANGE | PPM_RENAME_WHITEOUT));
}

pub(super) fn linkat(r: &mut Record<'_>) {
    two_names_at(r);
    r.u32(map(
        r.arg(4),
        &[
            (AT_SYMLINK_FOLLOW, PPM_AT_SYMLINK_FOLLOW),
            (AT_EMPTY_PATH, PPM_AT_EMPTY_PATH),
        ],
    ));
}

pub(super) fn symlinkat(r: &mut Record<'_>) {
    r.ret();
    r.name(0);
    r.fd(1);
    r.name(2);
}

pub(super) fn access(r: &mut Record<'_>) {
    name(r);
    r.u32(r.arg(1) & (PPM_R_OK | PPM_W_OK | PPM_X_OK));
}

pub(super) fn newfstatat(r: &mut Record<'_>) {
    name_at(r);
    r.u32(map(
        r.arg(3),
        &[
            (AT_EMPTY_PATH, PPM_AT_EMPTY_PATH),
            (AT_NO_AUTOMOUNT, PPM_AT_NO_AUTOMOUNT),
            (AT_SYMLINK_NOFOLLOW, PPM_AT_SYMLINK_NOFOLLOW),
        ],
    ));
}

pub(super) fn getcwd(r: &mut Record<'_>) {
    r.ret();
    if r.call.ret >= 0 {
        r.name(0);
    } else {
        r.empty();
    }
}

pub(super) fn mount(r: &mut Record<'_>) {
    const MS_MGC_VAL: u32 = 0xc0ed_0000;
    const MS_MGC_MSK: u32 = 0xffff_0000;
    let mut flags = r.arg32(3);
    // Old programs put a magic number into the upper half.
    if flags & MS_MGC_MSK == MS_MGC_VAL {
        flags &= !MS_MGC_MSK;
    }
    two_names(r);
    r.name(2);
    r.u32(u64::from(flags));
}

pub(super) fn umount2(r: &mut Record<'_>) {
    name(r);
    r.u32(r.arg(1) & (PPM_MNT_FORCE | PPM_MNT_DETACH | PPM_MNT_EXPIRE | PPM_UMOUNT_NOFOLLOW));
}
