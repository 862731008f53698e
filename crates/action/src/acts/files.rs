//! Files that are read, links that are made, permissions that are given.

use std::ffi::{CStr, CString};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use crate::context::Context;
use crate::failure::Failure;
use crate::prepared::Prepared;
use crate::temp::{self, TempDir, c_path};

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);
const WRITE_OR_CREATE: OFlags = OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::CLOEXEC);
const WRITE: OFlags = OFlags::WRONLY.union(OFlags::CLOEXEC);
const OWNER_ONLY: Mode = Mode::RUSR.union(Mode::WUSR);

/// Opens and closes: the two calls most of this file is about.
#[inline]
pub(super) fn open_and_close(path: &CStr, flags: OFlags, mode: Mode) -> Result<(), Failure> {
    match rustix::fs::openat(CWD, path, flags, mode) {
        Ok(file) => {
            drop(file);
            Ok(())
        }
        Err(errno) => Err(Failure::at(format!("open {}", path.to_string_lossy()))(
            errno,
        )),
    }
}

fn reading(path: &'static CStr) -> Prepared {
    Prepared::new(move || open_and_close(path, READ, Mode::empty()))
}

pub(crate) fn read_sensitive_file(_: &Context) -> Result<Prepared, Failure> {
    Ok(reading(c"/etc/shadow"))
}

pub(crate) fn read_through_parents(_: &Context) -> Result<Prepared, Failure> {
    Ok(reading(c"/etc/../etc/../etc/shadow"))
}

pub(crate) fn read_environment(_: &Context) -> Result<Prepared, Failure> {
    Ok(reading(c"/proc/self/environ"))
}

/// Opens standard output through `/proc` for writing. It is neither written to nor cut.
pub(crate) fn write_entrypoint(_: &Context) -> Result<Prepared, Failure> {
    const FLAGS: OFlags = OFlags::WRONLY
        .union(OFlags::CLOEXEC)
        .union(OFlags::NONBLOCK);
    Ok(Prepared::new(|| {
        match rustix::fs::openat(CWD, c"/proc/self/fd/1", FLAGS, Mode::empty()) {
            Ok(_) => Ok(()),
            Err(Errno::ACCESS) => Err(Failure::skipped("standard output cannot be opened again")),
            Err(errno) => Err(Failure::at("open /proc/self/fd/1")(errno)),
        }
    }))
}

pub(crate) fn clear_log(_: &Context) -> Result<Prepared, Failure> {
    let dir = TempDir::new()?;
    Ok(opening(dir, "syslog", WRITE_OR_CREATE | OFlags::TRUNC))
}

pub(crate) fn write_release_agent(_: &Context) -> Result<Prepared, Failure> {
    let dir = TempDir::new()?;
    Ok(opening(dir, "release_agent", WRITE_OR_CREATE))
}

pub(crate) fn write_shell_configuration(_: &Context) -> Result<Prepared, Failure> {
    let dir = TempDir::new()?;
    // There already when it is opened: creating it would set off the rule about hidden files too.
    temp::write(&dir.join(".bashrc"), b"")?;
    Ok(opening(dir, ".bashrc", WRITE))
}

pub(crate) fn read_shell_configuration(_: &Context) -> Result<Prepared, Failure> {
    let dir = TempDir::new()?;
    temp::write(&dir.join(".bashrc"), b"")?;
    Ok(opening(dir, ".bashrc", READ))
}

/// Opens a file of `dir` again and again; both go with the action.
fn opening(dir: TempDir, name: &str, flags: OFlags) -> Prepared {
    let path = c_path(&dir.join(name));
    Prepared::new(move || {
        let _kept = &dir;
        open_and_close(&path, flags, OWNER_ONLY)
    })
}

pub(crate) fn add_ssh_key(_: &Context) -> Result<Prepared, Failure> {
    const LINE: &[u8] = b"ssh-rsa AAAA-this-is-no-key event-generator\n";
    let home = ssh_home()?;
    let path = home.join(".ssh/authorized_keys");
    temp::write(&path, b"")?;
    let path = c_path(&path);
    Ok(Prepared::new(move || {
        let _kept = &home;
        let step = "write authorized_keys";
        let file =
            rustix::fs::openat(CWD, &*path, WRITE, Mode::empty()).map_err(Failure::at(step))?;
        rustix::io::write(&file, LINE).map_err(Failure::at(step))?;
        Ok(())
    }))
}

pub(crate) fn read_ssh_information(_: &Context) -> Result<Prepared, Failure> {
    let home = ssh_home()?;
    let path = home.join(".ssh/known_hosts");
    temp::write(&path, b"")?;
    let path = c_path(&path);
    Ok(Prepared::new(move || {
        let _kept = &home;
        open_and_close(&path, READ, Mode::empty())
    }))
}

/// A home directory of nobody, with `.ssh` in it.
fn ssh_home() -> Result<TempDir, Failure> {
    let home = TempDir::below(Path::new("/home"))?;
    rustix::fs::mkdir(home.join(".ssh"), Mode::RWXU).map_err(Failure::at("mkdir .ssh"))?;
    Ok(home)
}

pub(crate) fn delete_shell_history(_: &Context) -> Result<Prepared, Failure> {
    let dir = TempDir::new()?;
    let path = c_path(&dir.join("ash_history"));
    Ok(Prepared::new(move || {
        let _kept = &dir;
        open_and_close(&path, WRITE_OR_CREATE, OWNER_ONLY)?;
        rustix::fs::unlinkat(CWD, &*path, AtFlags::empty())
            .map_err(Failure::at("unlink ash_history"))
    }))
}

pub(crate) fn make_hidden_directory(_: &Context) -> Result<Prepared, Failure> {
    let dir = TempDir::new()?;
    let path = c_path(&dir.join(".hidden"));
    Ok(Prepared::new(move || {
        let _kept = &dir;
        rustix::fs::mkdir(&*path, Mode::RWXU).map_err(Failure::at("mkdir .hidden"))?;
        rustix::fs::unlinkat(CWD, &*path, AtFlags::REMOVEDIR).map_err(Failure::at("rmdir .hidden"))
    }))
}

pub(crate) fn create_executable(_: &Context) -> Result<Prepared, Failure> {
    let dir = TempDir::new()?;
    let path = c_path(&dir.join("executable"));
    Ok(Prepared::new(move || {
        let _kept = &dir;
        open_and_close(
            &path,
            WRITE_OR_CREATE | OFlags::EXCL,
            Mode::from_raw_mode(0o755),
        )?;
        rustix::fs::unlinkat(CWD, &*path, AtFlags::empty()).map_err(Failure::at("unlink"))
    }))
}

pub(crate) fn make_executable(_: &Context) -> Result<Prepared, Failure> {
    changing_mode(Mode::from_raw_mode(0o755))
}

pub(crate) fn set_setuid(_: &Context) -> Result<Prepared, Failure> {
    changing_mode(Mode::from_raw_mode(0o4600))
}

/// Sets the mode of an empty file of ours.
fn changing_mode(mode: Mode) -> Result<Prepared, Failure> {
    let dir = TempDir::new()?;
    let path = dir.join("file");
    temp::write(&path, b"")?;
    let path = c_path(&path);
    Ok(Prepared::new(move || {
        let _kept = &dir;
        rustix::fs::chmod(&*path, mode).map_err(Failure::at("chmod"))
    }))
}

pub(crate) fn symlink_over_sensitive_directory(_: &Context) -> Result<Prepared, Failure> {
    let dir = TempDir::new()?;
    let link = c_path(&dir.join("etc_link"));
    Ok(linking(dir, link, |link| {
        rustix::fs::symlink(c"/etc", link).map_err(Failure::at("symlink /etc"))
    }))
}

pub(crate) fn hardlink_over_sensitive_file(_: &Context) -> Result<Prepared, Failure> {
    fn make(link: &CStr) -> Result<(), Failure> {
        rustix::fs::link(c"/etc/shadow", link).map_err(Failure::at("link /etc/shadow"))
    }
    // A hard link cannot cross mounts, and /tmp is often one of its own.
    for parent in [std::env::temp_dir(), "/etc".into()] {
        let dir = TempDir::below(&parent)?;
        if mount_of(dir.path())? == mount_of(Path::new("/etc/shadow"))? {
            let link = c_path(&dir.join("shadow_link"));
            return Ok(linking(dir, link, make));
        }
    }
    Err(Failure::skipped(
        "no directory on the file system of /etc/shadow can be used",
    ))
}

/// The mount a file is on, or its device where the kernel does not tell (before Linux 5.8). The device
/// alone would not do: in an overlay, directories and files have different ones.
fn mount_of(path: &Path) -> Result<u64, Failure> {
    let flags = StatxFlags::MNT_ID;
    let step = || format!("stat {}", path.display());
    let stat = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, flags)
        .map_err(Failure::at(step()))?;
    if stat.stx_mask & flags.bits() != 0 {
        return Ok(stat.stx_mnt_id);
    }
    rustix::fs::stat(path)
        .map(|stat| stat.st_dev)
        .map_err(Failure::at(step()))
}

/// Makes a link by `make` and removes it.
fn linking(dir: TempDir, link: CString, make: fn(&CStr) -> Result<(), Failure>) -> Prepared {
    Prepared::new(move || {
        let _kept = &dir;
        make(&link)?;
        rustix::fs::unlinkat(CWD, &*link, AtFlags::empty()).map_err(Failure::at("unlink the link"))
    })
}
