//! Files of container images: whether they are as the image has them or were changed since.

use std::os::unix::fs::PermissionsExt;

use crate::Case;
use crate::files::{Folder, identity, str_of};
use crate::harness::{Harness, at, call, check, minus, text};
use crate::life::{find, fork, wait};

pub(crate) const CASES: &[Case] = &[(&["openat", "execve"], layers)];

/// Mounted file systems, taken away again at the end.
struct Mounts(Vec<std::ffi::CString>);

impl Mounts {
    fn add(&mut self, kind: &std::ffi::CStr, target: std::ffi::CString, options: &str) -> i64 {
        let options = std::ffi::CString::new(options).expect("no NUL");
        let args = [text(kind), text(&target), text(kind), 0, text(&options)];
        let result = call(libc::SYS_mount, args);
        if result == 0 {
            self.0.push(target);
        }
        result
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        for target in self.0.iter().rev() {
            call(libc::SYS_umount2, [text(target), libc::MNT_DETACH as usize]);
        }
    }
}

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn layers(h: &mut Harness) {
    if !h.knows_the_kernel() {
        return;
    }
    let dir = Folder::new("overlay");
    let mut mounts = Mounts(Vec::new());
    assert_eq!(mounts.add(c"tmpfs", dir.c(""), ""), 0);
    for name in ["lower", "upper", "work", "merged"] {
        std::fs::create_dir(dir.path(name)).expect("new");
    }
    std::fs::write(dir.path("lower/file"), "from the image").expect("new");
    std::fs::copy("/bin/true", dir.path("lower/program")).expect("new");
    let path = |name: &str| dir.path(name).to_str().expect("UTF-8").to_owned();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        path("lower"),
        path("upper"),
        path("work")
    );
    let mounted = mounts.add(c"overlay", dir.c("merged"), &options);
    if mounted != 0 {
        eprintln!("skipped: no overlay file system here ({mounted})");
        return;
    }

    let mut open = |name: &str, flags: i32| {
        let path = dir.c(name);
        let (fd, event) = h.one("openat", || {
            call(
                libc::SYS_openat,
                [minus(100), text(&path), flags as usize, 0o644],
            )
        });
        assert!(fd >= 0, "{name}: {fd}");
        let (dev, ino) = identity(&dir.path(name));
        // The layer is above what the caller asked for.
        let layer = event.number("flags") & (32768 | 65536);
        check!(event, fd: fd, dirfd: -100, name: str_of(&path), flags: event.number("flags"),
            mode: event.number("mode"), dev: dev, ino: ino);
        call(libc::SYS_close, [fd as usize]);
        layer
    };
    assert_eq!(
        open("merged/file", libc::O_RDONLY),
        65536,
        "as in the image"
    );
    assert_eq!(
        open("merged/file", libc::O_RDWR),
        32768,
        "opening it for writing copies it up"
    );
    assert_eq!(open("merged/file", libc::O_RDONLY), 32768);
    assert_eq!(open("merged/new", libc::O_WRONLY | libc::O_CREAT), 32768);
    assert_eq!(
        open("upper/file", libc::O_RDONLY),
        0,
        "not through the overlay"
    );

    let program = dir.c("merged/program");
    let mut flags = || {
        let args = [text(c"program"), 0];
        let (child, _, events) = h.run(&["execve"], || {
            let child = fork(|| {
                call(libc::SYS_execve, [text(&program), at(&args), 0]);
            });
            wait(child);
            child
        });
        let event = find(&events, "SYSCALL_EXECVE_19_X", child);
        assert_eq!(event.text("trusted_exepath"), str_of(&program));
        event.number("flags")
    };
    assert_eq!(flags(), 1 | 8, "writable, lower layer");
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(dir.path("merged/program"), mode).expect("own file");
    assert_eq!(flags(), 1 | 2, "writable, upper layer");
}
