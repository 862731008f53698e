//! Reading small files relative to an open directory.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, Stat, StatVfsMountFlags, fstat,
    fstatvfs, openat, openat2, readlinkat, statat,
};

/// An open directory.
pub(super) struct Dir(OwnedFd);

impl Dir {
    pub(super) fn open(path: &Path) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(CWD, path, flags, Mode::empty()).ok().map(Self)
    }

    pub(super) fn dir(&self, name: &str) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.0, name, flags, Mode::empty()).ok().map(Self)
    }

    /// Which directory it is: device and inode.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        fstat(&self.0).ok().map(|stat| (stat.st_dev, stat.st_ino))
    }

    /// The first `limit` bytes of a file; empty when it cannot be read. What `buffer` held is
    /// forgotten.
    ///
    /// A read that gets less than it asked for ends it. That holds for files that are made as a
    /// whole when they are read, and saves the read that says so.
    pub(super) fn read<'a>(&self, name: &str, limit: usize, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        self.read_file(name, limit, false, buffer)
    }

    /// The same for a table, which is made line by line and read piece by piece.
    pub(super) fn read_table<'a>(
        &self,
        name: &str,
        limit: usize,
        buffer: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        self.read_file(name, limit, true, buffer)
    }

    fn read_file<'a>(
        &self,
        name: &str,
        limit: usize,
        in_pieces: bool,
        buffer: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        buffer.clear();
        if let Ok(file) = openat(
            &self.0,
            name,
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        ) {
            read_up_to(&file, limit, in_pieces, buffer);
        }
        buffer
    }

    /// A regular file below this directory, which is taken for the root: links in it cannot lead
    /// outside, and nothing that blocks is opened.
    pub(super) fn read_inside(&self, name: &str, limit: usize) -> Vec<u8> {
        let mut content = Vec::new();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        if let Ok(file) = openat2(&self.0, name, flags, Mode::empty(), resolve)
            && fstat(&file).is_ok_and(|s| FileType::from_raw_mode(s.st_mode).is_file())
        {
            read_up_to(&file, limit, true, &mut content);
        }
        content
    }

    /// Where a link points to; empty when it cannot be read.
    pub(super) fn link(&self, name: &str) -> Vec<u8> {
        readlinkat(&self.0, name, Vec::with_capacity(128))
            .map(std::ffi::CString::into_bytes)
            .unwrap_or_default()
    }

    /// What a file, or what a link points to, is.
    pub(super) fn stat(&self, name: &str) -> Option<Stat> {
        statat(&self.0, name, AtFlags::empty()).ok()
    }

    /// Whether what a link points to is on a file system that is mounted read-only.
    pub(super) fn is_read_only(&self, name: &str) -> bool {
        openat(&self.0, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .and_then(|file| fstatvfs(&file))
            .is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// The entries whose names are numbers.
    pub(super) fn numbers(&self) -> Vec<i64> {
        let mut numbers = Vec::new();
        let mut buffer = Vec::with_capacity(8192);
        let mut entries = RawDir::new(&self.0, buffer.spare_capacity_mut());
        while let Some(Ok(entry)) = entries.next() {
            numbers.extend(
                entry
                    .file_name()
                    .to_str()
                    .ok()
                    .and_then(|name| name.parse::<i64>().ok()),
            );
        }
        numbers
    }
}

fn read_up_to(file: impl AsFd, limit: usize, in_pieces: bool, buffer: &mut Vec<u8>) {
    const STEP: usize = 4096;
    while buffer.len() < limit {
        let start = buffer.len();
        let wanted = STEP.max(start).min(limit - start);
        buffer.resize(start + wanted, 0);
        let read = rustix::io::read(&file, &mut buffer[start..]);
        buffer.truncate(start + *read.as_ref().unwrap_or(&0));
        match read {
            Err(rustix::io::Errno::INTR) => {}
            Ok(len) if len > 0 && (in_pieces || len == wanted) => {}
            _ => return,
        }
    }
}
