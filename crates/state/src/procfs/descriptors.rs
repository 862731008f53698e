//! The descriptors of a process.

use std::sync::Arc;

use rustix::fs::{FileType, OFlags};

use super::OpenFile;
use super::process::namespace;
use super::reader::Dir;
use super::sockets::Namespaces;
use super::text::{bracketed, lines, octal};
use crate::descriptor::O_CLOEXEC;
use crate::{Descriptor, DescriptorKind as Kind};

/// More descriptors than this are not read of one process: the state would not keep them.
const MAX_DESCRIPTORS: usize = 65_536;

/// `O_LARGEFILE` as the kernel shows it; the C library hides it from 64-bit programs.
const LARGEFILE: u32 = if cfg!(target_arch = "aarch64") {
    0o400_000
} else {
    0o100_000
};

/// `O_DSYNC`, and the bit that `O_SYNC` has beside it.
const DSYNC: u32 = 0o10_000;
const SYNC_ONLY: u32 = 0o4_000_000;

/// Native open flags, which differ between architectures, and the portable ones. The access mode
/// is not a set of bits.
const FLAGS: [(u32, u32); 11] = [
    (OFlags::CREATE.bits(), 1 << 2),
    (OFlags::APPEND.bits(), 1 << 3),
    (DSYNC, 1 << 4),
    (OFlags::EXCL.bits(), 1 << 5),
    (OFlags::NONBLOCK.bits(), 1 << 6),
    (SYNC_ONLY, 1 << 7),
    (OFlags::TRUNC.bits(), 1 << 8),
    (OFlags::DIRECT.bits(), 1 << 9),
    (OFlags::DIRECTORY.bits(), 1 << 10),
    (LARGEFILE, 1 << 11),
    (OFlags::CLOEXEC.bits(), O_CLOEXEC),
];

/// All descriptors, in no order. `dir` is the directory of the process.
pub(super) fn read_all(dir: &Dir, namespaces: &Namespaces) -> Vec<(i64, Descriptor)> {
    let (Some(links), infos) = (dir.dir("fd"), dir.dir("fdinfo")) else {
        return Vec::new();
    };
    let mut buffer = Vec::new();
    let mut net = None;
    let mut found = Vec::new();
    for fd in links.numbers().into_iter().take(MAX_DESCRIPTORS) {
        let descriptor = read(
            dir,
            &links,
            infos.as_ref(),
            fd,
            namespaces,
            &mut net,
            &mut buffer,
        );
        found.extend(descriptor.map(|descriptor| (fd, descriptor)));
    }
    found
}

/// All descriptors of a list. `net` is the network namespace of the process, if that is known.
pub(super) fn all_listed(
    dir: &Dir,
    files: &[OpenFile],
    namespaces: &Namespaces,
    mut net: Option<u64>,
) -> Vec<(i64, Descriptor)> {
    files
        .iter()
        .take(MAX_DESCRIPTORS)
        .filter_map(|file| Some((file.fd, listed(dir, file, namespaces, &mut net)?)))
        .collect()
}

/// One descriptor.
pub(super) fn read_one(dir: &Dir, fd: i64, namespaces: &Namespaces) -> Option<Descriptor> {
    let (links, infos) = (dir.dir("fd")?, dir.dir("fdinfo"));
    read(
        dir,
        &links,
        infos.as_ref(),
        fd,
        namespaces,
        &mut None,
        &mut Vec::new(),
    )
}

fn read(
    dir: &Dir,
    links: &Dir,
    infos: Option<&Dir>,
    fd: i64,
    namespaces: &Namespaces,
    net: &mut Option<u64>,
    buffer: &mut Vec<u8>,
) -> Option<Descriptor> {
    let name = fd.to_string();
    let link = links.link(&name);
    if link.is_empty() {
        return None;
    }
    let identity = || {
        let stat = links.stat(&name)?;
        Some((kernel_device(stat.st_dev), stat.st_ino, stat.st_mode))
    };
    let mut descriptor = of_link(dir, &link, identity, namespaces, net)?;
    let info = infos
        .map(|infos| infos.read(&name, 4096, buffer))
        .unwrap_or_default();
    let native = lines(info).find_map(|line| octal(line.strip_prefix(b"flags:")?.trim_ascii()));
    descriptor.open_flags = native.map_or(0, |native| portable_flags(native as u32));
    if descriptor.kind == Kind::Pidfd {
        let pid = lines(info).find_map(|line| line.strip_prefix(b"Pid:"));
        descriptor.pid = pid
            .and_then(|pid| super::text::decimal(pid.trim_ascii()))
            .unwrap_or(0);
    }
    Some(descriptor)
}

/// A descriptor that somebody else has listed.
fn listed(
    dir: &Dir,
    file: &OpenFile,
    namespaces: &Namespaces,
    net: &mut Option<u64>,
) -> Option<Descriptor> {
    if file.link.is_empty() {
        return read_one(dir, file.fd, namespaces);
    }
    let identity = || Some((file.dev, file.ino, file.mode));
    let mut descriptor = of_link(dir, &file.link, identity, namespaces, net)?;
    if descriptor.kind == Kind::Pidfd {
        // Whose it is only `/proc` tells.
        return read_one(dir, file.fd, namespaces);
    }
    descriptor.open_flags = portable_flags(file.flags);
    Some(descriptor)
}

/// The descriptor behind a link of `/proc/<pid>/fd`. `identity` is asked for device, inode and mode.
fn of_link(
    dir: &Dir,
    link: &[u8],
    identity: impl FnOnce() -> Option<(u32, u64, u32)>,
    namespaces: &Namespaces,
    net: &mut Option<u64>,
) -> Option<Descriptor> {
    Some(if link.starts_with(b"socket:[") {
        let inode = bracketed(link)?;
        let namespace = *net.get_or_insert_with(|| namespace(dir, "ns/net").unwrap_or(0));
        let mut socket = namespaces.socket(namespace, dir, inode);
        socket.ino = inode;
        socket
    } else if let Some(what) = link.strip_prefix(b"anon_inode:") {
        let mut descriptor = Descriptor::new(anonymous(what));
        descriptor.name = Arc::from(link);
        descriptor
    } else {
        file(link, identity)
    })
}

fn file(link: &[u8], identity: impl FnOnce() -> Option<(u32, u64, u32)>) -> Descriptor {
    let mut descriptor = Descriptor::new(Kind::File);
    descriptor.name = Arc::from(link);
    if let Some(inode) = link.strip_prefix(b"pipe:").and_then(bracketed) {
        descriptor.kind = Kind::Fifo;
        descriptor.ino = inode;
        return descriptor;
    }
    if let Some((dev, ino, mode)) = identity() {
        descriptor.dev = dev;
        descriptor.ino = ino;
        descriptor.kind = match FileType::from_raw_mode(mode) {
            FileType::Directory => Kind::Directory,
            FileType::Fifo => Kind::Fifo,
            _ => Kind::File,
        };
    }
    if let Some(name) = link.strip_prefix(b"/memfd:") {
        descriptor.kind = Kind::Memfd;
        descriptor.name = Arc::from(name.strip_suffix(b" (deleted)").unwrap_or(name));
    }
    if matches!(descriptor.kind, Kind::File | Kind::Directory) {
        descriptor.name_raw = Arc::clone(&descriptor.name);
    }
    descriptor
}

fn anonymous(what: &[u8]) -> Kind {
    match what {
        b"[eventfd]" => Kind::Event,
        b"[eventpoll]" => Kind::EventPoll,
        b"inotify" | b"[inotify]" => Kind::Inotify,
        b"[signalfd]" => Kind::Signal,
        b"[timerfd]" => Kind::Timer,
        b"[userfaultfd]" => Kind::Userfault,
        b"[io_uring]" => Kind::IoUring,
        b"[pidfd]" => Kind::Pidfd,
        what if what.strip_prefix(b"[").unwrap_or(what).starts_with(b"bpf") || what == b"btf" => {
            Kind::Bpf
        }
        _ => Kind::Unsupported,
    }
}

/// A device number the way events carry it: 20 bits minor below 12 bits major, spread like the
/// kernel spreads them for 32-bit programs.
fn kernel_device(dev: u64) -> u32 {
    let (major, minor) = (rustix::fs::major(dev), rustix::fs::minor(dev));
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12
}

fn portable_flags(native: u32) -> u32 {
    let access = match native & 3 {
        0 => 1,
        1 => 2,
        _ => 3,
    };
    let set = FLAGS.iter().filter(|(bit, _)| native & bit != 0);
    set.fold(access, |all, (_, flag)| all | flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_flags_become_portable() {
        let native = |flags: OFlags| portable_flags(flags.bits());
        assert_eq!(native(OFlags::RDONLY), 1);
        assert_eq!(
            native(OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC),
            2 | 4 | 256
        );
        assert_eq!(native(OFlags::RDWR | OFlags::CLOEXEC), 3 | 4096);
        assert_eq!(portable_flags(0o10_000), 1 | 16);
        assert_eq!(portable_flags(0o4_010_000), 1 | 16 | 128);
        assert_eq!(native(OFlags::DIRECTORY | OFlags::NONBLOCK), 1 | 1024 | 64);
    }

    #[test]
    fn device_numbers_as_events_carry_them() {
        assert_eq!(kernel_device(rustix::fs::makedev(8, 1)), 0x801);
        assert_eq!(
            kernel_device(rustix::fs::makedev(259, 0x12345)),
            0x1231_0345
        );
    }

    #[test]
    fn kinds_of_anonymous_files() {
        for (what, kind) in [
            (b"[eventpoll]".as_slice(), Kind::EventPoll),
            (b"inotify", Kind::Inotify),
            (b"bpf-map", Kind::Bpf),
            (b"[bpf_link]", Kind::Bpf),
            (b"[pidfd]", Kind::Pidfd),
            (b"[perf_event]", Kind::Unsupported),
        ] {
            assert_eq!(anonymous(what), kind);
        }
    }
}
