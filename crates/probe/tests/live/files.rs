//! Names of files: opening, making, linking, renaming, removing them.

use std::ffi::{CStr, CString};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::Case;
use crate::harness::{Harness, Value, at, call, check, minus, text};

const AT_FDCWD: usize = minus_const(100);

const fn minus_const(value: usize) -> usize {
    value.wrapping_neg()
}

/// A folder that is gone when the test is over.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("probe-live-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder can be written");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn c(&self, name: &str) -> CString {
        CString::new(self.path(name).into_os_string().into_encoded_bytes()).expect("no NUL")
    }

    /// A file with some content.
    pub(crate) fn file(&self, name: &str) -> CString {
        std::fs::write(self.path(name), "content").expect("the temporary folder can be written");
        self.c(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Device number as `stat` shows it, and inode.
pub(crate) fn identity(path: &Path) -> (u64, u64) {
    let data = std::fs::metadata(path).expect("the file is there");
    (data.dev(), data.ino())
}

pub(crate) fn str_of(text: &CStr) -> &str {
    text.to_str().expect("test names are UTF-8")
}

pub(crate) const CASES: &[Case] = &[
    #[cfg(target_arch = "x86_64")]
    (&["open", "creat"], open_and_creat),
    (&["openat"], openat),
    (&["openat2"], openat2),
    (&["open_by_handle_at"], open_by_handle_at),
    #[cfg(target_arch = "x86_64")]
    (
        &["mkdir", "rmdir", "unlink", "rename", "link", "symlink"],
        names,
    ),
    (
        &["mkdirat", "unlinkat", "renameat", "linkat", "symlinkat"],
        names_at,
    ),
    (&["renameat2"], renameat2),
    #[cfg(target_arch = "x86_64")]
    (
        &[
            "chmod", "chown", "lchown", "mknod", "access", "stat", "lstat",
        ],
        attributes,
    ),
    (
        &[
            "fchmod",
            "fchmodat",
            "fchown",
            "fchownat",
            "mknodat",
            "newfstatat",
        ],
        attributes_at,
    ),
    (&["chdir", "fchdir", "getcwd", "chroot"], directories),
    (&["mount", "umount2"], mounts),
];

#[cfg(target_arch = "x86_64")]
fn open_and_creat(h: &mut Harness) {
    let dir = Folder::new("open");
    let name = dir.file("plain");
    let flags = libc::O_RDWR | libc::O_APPEND | libc::O_CLOEXEC;
    let (fd, event) = h.one("open", || {
        call(libc::SYS_open, [text(&name), flags as usize, 0o777])
    });
    assert!(fd >= 0);
    let (dev, ino) = identity(&dir.path("plain"));
    check!(event, fd: fd, name: str_of(&name), flags: 3 | 8 | 4096, mode: 0, dev: dev, ino: ino);

    let name = dir.c("new");
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL;
    let (fd, event) = h.one("open", || {
        call(libc::SYS_open, [text(&name), flags as usize, 0o640])
    });
    let (dev, ino) = identity(&dir.path("new"));
    // The kernel adds that it made the file (16384).
    check!(event, fd: fd, name: str_of(&name), flags: 2 | 4 | 32 | 16384, mode: 0o640, dev: dev,
        ino: ino);

    let name = dir.c("absent");
    let (fd, event) = h.one("open", || call(libc::SYS_open, [text(&name), 0, 0]));
    assert_eq!(fd, -i64::from(libc::ENOENT));
    check!(event, fd: fd, name: str_of(&name), flags: 1, mode: 0, dev: 0, ino: 0);

    let (fd, event) = h.one("open", || call(libc::SYS_open, [0, 0, 0]));
    assert_eq!(fd, -i64::from(libc::EFAULT));
    check!(event, fd: fd, name: Value::Empty, flags: 1, mode: 0, dev: 0, ino: 0);

    let name = dir.c("created");
    let (fd, event) = h.one("creat", || call(libc::SYS_creat, [text(&name), 0o600]));
    let (dev, ino) = identity(&dir.path("created"));
    check!(event, fd: fd, name: str_of(&name), mode: 0o600, dev: dev, ino: ino, creat_flags: 0);
}

fn openat(h: &mut Harness) {
    let dir = Folder::new("openat");
    let name = dir.file("plain");
    let flags = libc::O_RDONLY | libc::O_NONBLOCK;
    let (fd, event) = h.one("openat", || {
        call(libc::SYS_openat, [AT_FDCWD, text(&name), flags as usize, 0])
    });
    let (dev, ino) = identity(&dir.path("plain"));
    check!(event, fd: fd, dirfd: -100, name: str_of(&name), flags: 1 | 64, mode: 0, dev: dev,
        ino: ino);

    let folder = call(libc::SYS_openat, [AT_FDCWD, text(&dir.c("")), 0, 0]);
    let flags = libc::O_TMPFILE | libc::O_WRONLY | libc::O_SYNC;
    let (fd, event) = h.one("openat", || {
        call(
            libc::SYS_openat,
            [folder as usize, text(c"."), flags as usize, 0o4711],
        )
    });
    assert!(fd >= 0, "{fd}");
    let (dev, ino) = identity(Path::new(&format!("/proc/self/fd/{fd}")));
    check!(event, fd: fd, dirfd: folder, name: ".", flags: 2 | 8192 | 1024 | 16 | 128, mode: 0o4711,
        dev: dev, ino: ino);

    // A path of the greatest length arrives whole.
    let long = CString::new("x/".repeat(2047)).expect("no NUL");
    let (fd, event) = h.one("openat", || {
        call(libc::SYS_openat, [AT_FDCWD, text(&long), 0, 0])
    });
    assert!(fd < 0);
    check!(event, fd: fd, dirfd: -100, name: str_of(&long), flags: 1, mode: 0, dev: 0, ino: 0);
}

fn openat2(h: &mut Harness) {
    let dir = Folder::new("openat2");
    let name = dir.file("plain");
    let how: [u64; 3] = [
        libc::O_RDWR as u64,
        0,
        libc::RESOLVE_NO_MAGICLINKS | libc::RESOLVE_CACHED,
    ];
    let (fd, event) = h.one("openat2", || {
        call(libc::SYS_openat2, [AT_FDCWD, text(&name), at(&how), 24])
    });
    let (dev, ino) = if fd >= 0 {
        identity(&dir.path("plain"))
    } else {
        (0, 0)
    };
    check!(event, fd: fd, dirfd: -100, name: str_of(&name), flags: 3, mode: 0, resolve: 4 | 32,
        dev: dev, ino: ino);
}

fn open_by_handle_at(h: &mut Harness) {
    let dir = Folder::new("handle");
    let name = dir.file("plain");
    let mut handle = [0u32; 40];
    handle[0] = 128;
    let mut mount = 0i32;
    let made = call(
        libc::SYS_name_to_handle_at,
        [
            AT_FDCWD,
            text(&name),
            handle.as_mut_ptr() as usize,
            (&raw mut mount) as usize,
            0,
        ],
    );
    assert_eq!(
        made, 0,
        "the temporary folder is on a file system with handles"
    );
    let mount_fd = call(libc::SYS_openat, [AT_FDCWD, text(&dir.c("")), 0, 0]);
    let (fd, event) = h.one("open_by_handle_at", || {
        call(
            libc::SYS_open_by_handle_at,
            [mount_fd as usize, at(&handle), libc::O_RDWR as usize],
        )
    });
    h.needs_rights(fd);
    let (dev, ino) = identity(&dir.path("plain"));
    if fd >= 0 {
        check!(event, fd: fd, mountfd: mount_fd, flags: 3, path: str_of(&name), dev: dev, ino: ino);
    } else {
        check!(event, fd: fd, mountfd: mount_fd, flags: 3, path: Value::Empty, dev: 0, ino: 0);
    }
    let (fd, event) = h.one("open_by_handle_at", || {
        call(libc::SYS_open_by_handle_at, [minus(1), at(&handle), 0])
    });
    check!(event, fd: fd, mountfd: -1, flags: 1, path: Value::Empty, dev: 0, ino: 0);
}

#[cfg(target_arch = "x86_64")]
fn names(h: &mut Harness) {
    let dir = Folder::new("names");
    let (a, b) = (dir.c("a"), dir.c("b"));
    let (res, event) = h.one("mkdir", || call(libc::SYS_mkdir, [text(&a), 0o750]));
    assert_eq!(res, 0);
    check!(event, res: 0, path: str_of(&a), mode: 0o750);
    let (_, event) = h.one("rmdir", || call(libc::SYS_rmdir, [text(&a)]));
    check!(event, res: 0, path: str_of(&a));
    let (res, event) = h.one("unlink", || call(libc::SYS_unlink, [text(&a)]));
    check!(event, res: res, path: str_of(&a));
    dir.file("a");
    let (_, event) = h.one("rename", || call(libc::SYS_rename, [text(&a), text(&b)]));
    check!(event, res: 0, oldpath: str_of(&a), newpath: str_of(&b));
    let (_, event) = h.one("link", || call(libc::SYS_link, [text(&b), text(&a)]));
    check!(event, res: 0, oldpath: str_of(&b), newpath: str_of(&a));
    let c = dir.c("c");
    let (_, event) = h.one("symlink", || {
        call(libc::SYS_symlink, [text(c"target"), text(&c)])
    });
    check!(event, res: 0, target: "target", linkpath: str_of(&c));
}

fn names_at(h: &mut Harness) {
    let dir = Folder::new("names_at");
    let folder = call(libc::SYS_openat, [AT_FDCWD, text(&dir.c("")), 0, 0]);
    let fd = folder as usize;
    let (res, event) = h.one("mkdirat", || {
        call(libc::SYS_mkdirat, [fd, text(c"a"), 0o700])
    });
    assert_eq!(res, 0);
    check!(event, res: 0, dirfd: folder, path: "a", mode: 0o700);
    let (_, event) = h.one("unlinkat", || {
        call(
            libc::SYS_unlinkat,
            [fd, text(c"a"), libc::AT_REMOVEDIR as usize],
        )
    });
    check!(event, res: 0, dirfd: folder, name: "a", flags: 512);
    dir.file("b");
    #[cfg(target_arch = "x86_64")]
    {
        let (_, event) = h.one("renameat", || {
            call(libc::SYS_renameat, [fd, text(c"b"), fd, text(c"c")])
        });
        check!(event, res: 0, olddirfd: folder, oldpath: "b", newdirfd: folder, newpath: "c");
    }
    let b = dir.c("c");
    let (_, event) = h.one("linkat", || {
        call(
            libc::SYS_linkat,
            [
                AT_FDCWD,
                text(&b),
                fd,
                text(c"d"),
                libc::AT_SYMLINK_FOLLOW as usize,
            ],
        )
    });
    check!(event, res: 0, olddir: -100, oldpath: str_of(&b), newdir: folder, newpath: "d",
        flags: 1024);
    let (_, event) = h.one("symlinkat", || {
        call(libc::SYS_symlinkat, [text(c"t"), fd, text(c"e")])
    });
    check!(event, res: 0, target: "t", linkdirfd: folder, linkpath: "e");
}

fn renameat2(h: &mut Harness) {
    let dir = Folder::new("renameat2");
    let (a, b) = (dir.file("a"), dir.c("b"));
    let (res, event) = h.one("renameat2", || {
        call(
            libc::SYS_renameat2,
            [AT_FDCWD, text(&a), AT_FDCWD, text(&b), 1],
        )
    });
    check!(event, res: res, olddirfd: -100, oldpath: str_of(&a), newdirfd: -100,
        newpath: str_of(&b), flags: 1);
}

#[cfg(target_arch = "x86_64")]
fn attributes(h: &mut Harness) {
    let dir = Folder::new("attributes");
    let name = dir.file("a");
    let own = str_of(&name);
    let (_, event) = h.one("chmod", || call(libc::SYS_chmod, [text(&name), 0o4755]));
    check!(event, res: 0, filename: own, mode: 0o4755);
    let (res, event) = h.one("chown", || call(libc::SYS_chown, [text(&name), 12, 34]));
    h.needs_rights(res);
    check!(event, res: res, path: own, uid: 12, gid: 34);
    let (res, event) = h.one("lchown", || {
        call(libc::SYS_lchown, [text(&name), minus(1), 0])
    });
    h.needs_rights(res);
    check!(event, res: res, path: own, uid: u32::MAX, gid: 0);
    let fifo = dir.c("fifo");
    let mode = libc::S_IFIFO | 0o644;
    let (_, event) = h.one("mknod", || {
        call(libc::SYS_mknod, [text(&fifo), mode as usize, 7])
    });
    check!(event, res: 0, path: str_of(&fifo), mode: mode, dev: 7);
    let (_, event) = h.one("access", || {
        call(
            libc::SYS_access,
            [text(&name), (libc::R_OK | libc::W_OK) as usize],
        )
    });
    check!(event, res: 0, name: own, mode: 4 | 2);
    let buffer = [0u8; 256];
    let (_, event) = h.one("stat", || call(libc::SYS_stat, [text(&name), at(&buffer)]));
    check!(event, res: 0, path: own);
    let (res, event) = h.one("lstat", || {
        call(libc::SYS_lstat, [text(c"/absent"), at(&buffer)])
    });
    assert_eq!(res, -i64::from(libc::ENOENT));
    check!(event, res: res, path: "/absent");
}

fn attributes_at(h: &mut Harness) {
    let dir = Folder::new("attributes_at");
    let name = dir.file("a");
    let own = str_of(&name);
    let file = call(libc::SYS_openat, [AT_FDCWD, text(&name), 0, 0]);
    let (_, event) = h.one("fchmod", || call(libc::SYS_fchmod, [file as usize, 0o600]));
    check!(event, res: 0, fd: file, mode: 0o600);
    let (_, event) = h.one("fchmodat", || {
        call(libc::SYS_fchmodat, [AT_FDCWD, text(&name), 0o640])
    });
    check!(event, res: 0, dirfd: -100, filename: own, mode: 0o640);
    let (res, event) = h.one("fchown", || call(libc::SYS_fchown, [file as usize, 1, 2]));
    h.needs_rights(res);
    check!(event, res: res, fd: file, uid: 1, gid: 2);
    let (res, event) = h.one("fchownat", || {
        let flags = libc::AT_SYMLINK_NOFOLLOW as usize;
        call(libc::SYS_fchownat, [AT_FDCWD, text(&name), 3, 4, flags])
    });
    h.needs_rights(res);
    check!(event, res: res, dirfd: -100, pathname: own, uid: 3, gid: 4, flags: 1024);
    let fifo = dir.c("fifo");
    let mode = libc::S_IFIFO | 0o600;
    let (_, event) = h.one("mknodat", || {
        call(libc::SYS_mknodat, [AT_FDCWD, text(&fifo), mode as usize, 0])
    });
    check!(event, res: 0, dirfd: -100, path: str_of(&fifo), mode: mode, dev: 0);
    let buffer = [0u8; 256];
    let (_, event) = h.one("newfstatat", || {
        let flags = (libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW) as usize;
        call(
            libc::SYS_newfstatat,
            [file as usize, text(c""), at(&buffer), flags],
        )
    });
    check!(event, res: 0, dirfd: file, path: "", flags: 4096 | 256);
}

fn directories(h: &mut Harness) {
    let dir = Folder::new("directories");
    let name = dir.c("sub");
    std::fs::create_dir(dir.path("sub")).expect("new");
    let folder = call(libc::SYS_openat, [AT_FDCWD, text(&name), 0, 0]);
    // Threads share their directory until they are told not to.
    let alone = || call(libc::SYS_unshare, [libc::CLONE_FS as usize]);
    let (res, event) = h.one("chdir", || alone() + call(libc::SYS_chdir, [text(&name)]));
    assert_eq!(res, 0);
    check!(event, res: 0, path: str_of(&name));
    let (_, event) = h.one("fchdir", || {
        alone() + call(libc::SYS_fchdir, [folder as usize])
    });
    check!(event, res: 0, fd: folder);
    let mut buffer = [0u8; 4096];
    let to = buffer.as_mut_ptr() as usize;
    let (res, event) = h.one("getcwd", || {
        alone();
        call(libc::SYS_fchdir, [folder as usize]);
        call(libc::SYS_getcwd, [to, 4096])
    });
    check!(event, res: res, path: str_of(&name));
    let (res, event) = h.one("getcwd", || call(libc::SYS_getcwd, [to, 1]));
    check!(event, res: res, path: Value::Empty);
    let (res, event) = h.one("chroot", || alone() + call(libc::SYS_chroot, [text(&name)]));
    h.needs_rights(res);
    check!(event, res: res, path: str_of(&name));
}

fn mounts(h: &mut Harness) {
    let dir = Folder::new("mounts");
    let name = dir.c("point");
    std::fs::create_dir(dir.path("point")).expect("new");
    let flags = (libc::MS_NOSUID | libc::MS_NOEXEC) as usize;
    let (res, event) = h.one("mount", || {
        // The old magic in the upper half means nothing.
        call(
            libc::SYS_mount,
            [
                text(c"none"),
                text(&name),
                text(c"tmpfs"),
                flags | 0xc0ed_0000,
                0,
            ],
        )
    });
    check!(event, res: res, dev: "none", dir: str_of(&name), type: "tmpfs", flags: 2 | 8);
    let (res, event) = h.one("umount2", || {
        call(libc::SYS_umount2, [text(&name), libc::MNT_DETACH as usize])
    });
    check!(event, res: res, name: str_of(&name), flags: 2);
}
