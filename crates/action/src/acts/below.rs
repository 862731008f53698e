//! What is made below directories that matter.
//!
//! Every name is new, made exclusively and removed at once: a benchmark that is killed leaves at
//! most one empty file.

use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use crate::acts::files::open_and_close;
use crate::context::Context;
use crate::failure::Failure;
use crate::journal::{self, Made};
use crate::prepared::Prepared;
use crate::temp::{MissingDirs, RemovedFile, c_path, unique_name};

pub(crate) fn write_below_bin(_: &Context) -> Result<Prepared, Failure> {
    write_below("/bin")
}

pub(crate) fn write_below_etc(_: &Context) -> Result<Prepared, Failure> {
    write_below("/etc")
}

pub(crate) fn write_below_lib(_: &Context) -> Result<Prepared, Failure> {
    write_below("/lib")
}

pub(crate) fn write_below_root(_: &Context) -> Result<Prepared, Failure> {
    write_below("/root")
}

pub(crate) fn write_below_rpm(_: &Context) -> Result<Prepared, Failure> {
    write_below("/var/lib/rpm")
}

pub(crate) fn write_below_dev(_: &Context) -> Result<Prepared, Failure> {
    write_below("/dev")
}

/// Creates a file below `dir`, which is made if it is missing, and removes it.
fn write_below(dir: &'static str) -> Result<Prepared, Failure> {
    let made = MissingDirs::make(Path::new(dir))?;
    let file = RemovedFile::at(&Path::new(dir).join(unique_name()))?;
    Ok(Prepared::new(move || {
        let _kept = &made;
        open_and_close(
            &file.0,
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC,
            Mode::RUSR | Mode::WUSR,
        )?;
        rustix::fs::unlinkat(CWD, &*file.0, AtFlags::empty())
            .map_err(|errno| Failure::at(format!("unlink below {dir}"))(errno))
    }))
}

pub(crate) fn make_directory_below_bin(_: &Context) -> Result<Prepared, Failure> {
    let path = Path::new("/bin").join(unique_name());
    journal::will_make(Made::EmptyDirectory, &path)?;
    let path = c_path(&path);
    Ok(Prepared::new(move || {
        rustix::fs::mkdir(&*path, Mode::RWXU).map_err(Failure::at("mkdir below /bin"))?;
        rustix::fs::unlinkat(CWD, &*path, AtFlags::REMOVEDIR)
            .map_err(Failure::at("rmdir below /bin"))
    }))
}

/// Renames a file of ours below `/bin`, there and, the next time, back.
///
/// One rename a time and nothing else, so that one action is one event. The file that programs rely
/// on, such as `/bin/true`, is never touched.
pub(crate) fn rename_below_bin(_: &Context) -> Result<Prepared, Failure> {
    let here = Path::new("/bin").join(unique_name());
    let there = RemovedFile::at(&here.with_extension("renamed"))?;
    let here = RemovedFile::at(&here)?;
    open_and_close(
        &here.0,
        OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    )?;
    let mut moved = false;
    Ok(Prepared::new(move || {
        let (from, to) = if moved {
            (&there, &here)
        } else {
            (&here, &there)
        };
        rustix::fs::rename(&*from.0, &*to.0).map_err(Failure::at("rename below /bin"))?;
        moved = !moved;
        Ok(())
    }))
}
